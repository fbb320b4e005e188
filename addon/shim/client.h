#pragma once
#include <cstddef>
#include <cstdint>

#include "shim/queue.h"

// What a client may lag behind before the container's output waits for it.
constexpr size_t kClientBuffer = 1 << 20;
constexpr int64_t kStallLimitMs = 60'000;
constexpr size_t kMaxDetachKeys = 64;

// One attached connection.
struct Client {
  int fd = -1;
  bool input = false;  // its bytes go to the container's stdin
  bool output = false;
  bool errors = false;
  bool closing = false;  // to be closed as soon as its queue is written
  bool framed = false;   // its output comes in stdcopy frames
  bool hung_up = false;  // the peer is gone, but may have left input to read
  uint8_t keys[kMaxDetachKeys] = {0};
  uint8_t key_count = 0;
  uint8_t key_position = 0;
  Queue queue;
  int64_t progress_ms = 0;  // when it last took bytes
};

struct Clients {
  Client** list = nullptr;
  size_t count = 0;
  size_t capacity = 0;
};

// `streams` is a subset of "ioe", with "f" or "r" for frames or raw output other than the terminal
// (frames without, raw with) has it. `keys` hex. Takes `fd` over. 0 or errno.
int AddClient(int fd, const char* streams, const char* keys, const char* head, size_t head_size);
// Hands one chunk of output to all clients that want it.
void BroadcastOutput(uint8_t stream, const char* bytes, size_t count);
// Reads from a client what it typed.
void ReadClient(Client* client);
// Writes as much of the queue as the connection takes.
void WriteClient(Client* client);
// True when some client lags so far behind that the container must wait.
bool ClientsLag();
// Drops those who stalled; milliseconds until the next may be due, -1 for none.
int ExpireClients(int64_t now_ms);
// Frees the clients that are done.
void SweepClients();
// After the process ended: nothing more will come.
void FinishClients();
// Writes pending input to the container.
void WriteStdin();
int64_t NowMs();
