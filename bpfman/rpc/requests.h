// SPDX-License-Identifier: Apache-2.0
// Requests of bpfman.v1 (proto/bpfman/v1/bpfman.proto) as the values that Api takes. Pure.
// Errors: InvalidArgument for what is missing or can never be right; Unimplemented for a kind that
// this version does not know.
#pragma once

#include <bpfman.pb.h>

#include "bpfman/base/result.h"
#include "bpfman/manager/api.h"

namespace bpfman::rpc {

// Keys of metadata with a meaning of their own. The second is that of earlier versions.
inline constexpr std::string_view kApplicationKey = "bpfman.io/application";
inline constexpr std::string_view kFormerApplicationKey = "bpfman_application";
// "kretprobe" or "uretprobe" behind the name of a program that is asked for as KPROBE or UPROBE.
inline constexpr std::string_view kActualTypeKey = "bpfman.io/actual-type:";

Result<ImageSource> to_image_source(const v1::BytecodeImage& image);

Result<LoadSpec> to_load_spec(const v1::LoadRequest& request);

// Without return probes, which have no type of their own.
std::optional<ProgramType> to_program_type(v1::BpfmanProgramType type);

Result<AttachSpec> to_attach_spec(const v1::AttachInfo& info);

// FailedPrecondition: programs of this type are not attached by a request of this kind. `id` is for
// the message.
Result<void> check_fit(std::uint32_t id, ProgramType type, const v1::AttachInfo& info);

// All but the type, which is the kernel's: see accepts().
ListProgramsQuery to_query(const v1::ListRequest& request);

}  // namespace bpfman::rpc
