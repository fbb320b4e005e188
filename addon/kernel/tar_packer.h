#pragma once
// A tar of a tree that others may change meanwhile. Walked by descriptors: links are never
// followed, devices and fifos never opened, and what vanishes is left out.
#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/errno_result.h"
#include "common/unique_fd.h"
#include "kernel/layer_view.h"

// A part of an archive.
struct TarPart {
  // `lead` bytes before it and `trail` behind it are the caller's.
  TarPart(size_t lead, size_t most, size_t trail)
      : own(new char[lead + most + trail]), data(own.get()), size(lead), capacity(lead + most) {}
  // In memory of somebody else, who keeps it.
  TarPart(char* memory, size_t most) : data(memory), size(0), capacity(most) {}
  std::unique_ptr<char[]> own;
  char* const data;
  size_t size;
  const size_t capacity;
};

class TarPacker {
 public:
  // Packs what `pinned` (O_PATH) is, a directory with all below it. `name` is its name in the
  // archive; with `bare`, a directory itself is left out and its entries have no prefix.
  TarPacker(UniqueFd pinned, std::string name, bool bare)
      : base_(std::move(pinned)), name_(std::move(name)), bare_(bare) {}

  // Fills the part; nothing is added at the end of the archive.
  Failure Read(TarPart* part);
  // The tree is a container's upper directory, and the archive is to be a layer.
  void PackLayer(std::unique_ptr<LayerView> layer) { layer_ = std::move(layer); }
  // From any thread: a read ends soon, with ECANCELED.
  void Cancel() { cancelled_ = true; }
  // After a cancel: gives the descriptors back.
  void Close();

 private:
  struct Level {
    // Sorted backwards.
    std::vector<std::string> names;
    size_t path_length;
    dev_t device;
    ino_t inode;
    // The directory's header while nothing in it has been packed.
    std::string held;
  };

  Failure Start();
  Failure Next();
  bool OpenLevel();
  // One entry from its O_PATH descriptor; `name` is its name in the archive.
  void Pack(UniqueFd pinned, const std::string& name);
  bool Describe(int pinned, const struct stat& st, struct TarHeader* header);
  void Emit(const struct TarHeader& header);
  bool PackFile(int pinned, const struct stat& st, struct TarHeader* header);
  void Enter(int pinned, const struct stat& st, std::string held);
  void CopyPending(TarPart* part);
  Failure CopyFile(TarPart* part);
  void FillZeros(TarPart* part);

  std::unique_ptr<LayerView> layer_;
  UniqueFd base_;
  const std::string name_;
  const bool bare_;
  std::atomic<bool> cancelled_ = false;
  bool started_ = false, ended_ = false;
  std::vector<Level> levels_;
  // Of the innermost level; reopened by path after its subdirectories.
  UniqueFd dir_;
  // Of the innermost level, relative to base.
  std::string path_;
  // Header on its way out, then `file_left_` bytes of the file, then zeros.
  std::string pending_;
  size_t pending_at_ = 0;
  UniqueFd file_;
  uint64_t file_left_ = 0, zeros_ = 0;
  // First names of files with several.
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};
