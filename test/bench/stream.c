// What a network carries. `serve PORT` answers, one client after another; `send ADDRESS PORT SECONDS`
// prints megabytes a second of one stream until its last byte is read; `connect ADDRESS PORT SECONDS`
// prints connections a second, one after the other, each with a byte to and fro.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 17];

static double Now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int Serve(struct sockaddr_in at) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 64) < 0) return 1;
  for (;;) {
    const int client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    if (read(client, buffer, 1) == 1 && write(client, buffer, 1) == 1)
      while (read(client, buffer, sizeof buffer) > 0) {
      }
    close(client);
  }
}

// One that is served: the first byte has come back.
static int Connect(struct sockaddr_in to) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && write(fd, buffer, 1) == 1 &&
      read(fd, buffer, 1) == 1)
    return fd;
  close(fd);
  return -1;
}

static double Send(int fd, double seconds) {
  const double start = Now();
  double sent = 0;
  while (Now() - start < seconds) {
    const ssize_t n = write(fd, buffer, sizeof buffer);
    if (n < 0) return -1;
    sent += (double)n;
  }
  shutdown(fd, SHUT_WR);
  if (read(fd, buffer, 1) != 0) return -1;
  return sent / 1e6 / (Now() - start);
}

static double ConnectAgain(struct sockaddr_in to, double seconds) {
  // Ends with a reset, so that none waits for its time and holds a port.
  const struct linger none = {1, 0};
  const double start = Now();
  double made = 0;
  for (; Now() - start < seconds; made++) {
    const int fd = Connect(to);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
  }
  return made / (Now() - start);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (argc == 3 && strcmp(argv[1], "serve") == 0) {
    address.sin_port = htons((unsigned short)atoi(argv[2]));
    return Serve(address);
  }
  if (argc != 5 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) return 2;
  address.sin_port = htons((unsigned short)atoi(argv[3]));
  // The server may have to start first.
  int fd = -1;
  for (int i = 0; i < 500 && (fd = Connect(address)) < 0; i++) usleep(20000);
  if (fd < 0) return 1;
  double rate;
  if (strcmp(argv[1], "send") == 0) {
    rate = Send(fd, atof(argv[4]));
  } else {
    close(fd);
    rate = ConnectAgain(address, atof(argv[4]));
  }
  if (rate < 0) return 1;
  printf("%.1f\n", rate);
  return 0;
}
