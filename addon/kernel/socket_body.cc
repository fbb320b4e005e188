#include "kernel/socket_body.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>

namespace {

constexpr size_t kMaxLine = 4096;
constexpr int kMaxTrailers = 64;
// A call's share; then other work may have the thread.
constexpr size_t kShare = 64 << 20;
// A peer that is at work all the time is waited for here, where it costs no round through the loop.
constexpr int kWaitMs = 5;

bool ParseSize(const std::string& line, uint64_t* size) {
  *size = 0;
  size_t i = 0;
  for (; i < line.size() && isxdigit(static_cast<unsigned char>(line[i])); i++) {
    if (*size >> 59) return false;
    char c = static_cast<char>(line[i] | 0x20);
    *size = *size << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return i > 0 && (i == line.size() || line[i] == ';' || line[i] == ' ' || line[i] == '\t');
}

}  // namespace

const char* ProgressName(Progress progress) {
  switch (progress) {
    case Progress::kMore:
      return "more";
    case Progress::kBlocked:
      return "blocked";
    case Progress::kStalled:
      return "stalled";
    default:
      return "done";
  }
}

SocketBody::SocketBody(UniqueFd socket, std::string head, int64_t length)
    : socket_(std::move(socket)),
      chunked_(length < 0),
      state_(chunked_ ? State::kSize
             : length ? State::kData
                      : State::kDone),
      left_(chunked_ ? 0 : static_cast<uint64_t>(length)),
      buffer_(new uint8_t[std::max(kBuffer, head.size())]),
      end_(head.size()) {
  memcpy(buffer_.get(), head.data(), head.size());
}

Failure SocketBody::Pump(const Sink& sink, Progress* progress) {
  return PumpShare(sink, kShare, progress);
}

Failure SocketBody::PumpOnce(const Sink& sink, Progress* progress) {
  return PumpShare(sink, 1, progress);
}

Failure SocketBody::PumpShare(const Sink& sink, size_t share, Progress* progress) {
  size_t moved = 0;
  auto counting = [&](const uint8_t* data, size_t size) {
    moved += size;
    return sink(data, size);
  };
  for (;;) {
    if (Failure failure = Decode(counting)) return failure;
    *progress = state_ == State::kDone ? Progress::kDone : Progress::kMore;
    if (state_ == State::kDone || moved >= share) return {};
    bool blocked = false;
    if (Failure failure = Receive(&blocked)) return failure;
    *progress = Progress::kBlocked;
    if (blocked) return {};
  }
}

Failure SocketBody::Receive(bool* blocked) {
  memmove(buffer_.get(), buffer_.get() + at_, end_ - at_);
  end_ -= at_;
  at_ = 0;
  size_t room = kBuffer - end_;
  // Nothing behind the body is taken.
  if (!chunked_) room = std::min<uint64_t>(room, left_);
  for (bool waited = false;; waited = true) {
    ssize_t n =
        Retry([&] { return recv(socket_.get(), buffer_.get() + end_, room, MSG_DONTWAIT); });
    if (n == 0) return Failure{EPIPE, "recv", {}};
    if (n > 0) {
      end_ += n;
      return {};
    }
    if (errno != EAGAIN) return Fail("recv");
    pollfd wait{socket_.get(), POLLIN, 0};
    if (waited || poll(&wait, 1, kWaitMs) <= 0) {
      *blocked = true;
      return {};
    }
  }
}

// False when the line is not whole yet.
bool SocketBody::Line(std::string* line) {
  const uint8_t* start = buffer_.get() + at_;
  auto* feed = static_cast<const uint8_t*>(memchr(start, '\n', end_ - at_));
  if (!feed) return false;
  line->assign(reinterpret_cast<const char*>(start), feed - start);
  if (line->ends_with('\r')) line->pop_back();
  at_ += feed - start + 1;
  return true;
}

Failure SocketBody::Decode(const Sink& sink) {
  std::string line;
  while (state_ != State::kDone && at_ < end_) {
    if (state_ == State::kData) {
      size_t n = std::min<uint64_t>(left_, end_ - at_);
      if (Failure failure = sink(buffer_.get() + at_, n)) return failure;
      at_ += n;
      left_ -= n;
      if (!left_) state_ = chunked_ ? State::kDataEnd : State::kDone;
      continue;
    }
    if (!Line(&line)) {
      return end_ - at_ > kMaxLine ? Failure{EBADMSG, "chunk", {}} : Failure{};
    }
    if (state_ == State::kSize) {
      if (!ParseSize(line, &left_)) return Failure{EBADMSG, "chunk", {}};
      state_ = left_ ? State::kData : State::kTrailer;
    } else if (state_ == State::kDataEnd) {
      if (!line.empty()) return Failure{EBADMSG, "chunk", {}};
      state_ = State::kSize;
    } else if (line.empty()) {
      state_ = State::kDone;
    } else if (++trailers_ > kMaxTrailers) {
      // They count as nothing moved, so that a peer could keep this thread for ever.
      return Failure{EBADMSG, "chunk", {}};
    }
  }
  return {};
}

Failure SendSome(int socket, const char* data, size_t size, size_t* done, bool* blocked,
                 int wait_ms) {
  for (bool waited = false; *done < size;) {
    ssize_t n = Retry(
        [&] { return send(socket, data + *done, size - *done, MSG_DONTWAIT | MSG_NOSIGNAL); });
    if (n >= 0) {
      *done += n;
      waited = false;
      continue;
    }
    if (errno != EAGAIN) return Fail("send");
    pollfd wait{socket, POLLOUT, 0};
    if (waited || poll(&wait, 1, wait_ms) <= 0) {
      *blocked = true;
      return {};
    }
    waited = true;
  }
  return {};
}
