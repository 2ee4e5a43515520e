// SPDX-License-Identifier: Apache-2.0
// What a host's configuration says about registries: mirrors, other places, what is blocked or
// insecure, and what short names mean. Pure: files become values here and values become the list
// of places to ask. Source: containers-registries.conf(5); dockerd's daemon.json.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/toml.h"
#include "bpfman/model/image_reference.h"

namespace bpfman {

enum class MirrorUse { All, DigestOnly, TagOnly };

struct RegistryLocation {
  std::string location;  // "host:port/namespace"; "" of a rule: as the prefix
  bool insecure = false;
  MirrorUse use = MirrorUse::All;
  bool operator==(const RegistryLocation&) const = default;
};

// One [[registry]].
struct RegistryRule {
  std::string prefix;  // "host", "host/namespace", "*.host", ...
  RegistryLocation own;
  bool blocked = false;
  std::vector<RegistryLocation> mirrors;
  std::string file;  // that says so
  bool operator==(const RegistryRule&) const = default;
};

struct RegistryPolicy {
  std::vector<RegistryRule> rules;
  std::map<std::string, std::string> aliases;  // short name -> full name, without tags
  std::vector<RegistryLocation> hub_mirrors;   // Docker's registry-mirrors
  std::vector<std::string> insecure;           // Docker's insecure-registries: hosts and networks
};

// Somebody to ask for an image.
struct PullTarget {
  std::string registry;    // "docker.io", "host:port"
  std::string repository;  // "library/prog"
  bool insecure = false;
  bool mirror = false;
  bool operator==(const PullTarget&) const = default;
};

// Lays one document over the policy: a rule replaces an earlier one of the same prefix. Returns
// what is wrong in it, a line each.
std::vector<std::string> add_registries(const TomlDocument& document,
                                        const std::string& file,
                                        RegistryPolicy& policy);
// Only the aliases of a document (short-name-aliases.conf).
void add_aliases(const TomlDocument& document, RegistryPolicy& policy);

// The places to ask, in order: mirrors, then the registry itself. PermissionDenied when it is
// blocked.
Result<std::vector<PullTarget>> plan_pull(const RegistryPolicy& policy,
                                          const ImageReference& reference);

// Where an image is pushed to: the registry that it is named after, never a mirror, and never the
// place that a rule rewrites it to (`location` is for pulls). InvalidArgument: no name in a
// registry; PermissionDenied: blocked.
Result<PullTarget> plan_push(const RegistryPolicy& policy, const ImageReference& reference);

// What a short name stands for by an alias, with its tag or digest; nullopt when there is none.
std::optional<std::string> alias_of(const RegistryPolicy& policy, const ImageReference& reference);

// HOST or HOST:PORT of this host itself: localhost, 127.0.0.0/8, [::1]; nothing that merely looks
// so.
bool is_loopback_authority(std::string_view authority);

}  // namespace bpfman
