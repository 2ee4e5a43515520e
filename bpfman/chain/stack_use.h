// SPDX-License-Identifier: Apache-2.0
// How much of its stack a function uses: an address of the stack is followed from R10 through all
// instructions, also into the functions that it is handed to. Bounds are lower bounds; where none
// can be given, the answer is that there is none.
#pragma once

#include <cstdint>
#include <span>

#include "bpfman/base/result.h"
#include "bpfman/chain/instructions.h"

namespace bpfman::chain {

// Bytes below R10 which the first function of a program uses, or others on its behalf. `length`:
// its instructions. Unimplemented: an address is stored, given to a callback, or computed with
// numbers that are not in the code. InvalidArgument: a jump leads out of the program.
Result<std::uint32_t> find_stack_use(std::span<const Instruction> instructions, std::size_t length);

}  // namespace bpfman::chain
