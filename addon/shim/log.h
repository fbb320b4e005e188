#pragma once
#include <cstddef>
#include <cstdint>

// moby's copier hands the log driver at most this much of a line at a time.
constexpr size_t kLogLineMax = 16384;

// The unfinished line of one output stream.
struct LogStream {
  const char* name = "stdout";
  char* carry = nullptr;  // kLogLineMax bytes, allocated when first needed
  size_t size = 0;
  bool continues = false;  // an earlier part of this line is in the log already
  char first_time[40] = {0};
};

// The container's json-file log, in moby's format. No field is touched by others than log.cc.
struct Log {
  int fd = -1;
  const char* path = "";
  const char* attrs = "";
  long long max_size = -1;
  int max_file = 1;
  long long size = 0;
  char* out = nullptr;
  size_t out_size = 0;
};

// Opens the file; 0 or errno.
int OpenLog(Log* log);
// Adds what the container wrote. Entries are gathered; FlushLog writes them.
void AppendLog(Log* log, LogStream* stream, const char* bytes, size_t count);
// Logs an unfinished line at the stream's end.
void EndLogStream(Log* log, LogStream* stream);
void FlushLog(Log* log);
// Gives buffers back that an idle container does not need.
void TrimLog(Log* log, LogStream* streams[2]);

// escape.cc: the JSON string, with quotes, as moby's encoder writes it. `out` has room for
// kEscapeMax(count) bytes; returns what was written.
constexpr size_t kEscapeMax(size_t count) { return 6 * count + 2; }
size_t EscapeJson(char* out, const char* bytes, size_t count, bool newline);
