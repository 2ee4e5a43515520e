// SPDX-License-Identifier: Apache-2.0
// What the running kernel can do, asked of the kernel itself: distributions change it without
// changing its version. An answer names the feature, the first kernel that has it, this kernel and
// what was seen.
#pragma once

#include <string>
#include <string_view>

#include "bpfman/base/result.h"
#include "bpfman/model/program_type.h"

namespace bpfman::kernel {

// "this kernel (6.1.0-56) has no FEATURE (since Linux 6.6): SEEN", Code::Unimplemented.
// `minimum_kernel` may be "".
Error missing_feature(const std::string& feature,
                      const std::string& minimum_kernel,
                      const std::string& seen,
                      int os = 0);

// Whether programs of this type and section can be loaded and attached here. Costs nothing for XDP
// (without frags), TC and tracepoints, and some 50 us for the others. Unimplemented: see above.
// Without capabilities it finds nothing; the load itself then says what is missing.
Result<void> check_support(ProgramType type, const SectionKind& kind);

// Unimplemented when the kernel has no links on perf events, without which kprobes, uprobes,
// tracepoints and perf events end with the process that attached them.
Result<void> check_perf_links();

// Type of a PMU ("kprobe", "uprobe"); Unimplemented when there is none.
Result<std::uint32_t> probe_pmu(std::string_view name);

// The kernel's own BTF; "" when it has none.
std::string kernel_btf_path();

}  // namespace bpfman::kernel
