// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/trust_gate.h"

#include <algorithm>

#include <sys/stat.h>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/manager/trusted_file.h"
#include "bpfman/model/bpf_calls.h"

namespace bpfman {
namespace {

Result<std::optional<TrustPolicy>> read_policy(const Layout& layout,
                                               const std::string& configuration,
                                               std::string& text) {
  std::optional<std::string> own = TRY(read_trusted_file(layout.policy(), kConfigFileLimit));
  if (own.has_value()) {
    text = std::move(*own);
    TomlDocument document = TRY(parse_toml(text, layout.policy()));
    TrustPolicy policy = TRY(parse_trust_policy(document, layout.policy()));
    return std::optional(std::move(policy));
  }
  std::optional<Bytes> bytes = TRY(read_config_file(configuration));
  if (!bytes.has_value()) {
    return std::optional<TrustPolicy>();
  }
  text = std::string(as_text(*bytes));
  TomlDocument document = TRY(parse_toml(text, configuration));
  std::optional<TrustPolicy> policy = TRY(parse_signing_table(document, configuration));
  if (policy.has_value()) {
    TRY(read_trusted_file(configuration, kConfigFileLimit));  // nobody else may write it
  }
  return policy;
}

plan::TrustSubject subject_of(const FoundBytecode& found, const std::string& what) {
  return plan::TrustSubject{.what = what,
                            .provenance = found.facts.provenance,
                            .reference = found.facts.image_reference,
                            .bytecode = found.facts.digest};
}

// What is said without a policy.
const std::vector<SignatureDocument>& documents_of(const FoundBytecode& found) {
  return found.record.has_value() ? found.record->signatures : found.signatures;
}

Result<std::vector<plan::ProgramTraits>> traits_of(const std::vector<ElfProgram>& programs,
                                                   ByteView bytecode) {
  std::vector<plan::ProgramTraits> out;
  for (const ElfProgram& program : programs) {
    std::set<std::string> calls = TRY(read_calls(bytecode, {program.section}));
    out.push_back(plan::ProgramTraits{.program = program, .calls = std::move(calls)});
  }
  return out;
}

}  // namespace

Result<void> read_policy_files(TrustPolicy& policy, const std::string& text) {
  std::string all = text;
  bool identities = false;
  for (Signer& signer : policy.signers) {
    auto* key = std::get_if<KeySigner>(&signer.who);
    identities = identities || key == nullptr;
    if (key != nullptr && !key->path.empty()) {
      key->pem = TRY(read_named_file(key->path, policy.path + ": signer " + signer.name));
      all += '\0' + key->pem;
    }
  }
  if (identities && !policy.trusted_root_path.empty()) {
    Result<std::string> root = read_named_file(
        policy.trusted_root_path, policy.path + ": the trust root of the signers by identity");
    if (!root.ok() && root.error().code() == Code::NotFound) {
      return std::move(root).error().with_hint(
          "bpfman image trust-root update fetches the public Sigstore's");
    }
    policy.trusted_root = TRY(std::move(root));
    all += '\0' + policy.trusted_root;
  }
  policy.id = Digest::sha256_of(as_bytes(all));
  return {};
}

Result<TrustGate> TrustGate::open(const Layout& layout,
                                  const std::string& configuration,
                                  const Environment& environment) {
  std::string text;
  std::optional<TrustPolicy> policy = TRY(read_policy(layout, configuration, text));
  TrustGate out;
  if (policy.has_value()) {
    out = TRY(open_policy(layout, std::move(*policy), text));
  }
  out.containers_ = ContainersPolicyGate::open(layout, environment);
  return out;
}

Result<TrustGate> TrustGate::open_policy(const Layout& layout,
                                         TrustPolicy policy,
                                         const std::string& text) {
  // The usual one may be absent: whoever needs it is told so.
  std::string usual = layout.trusted_root();
  std::optional<struct ::stat> info = TRY(stat_path(usual));
  if (policy.trusted_root_path.empty() && info.has_value()) {
    policy.trusted_root_path = usual;
  }
  TRY(read_policy_files(policy, text));
  return with_policy(std::move(policy));
}

Result<TrustGate> TrustGate::with_policy(TrustPolicy policy) {
  TrustGate out;
  out.checker_ = TRY(trust::SignatureChecker::make(policy));
  out.policy_ = std::move(policy);
  return out;
}

bool TrustGate::wants_signatures(const Provenance& provenance, const std::string& reference) const {
  plan::TrustSubject subject{.provenance = provenance, .reference = reference};
  return (policy_.has_value() && plan::wants_signatures(*policy_, subject)) ||
         containers_.wants_signatures(subject);
}

Result<std::string> TrustGate::decide_own(const plan::TrustSubject& subject,
                                          const std::vector<SignatureDocument>& documents,
                                          ByteView bytes,
                                          const std::string& note,
                                          std::vector<SignatureFinding>& findings) const {
  if (!policy_.has_value()) {
    return std::string(default_trust(subject.provenance.source));
  }
  const TrustRule* rule = plan::find_rule(*policy_, subject);
  if (rule != nullptr && !rule->signed_by.empty()) {
    trust::SignedThing thing{.bytes = bytes};
    for (const Digest& digest :
         {subject.provenance.manifest_digest, subject.provenance.index_digest}) {
      if (!digest.empty()) {
        thing.digests.push_back(digest);
      }
    }
    findings = checker_->check(documents, rule->signed_by, thing);
  }
  plan::TrustDecision decision = TRY(plan::decide_trust(*policy_, subject, findings, note));
  return std::move(decision.trust);
}

// Both are asked, and either may refuse.
Result<TrustGate::Decision> TrustGate::decide(const plan::TrustSubject& subject,
                                              const std::vector<SignatureDocument>& documents,
                                              ByteView bytes,
                                              const std::string& note,
                                              std::vector<SignatureFinding>& findings) const {
  Decision out;
  out.trust = TRY(decide_own(subject, documents, bytes, note, findings));
  ContainersPolicyGate::Verdict containers = TRY(containers_.check(subject, documents, note));
  std::string ids = policy_.has_value() ? policy_->id.text() : std::string();
  out.policy = policy_.has_value() ? policy_->id : Digest();
  for (const Digest& id : containers.policies) {
    out.policy = ids.empty() ? id : Digest::sha256_of(as_bytes(ids + id.text()));
    ids += id.text();
  }
  out.trust += (containers.trust.empty() ? "" : "; ") + containers.trust;
  if (findings.empty()) {
    findings = std::move(containers.findings);
  }
  return out;
}

TrustVerdict TrustGate::judge(const FoundBytecode& found, const std::string& what) const {
  TrustVerdict verdict;
  Result<Decision> decision = decide(subject_of(found, what),
                                     documents_of(found),
                                     found.bytecode.view(),
                                     found.signature_note,
                                     verdict.findings);
  verdict.allowed = decision.ok();
  (decision.ok() ? verdict.trust : verdict.reason) =
      decision.ok() ? decision->trust : decision.error().message();
  return verdict;
}

TrustVerdict TrustGate::judge(const ImageRecord& record, const Bytecode& bytecode) const {
  FoundBytecode found;
  found.bytecode = bytecode;
  found.facts.digest = record.bytecode;
  found.facts.provenance = record.provenance;
  found.facts.image_reference = record.reference;
  found.record = record;
  return judge(found, "image " + record.reference);
}

Result<void> TrustGate::admit(FoundBytecode& found, const std::string& what) const {
  std::vector<SignatureFinding> findings;
  Decision decision = TRY(decide(subject_of(found, what),
                                 documents_of(found),
                                 found.bytecode.view(),
                                 found.signature_note,
                                 findings));
  Provenance& provenance = found.facts.provenance;
  bool changed = provenance.trust != decision.trust || provenance.policy != decision.policy;
  provenance.trust = std::move(decision.trust);
  provenance.policy = decision.policy;
  // What the database says of an image follows the policy.
  if (changed && !found.facts.image.has_value() && found.record.has_value()) {
    found.facts.image = found.record;
  }
  if (found.facts.image.has_value()) {
    found.facts.image->provenance = provenance;
  }
  return {};
}

Result<void> TrustGate::check_programs(const FoundBytecode& found,
                                       const std::string& what,
                                       const std::vector<ElfProgram>& programs,
                                       const std::string& interface) const {
  plan::TrustSubject subject = subject_of(found, what);
  const TrustRule* rule = policy_.has_value() ? plan::find_rule(*policy_, subject) : nullptr;
  if (rule == nullptr || rule->programs.empty()) {
    return {};
  }
  std::vector<plan::ProgramTraits> traits = TRY(traits_of(programs, found.bytecode.view()));
  return plan::check_limits(*policy_, subject, traits, interface);
}

Result<void> TrustGate::check_attach(const ProgramRecord& program,
                                     const std::optional<ImageRecord>& image,
                                     ByteView bytecode,
                                     const std::string& interface) const {
  if (!has_policy()) {
    return {};
  }
  plan::TrustSubject subject{.what = "program " + program.stable_name(),
                             .provenance = program.provenance,
                             .reference = program.image_reference,
                             .bytecode = program.bytecode};
  std::vector<SignatureDocument> documents;
  if (image.has_value() && image->bytecode == program.bytecode) {
    documents = image->signatures;
    subject.provenance = image->provenance;
  }
  std::vector<SignatureFinding> findings;
  TRY(decide(subject, documents, bytecode, "", findings));
  if (!policy_.has_value()) {
    return {};
  }
  ElfProgram traits{.name = program.name, .section = program.section, .type = program.type};
  std::vector<plan::ProgramTraits> all = TRY(traits_of({traits}, bytecode));
  return plan::check_limits(*policy_, subject, all, interface);
}

}  // namespace bpfman
