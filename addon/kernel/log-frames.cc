// Lines of a json-file log, as the API streams them: off the event loop, at the speed of memchr.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"
#include "kernel/socket_body.h"

namespace {

struct Request {
  int fd = -1;
  int64_t position = 0;
  size_t length = 0;
  bool wants[3] = {false, false, false};
  bool timestamps = false;
  bool tty = false;
  int64_t since_ns = INT64_MIN;
  int64_t until_ns = INT64_MAX;
  // Where frames go; -1: they are the answer.
  int socket = -1;
  int64_t end = INT64_MAX;
  std::string unsent;
};

struct Result {
  std::unique_ptr<char[]> frames;
  size_t size = 0;
  int64_t position = 0;
  bool past_until = false;
};

struct Line {
  std::string_view text;  // still escaped
  std::string_view time;
  int stream = 1;
};

// A cursor over one line. Every function answers false for what is no JSON.
class Scanner {
 public:
  explicit Scanner(std::string_view line) : at_(line.data()), end_(at_ + line.size()) {}

  bool Skip(char wanted) {
    SkipBlanks();
    if (at_ == end_ || *at_ != wanted) return false;
    at_++;
    return true;
  }

  bool AtEnd() {
    SkipBlanks();
    return at_ == end_;
  }

  bool String(std::string_view* out) {
    if (!Skip('"')) return false;
    const char* begin = at_;
    for (;;) {
      const char* quote = Find('"');
      if (quote == nullptr) return false;
      const char* slash = quote;
      while (slash > begin && slash[-1] == '\\') slash--;
      at_ = quote + 1;
      if ((quote - slash) % 2 != 0) continue;
      *out = std::string_view(begin, static_cast<size_t>(quote - begin));
      return true;
    }
  }

  // Any value; only its end matters.
  bool Value() {
    int depth = 0;
    do {
      SkipBlanks();
      if (at_ == end_) return false;
      std::string_view ignored;
      if (*at_ == '"') {
        if (!String(&ignored)) return false;
      } else {
        if (*at_ == '{' || *at_ == '[') depth++;
        if (*at_ == '}' || *at_ == ']') depth--;
        if (depth < 0) return false;
        at_++;
      }
      SkipBlanks();
    } while (depth > 0 || (at_ < end_ && *at_ != ',' && *at_ != '}'));
    return true;
  }

 private:
  void SkipBlanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r')) at_++;
  }
  const char* Find(char wanted) const {
    return static_cast<const char*>(memchr(at_, wanted, static_cast<size_t>(end_ - at_)));
  }

  const char* at_;
  const char* end_;
};

