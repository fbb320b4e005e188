#pragma once
// Whole trees, walked by descriptors: links are never followed, depth is not limited by PATH_MAX
// nor by the number of descriptors.
#include <cstdint>
#include <string>
#include <vector>

#include "common/errno_result.h"

struct TreeTotals {
  int64_t bytes = 0;
  int64_t entries = 0;
};

// Removes `path` and what is below it. What somebody else removes meanwhile is no error. Goes on
// after an entry that cannot be removed and answers the first failure.
Failure RemoveTree(const std::string& path);
Failure RemoveTreeAt(int dir, const std::string& name);

// Allocated bytes and entries below `path`, on its file system; hard links count once.
Failure MeasureTree(const std::string& path, TreeTotals* totals);

// Copies what is in directory `source` into directory `dest`, and source's own metadata to dest.
// Bytes: of regular files' content.
Failure CopyTree(int source, int dest, TreeTotals* totals);

struct DirEntry {
  std::string name;
  // DT_* of readdir(3), DT_UNKNOWN where the file system does not tell.
  unsigned char type;
};

// All entries but `.` and `..`. `dir` must be readable; its offset is moved.
Failure ListDir(int dir, std::vector<DirEntry>* entries);
