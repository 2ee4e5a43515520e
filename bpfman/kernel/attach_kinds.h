// SPDX-License-Identifier: Apache-2.0
// The parts of attach.h, one function for each kind of target: they make links and pin nothing.
// Not for other rooms.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/host_file.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

// What all kinds need of a request.
struct Attaching {
  int program = -1;
  const AttachRequest& request;
  SectionKind kind;  // of the request's section
};

struct NewLink {
  UniqueFd fd;
  std::string name;  // "cpu0": when one attachment takes several links
};

struct NewLinks {
  std::vector<NewLink> links;  // one, or several that are pinned in a directory
  AttachTarget target;
};

NewLinks one_link(UniqueFd link, AttachTarget target);

// In attach_net.cc.
Result<NewLinks> attach_to(const Attaching& what, const ListTarget& target);
Result<NewLinks> attach_to(const Attaching& what, const CgroupTarget& target);
Result<NewLinks> attach_to(const Attaching& what, const SockmapTarget& target);
Result<NewLinks> attach_to(const Attaching& what, const NetnsTarget& target);
Result<NewLinks> attach_to(const Attaching& what, const NetfilterTarget& target);
// In attach_tracing.cc.
Result<NewLinks> attach_to(const Attaching& what, const TracepointTarget& target);
Result<NewLinks> attach_to(const Attaching& what, const FixedTarget& target);
Result<NewLinks> attach_to(const Attaching& what, const PerfTarget& target);
Result<NewLinks> attach_to(const Attaching& what, const IterTarget& target);
// In attach_kprobe.cc.
Result<NewLinks> attach_to(const Attaching& what, const KprobeTarget& target);
// In attach_uprobe.cc.
Result<NewLinks> attach_to(const Attaching& what, const UprobeTarget& target);

// Of a perf event that is open: links it, and lets the event count. Where that fails, says why.
Result<UniqueFd> link_perf_event(const Attaching& what, int event);

// Of `target` in `file`; one link for each place of the probe.
Result<NewLinks> attach_usdt(const Attaching& what,
                             const UprobeTarget& target,
                             const HostFile& file);

// Links ours by the struct_ops map that it fills.
Result<UniqueFd> attach_struct_ops(const Attaching& what, const FixedTarget& target);

}  // namespace bpfman::kernel
