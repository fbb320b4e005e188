#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "shim/control.h"
#include "shim/exit.h"
#include "shim/monitor.h"
#include "shim/ports.h"

namespace {

constexpr size_t kChunk = 64 * 1024;
// For a writer that fills a chunk: the fewer the turns, the more it and the shim do side by side.
constexpr int kWidePipe = 256 * 1024;
// One output may not keep the other, or the control socket, waiting for long.
constexpr int kChunksPerTurn = 16;
constexpr int kIdleMs = 1000;
// Enough for any pipe's content; a process left behind may write for ever.
constexpr int kDrainTurns = 8;
// A terminal's output passes through a kernel worker: it may come after the process has gone.
constexpr int kTerminalGraceMs = 30;

char* chunk = nullptr;
bool buffers_used = false;

struct PollSet {
  pollfd* list = nullptr;
  size_t count = 0;
  size_t capacity = 0;

  void Add(int fd, short events) {
    if (count == capacity) {
      capacity = capacity == 0 ? 8 : capacity * 2;
      void* grown = realloc(list, capacity * sizeof(pollfd));
      if (grown == nullptr) _exit(1);
      list = static_cast<pollfd*>(grown);
    }
    list[count++] = pollfd{fd, events, 0};
  }
};

void EndOutput(Output* output) {
  EndLogStream(&monitor.log, &output->log);
  // A terminal's master is its input, too.
  if (output->fd == monitor.stdin_fd) monitor.stdin_fd = -1;
  close(output->fd);
  output->fd = -1;
}

// Reads what is there, up to a turn's worth. false when nothing was.
bool ReadOutput(Output* output) {
  if (chunk == nullptr) chunk = static_cast<char*>(malloc(kChunk));
  if (chunk == nullptr) return false;
  buffers_used = true;
  bool any = false;
  for (int i = 0; i < kChunksPerTurn; i++) {
    const ssize_t got = read(output->fd, chunk, kChunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) {  // EIO: a terminal whose last user is gone
      EndOutput(output);
      break;
    }
    any = true;
    const size_t count = static_cast<size_t>(got);
    if (count == kChunk && !output->wide) {
      output->wide = true;
      fcntl(output->fd, F_SETPIPE_SZ, kWidePipe);  // a terminal says no, which does no harm
    }
    AppendLog(&monitor.log, &output->log, chunk, count);
    BroadcastOutput(output->client_stream, chunk, count);
    if (count < kChunk || ClientsLag() || LogLags(&monitor.log)) break;
  }
  FlushLog(&monitor.log);
  return any;
}

void TrimBuffers() {
  LogStream* streams[2] = {&monitor.outputs[0].log, &monitor.outputs[1].log};
  TrimLog(&monitor.log, streams);
  free(chunk);
  chunk = nullptr;
  buffers_used = false;
}

short ClientEvents(const Client* client) {
  short events = 0;
  if (client->input && monitor.pending_stdin.empty()) events |= POLLIN;
  if (!client->queue.empty()) events |= POLLOUT;
  return events;
}

void PollClient(Client* client, short events) {
  if ((events & POLLOUT) != 0) WriteClient(client);
  if ((events & (POLLHUP | POLLERR)) != 0) client->hung_up = true;
  if (client->input && (events & (POLLIN | POLLHUP | POLLERR)) != 0 &&
      monitor.pending_stdin.empty())
    ReadClient(client);
  if (!client->hung_up || client->input) return;
  client->queue.Clear();
  client->output = client->errors = false;
  client->closing = true;
}

// One turn. `process` says whether the process is still to be waited for; true once it has ended.
bool Turn(PollSet* set, bool process, int timeout_ms) {
  set->count = 0;
  const bool paused = ClientsLag() || LogLags(&monitor.log);
  set->Add(process ? monitor.pidfd : -1, POLLIN);
  set->Add(process ? monitor.listen_fd : -1, POLLIN);
  set->Add(monitor.pending_stdin.empty() ? -1 : monitor.stdin_fd, POLLOUT);
  for (Output& output : monitor.outputs) set->Add(paused && process ? -1 : output.fd, POLLIN);
  set->Add(process ? PortsFd() : -1, POLLIN);
  const size_t first = set->count;
  const size_t clients = monitor.clients.count;
  for (size_t i = 0; i < clients; i++) {
    const Client* client = monitor.clients.list[i];
    const short events = ClientEvents(client);
    // Hung up with input we cannot take yet: poll would return at once, for ever.
    set->Add(client->hung_up && events == 0 ? -1 : client->fd, events);
  }
  if (poll(set->list, set->count, timeout_ms) <= 0) return false;
  for (size_t i = 0; i < clients; i++)
    if (set->list[first + i].revents != 0)
      PollClient(monitor.clients.list[i], set->list[first + i].revents);
  if (set->list[2].revents != 0) WriteStdin();
  for (size_t i = 0; i < 2; i++)
    if (set->list[3 + i].revents != 0 && monitor.outputs[i].fd >= 0)
      ReadOutput(&monitor.outputs[i]);
  if (set->list[5].revents != 0) ServePorts();
  if (set->list[1].revents != 0) ServeControl();
  return set->list[0].revents != 0;
}

int NextTimeout() {
  const int64_t now = NowMs();
  int timeout = ExpireClients(now);
  const int ports = ExpirePorts(now);
  if (ports >= 0 && (timeout < 0 || timeout > ports)) timeout = ports;
  if (buffers_used && (timeout < 0 || timeout > kIdleMs)) timeout = kIdleMs;
  return timeout;
}

// All that the ended process has left in its pipes. Others may hold them open: not waited for.
void DrainOutputs() {
  for (Output& output : monitor.outputs) {
    bool graced = false;
    for (int turn = 0; output.fd >= 0 && turn < kDrainTurns; turn++) {
      if (ReadOutput(&output)) continue;
      if (!monitor.stdio.tty || graced || output.fd < 0) break;
      pollfd waiting{output.fd, POLLIN, 0};
      poll(&waiting, 1, kTerminalGraceMs);
      graced = true;
    }
    if (output.fd >= 0) EndOutput(&output);
  }
  FlushLog(&monitor.log);
}

}  // namespace

void ServeUntilExit() {
  PollSet set;
  for (;;) {
    const int timeout = NextTimeout();
    SweepClients();
    const bool ended = Turn(&set, true, timeout);
    if (ended) break;
    if (buffers_used && timeout == kIdleMs && set.count > 0) {
      bool quiet = true;
      for (size_t i = 0; i < set.count; i++) quiet = quiet && set.list[i].revents == 0;
      if (quiet) TrimBuffers();
    }
  }
  const Exit exit = ReapProcess();
  ReleaseAllPorts();
  DrainOutputs();
  WriteExitRecord(exit);
  // After the record: who finds no socket any more finds the record.
  CloseControl(monitor.socket_path);
  NotifyExited(exit);
  FinishClients();
  for (SweepClients(); monitor.clients.count > 0; SweepClients())
    Turn(&set, false, ExpireClients(NowMs()));
}
