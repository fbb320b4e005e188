#include "kernel/tar_reader.h"

#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <utility>

namespace {

// Of an extended header; what Go allows.
constexpr int64_t kMaxSpecial = 1 << 20;
constexpr int64_t kMaxSize = int64_t{1} << 56;

uint64_t PaddingOf(uint64_t size) { return (kTarBlock - size % kTarBlock) % kTarBlock; }

// Types that have no payload, whatever their size field says.
bool IsHeaderOnly(char type) { return type >= '1' && type <= '6'; }

}  // namespace

Failure TarReader::Bad(const char* what) const {
  return Failure{EBADMSG, "tar", std::string(what) + " at " + std::to_string(total_)};
}

void TarReader::Skip(State state, uint64_t size, uint64_t padding) {
  state_ = state;
  left_ = size;
  padding_ = padding;
}

Failure TarReader::Feed(const uint8_t* data, size_t size) {
  while (size) {
    if (state_ == State::kHeader) {
      size_t n = std::min(kTarBlock - block_.size(), size);
      const uint8_t* block = data;
      bool whole = n == kTarBlock;
      if (!whole) block_.append(reinterpret_cast<const char*>(data), n);
      data += n, size -= n, total_ += n;
      if (!whole && block_.size() < kTarBlock) return {};
      std::string gathered = std::exchange(block_, {});
      if (!whole) block = reinterpret_cast<const uint8_t*>(gathered.data());
      if (Failure failure = HeaderBlock(block)) return failure;
      continue;
    }
    size_t n = state_ == State::kTrailer ? size : std::min<uint64_t>(left_, size);
    if (state_ == State::kSpecial) {
      special_.append(reinterpret_cast<const char*>(data), n);
      metadata_.Bytes(data, n);
    } else if (state_ == State::kPayload && kept_) {
      Failure failure = sparse_ ? SparseData(data, n) : sink_->Data(data, n);
      if (failure) return failure;
    } else {
      waste_ += n;
      if (waste_ > max_waste_) return Failure{EFBIG, "tar", "nothing but filling"};
      metadata_.Waste(data, n);
    }
    data += n, size -= n, total_ += n;
    if (state_ == State::kTrailer) continue;
    left_ -= n;
    if (left_) continue;
    Failure failure;
    if (state_ == State::kPayload) failure = PayloadDone();
    bool goes_on = false;
    if (state_ == State::kSpecial) failure = SpecialDone(&goes_on);
    if (failure) return failure;
    if (goes_on) continue;
    if (state_ != State::kPadding && padding_) {
      Skip(State::kPadding, padding_, 0);
    } else {
      state_ = State::kHeader;
    }
  }
  return {};
}

Failure TarReader::HeaderBlock(const uint8_t* block) {
  if (cancelled_) return Failure{ECANCELED, "tar", {}};
  if (IsZeroBlock(block)) {
    if (pending_) return Bad("extended header without an entry");
    metadata_.Bytes(block, kTarBlock);
    if (std::exchange(zero_seen_, true)) state_ = State::kTrailer;
    return {};
  }
  if (zero_seen_) return Bad("data after a zero block");
  TarHeader header;
  if (!ParseTarBlock(block, &header)) return Bad("invalid header");
  metadata_.Block(block);
  memcpy(raw_, block, kTarBlock);
  switch (header.type) {
    case 'x':
    case 'g':
    case 'L':
    case 'K':
      return StartSpecial(header);
    default:
      return StartEntry(std::move(header));
  }
}

Failure TarReader::StartSpecial(const TarHeader& header) {
  if (header.size < 0 || header.size > kMaxSpecial) return Bad("oversized extended header");
  special_type_ = header.type;
  special_.clear();
  if (header.type != 'g') pending_ = true;
  bool goes_on = false;
  if (header.size == 0) return SpecialDone(&goes_on);
  Skip(State::kSpecial, header.size, PaddingOf(header.size));
  return {};
}

Failure TarReader::SpecialDone(bool* goes_on) {
  if (sparse_) return SparseMapDone(goes_on);
  PaxRecords records;
  switch (special_type_) {
    case 'L':
      long_name_ = ParseLongName(special_);
      break;
    case 'K':
      long_link_ = ParseLongName(special_);
      break;
    default:
      if (!ParsePax(special_, &records)) return Bad("invalid pax record");
      // Global headers are read over, as moby does.
      if (special_type_ == 'x') pax_ = std::move(records);
  }
  special_.clear();
  return {};
}

Failure TarReader::StartEntry(TarHeader header) {
  PaxRecords records = std::exchange(pax_, {});
  if (!ApplyPax(records, &header)) return Bad("invalid pax value");
  bool sparse = header.type == 'S' || SparseKind(records) != PaxSparse::kNo;
  if (sparse && IsHeaderOnly(header.type)) return Bad("sparse file without content");
  if (!long_name_.empty()) header.name = std::exchange(long_name_, {});
  if (!long_link_.empty()) header.link = std::exchange(long_link_, {});
  pending_ = false;
  if (IsHeaderOnly(header.type)) header.size = 0;
  if (header.size < 0 || header.size > kMaxSize) return Bad("invalid size");
  if (sparse) return StartSparse(std::move(header), records);
  // Before ustar, directories were files with a slash; contiguous files are files.
  if (header.type == '\0') header.type = header.name.ends_with('/') ? '5' : '0';
  if (header.type == '7') header.type = '0';
  if (header.type != '0' && !IsHeaderOnly(header.type)) {
    return Failure{EOPNOTSUPP, "tar", std::string("type ") + header.type + " of " + header.name};
  }
  return Deliver(std::move(header));
}

