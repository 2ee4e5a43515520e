// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/containers_decision.h"

#include <algorithm>

#include "bpfman/base/text.h"

namespace bpfman::plan {
namespace {

// "host:5000/ns/prog" -> itself, "host:5000/ns", "host:5000"
std::vector<std::string> parents_of(const std::string& name) {
  std::vector<std::string> out = {name};
  for (std::size_t slash = name.rfind('/'); slash != std::string::npos && slash > 0;
       slash = name.rfind('/', slash - 1)) {
    out.push_back(name.substr(0, slash));
  }
  return out;
}

// The name without its tag when there is a digest too: the digest decides.
NamedReference decisive(NamedReference name) {
  if (name.digest.has_value()) {
    name.tag.clear();
  }
  return name;
}

// Wildcards stand for parts of the host; its port does not count for them.
std::vector<std::string> docker_scopes(const NamedReference& name) {
  std::vector<std::string> out = parents_of(name.name);
  out.insert(out.begin(), name.text());
  std::string host = out.back().substr(0, out.back().find(':'));
  for (std::size_t dot = host.find('.'); dot != std::string::npos; dot = host.find('.', dot + 1)) {
    out.push_back("*" + host.substr(dot));
  }
  return out;
}

// "[overlay@/root]host/ns/prog:tag", ..., "[overlay@/root]", "[/root]"
std::vector<std::string> storage_scopes(const Provenance& provenance,
                                        const std::optional<NamedReference>& name) {
  std::string store = "[" + provenance.route + "@" + provenance.location + "]";
  std::vector<std::string> out;
  std::string id(provenance.image_id.hex());
  if (name.has_value()) {
    out.push_back(store + name->text() + "@" + id);
    out.push_back(store + name->text());
    for (const std::string& parent : parents_of(name->name)) {
      out.push_back(store + parent);
    }
  } else {
    out.push_back(store + "@" + id);
  }
  out.push_back(store);
  out.push_back("[" + provenance.location + "]");
  return out;
}

std::optional<NamedReference> full_name(const std::string& text) {
  std::optional<NamedReference> name = parse_named_reference(text);
  if (!name.has_value()) {
    return std::nullopt;
  }
  if (name->is_name_only()) {
    name->tag = "latest";
  }
  return decisive(std::move(*name));
}

// `text` begins with a whole host, namespace or repository.
bool has_prefix(const std::string& text, const std::string& prefix) {
  return text == prefix ||
         (text.starts_with(prefix) &&
          std::string_view("/:@").find(text[prefix.size()]) != std::string_view::npos);
}

std::string repository(const NamedReference& name) {
  return "a name in the repository " + name.name;
}

// MatchRepoDigestOrExact: a tag has to be the same, a digest was checked by itself.
std::string why_not_same(const NamedReference& image, const NamedReference& in_signature) {
  if (in_signature.is_name_only()) {
    return "a name with a tag";
  }
  if (image.digest.has_value() ? in_signature.name == image.name
                               : in_signature.text() == image.text()) {
    return "";
  }
  return image.digest.has_value() ? repository(image) : image.text();
}

// What is wanted instead of the name; "" when it fits.
std::string wanted_instead(const SignedIdentity& wanted,
                           const std::optional<NamedReference>& image,
                           const NamedReference& in_signature) {
  std::optional<NamedReference> given =
      wanted.reference.empty() ? image : parse_named_reference(wanted.reference);
  if (!given.has_value()) {
    return "another rule (the image has no name here; exactReference and exactRepository need "
           "none)";
  }
  switch (wanted.rule) {
    case IdentityRule::MatchExact:
    case IdentityRule::ExactReference:
      return in_signature.text() == given->text() ? "" : given->text();
    case IdentityRule::MatchRepository:
    case IdentityRule::ExactRepository:
      return in_signature.name == given->name ? "" : repository(*given);
    case IdentityRule::MatchRepoDigestOrExact:
      break;
    case IdentityRule::RemapIdentity: {
      std::string text = given->text();
      if (has_prefix(text, wanted.prefix)) {
        given = parse_named_reference(wanted.signed_prefix + text.substr(wanted.prefix.size()));
      }
      break;
    }
  }
  return given.has_value() ? why_not_same(*given, in_signature) : "a name that can be remapped";
}

struct Refusal {
  const ContainersPolicy& policy;
  const ContainersScope& scope;
  const TrustSubject& subject;

