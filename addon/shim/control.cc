#include "shim/control.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "shim/monitor.h"
#include "shim/ports.h"
#include "shim/text.h"

namespace {

constexpr size_t kRequestMax = 128 * 1024;
// A daemon that connects has its request ready; one that does not must not hold up the container.
constexpr int kRequestWaitMs = 200;

using Answer = Text<96>;

void Ok(Answer* answer) { answer->Add("OK").AddByte(0); }

void Error(Answer* answer, int error) { answer->Add("ERR").AddByte(0).Add(error).AddByte(0); }

bool PeerIsOurs(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == geteuid();
}

// One request and at most one descriptor, which the caller owns.
ssize_t Receive(int connection, char* buffer, size_t size, int* fd) {
  iovec part{buffer, size};
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  *fd = -1;
  if (got <= 0) return got;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int received;
      memcpy(&received, CMSG_DATA(c) + i * sizeof(int), sizeof received);
      if (*fd < 0)
        *fd = received;
      else
        close(received);
    }
  }
  return (message.msg_flags & MSG_TRUNC) != 0 ? -1 : got;
}

void Attach(Fields* fields, int* fd, Answer* answer) {
  const char* streams = fields->Next();
  const char* keys = fields->Next();
  if (*fd < 0) return Error(answer, EBADF);
  FlushLog(&monitor.log);
  const int error = AddClient(*fd, streams, keys, fields->raw(), fields->raw_size());
  if (error != 0) return Error(answer, error);
  *fd = -1;
  Ok(answer);
  answer->Add(monitor.log.start + monitor.log.size).AddByte(0);
}

void AddNotify(int* fd, Answer* answer) {
  if (*fd < 0) return Error(answer, EBADF);
  for (int& slot : monitor.notify) {
    if (slot >= 0) continue;
    fcntl(*fd, F_SETFL, O_NONBLOCK);
    slot = *fd;
    *fd = -1;
    Ok(answer);
    answer->Add(monitor.pid).AddByte(0).Add(getpid()).AddByte(0);
    return;
  }
  Error(answer, EMFILE);
}

void Resize(Fields* fields, Answer* answer) {
  winsize size{};
  size.ws_row = static_cast<unsigned short>(fields->Number());
  size.ws_col = static_cast<unsigned short>(fields->Number());
  if (!monitor.stdio.tty) return Error(answer, ENOTTY);
  if (ioctl(monitor.outputs[0].fd, TIOCSWINSZ, &size) != 0) return Error(answer, errno);
  Ok(answer);
}

// sent, confirmed → where the log ends.
void Acknowledge(Fields* fields, Answer* answer) {
  const long long sent = fields->Number();
  const long long confirmed = fields->Number();
  AcknowledgeLog(&monitor.log, sent, confirmed);
  Ok(answer);
  answer->Add(monitor.log.start + monitor.log.size).AddByte(0);
}

void Swap(Fields* fields, Answer* answer) {
  const long long inode = fields->Number();
  const int error = SwapLog(&monitor.log, static_cast<unsigned long long>(inode), fields->Next());
  if (error != 0) return Error(answer, error);
  Ok(answer);
}

// A descriptor to be kept open, as `hold` of the plan.
void Hold(int* fd, Answer* answer) {
  if (*fd < 0) return Error(answer, EBADF);
  *fd = -1;
  Ok(answer);
}

// Without a descriptor: a port held already leads elsewhere from now on.
void TakePort(Fields* fields, int* fd, Answer* answer) {
  const char* name = fields->Next();
  const char* address = fields->Next();
  const int error = HoldPort({name, *fd, address, static_cast<int>(fields->Number())});
  if (error != 0) return Error(answer, error);
  *fd = -1;
  Ok(answer);
}

void DropPort(Fields* fields, Answer* answer) {
  const int error = ReleasePort(fields->Next());
  if (error != 0) return Error(answer, error);
  Ok(answer);
}

void Handle(char* request, size_t size, int* fd, Answer* answer) {
  Fields fields(request, request + size);
  const char* verb = fields.Next();
  if (strcmp(verb, "attach") == 0) return Attach(&fields, fd, answer);
  if (strcmp(verb, "notify") == 0) return AddNotify(fd, answer);
  if (strcmp(verb, "resize") == 0) return Resize(&fields, answer);
  if (strcmp(verb, "log-sent") == 0) return Acknowledge(&fields, answer);
  if (strcmp(verb, "log-swap") == 0) return Swap(&fields, answer);
  if (strcmp(verb, "hold") == 0) return Hold(fd, answer);
  if (strcmp(verb, "port") == 0) return TakePort(&fields, fd, answer);
  if (strcmp(verb, "port-release") == 0) return DropPort(&fields, answer);
  Error(answer, ENOSYS);
}

void ServeConnection(int connection) {
  pollfd waiting{connection, POLLIN, 0};
  if (!PeerIsOurs(connection) || poll(&waiting, 1, kRequestWaitMs) != 1) return;
  char* request = static_cast<char*>(malloc(kRequestMax));
  if (request == nullptr) return;
  int fd = -1;
  const ssize_t got = Receive(connection, request, kRequestMax, &fd);
  if (got > 0) {
    Answer answer;
    Handle(request, static_cast<size_t>(got), &fd, &answer);
    send(connection, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (fd >= 0) close(fd);
  free(request);
}

}  // namespace

int OpenControl(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address.sun_path) return ENAMETOOLONG;
  strcpy(address.sun_path, path);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  unlink(path);
  const mode_t before = umask(0177);
  const int bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  const int error = errno;
  umask(before);
  if (bound != 0) return error;
  if (listen(fd, 64) != 0) return errno;
  monitor.listen_fd = fd;
  return 0;
}

void CloseControl(const char* path) {
  if (monitor.listen_fd < 0) return;
  unlink(path);
  close(monitor.listen_fd);
  monitor.listen_fd = -1;
}

void ServeControl() {
  const int connection = accept4(monitor.listen_fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection < 0) return;
  ServeConnection(connection);
  close(connection);
}
