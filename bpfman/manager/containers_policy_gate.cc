// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/containers_policy_gate.h"

#include <filesystem>

#include <sys/stat.h>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/manager/trusted_file.h"
#include "bpfman/trust/signature_check.h"

namespace bpfman {
namespace {

constexpr const char* kOfUser = ".config/containers/policy.json";
constexpr const char* kOfHost = "etc/containers/policy.json";

// Scopes are paths without links.
plan::TrustSubject without_links(plan::TrustSubject subject) {
  SourceKind source = subject.provenance.source;
  if (source == SourceKind::OciLayout || source == SourceKind::Archive) {
    std::error_code error;
    std::filesystem::path path =
        std::filesystem::weakly_canonical(subject.provenance.location, error);
    if (!error) {
      subject.provenance.location = path.string();
    }
  }
  return subject;
}

Result<std::string> text_of(const PolicyMaterial& material, const std::string& what) {
  if (material.path.empty()) {
    return material.data;
  }
  if (!material.path.starts_with('/')) {
    return Error(Code::InvalidArgument, what + ": the path " + material.path + " is not absolute");
  }
  return read_named_file(material.path, what);
}

Result<trust::SignatureChecker> make_checker(const SigstoreSigned& wanted,
                                             std::vector<std::string>& names) {
  std::vector<std::string> logs;
  for (const PolicyMaterial& log : wanted.logs) {
    std::string pem = TRY(text_of(log, "the key of Rekor"));
    logs.push_back(std::move(pem));
  }
  std::vector<Signer> signers;
  std::string authority;
  for (const PolicyMaterial& key : wanted.keys) {
    std::string pem = TRY(text_of(key, "the key"));
    signers.push_back(
        Signer{.name = "key " + std::to_string(signers.size() + 1),
               .who = KeySigner{.path = key.path, .pem = std::move(pem), .logged = !logs.empty()}});
  }
  if (wanted.fulcio.has_value()) {
    authority = TRY(text_of(wanted.fulcio->authority, "the certificate of Fulcio"));
    signers.push_back(Signer{.name = "fulcio",
                             .who = IdentitySigner{.identity = {.text = wanted.fulcio->email},
                                                   .issuer = {.text = wanted.fulcio->issuer}}});
  }
  for (const Signer& signer : signers) {
    names.push_back(signer.name);
  }
  trust::TrustedRoot root = TRY(trust::make_trusted_root(authority, logs));
  return trust::SignatureChecker::make(signers, std::move(root), "sigstoreSigned");
}

// The tools look at signatures of the image's own manifest only, not at those of an index.
plan::RequirementCheck check_requirement(const PolicyRequirement& requirement,
                                         const plan::TrustSubject& subject,
                                         const std::vector<SignatureDocument>& documents) {
  plan::RequirementCheck out;
  const auto* wanted = std::get_if<SigstoreSigned>(&requirement);
  if (wanted == nullptr || wanted->pki) {
    return out;
  }
  std::vector<std::string> names;
  Result<trust::SignatureChecker> checker = make_checker(*wanted, names);
  if (!checker.ok()) {
    out.problem = checker.error().message();
    return out;
  }
  trust::SignedThing thing;
  if (!subject.provenance.manifest_digest.empty()) {
    thing.digests.push_back(subject.provenance.manifest_digest);
  }
  out.findings = checker->check(documents, names, thing);
  return out;
}

}  // namespace

void ContainersPolicyGate::add(const std::string& path,
                               const Result<std::optional<std::string>>& text,
                               std::string home) {
  if (!text.ok()) {
    files_.push_back(File{path, text.error(), std::move(home)});
    return;
  }
  if (!text->has_value()) {
    return;
  }
  Result<ContainersPolicy> policy = parse_containers_policy(**text, path);
  if (!policy.ok() || !policy->accepts_anything()) {
    files_.push_back(File{path, std::move(policy), std::move(home)});
  }
}

ContainersPolicyGate ContainersPolicyGate::open(const Layout& layout,
                                                const Environment& environment) {
  ContainersPolicyGate out;
  std::string path = join_path(layout.root, kOfHost);
  if (layout.root != "/") {
    out.add(path, read_trusted_file(path, kContainersPolicyLimit), "");
    return out;
  }
  if (!environment.user.home.empty()) {
    std::string own = join_path(environment.user.home, kOfUser);
    Result<std::optional<struct ::stat>> info = stat_path(own);
    path = info.ok() && info->has_value() ? own : path;
  }
  out.add(path, read_trusted_file(path, kContainersPolicyLimit), "");
  if (environment.invoking_user.has_value() && !environment.invoking_user->home.empty()) {
    const UserAccount& user = *environment.invoking_user;
    Result<std::optional<Bytes>> bytes =
        read_config_file_of(user.home, kOfUser, user.uid, kContainersPolicyLimit);
    Result<std::optional<std::string>> text = std::optional<std::string>();
    if (!bytes.ok()) {
      text = bytes.error();
    } else if (bytes->has_value()) {
      text = std::optional(std::string(as_text(**bytes)));
    }
    out.add(join_path(user.home, kOfUser), text, user.home);
  }
  return out;
}

bool ContainersPolicyGate::wants_signatures(const plan::TrustSubject& typed) const {
  if (files_.empty()) {
    return false;
  }
  std::optional<plan::ContainersSubject> subject = plan::containers_subject(without_links(typed));
  if (!subject.has_value()) {
    return false;
  }
  for (const File& file : files_) {
    std::optional<plan::ContainersScope> scope =
        file.policy.ok() ? plan::find_scope(*file.policy, *subject) : std::nullopt;
    if (scope.has_value() && plan::wants_signatures(*scope)) {
      return true;
    }
  }
  return false;
}

Result<ContainersPolicyGate::Verdict> ContainersPolicyGate::check(
    const plan::TrustSubject& typed,
    const std::vector<SignatureDocument>& documents,
    const std::string& note) const {
  Verdict out;
  std::optional<plan::ContainersSubject> known;
  plan::TrustSubject subject = typed;
  if (!files_.empty()) {
    subject = without_links(typed);
    known = plan::containers_subject(subject);
  }
  if (!known.has_value()) {
    return out;
  }
  for (const File& file : files_) {
    if (!file.home.empty() && !subject.provenance.location.starts_with(file.home + "/")) {
      continue;
    }
    if (!file.policy.ok()) {
      return Error(file.policy.error())
          .with_context(subject.what + " is not let in, for the policy cannot be read")
          .with_hint("mend " + file.path + ": containers-policy.json(5)");
    }
    std::optional<plan::ContainersScope> scope = plan::find_scope(*file.policy, *known);
    if (!scope.has_value()) {
      continue;
    }
    std::vector<plan::RequirementCheck> checks;
    for (const PolicyRequirement& requirement : scope->requirements) {
      checks.push_back(check_requirement(requirement, subject, documents));
      out.findings.insert(
          out.findings.end(), checks.back().findings.begin(), checks.back().findings.end());
    }
    Result<plan::TrustDecision> decision =
        plan::decide_containers(*file.policy, *scope, subject, checks, note);
    if (!decision.ok()) {
      return std::move(decision).error();
    }
    out.trust += (out.trust.empty() ? "" : "; ") + decision->trust;
    out.policies.push_back(file.policy->id);
  }
  return out;
}

}  // namespace bpfman