Failure TarReader::Deliver(TarHeader header) {
  std::string stored;
  if (Failure failure = sink_->Begin(header, &stored)) return failure;
  kept_ = !stored.empty();
  uint64_t size = header.size;
  if (size == 0) return PayloadDone();
  if (kept_) metadata_.File(stored, size);
  Skip(State::kPayload, size, PaddingOf(size));
  return {};
}

// ---- sparse files ----

Failure TarReader::StartSparse(TarHeader header, const PaxRecords& records) {
  auto record = [&](const char* key) {
    auto found = records.find(key);
    return found == records.end() ? std::string() : found->second;
  };
  sparse_ = true;
  map_.clear();
  sparse_left_ = header.size;
  bool old = header.type == 'S', more = false;
  bool inside = !old && SparseKind(records) == PaxSparse::kInside;
  if (old) {
    header.size = SparseSize(raw_);
    if (!ParseSparseBlock(raw_, true, &map_, &more)) return Bad("invalid sparse map");
  } else {
    std::string name = record("GNU.sparse.name"), size = record("GNU.sparse.realsize");
    if (size.empty()) size = record("GNU.sparse.size");
    if (!name.empty()) header.name = name;
    if (size.find_first_not_of("0123456789") != std::string::npos) return Bad("invalid size");
    if (!size.empty()) header.size = strtoll(size.c_str(), nullptr, 10);
    std::string list = record("GNU.sparse.map"), count = record("GNU.sparse.numblocks");
    if (!inside && !ParseSparseList(list, count, &map_)) return Bad("invalid sparse map");
  }
  if (header.size < 0 || header.size > kMaxSize) return Bad("invalid size");
  header.type = '0';
  sparse_header_ = std::move(header);
  special_.clear();
  special_type_ = old ? 'S' : 'M';
  if (more || inside) {
    Skip(State::kSpecial, kTarBlock, 0);
    return {};
  }
  bool goes_on = false;
  special_type_ = 0;
  return SparseMapDone(&goes_on);
}

// A block of the map is there, or (without a type) all of it.
Failure TarReader::SparseMapDone(bool* goes_on) {
  bool more = false;
  if (special_type_ == 'S') {
    auto* block = reinterpret_cast<const uint8_t*>(special_.data());
    if (!ParseSparseBlock(block, false, &map_, &more)) return Bad("invalid sparse map");
    special_.clear();
  } else if (special_type_ == 'M') {
    if (sparse_left_ < kTarBlock || special_.size() > kMaxSpecial) {
      return Bad("invalid sparse map");
    }
    sparse_left_ -= kTarBlock;
    bool whole = false;
    if (!ParseSparseText(special_, &map_, &whole)) return Bad("invalid sparse map");
    more = !whole;
  }
  *goes_on = true;
  if (more) {
    Skip(State::kSpecial, kTarBlock, 0);
    return {};
  }
  special_.clear();
  uint64_t end = 0, total = 0, size = sparse_header_.size;
  for (auto [offset, length] : map_) {
    if (offset < end || length > size || offset > size - length) return Bad("invalid sparse map");
    end = offset + length;
    total += length;
  }
  if (total != sparse_left_) return Bad("invalid sparse map");
  std::string stored;
  if (Failure failure = sink_->Begin(sparse_header_, &stored)) return failure;
  kept_ = !stored.empty();
  if (kept_) metadata_.SparseFile(stored, size, map_);
  part_ = 0;
  content_at_ = 0;
  *goes_on = sparse_left_ > 0;
  Skip(State::kPayload, sparse_left_, PaddingOf(sparse_left_));
  if (sparse_left_) return {};
  state_ = State::kHeader;
  return PayloadDone();
}

Failure TarReader::SparseData(const uint8_t* data, size_t size) {
  while (size) {
    while (part_ < map_.size() && content_at_ >= map_[part_].first + map_[part_].second) part_++;
    if (part_ == map_.size()) return Bad("invalid sparse map");
    auto [offset, length] = map_[part_];
    if (content_at_ < offset) {
      if (Failure failure = sink_->Hole(offset - content_at_)) return failure;
      content_at_ = offset;
    }
    size_t n = std::min<uint64_t>(size, offset + length - content_at_);
    if (Failure failure = sink_->Data(data, n)) return failure;
    content_at_ += n;
    data += n;
    size -= n;
  }
  return {};
}

Failure TarReader::PayloadDone() {
  uint64_t size = sparse_header_.size;
  bool kept = std::exchange(kept_, false);
  if (std::exchange(sparse_, false) && kept && content_at_ < size) {
    if (Failure failure = sink_->Hole(size - content_at_)) return failure;
  }
  return kept ? sink_->End() : Failure{};
}

Failure TarReader::Finish(std::string* metadata) {
  // As Go does, an end without zero blocks is accepted, and one that lacks only padding.
  bool whole = state_ == State::kTrailer || state_ == State::kPadding ||
               (state_ == State::kHeader && block_.empty());
  if (!whole || pending_) return Bad("unexpected end of archive");
  *metadata = metadata_.Finish(total_);
  return {};
}
