// SPDX-License-Identifier: Apache-2.0
// A TUF repository, as a mirror may serve it: files, each as "NAME SIZE\n" and its bytes.
// "root.json" is where trust begins.
#include <algorithm>
#include <map>

#include "bpfman/base/text.h"
#include "bpfman/trust/tuf_client.h"
#include "fuzz/fuzz.h"

namespace {

using namespace bpfman;

class Files final : public trust::TufSource {
 public:
  explicit Files(std::string_view input) {
    for (;;) {
      std::size_t line = input.find('\n');
      std::size_t blank = input.substr(0, line).rfind(' ');
      if (line == std::string_view::npos || blank == std::string_view::npos) {
        return;
      }
      std::optional<std::uint64_t> size = parse_unsigned(input.substr(blank + 1, line - blank - 1));
      std::string name(input.substr(0, blank));
      input.remove_prefix(line + 1);
      std::size_t length = std::min<std::uint64_t>(size.value_or(0), input.size());
      files[name] = std::string(input.substr(0, length));
      input.remove_prefix(length);
    }
  }

  Result<std::optional<Bytes>> fetch(const std::string& path, std::size_t) override {
    auto found = files.find(path);
    if (found == files.end()) {
      return std::optional<Bytes>();
    }
    ByteView view = as_bytes(found->second);
    return std::optional(Bytes(view.begin(), view.end()));
  }

  std::map<std::string, std::string> files;
};

void check_canonical(const std::string& text) {
  Result<std::string> canonical = trust::canonical_json(text);
  Result<trust::TufRoot> root = trust::parse_tuf_root(text);
  if (root.ok()) {
    FUZZ_CHECK(canonical.ok(), "a root without a canonical form");
    FUZZ_CHECK(root->document.version > 0, "a root without a version");
    FUZZ_CHECK(canonical->find(root->document.message) != std::string::npos,
               "what is signed is no part of the whole");
    for (const trust::TufRoleKeys& role : root->roles) {
      FUZZ_CHECK(role.threshold > 0, "a role that needs no signature");
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t kWhenSeedsWereValid = 1'732'800'000;
  Files source(fuzz::text_of(data, size));
  for (const auto& [name, text] : source.files) {
    check_canonical(text);
  }
  trust::TufState state{.root = source.files["root.json"],
                        .timestamp = source.files["old.timestamp.json"],
                        .snapshot = source.files["old.snapshot.json"]};
  Result<trust::TufTarget> target =
      trust::update_tuf(state, source, "trusted_root.json", kWhenSeedsWereValid);
  FUZZ_CHECK(target.ok() || !target.error().message().empty(), "an error without words");
  if (target.ok()) {
    FUZZ_CHECK(target->expires > kWhenSeedsWereValid, "something that has expired");
    for (const std::string& text : {state.root, state.timestamp, state.snapshot, state.targets}) {
      FUZZ_CHECK(trust::canonical_json(text).ok(), "something is kept that cannot be read");
    }
  }
  return 0;
}
