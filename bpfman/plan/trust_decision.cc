// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/trust_decision.h"

#include <algorithm>

#include "bpfman/base/text.h"

namespace bpfman::plan {
namespace {

std::string rule_name(const TrustRule* rule) {
  return rule == nullptr ? "default" : "rule \"" + rule->name + "\"";
}

Error refused(const TrustPolicy& policy,
              const TrustSubject& subject,
              const TrustRule* rule,
              const std::string& why) {
  return Error(
      Code::PermissionDenied,
      subject.what + " is refused by " + rule_name(rule) + " of " + policy.path + ": " + why);
}

bool fits_any(const std::vector<std::string>& patterns, const std::string& text) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return fits_pattern(pattern, text);
  });
}

// "registry.example/prog:*" without its tag.
std::string without_tag(const std::string& pattern) {
  std::size_t colon = pattern.rfind(':');
  std::size_t slash = pattern.rfind('/');
  bool tag = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return tag ? pattern.substr(0, colon) : pattern;
}

std::string canonical_docker(const std::string& reference) {
  const std::string old = "index.docker.io/";
  return reference.starts_with(old) ? "docker.io/" + reference.substr(old.size()) : reference;
}

// A signature made for one repository says nothing about the same bytes in another one, where the
// rule tells repositories apart and the signature knows its own.
bool is_of_this_repository(const TrustRule& rule,
                           const TrustSubject& subject,
                           const SignatureFinding& finding) {
  if (rule.images.empty() || finding.reference.empty() ||
      subject.provenance.source != SourceKind::Registry) {
    return true;
  }
  std::string reference = canonical_docker(finding.reference);
  return std::any_of(rule.images.begin(), rule.images.end(), [&](const std::string& pattern) {
    return fits_pattern(pattern, reference) || fits_pattern(without_tag(pattern), reference);
  });
}

std::string describe(const std::vector<SignatureFinding>& findings) {
  std::vector<std::string> lines;
  for (const SignatureFinding& finding : findings) {
    std::string line = finding.good() ? "it was signed for " + finding.reference : finding.why;
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) {
      lines.push_back(std::move(line));
    }
  }
  return join(lines, "; ");
}

Result<TrustDecision> decide_signed(const TrustPolicy& policy,
                                    const TrustSubject& subject,
                                    const TrustRule& rule,
                                    const std::vector<SignatureFinding>& findings,
                                    const std::string& note) {
  auto good = std::find_if(findings.begin(), findings.end(), [&](const SignatureFinding& one) {
    return one.good() && is_of_this_repository(rule, subject, one);
  });
  if (good != findings.end()) {
    return TrustDecision{
        .trust = rule_name(&rule) + ": signed by " + good->signer + ", " + good->who,
        .signature = *good};
  }
  if (rule.demand == TrustDemand::SignedOrNot && findings.empty() && note.empty()) {
    return TrustDecision{.trust = rule_name(&rule) + ": unsigned, allowed"};
  }
  std::string wanted = join(rule.signed_by, " or ");
  if (!findings.empty()) {
    return refused(policy,
                   subject,
                   &rule,
                   "none of its " + std::to_string(findings.size()) + " signatures is by " +
                       wanted + ": " + describe(findings));
  }
  if (!note.empty()) {
    return refused(
        policy, subject, &rule, "whether " + wanted + " signed it could not be told: " + note);
  }
  return refused(policy, subject, &rule, "it is not signed; " + wanted + " must have signed it")
      .with_hint("sign it (cosign sign) and pull it again, or pin its digest in the policy");
}

Result<void> check_list(const TrustPolicy& policy,
                        const TrustSubject& subject,
                        const TrustRule* rule,
                        const std::optional<std::vector<std::string>>& allowed,
                        const std::string& value,
                        const std::string& what) {
  if (!allowed.has_value() || fits_any(*allowed, value)) {
    return {};
  }
  return refused(policy,
                 subject,
                 rule,
                 what + "; allowed are " + (allowed->empty() ? "none" : join(*allowed, ", ")));
}

}  // namespace

std::string TrustSubject::name() const {
  if (provenance.source == SourceKind::File) {
    return provenance.location;
  }
  return provenance.canonical_name.empty() ? reference : provenance.canonical_name;
}

