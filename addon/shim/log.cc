#include "shim/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "shim/text.h"

namespace {

constexpr size_t kBatch = 128 * 1024;
constexpr size_t kEntryOverhead = 128;

// RFC 3339 with nanoseconds, trailing zeros cut, as Go's RFC3339Nano writes UTC.
void FormatTime(char out[40]) {
  static time_t last_second = -1;
  static char last_text[24];
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != last_second) {
    tm parts;
    gmtime_r(&now.tv_sec, &parts);
    const int values[] = {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                          parts.tm_hour,        parts.tm_min,     parts.tm_sec};
    static const char kMarks[] = "--T::.";
    char* at = last_text;
    for (int i = 0; i < 6; i++) {
      const int digits = i == 0 ? 4 : 2;
      for (int d = digits - 1, rest = values[i]; d >= 0; d--, rest /= 10)
        at[d] = static_cast<char>('0' + rest % 10);
      at += digits;
      *at++ = kMarks[i];
    }
    *at = 0;
    last_second = now.tv_sec;
  }
  memcpy(out, last_text, 20);
  int size = 29;
  long rest = now.tv_nsec;
  for (int i = 28; i >= 20; i--, rest /= 10) out[i] = static_cast<char>('0' + rest % 10);
  while (size > 20 && out[size - 1] == '0') size--;
  if (size == 20) size = 19;  // no fraction, no point
  out[size] = 'Z';
  out[size + 1] = 0;
}

char* Put(char* out, const char* text, size_t size) {
  memcpy(out, text, size);
  return out + size;
}

void PutEntry(Log* log, const LogStream* stream, const char* line, size_t count, bool newline,
              const char* time) {
  const size_t attrs_size = strlen(log->attrs);
  const size_t worst = kEscapeMax(count) + attrs_size + kEntryOverhead;
  if (log->out_size + worst > kBatch + kEscapeMax(kLogLineMax) + kEntryOverhead + attrs_size)
    FlushLog(log);
  if (log->max_size >= 0 && log->size + static_cast<long long>(log->out_size) >= log->max_size) {
    FlushLog(log);
    if (log->size >= log->max_size) RotateLog(log);
  }
  char* out = log->out + log->out_size;
  const bool empty = count == 0 && !newline;
  *out++ = '{';
  if (!empty) {
    out = Put(out, "\"log\":", 6);
    out += EscapeJson(out, line, count, newline);
    *out++ = ',';
  }
  out = Put(out, "\"stream\":\"", 10);
  out = Put(out, stream->name, 6);
  out = Put(out, "\",", 2);
  if (attrs_size > 0) {
    out = Put(out, "\"attrs\":", 8);
    out = Put(out, log->attrs, attrs_size);
    *out++ = ',';
  }
  out = Put(out, "\"time\":\"", 8);
  out = Put(out, time, strlen(time));
  out = Put(out, "\"}\n", 3);
  log->out_size = static_cast<size_t>(out - log->out);
}

// A part of a line too long for one entry: all parts carry the time of the first.
void PutPart(Log* log, LogStream* stream, const char* bytes, size_t count, const char* now) {
  if (!stream->continues) memcpy(stream->first_time, now, sizeof stream->first_time);
  stream->continues = true;
  PutEntry(log, stream, bytes, count, false, stream->first_time);
}

void PutLine(Log* log, LogStream* stream, const char* bytes, size_t count, const char* now) {
  PutEntry(log, stream, bytes, count, true, stream->continues ? stream->first_time : now);
  stream->continues = false;
}

// Adds to the unfinished line; `count` never makes it longer than a part.
bool Carry(LogStream* stream, const char* bytes, size_t count) {
  if (count == 0) return true;
  if (stream->carry == nullptr) stream->carry = static_cast<char*>(malloc(kLogLineMax));
  if (stream->carry == nullptr) return false;
  memcpy(stream->carry + stream->size, bytes, count);
  stream->size += count;
  return true;
}

// What a crash of the machine left of a line must not swallow the next one.
int EndTornLine(Log* log) {
  char last = '\n';
  if (log->size == 0 || pread(log->fd, &last, 1, log->size - 1) != 1 || last == '\n') return 0;
  if (write(log->fd, "\n", 1) == 1) log->size++;
  return 0;
}

}  // namespace

int OpenLog(Log* log) {
  if (log->segmented) {
    if (const int error = OpenSegment(log); error != 0) return error;
  } else {
    log->fd = open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  }
  if (log->fd < 0) return errno;
  struct stat st;
  if (fstat(log->fd, &st) != 0) return errno;
  log->size = st.st_size;
  return EndTornLine(log);
}

bool LogLags(const Log* log) {
  return log->backlog >= 0 && log->start + log->size - log->sent > log->backlog;
}

void AcknowledgeLog(Log* log, long long sent, long long confirmed) {
  log->sent = sent;
  log->confirmed = confirmed;
  if (log->excess) PruneSegments(log);
}

void AppendLog(Log* log, LogStream* stream, const char* bytes, size_t count) {
  if (log->fd < 0) return;
  if (log->out == nullptr) {
    log->out = static_cast<char*>(
        malloc(kBatch + kEscapeMax(kLogLineMax) + kEntryOverhead + strlen(log->attrs)));
    if (log->out == nullptr) return;
  }
  char now[40];
  FormatTime(now);
  while (count > 0) {
    const size_t room = kLogLineMax - stream->size;
    const size_t window = count < room ? count : room;
    const char* newline = static_cast<const char*>(memchr(bytes, '\n', window));
    const size_t taken = newline != nullptr ? static_cast<size_t>(newline - bytes) : window;
    const bool whole = stream->size == 0;
    const bool cut = newline == nullptr && window == room;
    const char* text = bytes;
    size_t size = taken;
    if (!whole || (newline == nullptr && !cut)) {
      if (!Carry(stream, bytes, taken)) return;
      text = stream->carry;
      size = stream->size;
    }
    if (newline != nullptr) PutLine(log, stream, text, size, now);
    if (cut) PutPart(log, stream, text, size, now);
    if (newline != nullptr || cut) stream->size = 0;
    const size_t used = taken + (newline != nullptr ? 1 : 0);
    bytes += used;
    count -= used;
  }
}

void EndLogStream(Log* log, LogStream* stream) {
  if (log->fd < 0 || stream->size == 0 || log->out == nullptr) return;
  char now[40];
  FormatTime(now);
  PutPart(log, stream, stream->carry, stream->size, now);
  stream->size = 0;
}

void FlushLog(Log* log) {
  const char* at = log->out;
  size_t left = log->out_size;
  log->out_size = 0;
  const long long before = log->size;
  while (left > 0) {
    const ssize_t written = write(log->fd, at, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      // Full disk: entries are lost, the container goes on. Half an entry must not stay behind.
      if (ftruncate(log->fd, before) == 0) log->size = before;
      break;
    }
    at += written;
    left -= static_cast<size_t>(written);
    log->size += written;
  }
}

void TrimLog(Log* log, LogStream* streams[2]) {
  if (log->out_size == 0) {
    free(log->out);
    log->out = nullptr;
  }
  for (int i = 0; i < 2; i++) {
    if (streams[i]->size > 0) continue;
    free(streams[i]->carry);
    streams[i]->carry = nullptr;
  }
}
