#pragma once
#include <string>

#include "common/errno_result.h"

// A path by which this process's children execute a sealed copy in memory of the file `path`. Made
// once for each path; answers `path` itself where the kernel refuses executable memfds.
//
// A process that is about to become a container's is, for a moment inside the container, a process
// of this file: through /proc/PID/exe a hostile container could keep it open and overwrite it later
// (CVE-2019-5736). Nobody can write to a sealed copy, and all shims share its pages.
Failure SealedExecutable(const std::string& path, std::string* sealed);
