#include "kernel/decompressor.h"

#include <dlfcn.h>

#include <algorithm>
#include <climits>

#include "kernel/args.h"
#include "kernel/async.h"
#include "kernel/binding.h"

namespace {

constexpr size_t kPart = 1 << 20;

Failure Damaged() { return Failure{EBADMSG, "decompress", {}}; }

template <typename Function>
bool Load(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(library ? dlsym(library, name) : nullptr);
  return *function != nullptr;
}

// ---- xz: the stable ABI of liblzma 5 (lzma/base.h, lzma/container.h) ----

struct LzmaStream {
  const uint8_t* next_in;
  size_t avail_in;
  uint64_t total_in;
  uint8_t* next_out;
  size_t avail_out;
  uint64_t total_out;
  const void* allocator;
  void* internal;
  void* reserved_pointers[4];
  uint64_t reserved_longs[2];
  size_t reserved_sizes[2];
  int reserved_enums[2];
};

struct Lzma {
  int (*stream_decoder)(LzmaStream*, uint64_t memory_limit, uint32_t flags);
  int (*code)(LzmaStream*, int action);
  void (*end)(LzmaStream*);
  bool loaded = false;

  Lzma() {
    void* library = dlopen("liblzma.so.5", RTLD_NOW | RTLD_LOCAL);
    loaded = Load(library, "lzma_stream_decoder", &stream_decoder) &&
             Load(library, "lzma_code", &code) && Load(library, "lzma_end", &end);
  }
};

const Lzma& TheLzma() {
  static const Lzma lzma;
  return lzma;
}

class XzDecompressor : public Decompressor {
 public:
  // As much as `xz -9` needs, four times over.
  static constexpr uint64_t kMemory = 256 << 20;
  static constexpr uint32_t kConcatenated = 8;
  enum { kRun = 0, kFinish = 3 };
  enum { kOk = 0, kStreamEnd = 1, kBufferError = 10 };

  ~XzDecompressor() override { TheLzma().end(&stream_); }

  bool Init() { return TheLzma().stream_decoder(&stream_, kMemory, kConcatenated) == kOk; }

  Failure Step(const uint8_t** in, size_t* in_left, uint8_t** out, size_t* out_left) override {
    stream_.next_in = *in;
    stream_.avail_in = *in_left;
    stream_.next_out = *out;
    stream_.avail_out = *out_left;
    int result = TheLzma().code(&stream_, kRun);
    *in = stream_.next_in;
    *in_left = stream_.avail_in;
    *out = stream_.next_out;
    *out_left = stream_.avail_out;
    return result == kOk || result == kStreamEnd || result == kBufferError ? Failure{} : Damaged();
  }

  bool Whole() const override {
    LzmaStream stream = stream_;
    uint8_t none;
    stream.avail_in = 0;
    stream.next_out = &none;
    stream.avail_out = 1;
    return TheLzma().code(&stream, kFinish) == kStreamEnd;
  }

 private:
  LzmaStream stream_ = {};
};

// ---- bzip2: the ABI of libbz2 1.0 (bzlib.h) ----

struct BzStream {
  char* next_in;
  unsigned avail_in, total_in_low, total_in_high;
  char* next_out;
  unsigned avail_out, total_out_low, total_out_high;
  void* state;
  void* allocate;
  void* release;
  void* opaque;
};

struct Bz2 {
  int (*init)(BzStream*, int verbosity, int small);
  int (*decompress)(BzStream*);
  int (*end)(BzStream*);
  bool loaded = false;

  Bz2() {
    void* library = dlopen("libbz2.so.1.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen("libbz2.so.1", RTLD_NOW | RTLD_LOCAL);
    loaded = Load(library, "BZ2_bzDecompressInit", &init) &&
             Load(library, "BZ2_bzDecompress", &decompress) &&
             Load(library, "BZ2_bzDecompressEnd", &end);
  }
};

const Bz2& TheBz2() {
  static const Bz2 bz2;
  return bz2;
}

class Bzip2Decompressor : public Decompressor {
 public:
  enum { kOk = 0, kStreamEnd = 4 };

  ~Bzip2Decompressor() override { Close(); }

  bool Init() { return open_ = TheBz2().init(&stream_, 0, 0) == kOk; }

