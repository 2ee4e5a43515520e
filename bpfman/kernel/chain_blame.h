// SPDX-License-Identifier: Apache-2.0
// Which member of a fused image the verifier refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bpfman/base/error.h"
#include "bpfman/chain/fused.h"

namespace bpfman::kernel {

// The last instruction that a verifier's log shows ("17: (85) call ..."); nullopt: none.
std::optional<std::size_t> last_instruction(std::string_view log);

// Of an image that calls its members: the error with the name of the one in whose code the verifier
// stopped, where its log tells.
Error blame_member(Error error, const chain::FusedSpec& spec, const chain::Image& image);

}  // namespace bpfman::kernel
