#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "common/errno_result.h"

// A streaming decoder of one of the formats that Node has none for. The libraries are the host's,
// opened at first use; no program is run.
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  // Consumes of the input and fills the output; both tell what is left. EBADMSG for damaged data.
  virtual Failure Step(const uint8_t** in, size_t* in_left, uint8_t** out, size_t* out_left) = 0;
  // Whether the input may end here.
  virtual bool Whole() const = 0;
};

// "xz" or "bzip2"; ELIBACC when the library is not there.
Failure MakeDecompressor(const std::string& format, std::unique_ptr<Decompressor>* result);
