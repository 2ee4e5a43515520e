// SPDX-License-Identifier: Apache-2.0
// Whether the database was written to since somebody looked, by whomsoever: about 10 us instead of
// reading the records again. Holds the file open, without any lock.
// Source: PRAGMA data_version, https://www.sqlite.org/pragma.html
#pragma once

#include <cstdint>
#include <optional>

#include "bpfman/base/result.h"
#include "bpfman/model/layout.h"
#include "bpfman/store/sqlite.h"

namespace bpfman::store {

// Of one watch: while two are equal, nothing was committed in between.
struct Generation {
  std::uint64_t opening = 0;  // which of the watch's connections
  std::int64_t version = 0;   // that connection's count of others' commits
  bool operator==(const Generation&) const = default;
};

// One thread at a time.
class GenerationWatch {
 public:
  explicit GenerationWatch(Layout layout) : layout_(std::move(layout)) {}

  // nullopt: there is no database.
  Result<std::optional<Generation>> look();

 private:
  Layout layout_;
  std::optional<Database> database_;
  std::uint64_t inode_ = 0;    // of the open file; a rescue puts another one in its place
  std::uint64_t opening_ = 0;  // how often it was opened
};

}  // namespace bpfman::store
