#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/unique_fd.h"
#include "kernel/tar_reader.h"

// Writes the entries of one layer's archive below a directory, with overlay's whiteouts.
//
// The archive is hostile. Names are cleaned by text first; what is left is resolved below the
// layer's directory by OpenIn, so that no link made earlier leads out; the last component is only
// ever created (O_EXCL, mkdirat, mknodat, symlinkat, linkat) or acted on through the descriptor
// that creating it gave.
class LayerWriter : public TarSink {
 public:
  struct Limits {
    // Of files; of entries and of directories that no entry made.
    int64_t bytes, entries;
  };
  struct Result {
    int64_t bytes = 0, entries = 0;
    std::vector<std::string> implicit_dirs;
    std::vector<std::pair<std::string, std::string>> open_links;
  };

  LayerWriter(UniqueFd root, Limits limits) : root_(std::move(root)), limits_(limits) {}
  // Where the loss of a file's content is told to.
  void set_metadata(TarMetadataWriter* metadata) { metadata_ = metadata; }

  Failure Begin(const TarHeader& header, std::string* stored) override;
  Failure Data(const uint8_t* data, size_t size) override;
  Failure Hole(uint64_t size) override;
  Failure End() override;
  // Sets the directories' times, which later entries would have changed.
  Failure Finish(Result* result);
  // Gives the descriptors back; nothing may be written any more.
  void Close();

 private:
  struct Place {
    // Cleaned, relative to the layer; `name` is its last component.
    std::string path, parent_path, name;
    int parent = -1;
  };
  struct Times {
    int64_t seconds;
    int32_t ns;
  };

  Failure Count(const std::string& name);
  Failure Remember(const std::string& path);
  Failure OpenParent(Place* place);
  UniqueFd OpenFromCached(const std::string& path) const;
  Failure MakeParents(const std::string& path, UniqueFd* result);
  Failure MakeImplicit(int dir, const std::string& name, const std::string& path);
  Failure RemoveOld(const Place& place, bool* whiteout);
  Failure Make(const Place& place, const TarHeader& header, std::string* stored);
  Failure MakeFile(const Place& place, const TarHeader& header, std::string* stored);
  Failure MakeDirectory(const Place& place, const TarHeader& header);
  Failure MakeNode(const Place& place, const TarHeader& header);
  Failure MakeLink(const Place& place, const TarHeader& header);
  Failure MakeWhiteout(const Place& place, const TarHeader& header);
  Failure MakeOpaque(const Place& place);

  UniqueFd root_;
  Limits limits_;
  TarMetadataWriter* metadata_ = nullptr;
  Result result_;
  int64_t made_ = 0;
  // Bytes of names that are kept until the end.
  size_t remembered_ = 0;
  // The file being written, and its entry.
  UniqueFd file_;
  TarHeader header_;
  // The last parent, as the next entry mostly has the same.
  std::string cached_path_;
  UniqueFd cached_;
  bool cache_holds_ = false;
  std::map<std::string, Times> dir_times_;
  std::set<std::string> implicit_;
  std::map<std::string, std::string> open_links_;
};
