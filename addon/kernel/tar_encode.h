#pragma once
#include <string>

#include "kernel/tar_header.h"

// Appends the header of one entry: ustar, preceded by a pax extended header where ustar's fields
// are too small (long or non-ASCII names, large ids and sizes, times before 1970, xattrs); pax(1).
void AppendTarHeader(const TarHeader& header, std::string* out);

// Bytes that fill the last block of a payload.
inline uint64_t TarPadding(uint64_t size) { return (kTarBlock - size % kTarBlock) % kTarBlock; }
