// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/generation.h"

#include <sys/stat.h>

#include "bpfman/base/file.h"

namespace bpfman::store {

Result<std::optional<Generation>> GenerationWatch::look() {
  std::optional<struct ::stat> info = TRY(stat_path(layout_.database()));
  if (!info.has_value()) {
    database_.reset();
    return std::optional<Generation>();
  }
  if (!database_.has_value() || inode_ != info->st_ino) {
    database_.reset();
    database_ = TRY(Database::open(layout_.database(), Access::ReadWrite));
    // Of the name, before it was opened: of another file the next look will tell.
    inode_ = info->st_ino;
    ++opening_;
  }
  Statement statement = TRY(database_->prepare("PRAGMA data_version"));
  TRY(statement.step());
  return std::optional(Generation{.opening = opening_, .version = statement.integer(0)});
}

}  // namespace bpfman::store
