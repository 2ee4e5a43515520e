// SPDX-License-Identifier: Apache-2.0
// A bolt database in a directory that a runtime wrote, damaged.
#include <cstring>

#include "bpfman/container/bolt_reader.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string file(fuzz::text_of(data, size));
  auto read = [&file](std::uint64_t offset, std::size_t count) -> Result<std::string> {
    FUZZ_CHECK(count <= std::size_t{32} << 20, "reads are bounded");
    if (offset > file.size() || count > file.size() - offset) {
      return Error(Code::DataLoss, "cut off");
    }
    return file.substr(offset, count);
  };
  Result<container::BoltReader> reader = container::BoltReader::open(read);
  if (!reader.ok()) {
    return 0;
  }
  static_cast<void>(reader->is_current().ok());
  static_cast<void>(reader->find_path({"v1", "k8s.io", "images"}).ok());
  Result<std::vector<std::string>> names = reader->bucket_names(reader->root());
  for (std::size_t i = 0; names.ok() && i < names->size() && i < 16; ++i) {
    auto bucket = reader->find_bucket(reader->root(), (*names)[i]);
    if (bucket.ok() && bucket->has_value()) {
      static_cast<void>(reader->find_value(**bucket, "digest").ok());
      static_cast<void>(reader->bucket_names(**bucket).ok());
    }
  }
  return 0;
}
