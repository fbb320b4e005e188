#pragma once
// Unpacks an archive into a directory of a tree that others may change meanwhile: every step goes
// through a descriptor that was answered below that directory.
#include <time.h>

#include <map>
#include <string>
#include <utility>

#include "common/unique_fd.h"
#include "kernel/tar_reader.h"

class LiveWriter : public TarSink {
 public:
  struct Options {
    // EISDIR and ENOTDIR (system call "overwrite") instead of replacing directories by others and
    // the other way round.
    bool keep_kind = false;
    // Owner of everything; negative: the archive's.
    int64_t uid = -1, gid = -1;
  };

  LiveWriter(UniqueFd dest, Options options) : dest_(std::move(dest)), options_(options) {}

  Failure Begin(const TarHeader& header, std::string* stored) override;
  Failure Data(const uint8_t* data, size_t size) override;
  Failure Hole(uint64_t size) override;
  Failure End() override;
  // Sets the directories' times, which later entries would have changed.
  Failure Finish();
  // Gives the descriptors back; nothing may be written any more.
  void Close();

 private:
  struct Place {
    // Cleaned, relative to the destination; `name` is its last component.
    std::string path, parent_path, name;
    int parent = -1;
  };

  Failure OpenParent(Place* place);
  Failure MakeParents(const std::string& path, UniqueFd* result);
  Failure GiveWay(const Place& place, char type);
  Failure MakeFile(const Place& place);
  Failure MakeDirectory(const Place& place);
  Failure MakeNode(const Place& place);
  Failure MakeLink(const Place& place);
  Failure OpenMade(const Place& place, UniqueFd* made);
  Failure SetMetadata(int made, bool is_link);
  Failure SetTimes(const Place& place, int made, bool is_link);

  UniqueFd dest_;
  const Options options_;
  TarHeader header_;
  UniqueFd file_;
  // The last parent, as the next entry mostly has the same.
  std::string cached_path_;
  UniqueFd cached_;
  std::map<std::string, timespec> dir_times_;
  // Bytes of names that are kept until the end.
  size_t remembered_ = 0;
};
