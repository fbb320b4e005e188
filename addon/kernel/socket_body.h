#pragma once
// The body of an HTTP request that is still in its socket, and chunks into one: large archives do
// not pass through JavaScript. RFC 9112, 6 and 7.1.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/errno_result.h"
#include "common/unique_fd.h"

// What became of a call that moves bytes between threads' work and a peer that may be slow.
enum class Progress {
  kMore,     // its share of time is used up
  kBlocked,  // the peer has nothing, or takes nothing more, now
  kStalled,  // nor has it taken anything in this call
  kDone,
};

const char* ProgressName(Progress progress);

class SocketBody {
 public:
  // What one call of PumpOnce gives is no more, unless `head` was.
  static constexpr size_t kBuffer = 1 << 20;
  using Sink = std::function<Failure(const uint8_t*, size_t)>;

  // `head` is what was read of the body already; `length` is negative for a chunked one.
  SocketBody(UniqueFd socket, std::string head, int64_t length);

  // Hands the body on as it comes. EPIPE when the peer ends within it, EBADMSG for bad chunks.
  Failure Pump(const Sink& sink, Progress* progress);
  // As Pump, but stops at the first bytes.
  Failure PumpOnce(const Sink& sink, Progress* progress);
  void Close() { socket_.reset(); }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone };

  Failure PumpShare(const Sink& sink, size_t share, Progress* progress);
  Failure Receive(bool* blocked);
  Failure Decode(const Sink& sink);
  bool Line(std::string* line);

  UniqueFd socket_;
  const bool chunked_;
  State state_;
  uint64_t left_ = 0;
  int trailers_ = 0;
  // Bytes `at_` to `end_` of the buffer are still to be decoded.
  std::unique_ptr<uint8_t[]> buffer_;
  size_t at_ = 0, end_ = 0;
};

// Sends all of `data` on a non-blocking socket; `done` tells how much is sent. EPIPE, ECONNRESET
// when the peer is gone. Waits `wait_ms` for a slow one, no longer.
constexpr int kSendWaitMs = 5;
Failure SendSome(int socket, const char* data, size_t size, size_t* done, bool* blocked,
                 int wait_ms = kSendWaitMs);
