// SPDX-License-Identifier: Apache-2.0
// The scripts that `bpfman completion SHELL` prints. Each asks `bpfman __complete -- WORDS...`,
// which answers with a line for each candidate: the word, a tab, a description; or ":files" and
// ":directories", which shells complete themselves.
#pragma once

#include <string_view>
#include <vector>

namespace bpfman::cli {

struct CompletionScript {
  std::string_view shell;  // "bash"
  std::string_view about;  // how it is switched on
  std::string_view text;
};

// They live as long as the process.
const std::vector<CompletionScript>& completion_scripts();

}  // namespace bpfman::cli
