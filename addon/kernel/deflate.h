#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

// Deflates input[start..] (RFC 1951) so that it can stand between others of its kind: what lies
// before `start` is the dictionary, no block is the last one, and the end is a byte boundary (an
// empty stored block, as zlib's Z_SYNC_FLUSH). Made for speed: greedy, with one candidate
// for each match.
std::vector<uint8_t> DeflateBlock(const uint8_t* input, size_t start, size_t end);
