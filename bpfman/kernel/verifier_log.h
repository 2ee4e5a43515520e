// SPDX-License-Identifier: Apache-2.0
// The verifier's log of a refused program, cut down to the lines that tell why.
// Source: kernel/bpf/verifier.c, kernel/bpf/log.c; tools/lib/bpf/libbpf.c for the frame around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bpfman/base/error.h"

namespace bpfman::kernel {

// The log inside what libbpf printed, without its BEGIN and END lines; nullopt when there is none.
std::optional<std::string> extract_verifier_log(std::string_view libbpf_text);

// The line "processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1
// mark_read 1"; nullopt when there is none.
struct VerifierStatistics {
  std::uint32_t instructions = 0;
  std::uint32_t limit = 0;
  std::uint32_t total_states = 0;
  std::uint32_t peak_states = 0;
  bool operator==(const VerifierStatistics&) const = default;
};

std::optional<VerifierStatistics> parse_verifier_statistics(std::string_view log);

// `tail`: the last two lines that are neither statistics nor register dumps: as a rule the refused
// instruction and the reason. Empty when there is no such line.
VerifierLog summarize_verifier_log(std::string log);

}  // namespace bpfman::kernel
