#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// Writes what is needed, beside the files, to rebuild an archive byte for byte; the format is
// described in tar-metadata.md.
class TarMetadataWriter {
 public:
  TarMetadataWriter();
  // A header block.
  void Block(const uint8_t* block);
  // Bytes as they are; runs of zeros cost nothing.
  void Bytes(const uint8_t* data, size_t size);
  // Bytes of no use but for rebuilding, of which an attacker may send any amount: beyond a limit
  // they are dropped and the stream is marked as incomplete.
  void Waste(const uint8_t* data, size_t size);
  // The content of a file of the layer.
  void File(const std::string& path, uint64_t size);
  // The parts (offset, length) of a sparse file of the layer that are in the archive.
  void SparseFile(const std::string& path, uint64_t size,
                  const std::vector<std::pair<uint64_t, uint64_t>>& parts);
  // The archive cannot be rebuilt any more: a file it contains is not in the layer.
  void MarkIncomplete();
  // Ends the stream. `size` is the archive's.
  std::string Finish(uint64_t size);

 private:
  void Tag(char tag);
  void Varint(uint64_t value);
  void FlushZeros();
  void CheckSize();

  std::string out_;
  uint8_t last_[512] = {};
  uint64_t zeros_ = 0;
  uint64_t waste_ = 0;
  bool incomplete_ = false;
};
