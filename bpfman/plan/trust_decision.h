// SPDX-License-Identifier: Apache-2.0
// Whether bytecode is let in: a policy, what is known of the bytecode, and what became of its
// signatures. Pure. A refusal says which rule, what was found, and what to do.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bpfman/model/bpf_elf.h"
#include "bpfman/model/signature.h"
#include "bpfman/model/trust_policy.h"

namespace bpfman::plan {

// What a decision is about.
struct TrustSubject {
  std::string what;  // for people: "image my-ebpf-prog:dev", "file /x/prog.o"
  Provenance provenance;
  std::string reference;  // normal form of what was asked for; "" for a file
  Digest bytecode;

  // What patterns of rules are compared with: the name in the place where it was found, else the
  // reference; of a file its path.
  std::string name() const;
};

struct TrustDecision {
  std::string trust;                          // for Provenance::trust
  std::optional<SignatureFinding> signature;  // that satisfied the rule
  bool operator==(const TrustDecision&) const = default;
};

// The first rule that fits; nullptr: none does.
const TrustRule* find_rule(const TrustPolicy& policy, const TrustSubject& subject);

// Whether signatures matter for the decision, so that they have to be fetched.
bool wants_signatures(const TrustPolicy& policy, const TrustSubject& subject);

// `note` says why signatures could not be looked for; "" when they could. PermissionDenied.
Result<TrustDecision> decide_trust(const TrustPolicy& policy,
                                   const TrustSubject& subject,
                                   const std::vector<SignatureFinding>& findings,
                                   const std::string& note);

// A program as limits see it. The calls are those of its section and of what it shares.
struct ProgramTraits {
  ElfProgram program;
  std::set<std::string> calls;
};

// What programs may be and where they may go; `interface` is "" when nothing is attached yet.
// PermissionDenied.
Result<void> check_limits(const TrustPolicy& policy,
                          const TrustSubject& subject,
                          const std::vector<ProgramTraits>& programs,
                          const std::string& interface);

}  // namespace bpfman::plan
