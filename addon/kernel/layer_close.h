#pragma once
#include <string>
#include <utility>
#include <vector>

#include "common/errno_result.h"

struct LayerOpenEnds {
  // Directories made without an entry of their own.
  std::vector<std::string> implicit_dirs;
  // Hard links whose target lies in a layer below: path, target.
  std::vector<std::pair<std::string, std::string>> links;
};

// Gives the layer in `dir` what it takes from the layers below, topmost first, as overlay merges
// them: whiteouts and opaque directories hide what is under them.
Failure CloseLayer(const std::string& dir, const std::vector<std::string>& lowers,
                   const LayerOpenEnds& ends);
