#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

constexpr size_t kTarBlock = 512;

// One entry of an archive, after all extended headers have been applied.
struct TarHeader {
  // As in the archive: '0' file, '1' hard link, '2' symlink, '3' char, '4' block, '5' directory,
  // '6' fifo.
  char type = 0;
  std::string name, link;
  // Of the payload that follows in the archive; 0 for all but files.
  int64_t size = 0;
  int64_t mode = 0, uid = 0, gid = 0;
  int64_t mtime = 0;
  int32_t mtime_ns = 0;
  int64_t dev_major = 0, dev_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

using PaxRecords = std::map<std::string, std::string>;

bool IsZeroBlock(const uint8_t* block);

// Reads a header block of any dialect: v7, ustar, star, GNU. False: not a header, or damaged.
bool ParseTarBlock(const uint8_t* block, TarHeader* header);

// "LENGTH KEY=VALUE\n" records; pax(1). False when malformed.
bool ParsePax(const std::string& data, PaxRecords* records);

// Lets the records override the header's fields. False when a value is malformed.
bool ApplyPax(const PaxRecords& records, TarHeader* header);

// GNU's sparse formats in pax records: kInside has its map in the payload (1.0), kListed in the
// records (0.0, 0.1). As Go: versions that nobody knows are no sparse files.
enum class PaxSparse { kNo, kListed, kInside };
PaxSparse SparseKind(const PaxRecords& records);

// The parts of a sparse file that are in the archive: offset and length.
using SparseMap = std::vector<std::pair<uint64_t, uint64_t>>;

// GNU's old format: the map in an 'S' header's block (`first`), or in one of those that follow it.
// `more` tells whether another one follows. False when malformed.
bool ParseSparseBlock(const uint8_t* block, bool first, SparseMap* map, bool* more);
// The file's size in an 'S' header's block; negative when malformed.
int64_t SparseSize(const uint8_t* block);

// "OFFSET,LENGTH,…" of pax versions 0.0 and 0.1; as many pairs as `count` says.
bool ParseSparseList(const std::string& text, const std::string& count, SparseMap* map);
// "COUNT\nOFFSET\nLENGTH\n…" of pax version 1.0; `whole` stays false while text is missing.
bool ParseSparseText(const std::string& text, SparseMap* map, bool* whole);

// Payload of GNU 'L' and 'K' entries: up to the first NUL.
std::string ParseLongName(const std::string& data);
