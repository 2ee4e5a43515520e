// SPDX-License-Identifier: Apache-2.0
// registries.conf, and what it makes of a reference: the first line is the reference, the rest the
// file.
#include "bpfman/model/registry_policy.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string_view text = fuzz::text_of(data, size);
  std::size_t line = text.find('\n');
  if (line == std::string_view::npos) {
    return 0;
  }
  Result<ImageReference> reference = ImageReference::parse(text.substr(0, line));
  Result<TomlDocument> document = parse_toml(text.substr(line + 1), "registries.conf");
  if (!reference.ok() || !document.ok() || reference->is_id()) {
    return 0;
  }
  RegistryPolicy policy;
  add_registries(*document, "registries.conf", policy);
  policy.insecure = document->get_list("insecure");
  for (const RegistryRule& rule : policy.rules) {
    FUZZ_CHECK(!rule.prefix.empty(), "a rule is about something");
  }
  Result<std::vector<PullTarget>> targets = plan_pull(policy, *reference);
  FUZZ_CHECK(targets.ok() || targets.error().code() == Code::PermissionDenied ||
                 targets.error().code() == Code::FailedPrecondition,
             "only these fail");
  if (targets.ok()) {
    FUZZ_CHECK(!targets->empty(), "somebody is asked");
    for (const PullTarget& target : *targets) {
      FUZZ_CHECK(!target.registry.empty() && !target.repository.empty(), "a place has both parts");
      FUZZ_CHECK(target.registry.find('/') == std::string::npos, "a registry is a host");
    }
  }
  alias_of(policy, *reference);
  return 0;
}