const TrustRule* find_rule(const TrustPolicy& policy, const TrustSubject& subject) {
  std::string name = subject.name();
  auto found = std::find_if(policy.rules.begin(), policy.rules.end(), [&](const TrustRule& rule) {
    bool source = rule.sources.empty() ||
                  std::find(rule.sources.begin(), rule.sources.end(), subject.provenance.source) !=
                      rule.sources.end();
    return source && (rule.images.empty() || fits_any(rule.images, name));
  });
  return found == policy.rules.end() ? nullptr : &*found;
}

bool wants_signatures(const TrustPolicy& policy, const TrustSubject& subject) {
  const TrustRule* rule = find_rule(policy, subject);
  if (rule == nullptr) {
    return false;
  }
  // Of a local image without the duty to be signed no registry is asked: whoever built it here has
  // signed nothing there.
  bool distributed = subject.provenance.source == SourceKind::Registry ||
                     subject.provenance.source == SourceKind::OciLayout ||
                     subject.provenance.source == SourceKind::Archive;
  return rule->demand == TrustDemand::Signed ||
         (rule->demand == TrustDemand::SignedOrNot && distributed);
}

Result<TrustDecision> decide_trust(const TrustPolicy& policy,
                                   const TrustSubject& subject,
                                   const std::vector<SignatureFinding>& findings,
                                   const std::string& note) {
  const TrustRule* rule = find_rule(policy, subject);
  if (rule == nullptr) {
    if (policy.otherwise == TrustDemand::Refuse) {
      return refused(policy, subject, nullptr, "no rule fits " + subject.name())
          .with_hint("add one with images = [\"" + subject.name() + "\"] or sources = [\"" +
                     std::string(to_string(subject.provenance.source)) + "\"]");
    }
    return TrustDecision{.trust = "default: allowed"};
  }
  const Provenance& provenance = subject.provenance;
  if (rule->demand == TrustDemand::Refuse) {
    return refused(policy,
                   subject,
                   rule,
                   subject.name() + " from " + describe_source(provenance) + " is not let in");
  }
  if (rule->at_least == Verification::Content && provenance.verification == Verification::Daemon) {
    return refused(policy,
                   subject,
                   rule,
                   "its bytes could not be proved to belong to the image (" +
                       describe_source(provenance) + ")");
  }
  if (!rule->digests.empty()) {
    bool pinned =
        std::any_of(rule->digests.begin(), rule->digests.end(), [&](const Digest& digest) {
          return digest == provenance.image_id || digest == provenance.manifest_digest ||
                 digest == provenance.index_digest || digest == subject.bytecode;
        });
    if (!pinned) {
      return refused(
          policy,
          subject,
          rule,
          "none of its digests is pinned (bytecode " + subject.bytecode.text() +
              (provenance.image_id.empty() ? "" : ", image " + provenance.image_id.text()) + ")");
    }
  }
  if (rule->demand != TrustDemand::Allow) {
    return decide_signed(policy, subject, *rule, findings, note);
  }
  return TrustDecision{.trust =
                           rule_name(rule) + (rule->digests.empty() ? ": allowed" : ": pinned")};
}

Result<void> check_limits(const TrustPolicy& policy,
                          const TrustSubject& subject,
                          const std::vector<ProgramTraits>& programs,
                          const std::string& interface) {
  const TrustRule* rule = find_rule(policy, subject);
  if (rule == nullptr || rule->programs.empty()) {
    return {};
  }
  const ProgramLimits& limits = rule->programs;
  for (const ProgramTraits& traits : programs) {
    const ElfProgram& program = traits.program;
    std::string who = "program " + program.name;
    TRY(check_list(policy,
                   subject,
                   rule,
                   limits.types,
                   std::string(to_string(program.type)),
                   who + " is of type " + std::string(to_string(program.type))));
    TRY(check_list(policy,
                   subject,
                   rule,
                   limits.hooks,
                   program.section,
                   who + " is for the hook " + program.section));
    for (const std::string& call : traits.calls) {
      TRY(check_list(policy, subject, rule, limits.helpers, call, who + " calls " + call));
      if (fits_any(limits.refused_helpers, call)) {
        return refused(policy, subject, rule, who + " calls " + call);
      }
    }
  }
  if (!interface.empty()) {
    TRY(check_list(policy,
                   subject,
                   rule,
                   limits.interfaces,
                   interface,
                   "it is to be attached to " + interface));
  }
  return {};
}

}  // namespace bpfman::plan
