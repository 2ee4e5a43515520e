// SPDX-License-Identifier: Apache-2.0
// What a verifier's log means, for people: the source line, the instruction, what is likely wrong
// and what usually helps.
// Source: kernel/bpf/verifier.c (the messages), kernel/bpf/log.c (the source lines, from the
// program's BTF).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bpfman::kernel {

struct VerifierAdvice {
  std::string source_line;  // "return data[100]; (prog.bpf.c:12)"; "" without line information
  std::string instruction;  // "2: (71) r0 = *(u8 *)(r1 +100)"; "" when the log shows none
  std::string cause;        // "" for a message that we do not know
  std::string remedy;
};

VerifierAdvice read_verifier_log(std::string_view log);

// The same as hints of an error, each a line.
std::vector<std::string> verifier_hints(std::string_view log);

}  // namespace bpfman::kernel
