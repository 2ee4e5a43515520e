// SPDX-License-Identifier: Apache-2.0
// Whether policy.json of the containers tools lets an image in: which transport and scope it is of,
// which requirements that means, and what became of them. Pure. Source: containers-policy.json(5);
// containers/image docker/policyconfiguration, signature/policy_reference_match.go.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/model/containers_policy.h"
#include "bpfman/plan/trust_decision.h"

namespace bpfman::plan {

// An image as policy.json sees it.
struct ContainersSubject {
  std::string transport;               // "docker", "oci", "containers-storage", ...
  std::vector<std::string> scopes;     // that it is of, the nearest first; not the empty one
  std::optional<NamedReference> name;  // to compare a signature's name with
  // It comes into this host. What lies in a local store is asked about only where the file names
  // that transport: the tools themselves do not ask before they run such an image.
  bool enters = true;
};

// nullopt: no transport that policy.json knows of (object files, images built by bpfman,
// containerd).
std::optional<ContainersSubject> containers_subject(const TrustSubject& subject);

struct ContainersScope {
  std::string place;  // `docker "quay.io/acme"`, "default"
  PolicyRequirements requirements;
};

// nullopt: the file says nothing about it.
std::optional<ContainersScope> find_scope(const ContainersPolicy& policy,
                                          const ContainersSubject& subject);

bool wants_signatures(const ContainersScope& scope);

// Why the name in a signature is not what the requirement wants; "" when it is.
std::string why_not_identity(const SignedIdentity& wanted,
                             const std::optional<NamedReference>& image,
                             const std::string& signed_name);

// What signatures came to against one requirement; of others than SigstoreSigned nothing.
struct RequirementCheck {
  std::vector<SignatureFinding> findings;
  std::string problem;  // why they could not be checked; "" when they could
};

// `checks`: one for each requirement of the scope. `note`: why signatures could not be looked for.
// PermissionDenied: which file, scope and requirement, what was found, and what to do.
Result<TrustDecision> decide_containers(const ContainersPolicy& policy,
                                        const ContainersScope& scope,
                                        const TrustSubject& subject,
                                        const std::vector<RequirementCheck>& checks,
                                        const std::string& note);

}  // namespace bpfman::plan
