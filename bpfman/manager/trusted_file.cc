// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/trusted_file.h"

#include <sys/stat.h>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/trust/trusted_root.h"

namespace bpfman {

Result<std::optional<std::string>> read_trusted_file(const std::string& path, std::size_t limit) {
  std::optional<Bytes> bytes = TRY(read_config_file(path, limit));
  if (!bytes.has_value()) {
    return std::optional<std::string>();
  }
  std::optional<struct ::stat> info = TRY(stat_path(path));
  if (info.has_value() && (info->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error(Code::FailedPrecondition,
                 path + " may be written by others than its owner, so nothing can be trusted to it")
        .with_hint("chmod go-w " + path);
  }
  return std::optional(std::string(as_text(*bytes)));
}

Result<std::string> read_named_file(const std::string& path, const std::string& who) {
  std::optional<std::string> text = TRY(read_trusted_file(path, trust::kTrustedRootLimit));
  if (!text.has_value()) {
    return Error(Code::NotFound, who + ": " + path + " does not exist");
  }
  return std::move(*text);
}

}  // namespace bpfman
