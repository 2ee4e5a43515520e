// SPDX-License-Identifier: Apache-2.0
// bpfman.toml: what the administrator of a host says about images and about attaching, as values.
// Every key, its default and an example: docs/configuration.md. Of upstream's tables, [logging] and
// [interfaces] count here, [signing] is read by others (trust_gate.h), [database] is passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/toml.h"
#include "bpfman/manager/attach_defaults.h"
#include "bpfman/model/image.h"

namespace bpfman {

// [images]. What is empty is not said.
struct ImagesConfig {
  std::vector<SourceKind> sources;  // that are asked, in this order
  std::optional<PullPolicy> pull_policy;
  std::optional<bool> strict;
  std::optional<bool> trust_database;
  std::uint64_t max_store_bytes = 0;
  std::vector<std::string> docker_hosts;
  std::vector<std::string> storage_roots;
  std::vector<std::string> containerd_addresses;
  std::vector<std::string> containerd_roots;
  std::vector<std::string> containerd_namespaces;
  bool operator==(const ImagesConfig&) const = default;
};

struct Config {
  std::string path;  // "" when there is no file
  ImagesConfig images;
  AttachDefaults attach;  // [dispatcher], [interfaces.NAME]
  // [logging] level and [logging.components] as --log takes them, "info,store=debug"; "": nothing.
  std::string log;
  bool operator==(const Config&) const = default;
};

// InvalidArgument "FILE:LINE:COLUMN: what": a value of the wrong kind, or a key of [images] or
// [dispatcher] that does not exist.
Result<Config> parse_config(const TomlDocument& document);

// Errors: NotFound (Required), InvalidArgument (no TOML, or
// parse_config's), PermissionDenied, DataLoss (no regular file).
enum class ConfigFile { MayBeAbsent, Required };
Result<Config> read_config(const std::string& path, ConfigFile file);

}  // namespace bpfman
