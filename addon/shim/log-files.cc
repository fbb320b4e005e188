#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "shim/log.h"
#include "shim/monitor.h"
#include "shim/text.h"

namespace {

constexpr int kDigits = 20;
constexpr int64_t kTellEveryMs = 200;
using Path = Text<4096>;

int OpenForAppend(const char* path, int flags) {
  return open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
}

// path → path.1 → … → path.(max_file-1); files the daemon has compressed move along.
void Shift(const Log* log, int from, int to, const char* suffix) {
  Path source, target;
  source.Add(log->path);
  if (from > 0) source.Add(".").Add(from);
  source.Add(suffix);
  target.Add(log->path).Add(".").Add(to).Add(suffix);
  rename(source.data(), target.data());
}

int RotateNumbered(const Log* log) {
  if (log->max_file > 1) {
    Path last;
    last.Add(log->path).Add(".").Add(log->max_file - 1);
    unlink(last.data());
    unlink(last.Add(".gz").data());
    for (int i = log->max_file - 2; i >= 1; i--) {
      Shift(log, i, i + 1, "");
      Shift(log, i, i + 1, ".gz");
    }
    Shift(log, 0, 1, "");
  } else {
    // Not emptied in its place: who follows it would not see that.
    unlink(log->path);
  }
  return OpenForAppend(log->path, O_TRUNC);
}

void SegmentPath(const Log* log, long long start, Path* path) {
  char digits[kDigits + 1];
  for (int i = kDigits - 1; i >= 0; i--, start /= 10)
    digits[i] = static_cast<char>('0' + start % 10);
  digits[kDigits] = 0;
  path->Add(log->path).Add(".").Add(digits);
}

int OpenSegmentAt(const Log* log, long long start) {
  Path path;
  SegmentPath(log, start, &path);
  return OpenForAppend(path.data(), 0);
}

// The place that `name` says, when it is a segment of this log, compressed or not; else -1.
long long StartOf(const char* name, const char* base, size_t base_size) {
  if (strncmp(name, base, base_size) != 0 || name[base_size] != '.') return -1;
  const char* at = name + base_size + 1;
  long long start = 0;
  for (int i = 0; i < kDigits; i++) {
    if (at[i] < '0' || at[i] > '9') return -1;
    start = start * 10 + (at[i] - '0');
  }
  return at[kDigits] == 0 || strcmp(at + kDigits, ".gz") == 0 ? start : -1;
}

struct Starts {
  long long* list = nullptr;
  size_t count = 0;
  size_t capacity = 0;

  ~Starts() { free(list); }

  // Kept sorted; both forms of one segment are one.
  void Insert(long long start) {
    size_t at = count;
    while (at > 0 && list[at - 1] > start) at--;
    if (at > 0 && list[at - 1] == start) return;
    if (count == capacity) {
      capacity = capacity == 0 ? 16 : capacity * 2;
      void* grown = realloc(list, capacity * sizeof *list);
      if (grown == nullptr) return;
      list = static_cast<long long*>(grown);
    }
    memmove(list + at + 1, list + at, (count - at) * sizeof *list);
    list[at] = start;
    count++;
  }
};

void ListSegments(const Log* log, Starts* starts) {
  const char* slash = strrchr(log->path, '/');
  if (slash == nullptr) return;
  Path directory;
  directory.Add(log->path);
  const_cast<char*>(directory.data())[slash - log->path] = 0;
  DIR* entries = opendir(directory.data());
  if (entries == nullptr) return;
  const size_t base_size = strlen(slash + 1);
  while (const dirent* entry = readdir(entries)) {
    const long long start = StartOf(entry->d_name, slash + 1, base_size);
    if (start >= 0) starts->Insert(start);
  }
  closedir(entries);
}

// Not each time: tiny files must not fill the pipe that other notices come by.
void TellRotated() {
  static int64_t last_ms = -kTellEveryMs;
  const int64_t now_ms = NowMs();
  if (now_ms - last_ms < kTellEveryMs) return;
  last_ms = now_ms;
  Notify("rotated\n", 8);
}

}  // namespace

int OpenSegment(Log* log) {
  log->fd = OpenSegmentAt(log, log->start);
  return log->fd < 0 ? errno : 0;
}

void PruneSegments(Log* log) {
  Starts starts;
  ListSegments(log, &starts);
  log->excess = false;
  for (size_t i = 0; i + static_cast<size_t>(log->max_file) < starts.count; i++) {
    // It ends where the next one begins.
    if (log->backlog >= 0 && starts.list[i + 1] > log->confirmed) {
      log->excess = true;
      return;
    }
    Path path;
    SegmentPath(log, starts.list[i], &path);
    unlink(path.data());
    unlink(path.Add(".gz").data());
  }
}

void RotateLog(Log* log) {
  const long long next = log->start + log->size;
  const int fresh = log->segmented ? OpenSegmentAt(log, next) : RotateNumbered(log);
  if (fresh < 0) return;  // go on in the old one rather than lose output
  close(log->fd);
  log->fd = fresh;
  log->size = 0;
  if (log->segmented) {
    log->start = next;
    PruneSegments(log);
  }
  TellRotated();
}

int SwapLog(const Log* log, unsigned long long inode, const char* replacement) {
  for (int i = 1; i < log->max_file; i++) {
    Path path;
    path.Add(log->path).Add(".").Add(i);
    struct stat st;
    if (stat(path.data(), &st) != 0 || st.st_ino != inode) continue;
    Path target;
    target.Add(path.data()).Add(".gz");
    if (rename(replacement, target.data()) != 0) return errno;
    // Between the two, readers prefer the plain one.
    unlink(path.data());
    return 0;
  }
  return ENOENT;
}