bool ParseLine(std::string_view bytes, Line* line) {
  Scanner scan(bytes);
  if (!scan.Skip('{')) return false;
  do {
    std::string_view key, value;
    if (!scan.String(&key) || !scan.Skip(':')) return false;
    if (key == "log") {
      if (!scan.String(&line->text)) return false;
    } else if (key == "time") {
      if (!scan.String(&line->time)) return false;
    } else if (key == "stream") {
      if (!scan.String(&value)) return false;
      line->stream = value == "stderr" ? 2 : 1;
    } else if (!scan.Value()) {
      return false;
    }
  } while (scan.Skip(','));
  return scan.Skip('}') && scan.AtEnd() && !line->time.empty();
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Four digits at `at`; -1 when they are not.
int CodeUnit(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + 4; i++) {
    const int digit = HexValue(text[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

char* PutUtf8(char* out, uint32_t code) {
  if (code < 0x80) {
    *out++ = static_cast<char>(code);
    return out;
  }
  if (code < 0x800) {
    *out++ = static_cast<char>(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      *out++ = static_cast<char>(0xe0 | code >> 12);
    } else {
      *out++ = static_cast<char>(0xf0 | code >> 18);
      *out++ = static_cast<char>(0x80 | (code >> 12 & 0x3f));
    }
    *out++ = static_cast<char>(0x80 | (code >> 6 & 0x3f));
  }
  *out++ = static_cast<char>(0x80 | (code & 0x3f));
  return out;
}

// `\uXXXX`, `*at` behind the u. Half a pair becomes U+FFFD.
char* PutUnicode(char* out, std::string_view text, size_t* at) {
  const int unit = CodeUnit(text, *at);
  if (unit < 0) return nullptr;
  *at += 4;
  if (unit < 0xd800 || unit > 0xdfff) return PutUtf8(out, static_cast<uint32_t>(unit));
  if (unit < 0xdc00 && *at + 6 <= text.size() && text[*at] == '\\' && text[*at + 1] == 'u') {
    const int low = CodeUnit(text, *at + 2);
    if (low >= 0xdc00 && low <= 0xdfff) {
      *at += 6;
      return PutUtf8(out, 0x10000u + (static_cast<uint32_t>(unit - 0xd800) << 10) +
                              static_cast<uint32_t>(low - 0xdc00));
    }
  }
  return PutUtf8(out, 0xfffd);
}

// Never longer than what it is made of; nullptr for an escape that JSON does not know.
char* Unescape(char* out, std::string_view text) {
  static const char kFrom[] = "\"\\/bfnrt", kTo[] = "\"\\/\b\f\n\r\t";
  for (size_t at = 0; at < text.size();) {
    const void* slash = memchr(text.data() + at, '\\', text.size() - at);
    const size_t plain =
        (slash == nullptr ? text.size()
                          : static_cast<size_t>(static_cast<const char*>(slash) - text.data())) -
        at;
    memcpy(out, text.data() + at, plain);
    out += plain;
    at += plain;
    if (slash == nullptr) break;
    if (at + 1 >= text.size()) return nullptr;
    const char kind = text[at + 1];
    at += 2;
    if (kind == 'u') {
      out = PutUnicode(out, text, &at);
      if (out == nullptr) return nullptr;
      continue;
    }
    const char* known = strchr(kFrom, kind);
    if (known == nullptr || kind == 0) return nullptr;
    *out++ = kTo[known - kFrom];
  }
  return out;
}

int64_t Digits(std::string_view text, size_t at, size_t count) {
  int64_t value = 0;
  for (size_t i = at; i < at + count && i < text.size(); i++) value = value * 10 + (text[i] - '0');
  return value;
}

// RFC 3339 in UTC; the days of a civil date as in Howard Hinnant's algorithm.
int64_t ToNanoseconds(std::string_view time) {
  const int64_t year_raw = Digits(time, 0, 4), month = Digits(time, 5, 2), day = Digits(time, 8, 2);
  const int64_t year = year_raw - (month <= 2 ? 1 : 0);
  const int64_t era = year / 400, of_era = year - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  const int64_t seconds =
      ((days * 24 + Digits(time, 11, 2)) * 60 + Digits(time, 14, 2)) * 60 + Digits(time, 17, 2);
  int64_t fraction = 0;
  size_t digits = 0;
  if (time.size() > 20 && time[19] == '.')
    for (size_t at = 20; at < time.size() && digits < 9 && time[at] >= '0' && time[at] <= '9';
         at++, digits++)
      fraction = fraction * 10 + (time[at] - '0');
  for (; digits < 9; digits++) fraction *= 10;
  return seconds * 1'000'000'000 + fraction;
}

constexpr size_t kStampSize = 31;

// Docker's fixed nine digits and a blank.
char* PutTimestamp(char* out, std::string_view time) {
  memset(out, '0', kStampSize);
  memcpy(out, time.data(), time.size() < 19 ? time.size() : 19);
  out[19] = '.';
  for (size_t at = 20; at < time.size() && at < 29 && time[at] != 'Z'; at++) out[at] = time[at];
  out[29] = 'Z';
  out[30] = ' ';
  return out + kStampSize;
}

constexpr size_t kHeaderSize = 8;

// One line as a frame; where the next one goes.
char* PutFrame(char* out, const Request& request, const Line& line) {
  char* const begin = out;
  if (!request.tty) out += kHeaderSize;
  if (request.timestamps) out = PutTimestamp(out, line.time);
  out = Unescape(out, line.text);
  if (out == nullptr) return begin;
  if (request.tty) return out;
  const size_t size = static_cast<size_t>(out - begin) - kHeaderSize;
  const char header[kHeaderSize] = {static_cast<char>(line.stream),
                                    0,
                                    0,
                                    0,
                                    static_cast<char>(size >> 24),
                                    static_cast<char>(size >> 16),
                                    static_cast<char>(size >> 8),
                                    static_cast<char>(size)};
  memcpy(begin, header, kHeaderSize);
  return out;
}

// What a line gives at most on top of its own bytes, against what it takes at least.
constexpr size_t kGrowth = 3;

size_t RoomFor(const Request& request) {
  return request.length * (request.timestamps ? kGrowth : 1) + 64;
}

// Whole lines of the block as frames; their size. Moves the result's position behind them.
size_t Decode(const Request& request, std::string_view block, char* const begin, Result* result) {
  const bool timed = request.since_ns != INT64_MIN || request.until_ns != INT64_MAX;
  char* out = begin;
  size_t at = 0;
  for (;;) {
    const size_t end = block.find('\n', at);
    if (end == std::string_view::npos) break;
    Line line;
    const bool good = ParseLine(block.substr(at, end - at), &line);
    if (good && timed) {
      const int64_t time_ns = ToNanoseconds(line.time);
      if (time_ns > request.until_ns) {
        result->past_until = true;
        break;
      }
      if (time_ns < request.since_ns) line.stream = 0;
    }
    at = end + 1;
    if (good && request.wants[line.stream]) out = PutFrame(out, request, line);
  }
  result->position += static_cast<int64_t>(at);
  return static_cast<size_t>(out - begin);
}

Failure Fill(const Request& request, int64_t position, size_t length, char* block, size_t* filled) {
  *filled = 0;
  while (*filled < length) {
    const ssize_t got = pread(request.fd, block + *filled, length - *filled,
                              position + static_cast<int64_t>(*filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail("pread");
    if (got == 0) break;
    *filled += static_cast<size_t>(got);
  }
  return {};
}

Failure Read(const Request& request, Result* result) {
  std::unique_ptr<char[]> block(new char[request.length]);
  size_t filled;
  if (Failure failure = Fill(request, request.position, request.length, block.get(), &filled))
    return failure;
  result->frames.reset(new char[RoomFor(request)]);
  result->size = Decode(request, {block.get(), filled}, result->frames.get(), result);
  return {};
}

// Sends what it can; the rest becomes the answer.
Failure SendOrKeep(const Request& request, const char* data, size_t size, Result* result,
                   int wait_ms) {
  size_t done = 0;
  bool blocked = false;
  if (Failure failure = SendSome(request.socket, data, size, &done, &blocked, wait_ms))
    return failure;
  if (!blocked) return {};
  result->size = size - done;
  result->frames.reset(new char[result->size]);
  memcpy(result->frames.get(), data + done, result->size);
  return {};
}

// A call's share; then other work may have the thread.
constexpr size_t kShare = 4 << 20;
constexpr size_t kChunkHead = 16;

// Block after block as HTTP chunks, in memory that is touched once.
Failure Send(const Request& request, Result* result) {
  // This thread is the pool's: many clients that take nothing must not have it wait for each.
  if (Failure failure =
          SendOrKeep(request, request.unsent.data(), request.unsent.size(), result, 0)) {
    return failure;
  }
  if (result->size > 0) return {};
  std::unique_ptr<char[]> block(new char[request.length]);
  std::unique_ptr<char[]> chunk(new char[kChunkHead + RoomFor(request) + 2]);
  char* const frames = chunk.get() + kChunkHead;
  for (size_t moved = 0; moved < kShare;) {
    const int64_t begin = result->position, left = request.end - begin;
    if (left <= 0) return {};
    size_t filled, length = std::min<uint64_t>(request.length, left);
    if (Failure failure = Fill(request, begin, length, block.get(), &filled)) return failure;
    const size_t size = Decode(request, {block.get(), filled}, frames, result);
    if (size > 0) {
      char head[kChunkHead];
      const int head_size = snprintf(head, sizeof head, "%zx\r\n", size);
      memcpy(frames - head_size, head, head_size);
      memcpy(frames + size, "\r\n", 2);
      if (Failure failure =
              SendOrKeep(request, frames - head_size, head_size + size + 2, result, kSendWaitMs)) {
        return failure;
      }
    }
    if (result->size > 0 || result->past_until || result->position == begin) return {};
    moved += filled;
  }
  return {};
}

int64_t Nanoseconds(const Napi::Object& o, const char* key, int64_t fallback) {
  Napi::Value value = o.Get(key);
  bool lossless = false;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Int64Value(&lossless) : fallback;
}

Napi::Value LogFrames(const Napi::CallbackInfo& info) {
  auto o = info[0].As<Napi::Object>();
  auto request = std::make_shared<Request>();
  auto result = std::make_shared<Result>();
  request->fd = Int(o, "fd");
  request->position = Int64(o, "position");
  request->length = static_cast<size_t>(Int64(o, "length"));
  request->socket = Int(o, "socket");
  request->end = Int64(o, "end", INT64_MAX);
  if (Has(o, "unsent")) request->unsent = Bytes(o, "unsent");
  result->position = request->position;
  request->wants[1] = Bool(o, "stdout");
  request->wants[2] = Bool(o, "stderr");
  request->timestamps = Bool(o, "timestamps");
  request->tty = Bool(o, "tty");
  request->since_ns = Nanoseconds(o, "sinceNs", INT64_MIN);
  request->until_ns = Nanoseconds(o, "untilNs", INT64_MAX);
  return RunAsync(
      info.Env(),
      [request, result] {
        return request->socket < 0 ? Read(*request, result.get()) : Send(*request, result.get());
      },
      [result](Napi::Env env) -> Napi::Value {
        Napi::Object answer = Napi::Object::New(env);
        char* frames = result->size > 0 ? result->frames.release() : nullptr;
        answer.Set("frames", frames == nullptr
                                 ? Napi::Buffer<char>::New(env, 0)
                                 : Napi::Buffer<char>::NewOrCopy(
                                       env, frames, result->size,
                                       [](Napi::Env, char* bytes) { delete[] bytes; }));
        answer.Set("position", Napi::Number::New(env, static_cast<double>(result->position)));
        answer.Set("pastUntil", Napi::Boolean::New(env, result->past_until));
        return answer;
      });
}

}  // namespace

void InitLogFrames(Napi::Env env, Napi::Object exports) {
  exports.Set("logFrames", Napi::Function::New(env, LogFrames, "logFrames"));
}
