#pragma once
// What of a container's upper directory is a change worth a layer, and how overlay's marks are
// written in one (OCI image spec, layer.md).
#include <sys/stat.h>

#include <set>
#include <string>
#include <vector>

#include "common/unique_fd.h"
#include "kernel/tar_header.h"

class LayerView {
 public:
  // `lower` is the root of the tree below; `stubs` are absolute paths that the engine makes in
  // every container to mount something on.
  LayerView(UniqueFd lower, const std::vector<std::string>& stubs);

  enum class Fate {
    kPack,
    kSkip,
    // A directory that counts only if something in it does.
    kHold
  };
  // Of an entry by its path in the layer (relative); `pinned` is O_PATH.
  Fate Judge(const std::string& path, int pinned, const struct stat& st) const;

  static bool IsWhiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }
  // Turns the header of overlay's whiteout into the archive's.
  static void SetWhiteout(TarHeader* header);
  static bool IsOpaque(int pinned);
  // The entry in a directory that hides what the layers below have in it.
  static TarHeader OpaqueMark(const TarHeader& directory);
  // Those of users; the engine's own and the kernel's stay here.
  static void AddUserXattrs(int pinned, TarHeader* header);

 private:
  bool StatLower(const std::string& path, struct stat* st) const;

  UniqueFd lower_;
  std::set<std::string> stubs_, parents_;
};
