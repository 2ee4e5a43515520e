// SPDX-License-Identifier: Apache-2.0
// policy.json of the containers tools (Podman, Skopeo, CRI-O) as a value: for each transport and
// scope a list of requirements that all have to hold. Pure: files that it names are read by others.
// Source: containers-policy.json(5); containers/image signature/policy_config*.go.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/digest.h"

namespace bpfman {

// A name as Docker writes it in full: "docker.io/library/prog", with a tag, a digest, or neither.
struct NamedReference {
  std::string name;
  std::string tag;
  std::optional<Digest> digest;
  bool operator==(const NamedReference&) const = default;

  bool is_name_only() const { return tag.empty() && !digest.has_value(); }

  std::string text() const;
};

// nullopt: no such name. "prog" is docker.io/library/prog; no tag is added.
std::optional<NamedReference> parse_named_reference(std::string_view text);

// What the name in a signature has to be, compared with the image's own name.
enum class IdentityRule {
  MatchExact,
  MatchRepoDigestOrExact,
  MatchRepository,
  ExactReference,
  ExactRepository,
  RemapIdentity
};
std::string_view to_string(IdentityRule rule);  // "matchExact", ...

struct SignedIdentity {
  IdentityRule rule = IdentityRule::MatchRepoDigestOrExact;
  std::string reference;      // of ExactReference and ExactRepository
  std::string prefix;         // of RemapIdentity: what the image's name begins with,
  std::string signed_prefix;  // and what stands for it in the signature
  bool operator==(const SignedIdentity&) const = default;
};

// PEM, or the file that has it.
struct PolicyMaterial {
  std::string path;
  std::string data;  // where there is no path
  bool operator==(const PolicyMaterial&) const = default;
};

struct AcceptAnything {
  bool operator==(const AcceptAnything&) const = default;
};

struct RejectAnything {
  bool operator==(const RejectAnything&) const = default;
};

// Kinds that nobody here can check: "signedBy" (GPG), "signedBaseLayer" (that nobody can at all).
struct UncheckedRequirement {
  std::string type;
  bool operator==(const UncheckedRequirement&) const = default;
};

struct FulcioSigner {
  PolicyMaterial authority;
  std::string issuer;
  std::string email;
  bool operator==(const FulcioSigner&) const = default;
};

struct SigstoreSigned {
  std::vector<PolicyMaterial> keys;  // one of them; empty with `fulcio` and `pki`
  std::optional<FulcioSigner> fulcio;
  bool pki = false;                  // asked for, and not checked here
  std::vector<PolicyMaterial> logs;  // keys of Rekor: when there are any, one must have logged it
  SignedIdentity identity;
  bool operator==(const SigstoreSigned&) const = default;
};

using PolicyRequirement =
    std::variant<AcceptAnything, RejectAnything, UncheckedRequirement, SigstoreSigned>;
using PolicyRequirements = std::vector<PolicyRequirement>;

// "insecureAcceptAnything", "reject", "signedBy", ...
std::string type_of(const PolicyRequirement& requirement);

struct ContainersPolicy {
  std::string path;
  Digest id;  // of its text
  PolicyRequirements otherwise;
  std::map<std::string, std::map<std::string, PolicyRequirements>> transports;  // then scopes
  bool operator==(const ContainersPolicy&) const = default;

  // Whether it lets everything in, as the file does that distributions install.
  bool accepts_anything() const;
};

inline constexpr std::size_t kContainersPolicyLimit = std::size_t{1} << 20;

// As strict as the tools are: unknown keys, keys that occur twice and values of the wrong kind are
// errors. InvalidArgument names the file, and the line or the key. containers_policy_json.cc
Result<ContainersPolicy> parse_containers_policy(std::string_view text, const std::string& path);

}  // namespace bpfman
