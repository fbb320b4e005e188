// Rebuilds a layer's archive from its metadata (tar-metadata.md) and its files.
#include "kernel/rebuilder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "common/unique_fd.h"
#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/open_in.h"
#include "kernel/tar_header.h"

namespace {

constexpr size_t kChunk = 1 << 20;
constexpr size_t kHeaderSize = 6;

class Rebuilder {
 public:
  Rebuilder(UniqueFd root, std::string metadata)
      : root_(std::move(root)), metadata_(std::move(metadata)), at_(kHeaderSize) {}

  // The next part; empty at the end.
  Failure Read(std::string* out) {
    std::lock_guard lock(mutex_);
    if (failed_) return failed_;
    if (!root_) return Failure{EBADF, "rebuild", {}};
    while (out->size() < kChunk && !ended_) {
      if ((failed_ = Step(out))) return failed_;
    }
    total_ += out->size();
    if (ended_ && total_ != expected_) failed_ = Damaged();
    return failed_;
  }

  void Close() {
    std::lock_guard lock(mutex_);
    file_.reset();
    root_.reset();
  }

 private:
  Failure Damaged() const { return Failure{EBADMSG, "rebuild", "metadata is damaged"}; }

  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64 && at_ < metadata_.size(); shift += 7) {
      uint8_t byte = metadata_[at_++];
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return true;
    }
    return false;
  }

  bool Literal(uint64_t size, std::string* out) {
    if (size > metadata_.size() - at_) return false;
    out->append(metadata_, at_, size);
    at_ += size;
    return true;
  }

  Failure Step(std::string* out) {
    if (zeros_) {
      size_t n = std::min<uint64_t>(zeros_, kChunk);
      out->append(n, '\0');
      zeros_ -= n;
      return {};
    }
    if (file_left_) return FilePart(out);
    if (part_ < parts_.size()) return SparsePart();
    if (at_ >= metadata_.size()) return Damaged();
    uint64_t size = 0;
    switch (metadata_[at_++]) {
      case 'B':
        return Block(out) ? Failure{} : Damaged();
      case 'R':
        return Varint(&size) && Literal(size, out) ? Failure{} : Damaged();
      case 'Z':
        return Varint(&zeros_) ? Failure{} : Damaged();
      case 'F':
        return OpenFile();
      case 'S':
        return OpenSparse();
      case 'E':
        ended_ = Varint(&expected_);
        return ended_ ? Failure{} : Damaged();
      default:
        return Damaged();
    }
  }

  bool Block(std::string* out) {
    for (size_t i = 0; i < kTarBlock;) {
      uint64_t same = 0, differing = 0;
      if (!Varint(&same) || !Varint(&differing)) return false;
      if (same > kTarBlock - i || differing > kTarBlock - i - same) return false;
      if (differing > metadata_.size() - at_ || same + differing == 0) return false;
      i += same;
      for (uint64_t end = i + differing; i < end; i++) last_[i] ^= metadata_[at_++];
    }
    out->append(reinterpret_cast<char*>(last_), kTarBlock);
    return true;
  }

  Failure OpenFile() {
    uint64_t length = 0;
    path_.clear();
    if (!Varint(&file_left_) || !Varint(&length) || !Literal(length, &path_)) return Damaged();
    file_.reset(OpenIn(root_.get(), path_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    struct stat st;
    if (!file_ || fstat(file_.get(), &st) < 0) return Fail("openat2", path_);
    if (!S_ISREG(st.st_mode) || static_cast<uint64_t>(st.st_size) != file_left_) {
      return Failure{ESTALE, "rebuild", path_};
    }
    return {};
  }

  Failure OpenSparse() {
    if (Failure failure = OpenFile()) return failure;
    const uint64_t size = std::exchange(file_left_, 0);
    uint64_t count = 0;
    if (!Varint(&count) || count > (metadata_.size() - at_) / 2) return Damaged();
    parts_.assign(count, {});
    part_ = 0;
    for (auto& [offset, length] : parts_) {
      if (!Varint(&offset) || !Varint(&length)) return Damaged();
      if (length > size || offset > size - length) return Damaged();
    }
    return {};
  }

  Failure SparsePart() {
    auto [offset, length] = parts_[part_++];
    file_left_ = length;
    off_t at = lseek(file_.get(), static_cast<off_t>(offset), SEEK_SET);
    return at < 0 ? Fail("lseek", path_) : Failure{};
  }

  Failure FilePart(std::string* out) {
    size_t start = out->size();
    size_t want = std::min<uint64_t>(file_left_, kChunk);
    out->resize(start + want);
    ssize_t n = Retry([&] { return read(file_.get(), out->data() + start, want); });
    if (n < 0) return Fail("read", path_);
    if (n == 0) return Failure{ESTALE, "rebuild", path_};
    out->resize(start + n);
    file_left_ -= n;
    if (!file_left_ && part_ == parts_.size()) file_.reset();
    return {};
  }

  // `close` may come while a read is under way.
  std::mutex mutex_;
  UniqueFd root_, file_;
  const std::string metadata_;
  size_t at_;
  uint8_t last_[kTarBlock] = {};
  uint64_t zeros_ = 0, file_left_ = 0, total_ = 0, expected_ = 0;
  std::string path_;
  // Of a sparse file: offset and length; the next one.
  std::vector<std::pair<uint64_t, uint64_t>> parts_;
  size_t part_ = 0;
  bool ended_ = false;
  Failure failed_;
};

Napi::Value ReadPart(const Napi::CallbackInfo& info, const std::shared_ptr<Rebuilder>& rebuilder) {
  auto out = std::make_shared<std::string>();
  return RunOnThread(
      info.Env(), [rebuilder, out] { return rebuilder->Read(out.get()); },
      [out](Napi::Env env) -> Napi::Value {
        if (out->empty()) return env.Undefined();
        auto* kept = new std::string(std::move(*out));
        return Napi::Buffer<char>::NewOrCopy(
            env, kept->data(), kept->size(), [](Napi::Env, char*, std::string* s) { delete s; },
            kept);
      });
}

Napi::Value MakeRebuilder(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto o = info[0].As<Napi::Object>();
  std::string dir = Str(o, "dir"), metadata = Bytes(o, "metadata");
  if (metadata.size() < kHeaderSize || memcmp(metadata.data(), "TDTM\1", 5) != 0) {
    return Throw(env, Failure{EBADMSG, "rebuild", "not tar metadata"});
  }
  if (metadata[5] != 0) return Throw(env, Failure{ENODATA, "rebuild", dir});
  UniqueFd root(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root) return Throw(env, Fail("open", dir));
  auto rebuilder = std::make_shared<Rebuilder>(std::move(root), std::move(metadata));
  Napi::Object result = Napi::Object::New(env);
  result["read"] = Napi::Function::New(
      env, [rebuilder](const Napi::CallbackInfo& info) { return ReadPart(info, rebuilder); });
  result["close"] = Napi::Function::New(env, [rebuilder](const Napi::CallbackInfo& info) {
    return RunOnThread(info.Env(), [rebuilder] {
      rebuilder->Close();
      return Failure{};
    });
  });
  return result;
}

}  // namespace

void InitRebuilder(Napi::Env env, Napi::Object exports) {
  exports["layerRebuilder"] = Napi::Function::New(env, MakeRebuilder);
}
