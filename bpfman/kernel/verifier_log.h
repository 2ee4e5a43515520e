// SPDX-License-Identifier: Apache-2.0
// The verifier's log of a refused program, cut down to the lines that tell why.
// Source: kernel/bpf/verifier.c, kernel/bpf/log.c; tools/lib/bpf/libbpf.c for the frame around it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bpfman/base/error.h"

namespace bpfman::kernel {

// The log inside what libbpf printed, without its BEGIN and END lines; nullopt when there is none.
std::optional<std::string> extract_verifier_log(std::string_view libbpf_text);

// `tail`: the last two lines that are neither statistics nor register dumps: as a rule the refused
// instruction and the reason. Empty when there is no such line.
VerifierLog summarize_verifier_log(std::string log);

}  // namespace bpfman::kernel
