// SPDX-License-Identifier: Apache-2.0
// Parts that several planners put into their plans. Not for other rooms.
#pragma once

#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// Attaches a link at its place: one more member of the chain of its hook, or a link by itself. The
// record is the caller's to commit.
Result<void> add_link(Plan& plan,
                      const LinkRecord& link,
                      const ProgramRecord& program,
                      ProgramRef reference,
                      const AttachPlace& place,
                      const Snapshot& snapshot);

// Uses the pinned maps of `owner`. Data sections stay a program's own.
void add_shared_maps(LoadProgram& load, const ProgramRecord& owner);

// The image's record, new or with the time of its last use brought up to date.
void note_image(Plan& plan, const BytecodeFacts& bytecode, const Snapshot& snapshot);

}  // namespace bpfman::plan
