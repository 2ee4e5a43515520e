// SPDX-License-Identifier: Apache-2.0
// policy.json of the containers tools: the file, the scope that an image is of, and names in
// signatures. After a NUL in the input stands a name.
#include "bpfman/plan/containers_decision.h"
#include "fuzz/fuzz.h"

namespace {

using namespace bpfman;

void check_name(std::string_view text) {
  std::optional<NamedReference> name = parse_named_reference(text);
  if (name.has_value()) {
    FUZZ_CHECK(parse_named_reference(name->text()) == name, "a name is the same when read again");
    FUZZ_CHECK(name->name.find('/') != std::string::npos, "a complete name has a host");
  }
}

void check_decision(const ContainersPolicy& policy, const plan::TrustSubject& subject) {
  std::optional<plan::ContainersSubject> known = plan::containers_subject(subject);
  std::optional<plan::ContainersScope> scope =
      known.has_value() ? plan::find_scope(policy, *known) : std::nullopt;
  if (!scope.has_value()) {
    return;
  }
  FUZZ_CHECK(!scope->requirements.empty(), "a scope without requirements");
  Result<plan::TrustDecision> decision = plan::decide_containers(policy, *scope, subject, {}, "");
  bool accepts = true;
  for (const PolicyRequirement& one : scope->requirements) {
    accepts = accepts && std::holds_alternative<AcceptAnything>(one);
  }
  FUZZ_CHECK(decision.ok() == accepts, "without signatures only insecureAcceptAnything accepts");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  std::size_t end = text.find('\0');
  std::string name(end == std::string_view::npos ? "quay.io/acme/prog:v1" : text.substr(end + 1));
  check_name(name);
  Result<ContainersPolicy> policy = parse_containers_policy(text.substr(0, end), "policy.json");
  if (!policy.ok()) {
    FUZZ_CHECK(policy.error().code() == Code::InvalidArgument, "what is wrong is said");
    return 0;
  }
  for (SourceKind source : {SourceKind::Registry,
                            SourceKind::Podman,
                            SourceKind::Docker,
                            SourceKind::OciLayout,
                            SourceKind::Archive,
                            SourceKind::File}) {
    plan::TrustSubject subject{.what = "image",
                               .provenance = {.source = source,
                                              .route = "overlay",
                                              .location = "/var/store",
                                              .canonical_name = name},
                               .reference = {},
                               .bytecode = {}};
    check_decision(*policy, subject);
  }
  for (const auto& [transport, scopes] : policy->transports) {
    for (const auto& [scope, requirements] : scopes) {
      for (const PolicyRequirement& one : requirements) {
        if (const auto* wanted = std::get_if<SigstoreSigned>(&one)) {
          FUZZ_CHECK(
              !plan::why_not_identity(wanted->identity, parse_named_reference(name), "").empty(),
              "a signature without a name satisfies nothing");
          static_cast<void>(
              plan::why_not_identity(wanted->identity, parse_named_reference(name), name));
        }
      }
    }
  }
  return 0;
}
