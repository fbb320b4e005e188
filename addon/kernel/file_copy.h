#pragma once
// Copies of single files, from one descriptor to another.
#include <sys/stat.h>

#include <string>

#include "common/errno_result.h"

// Owner, mode, xattrs and times of `from`, whose stat is `st`, to `to`.
Failure CopyMetadata(int from, int to, const struct stat& st);

// A new regular file `name` in `dir` with content and metadata of `from`, which must be readable.
// EEXIST when there is something.
Failure CopyFile(int from, int dir, const std::string& name);
