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

// The container's log, in moby's json-file format. No field is touched by others than log.cc and
// log-files.cc.
struct Log {
  int fd = -1;
  const char* path = "";
  const char* attrs = "";
  long long max_size = -1;
  int max_file = 1;
  long long size = 0;  // of the current file
  char* out = nullptr;
  size_t out_size = 0;

  // json-file: `path`, `path.1` …, names that shift. Else each file is named for good by where it
  // begins in the stream of all bytes ever logged, `path.` and 20 digits.
  bool segmented = false;
  long long start = 0;  // of the current file in that stream
  // Bytes that may wait for the daemon to send them elsewhere; -1: nobody sends them.
  long long backlog = -1;
  long long sent = 0;       // handed to the connection
  long long confirmed = 0;  // not needed again: files that end before may go
  bool excess = false;      // more files than there should be wait for that
};

// Opens the file; 0 or errno.
int OpenLog(Log* log);
// True while so much waits to be sent that the container must wait, too.
bool LogLags(const Log* log);
// The daemon has sent, and will not ask again for, what lies before these places.
void AcknowledgeLog(Log* log, long long sent, long long confirmed);
// Puts a compressed copy in the place of the rotated file with this inode; 0 or errno.
int SwapLog(const Log* log, unsigned long long inode, const char* replacement);

// log-files.cc: begins a new file.
void RotateLog(Log* log);
// Opens the current file of a segmented log.
int OpenSegment(Log* log);
// Removes files over the limit that nobody needs any more.
void PruneSegments(Log* log);
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
