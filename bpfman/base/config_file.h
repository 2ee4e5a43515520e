// SPDX-License-Identifier: Apache-2.0
// Configuration files that others write. Where a file is expected there may lie a FIFO, a device or
// a link to anything: nothing but a regular file is read, none is waited for, none is read without
// measure. Absence is a normal answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/toml.h"

namespace bpfman {

inline constexpr std::size_t kConfigFileLimit = std::size_t{1} << 20;

// A file of this process's own user or of the host: links are followed, people keep such files
// elsewhere. nullopt: nothing there. Errors: DataLoss (no regular file), PermissionDenied,
// ResourceExhausted.
Result<std::optional<Bytes>> read_config_file(const std::string& path,
                                              std::size_t limit = kConfigFileLimit);

// A file of somebody else's tree (`tree` joined with `path`), read by a process that may read more
// than they may: no link is followed below `tree`, and the file must belong to `uid` or to root.
Result<std::optional<Bytes>> read_config_file_of(const std::string& tree,
                                                 const std::string& path,
                                                 std::uint32_t uid,
                                                 std::size_t limit = kConfigFileLimit);

// FILE of the highest (last) place that has one, then the *.conf files of the places' drop-in
// directories by base name, a later place hiding the same name of an earlier one. In rising order
// of precedence. What cannot be read or is no TOML is left out and named in `warnings`.
struct TomlLayer {
  std::string path;
  TomlDocument document;
};

struct TomlLayers {
  std::vector<TomlLayer> documents;
  std::vector<std::string> warnings;
};

TomlLayers read_toml_layers(const std::string& file_name,
                            const std::vector<std::string>& places,
                            const std::vector<std::string>& drop_in_suffixes);
// One file alone.
TomlLayers read_toml_layer(const std::string& path);

}  // namespace bpfman