  Error operator()(const std::string& why) const {
    return Error(Code::PermissionDenied,
                 subject.what + " is refused by " + policy.path + ", " + scope.place + ": " + why);
  }
};

Error hinted(Error error, bool names_only, const std::string& file) {
  return names_only ? std::move(error).with_hint(
                          "cosign signs for a repository, without a tag: \"signedIdentity\": "
                          "{\"type\": \"matchRepository\"} in " +
                          file + " accepts that")
                    : std::move(error);
}

// The signature that satisfies the requirement.
Result<SignatureFinding> find_signature(const SigstoreSigned& requirement,
                                        const RequirementCheck& check,
                                        const std::optional<NamedReference>& name,
                                        const std::string& note,
                                        const Refusal& refused) {
  if (requirement.pki) {
    return refused(
               "it wants a signature by a certificate of one's own authority (pki), which bpfman "
               "does not check")
        .with_hint("give this scope a requirement with keyPath or fulcio");
  }
  if (!check.problem.empty()) {
    return refused(check.problem);
  }
  std::vector<std::string> reasons;
  bool names_only = false;
  for (const SignatureFinding& finding : check.findings) {
    std::string why = finding.good()
                          ? why_not_identity(requirement.identity, name, finding.reference)
                          : finding.why;
    if (finding.good() && why.empty()) {
      return finding;
    }
    std::optional<NamedReference> signed_name = parse_named_reference(finding.reference);
    names_only =
        names_only || (finding.good() && signed_name.has_value() && signed_name->is_name_only());
    if (std::find(reasons.begin(), reasons.end(), why) == reasons.end()) {
      reasons.push_back(std::move(why));
    }
  }
  std::string wants =
      "sigstoreSigned (" + std::string(to_string(requirement.identity.rule)) + "): ";
  if (!reasons.empty()) {
    return hinted(refused(wants + "none of its " + std::to_string(check.findings.size()) +
                          " signatures is accepted: " + join(reasons, "; ")),
                  names_only,
                  refused.policy.path);
  }
  if (!note.empty()) {
    return refused(wants + "whether it is signed could not be told: " + note);
  }
  return refused(wants + "it is not signed")
      .with_hint("sign it (cosign sign --key) and pull it again");
}

}  // namespace

std::optional<ContainersSubject> containers_subject(const TrustSubject& subject) {
  const Provenance& provenance = subject.provenance;
  ContainersSubject out;
  out.name =
      full_name(provenance.canonical_name.empty() ? subject.reference : provenance.canonical_name);
  switch (provenance.source) {
    case SourceKind::Registry:
    case SourceKind::Docker:
      out.enters = provenance.source == SourceKind::Registry;
      out.transport = out.enters ? "docker" : "docker-daemon";
      if (out.name.has_value()) {
        out.scopes = docker_scopes(*out.name);
      }
      return out;
    case SourceKind::OciLayout:
      out.transport = "oci";
      out.scopes = parents_of(provenance.location);
      return out;
    case SourceKind::Archive:
      out.transport =
          provenance.route.starts_with("docker-archive") ? "docker-archive" : "oci-archive";
      if (out.transport == "oci-archive") {
        out.scopes = parents_of(provenance.location);
      }
      return out;
    case SourceKind::Podman:
      out.transport = "containers-storage";
      out.scopes = storage_scopes(provenance, out.name);
      out.enters = false;
      return out;
    case SourceKind::File:
    case SourceKind::Containerd:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<ContainersScope> find_scope(const ContainersPolicy& policy,
                                          const ContainersSubject& subject) {
  auto transport = policy.transports.find(subject.transport);
  if (transport != policy.transports.end()) {
    std::vector<std::string> scopes = subject.scopes;
    scopes.emplace_back();
    for (const std::string& scope : scopes) {
      auto found = transport->second.find(scope);
      if (found != transport->second.end()) {
        return ContainersScope{subject.transport + " \"" + scope + "\"", found->second};
      }
    }
  } else if (!subject.enters) {
    return std::nullopt;
  }
  return ContainersScope{"default", policy.otherwise};
}

bool wants_signatures(const ContainersScope& scope) {
  return std::any_of(
      scope.requirements.begin(), scope.requirements.end(), [](const PolicyRequirement& one) {
        return std::holds_alternative<SigstoreSigned>(one);
      });
}

std::string why_not_identity(const SignedIdentity& wanted,
                             const std::optional<NamedReference>& image,
                             const std::string& signed_name) {
  if (signed_name.empty()) {
    return "it names no repository (Sigstore bundles do not), and the policy wants one";
  }
  std::optional<NamedReference> in_signature = parse_named_reference(signed_name);
  if (!in_signature.has_value()) {
    return "it is for \"" + signed_name + "\", which is no name";
  }
  std::string instead = wanted_instead(wanted, image, *in_signature);
  return instead.empty() ? "" : "it is for " + signed_name + ", wanted is " + instead;
}

Result<TrustDecision> decide_containers(const ContainersPolicy& policy,
                                        const ContainersScope& scope,
                                        const TrustSubject& subject,
                                        const std::vector<RequirementCheck>& checks,
                                        const std::string& note) {
  Refusal refused{policy, scope, subject};
  std::optional<ContainersSubject> known = containers_subject(subject);
  TrustDecision out{.trust = policy.path + ", " + scope.place + ": accepted"};
  for (std::size_t i = 0; i < scope.requirements.size(); ++i) {
    const PolicyRequirement& requirement = scope.requirements[i];
    if (std::holds_alternative<RejectAnything>(requirement)) {
      return refused("reject").with_hint("should it be let in, give it a scope of its own there");
    }
    if (const auto* unchecked = std::get_if<UncheckedRequirement>(&requirement)) {
      return refused("it wants " + unchecked->type +
                     (unchecked->type == "signedBy" ? " (a GPG signature)" : "") +
                     ", which bpfman does not check, so nothing satisfies it here")
          .with_hint("sign it with cosign and give this scope a requirement sigstoreSigned");
    }
    if (const auto* wanted = std::get_if<SigstoreSigned>(&requirement)) {
      SignatureFinding finding =
          TRY(find_signature(*wanted,
                             i < checks.size() ? checks[i] : RequirementCheck(),
                             known.has_value() ? known->name : std::nullopt,
                             note,
                             refused));
      out.trust = policy.path + ", " + scope.place + ": signed by " + finding.who;
      out.signature = std::move(finding);
    }
  }
  return out;
}

}  // namespace bpfman::plan
