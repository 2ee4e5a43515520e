// SPDX-License-Identifier: Apache-2.0
// What short names mean in a containers-storage: aliases and unqualified-search-registries of
// registries.conf. Source: containers-registries.conf(5).
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/container/runtimes.h"
#include "bpfman/model/image_reference.h"

namespace bpfman::container {

// As the tools of `owner` have them. Variables and the files of this process's own user count for
// that user only; of another user's files no link is followed, and they must be theirs or root's.
// A file that cannot be read or is no TOML is passed over with a warning in the log.
ShortNames read_short_names(const Environment& environment, const UserAccount& owner);

// The complete names to look for, in Podman's order: the alias first.
std::vector<std::string> names_in_storage(const ImageReference& reference, const ShortNames& names);

}  // namespace bpfman::container
