// SPDX-License-Identifier: Apache-2.0
// Reads what this host says about registries: registries.conf with its drop-ins and aliases, and
// dockerd's daemon.json.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/image/registry.h"
#include "bpfman/model/registry_policy.h"

namespace bpfman::image {

struct RegistryConfig {
  RegistryPolicy policy;
  std::vector<std::string> warnings;  // what could not be read or understood
};

// CONTAINERS_REGISTRIES_CONF alone, else the highest of this user's, /etc/containers and
// /usr/share/containers with the drop-ins of all; `daemon_json` besides.
RegistryConfig read_registry_config(const Environment& environment,
                                    const std::string& daemon_json = "/etc/docker/daemon.json");

// How this host's configuration says that registries are to be spoken to, to pull, push or copy.
// `registry_auth`: base64 of user:password, "" for none. What could not be read goes into
// `warnings`.
PullContext registry_context(const Environment& environment,
                             const std::string& registry_auth,
                             const PullProgressSink& progress,
                             const Interrupts* interrupts,
                             std::vector<std::string>& warnings);

// registry-mirrors and insecure-registries; InvalidArgument when it is no JSON object.
Result<void> add_daemon_json(std::string_view text, RegistryPolicy& policy);

}  // namespace bpfman::image
