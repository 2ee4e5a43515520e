// SPDX-License-Identifier: Apache-2.0
// auth.json, config.json and .dockercfg of a user, what a credential helper prints, daemon.json.
#include "bpfman/image/credentials.h"
#include "bpfman/image/registry_config.h"
#include "bpfman/image/retry.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  using namespace bpfman::image;
  std::string_view text = fuzz::text_of(data, size);
  for (AuthFileForm form : {AuthFileForm::Current, AuthFileForm::Legacy}) {
    Result<AuthFile> file = parse_auth_file(text, form);
    FUZZ_CHECK(file.ok() || file.error().code() == Code::InvalidArgument, "bad text only");
    if (!file.ok()) {
      continue;
    }
    for (const char* registry : {"docker.io", "reg.example:5000"}) {
      std::optional<AuthEntry> entry = match_auth(*file, registry, "me/prog");
      FUZZ_CHECK(!entry.has_value() || !file->auths.empty(), "an entry comes from the file");
    }
  }
  std::optional<Credential> answer = parse_helper_answer(text);
  FUZZ_CHECK(!answer.has_value() || answer->basic.empty() != answer->identity_token.empty(),
             "a helper gives a login or a token");
  RegistryPolicy policy;
  Result<void> daemon = add_daemon_json(text, policy);
  FUZZ_CHECK(daemon.ok() || policy.insecure.empty(), "nothing is taken from a bad file");
  std::optional<std::int64_t> wait = parse_retry_after(std::string(text), 1'000'000'000);
  FUZZ_CHECK(wait.value_or(0) >= 0, "nobody waits for less than nothing");
  return 0;
}
