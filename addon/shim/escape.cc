#include <cstdint>
#include <cstring>

#include "shim/log.h"

namespace {

// Sixteen bytes at a time, on every architecture GCC has vectors for.
using Bytes = signed char __attribute__((vector_size(16)));

// True when one of them is a control character, not ASCII, or one of "\<>&.
bool NeedsEscape(Bytes bytes) {
  // Signed: what is not ASCII is below zero, and so below the blank.
  const Bytes found = (bytes < 0x20) | (bytes == '"') | (bytes == '\\') | (bytes == '<') |
                      (bytes == '>') | (bytes == '&');
  uint64_t halves[2];
  memcpy(halves, &found, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

bool IsPlain(uint8_t byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != '<' && byte != '>' &&
         byte != '&';
}

// Length of the valid UTF-8 sequence at `at`, 0 when there is none (RFC 3629, table 3-7 of
// Unicode).
size_t SequenceLength(const uint8_t* at, size_t left) {
  const uint8_t lead = at[0];
  const size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                        : lead >= 0xe0 && lead <= 0xef ? 3
                        : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                       : 0;
  if (length == 0 || length > left) return 0;
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  return length;
}

char* PutAscii(char* out, uint8_t byte) {
  static const char kHex[] = "0123456789abcdef";
  *out++ = '\\';
  if (byte == '"' || byte == '\\') {
    *out++ = static_cast<char>(byte);
  } else if (byte == '\n' || byte == '\r') {
    *out++ = byte == '\n' ? 'n' : 'r';
  } else {
    memcpy(out, "u00", 3);
    out[3] = kHex[byte >> 4];
    out[4] = kHex[byte & 15];
    out += 5;
  }
  return out;
}

}  // namespace

size_t EscapeJson(char* out, const char* bytes, size_t count, bool newline) {
  char* const begin = out;
  const uint8_t* at = reinterpret_cast<const uint8_t*>(bytes);
  const uint8_t* const end = at + count;
  *out++ = '"';
  while (at < end) {
    while (end - at >= 16) {
      Bytes next;
      memcpy(&next, at, sizeof next);
      if (NeedsEscape(next)) break;
      memcpy(out, &next, sizeof next);
      at += sizeof next;
      out += sizeof next;
    }
    while (at < end && IsPlain(*at)) *out++ = static_cast<char>(*at++);
    if (at == end) break;
    if (*at < 0x80) {
      out = PutAscii(out, *at++);
      continue;
    }
    const size_t length = SequenceLength(at, static_cast<size_t>(end - at));
    if (length == 0) {
      memcpy(out, "\\ufffd", 6);
      out += 6;
      at++;
    } else if (length == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] & 0xfe) == 0xa8) {
      memcpy(out, at[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);  // line ends in JavaScript
      out += 6;
      at += 3;
    } else {
      memcpy(out, at, length);
      out += length;
      at += length;
    }
  }
  if (newline) {
    memcpy(out, "\\n", 2);
    out += 2;
  }
  *out++ = '"';
  return static_cast<size_t>(out - begin);
}
