// SPDX-License-Identifier: Apache-2.0
// storage.conf and registries.conf, as far as they say where images are and what short names mean.
// Source: containers-storage.conf(5), containers-registries.conf(5); drop-ins as in releases from
// 2026 on.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {

// The store of `owner`. Variables of the environment count only for the user of this process.
// `rootful`: root's store. A file that cannot be read or is no TOML is passed over: the defaults
// are as good a guess as any.
StorageOptions read_storage_options(const Environment& environment,
                                    const UserAccount& owner,
                                    bool rootful);

// unqualified-search-registries, host-wide and this user's.
std::vector<std::string> read_search_registries(const Environment& environment);

// "$HOME/x", "${XDG_DATA_HOME}/x" with the owner's values; unknown variables become "".
std::string expand_variables(std::string_view text,
                             const std::map<std::string, std::string>& values);

}  // namespace bpfman::container
