// SPDX-License-Identifier: Apache-2.0
// Reads what this host says about registries: registries.conf with its drop-ins and aliases, and
// dockerd's daemon.json.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/environment.h"
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

// registry-mirrors and insecure-registries; InvalidArgument when it is no JSON object.
Result<void> add_daemon_json(std::string_view text, RegistryPolicy& policy);

}  // namespace bpfman::image