  Failure Step(const uint8_t** in, size_t* in_left, uint8_t** out, size_t* out_left) override {
    // Streams may follow each other.
    if (!open_ && *in_left > 0) {
      stream_ = {};
      if (!Init()) return Damaged();
    }
    if (!open_) return {};
    stream_.next_in = const_cast<char*>(reinterpret_cast<const char*>(*in));
    stream_.avail_in = static_cast<unsigned>(std::min<size_t>(*in_left, UINT_MAX));
    stream_.next_out = reinterpret_cast<char*>(*out);
    stream_.avail_out = static_cast<unsigned>(std::min<size_t>(*out_left, UINT_MAX));
    const char* in_start = stream_.next_in;
    const char* out_start = stream_.next_out;
    int result = TheBz2().decompress(&stream_);
    size_t consumed = stream_.next_in - in_start, made = stream_.next_out - out_start;
    *in += consumed;
    *in_left -= consumed;
    *out += made;
    *out_left -= made;
    if (result == kStreamEnd) Close();
    return result == kOk || result == kStreamEnd ? Failure{} : Damaged();
  }

  bool Whole() const override { return !open_; }

 private:
  void Close() {
    if (open_) TheBz2().end(&stream_);
    open_ = false;
  }

  BzStream stream_ = {};
  bool open_ = false;
};

// ---- for JavaScript ----

struct Decoding {
  std::unique_ptr<Decompressor> decoder;
  std::string input;
  size_t at = 0;
};

// Up to 1 MiB of output; empty when the input is used up.
Failure Pull(Decoding* decoding, std::string* part) {
  part->resize(kPart);
  auto* out = reinterpret_cast<uint8_t*>(part->data());
  size_t out_left = part->size();
  for (;;) {
    auto* in = reinterpret_cast<const uint8_t*>(decoding->input.data()) + decoding->at;
    size_t in_left = decoding->input.size() - decoding->at, before = in_left + out_left;
    if (Failure failure = decoding->decoder->Step(&in, &in_left, &out, &out_left)) return failure;
    decoding->at = decoding->input.size() - in_left;
    if (out_left == 0 || in_left + out_left == before) break;
  }
  part->resize(part->size() - out_left);
  return {};
}

Napi::Value MakeForJavaScript(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto decoding = std::make_shared<Decoding>();
  Failure failure = MakeDecompressor(StrArg(info, 0), &decoding->decoder);
  if (failure) return Throw(env, failure);
  Napi::Object result = Napi::Object::New(env);
  result["push"] = Napi::Function::New(env, [decoding](const Napi::CallbackInfo& info) {
    auto chunk = info[0].As<Napi::Uint8Array>();
    decoding->input.erase(0, decoding->at);
    decoding->at = 0;
    decoding->input.append(reinterpret_cast<const char*>(chunk.Data()), chunk.ByteLength());
  });
  result["pull"] = Napi::Function::New(env, [decoding](const Napi::CallbackInfo& info) {
    auto part = std::make_shared<std::string>();
    return RunOnThread(
        info.Env(), [decoding, part] { return Pull(decoding.get(), part.get()); },
        [part](Napi::Env env) -> Napi::Value {
          if (part->empty()) return env.Undefined();
          return Napi::Buffer<char>::Copy(env, part->data(), part->size());
        });
  });
  result["whole"] = Napi::Function::New(env, [decoding](const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), decoding->decoder->Whole());
  });
  return result;
}

template <typename Kind>
Failure Make(bool loaded, const char* library, std::unique_ptr<Decompressor>* result) {
  if (!loaded) return Failure{ELIBACC, "dlopen", library};
  auto decoder = std::make_unique<Kind>();
  if (!decoder->Init()) return Failure{ENOMEM, "decompress", {}};
  *result = std::move(decoder);
  return {};
}

}  // namespace

Failure MakeDecompressor(const std::string& format, std::unique_ptr<Decompressor>* result) {
  return format == "xz" ? Make<XzDecompressor>(TheLzma().loaded, "liblzma.so.5", result)
                        : Make<Bzip2Decompressor>(TheBz2().loaded, "libbz2.so.1.0", result);
}

void InitDecompressor(Napi::Env env, Napi::Object exports) {
  exports["decompressor"] = Napi::Function::New(env, MakeForJavaScript);
}
