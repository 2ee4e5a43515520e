// SPDX-License-Identifier: Apache-2.0
// storage.conf and crio.conf, as far as they say where images are. Source:
// containers-storage.conf(5), crio.conf(5); drop-ins as in releases from 2026 on.
#pragma once

#include <optional>
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

// CRI-O's store, by DIRECTORY/crio.conf and crio.conf.d over `defaults`, which is root's
// storage.conf; nullopt where CRI-O is not configured. Source: crio.conf(5), [crio].
std::optional<StorageOptions> read_crio_options(const std::string& directory,
                                                StorageOptions defaults);

// "$HOME/x", "${XDG_DATA_HOME}/x" with the owner's values; unknown variables become "".
std::string expand_variables(std::string_view text,
                             const std::map<std::string, std::string>& values);

}  // namespace bpfman::container
