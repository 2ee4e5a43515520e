// SPDX-License-Identifier: Apache-2.0
// Which images and programs are let in: policy.toml as a value. Rules are looked at in their order;
// the first one whose sources and images fit decides, else `otherwise` does. docs/trust.md is for
// the people who write one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/base/toml.h"
#include "bpfman/model/digest.h"
#include "bpfman/model/image.h"

namespace bpfman {

// A text to compare with: the whole of it, or a regular expression in the syntax of RE2 (that of
// Go, so of cosign) that must fit the whole. Matching takes time linear in the value.
struct TextPattern {
  std::string text;
  bool is_regexp = false;
  bool operator==(const TextPattern&) const = default;

  bool fits(const std::string& value) const;
};

// PEM of a public key: EC (P-256, P-384, P-521), RSA or Ed25519.
struct KeySigner {
  std::string path;  // where it was read; "" when it stands in the policy itself
  std::string pem;
  bool logged = false;  // what it signs has to be in a log of the trust root besides
  bool operator==(const KeySigner&) const = default;
};

// A certificate of a Fulcio in the trust root.
struct IdentitySigner {
  TextPattern identity;
  TextPattern issuer;
  bool operator==(const IdentitySigner&) const = default;
};

struct Signer {
  std::string name;
  std::variant<KeySigner, IdentitySigner> who;
  bool operator==(const Signer&) const = default;
};

// Allow: signed or not. Refuse. Signed: one of `signed_by` must have signed. SignedOrNot: no
// signature at all is fine, one that satisfies none of them is not.
enum class TrustDemand { Allow, Refuse, Signed, SignedOrNot };
std::string_view to_string(TrustDemand demand);

// What a program may be. An absent list says nothing; an empty one allows nothing.
struct ProgramLimits {
  std::optional<std::vector<std::string>> types;       // "xdp", "kprobe"
  std::optional<std::vector<std::string>> hooks;       // patterns for ELF sections: "kprobe/tcp_*"
  std::optional<std::vector<std::string>> interfaces;  // patterns
  std::optional<std::vector<std::string>> helpers;     // that may be called; kfuncs by their names
  std::vector<std::string> refused_helpers;
  bool operator==(const ProgramLimits&) const = default;

  bool empty() const;
};

struct TrustRule {
  std::string name;
  std::vector<SourceKind> sources;  // empty: every source
  std::vector<std::string> images;  // patterns; empty: every image
  TrustDemand demand = TrustDemand::Allow;
  std::vector<std::string> signed_by;  // names of signers
  std::vector<Digest> digests;         // pins: image id, manifest, index or bytecode must be one
  std::optional<Verification> at_least;
  ProgramLimits programs;
  bool operator==(const TrustRule&) const = default;
};

struct TrustPolicy {
  std::string path;  // "" when there is none: everything is let in, and said to be so
  Digest id;         // of the policy with all keys and roots that it names
  TrustDemand otherwise = TrustDemand::Allow;  // Allow or Refuse
  std::vector<Signer> signers;
  std::string trusted_root_path;
  std::string trusted_root;  // its text; "" when there is none
  std::vector<TrustRule> rules;
  bool operator==(const TrustPolicy&) const = default;

  const Signer* find_signer(const std::string& name) const;
};

// The document alone: keys and roots keep their paths and have no text yet. InvalidArgument names
// the file and the key: unknown keys, signers that nobody declared, impossible combinations.
Result<TrustPolicy> parse_trust_policy(const TomlDocument& document, const std::string& path);
// A document that reads back as `policy`. trust_policy_text.cc
std::string to_toml(const TrustPolicy& policy);
// The table [signing] of bpfman.toml as upstream understands it; nullopt when it has none.
Result<std::optional<TrustPolicy>> parse_signing_table(const TomlDocument& document,
                                                       const std::string& path);

}  // namespace bpfman
