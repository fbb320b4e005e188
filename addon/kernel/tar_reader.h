#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "common/errno_result.h"
#include "kernel/tar_header.h"
#include "kernel/tar_metadata.h"

// Who takes the entries.
class TarSink {
 public:
  virtual ~TarSink() = default;
  // An entry begins. `stored` stays empty when its payload is not kept, else it becomes the path
  // its payload is found under.
  virtual Failure Begin(const TarHeader& header, std::string* stored) = 0;
  // A part of the payload; only when it is kept.
  virtual Failure Data(const uint8_t* data, size_t size) = 0;
  // The next `size` bytes of the payload are a hole.
  virtual Failure Hole(uint64_t size) = 0;
  // The payload is complete.
  virtual Failure End() = 0;
};

// A streaming reader of tar archives: v7, ustar, pax, star, GNU. Accepts what Go's archive/tar
// accepts, EBADMSG otherwise; EOPNOTSUPP for unknown types.
class TarReader {
 public:
  explicit TarReader(TarSink* sink) : sink_(sink) {}
  Failure Feed(const uint8_t* data, size_t size);
  // EFBIG for an archive that goes on for more than `bytes` of what is no content: entries that are
  // skipped, padding, and whatever follows its end.
  void LimitWaste(uint64_t bytes) { max_waste_ = bytes; }
  // The archive is over. `metadata` as in tar-metadata.md.
  Failure Finish(std::string* metadata);
  // From any thread: the next entry fails with ECANCELED.
  void Cancel() { cancelled_ = true; }
  TarMetadataWriter* metadata() { return &metadata_; }

 private:
  static constexpr uint64_t kMaxWaste = uint64_t{16} << 30;
  enum class State { kHeader, kSpecial, kPayload, kPadding, kTrailer };

  Failure HeaderBlock(const uint8_t* block);
  Failure StartEntry(TarHeader header);
  Failure StartSpecial(const TarHeader& header);
  Failure SpecialDone(bool* goes_on);
  Failure Deliver(TarHeader header);
  Failure StartSparse(TarHeader header, const PaxRecords& records);
  Failure SparseMapDone(bool* goes_on);
  Failure SparseData(const uint8_t* data, size_t size);
  Failure PayloadDone();
  void Skip(State state, uint64_t size, uint64_t padding);
  Failure Bad(const char* what) const;

  TarSink* sink_;
  TarMetadataWriter metadata_;
  State state_ = State::kHeader;
  std::string block_;
  uint64_t left_ = 0, padding_ = 0, total_ = 0;
  uint64_t waste_ = 0, max_waste_ = kMaxWaste;
  bool kept_ = false, zero_seen_ = false;
  // Extended headers for the entry to come.
  char special_type_ = 0;
  std::string special_, long_name_, long_link_;
  PaxRecords pax_;
  bool pending_ = false;
  std::atomic<bool> cancelled_ = false;
  // Of a sparse file: its header, its map, how much of the archive's payload is behind the map, and
  // how far its content is written.
  bool sparse_ = false;
  TarHeader sparse_header_;
  SparseMap map_;
  uint64_t sparse_left_ = 0, content_at_ = 0;
  size_t part_ = 0;
  uint8_t raw_[kTarBlock] = {};
};
