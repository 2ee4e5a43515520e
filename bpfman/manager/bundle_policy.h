// SPDX-License-Identifier: Apache-2.0
// The policy that a bundle brings: from a host into one, and out of one onto a host.
#pragma once

#include <string>

#include "bpfman/image/bundle.h"
#include "bpfman/manager/api.h"
#include "bpfman/model/layout.h"

namespace bpfman {

// The policy in `path` with the keys that it names in it and the trust root beside it, so that it
// needs no other file. NotFound, and what a policy that cannot be read says.
Result<image::BundlePolicy> policy_for_bundle(const std::string& path);

// nullopt: the file brings none, or is no layout.
Result<std::optional<image::BundlePolicy>> policy_of_bundle(const std::string& path);

// Of policy.toml: what `sha256sum` says of it.
Digest digest_of(const image::BundlePolicy& policy);
// Whether the host has this very policy.
bool is_installed(const image::BundlePolicy& policy, const Layout& layout);

Result<InstallPolicyReply> install_bundle_policy(const image::BundlePolicy& policy,
                                                 const Layout& layout,
                                                 Replace replace,
                                                 DryRun dry_run);

}  // namespace bpfman
