// SPDX-License-Identifier: Apache-2.0
// TrustGate: the policy of this host between what was found and what is loaded. Files: policy.toml
// beside bpfman.toml, else the table [signing] of bpfman.toml, else none: everything is let in.
// policy.json of the containers tools is one more gate behind it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/manager/bytecode.h"
#include "bpfman/manager/containers_policy_gate.h"
#include "bpfman/model/layout.h"
#include "bpfman/model/trust_policy.h"
#include "bpfman/plan/trust_decision.h"
#include "bpfman/trust/signature_check.h"

namespace bpfman {

// Reads the keys and the trust root that `policy` names, and makes its id of all of it. Errors:
// NotFound, FailedPrecondition (a file that others may write), InvalidArgument (no key, no root).
Result<void> read_policy_files(TrustPolicy& policy, const std::string& text);

// What became of an image against a policy.
struct TrustVerdict {
  bool allowed = false;
  std::string trust;   // of an allowed one
  std::string reason;  // of a refused one
  std::vector<SignatureFinding> findings;
};

class TrustGate {
 public:
  // `configuration` is bpfman.toml, or what stands for it.
  static Result<TrustGate> open(const Layout& layout,
                                const std::string& configuration,
                                const Environment& environment);
  static Result<TrustGate> with_policy(TrustPolicy policy);

  bool has_policy() const { return policy_.has_value() || containers_.has_policy(); }

  bool wants_signatures(const Provenance& provenance, const std::string& reference) const;

  // Lets bytecode in or not, and puts the decision into its facts and record. `what` is for people.
  // PermissionDenied: refused (by which rule).
  Result<void> admit(FoundBytecode& found, const std::string& what) const;
  TrustVerdict judge(const FoundBytecode& found, const std::string& what) const;
  TrustVerdict judge(const ImageRecord& record, const Bytecode& bytecode) const;

  // The programs that are to be loaded, against the limits of the rule.
  Result<void> check_programs(const FoundBytecode& found,
                              const std::string& what,
                              const std::vector<ElfProgram>& programs,
                              const std::string& interface) const;
  // A loaded program that is to be attached; `image` is what the database knows of its image, if
  // that is still the one it was loaded from.
  Result<void> check_attach(const ProgramRecord& program,
                            const std::optional<ImageRecord>& image,
                            ByteView bytecode,
                            const std::string& interface) const;

 private:
  struct Decision {
    std::string trust;
    Digest policy;  // of all that had a say; empty when none had
  };

  static Result<TrustGate> open_policy(const Layout& layout,
                                       TrustPolicy policy,
                                       const std::string& text);
  Result<std::string> decide_own(const plan::TrustSubject& subject,
                                 const std::vector<SignatureDocument>& documents,
                                 ByteView bytes,
                                 const std::string& note,
                                 std::vector<SignatureFinding>& findings) const;
  Result<Decision> decide(const plan::TrustSubject& subject,
                          const std::vector<SignatureDocument>& documents,
                          ByteView bytes,
                          const std::string& note,
                          std::vector<SignatureFinding>& findings) const;

  std::optional<TrustPolicy> policy_;
  std::optional<trust::SignatureChecker> checker_;
  ContainersPolicyGate containers_;
};

}  // namespace bpfman
