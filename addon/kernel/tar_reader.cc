#include "kernel/tar_reader.h"

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
      if (Failure failure = sink_->Data(data, n)) return failure;
    } else {
      metadata_.Waste(data, n);
    }
    data += n, size -= n, total_ += n;
    if (state_ == State::kTrailer) continue;
    left_ -= n;
    if (left_) continue;
    Failure failure;
    if (state_ == State::kPayload) failure = PayloadDone();
    if (state_ == State::kSpecial) failure = SpecialDone();
    if (failure) return failure;
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
  if (header.size == 0) return SpecialDone();
  Skip(State::kSpecial, header.size, PaddingOf(header.size));
  return {};
}

Failure TarReader::SpecialDone() {
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
  bool sparse = header.type == 'S';
  bool good = ApplyPax(std::exchange(pax_, {}), &header, &sparse);
  if (!good) return Bad("invalid pax value");
  if (!long_name_.empty()) header.name = std::exchange(long_name_, {});
  if (!long_link_.empty()) header.link = std::exchange(long_link_, {});
  pending_ = false;
  if (IsHeaderOnly(header.type)) header.size = 0;
  if (header.size < 0 || header.size > kMaxSize) return Bad("invalid size");
  if (sparse) return Failure{EOPNOTSUPP, "tar", "sparse file " + header.name};
  // Before ustar, directories were files with a slash; contiguous files are files.
  if (header.type == '\0') header.type = header.name.ends_with('/') ? '5' : '0';
  if (header.type == '7') header.type = '0';
  if (header.type != '0' && !IsHeaderOnly(header.type)) {
    return Failure{EOPNOTSUPP, "tar", std::string("type ") + header.type + " of " + header.name};
  }
  std::string stored;
  if (Failure failure = sink_->Begin(header, &stored)) return failure;
  kept_ = !stored.empty();
  uint64_t size = header.size;
  if (size == 0) return PayloadDone();
  if (kept_) metadata_.File(stored, size);
  Skip(State::kPayload, size, PaddingOf(size));
  return {};
}

Failure TarReader::PayloadDone() { return std::exchange(kept_, false) ? sink_->End() : Failure{}; }

Failure TarReader::Finish(std::string* metadata) {
  // As Go does, an end without zero blocks is accepted, and one that lacks only padding.
  bool whole = state_ == State::kTrailer || state_ == State::kPadding ||
               (state_ == State::kHeader && block_.empty());
  if (!whole || pending_) return Bad("unexpected end of archive");
  *metadata = metadata_.Finish(total_);
  return {};
}
