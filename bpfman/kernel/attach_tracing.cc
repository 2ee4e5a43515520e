// SPDX-License-Identifier: Apache-2.0
// Tracepoints, programs whose place is fixed when they are loaded, perf events, iterators.
#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/attach_kinds.h"
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/features.h"
#include "bpfman/kernel/kernel_symbols.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/tracefs.h"

namespace bpfman::kernel {
namespace {

struct PerfEventName {
  std::string_view name;
  std::uint32_t type;
  std::uint64_t config;
};

// As perf(1) names them.
constexpr std::array kPerfEvents = {
    PerfEventName{"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
    PerfEventName{"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    PerfEventName{"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    PerfEventName{"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    PerfEventName{"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    PerfEventName{"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    PerfEventName{"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    PerfEventName{"alignment-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
    PerfEventName{"emulation-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
    PerfEventName{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    PerfEventName{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    PerfEventName{"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    PerfEventName{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    PerfEventName{"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    PerfEventName{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    PerfEventName{"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
    PerfEventName{"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
};

constexpr std::uint64_t kUsualFrequency = 99;  // as perf(1) and bcc: not in step with timers

Result<perf_event_attr> describe_event(const PerfTarget& target) {
  std::vector<std::string> names;
  for (const PerfEventName& known : kPerfEvents) {
    names.emplace_back(known.name);
    if (known.name != target.event) {
      continue;
    }
    perf_event_attr attributes = {};
    attributes.type = known.type;
    attributes.config = known.config;
    attributes.freq = target.period == 0 ? 1 : 0;
    if (target.period != 0) {
      attributes.sample_period = target.period;
    } else {
      attributes.sample_freq = target.frequency != 0 ? target.frequency : kUsualFrequency;
    }
    return attributes;
  }
  Error error(Code::NotFound, "there is no perf event \"" + target.event + "\"");
  std::vector<std::string> near = suggest(target.event, names);
  if (!near.empty()) {
    error = std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  return std::move(error).with_hint("events: " + join(names, ", "));
}

// "0-3,5"
Result<std::vector<std::int32_t>> online_cpus() {
  Bytes text = TRY(read_file("/sys/devices/system/cpu/online", 4096));
  std::vector<std::int32_t> cpus;
  for (const std::string& range : split(trim(as_text(text)), ',')) {
    std::vector<std::string> ends = split(range, '-');
    std::optional<std::uint64_t> first = parse_unsigned(ends.front());
    std::optional<std::uint64_t> last = parse_unsigned(ends.back());
    for (std::uint64_t cpu = first.value_or(1); first && last && cpu <= *last; ++cpu) {
      cpus.push_back(static_cast<std::int32_t>(cpu));
    }
  }
  if (cpus.empty()) {
    return Error(Code::Internal, "/sys/devices/system/cpu/online names no CPU");
  }
  return cpus;
}

Error explain_event_error(Error error, const PerfTarget& target) {
  switch (error.os()) {
    case ENOENT:
    case EOPNOTSUPP:
      return missing_feature(
                 "perf event " + target.event,
                 "",
                 "this machine has no counter for it (virtual machines often have none)",
                 error.os())
          .with_hint("cpu-clock and task-clock work everywhere");
    case ESRCH:
      return Error(Code::NotFound, fmt::format("there is no process {}", target.pid), ESRCH);
    default:
      return error;
  }
}

std::string fixed_feature(const Attaching& what) {
  return fmt::format("cookies of {} programs", to_string(what.request.type));
}

Result<UniqueFd> link_fixed(const Attaching& what) {
  std::uint64_t cookie = what.request.cookie;
  if (cookie == 0) {
    return open_raw_tracepoint("", what.program, 0);
  }
  if (what.request.type == ProgramType::TpBtf) {
    if (!raw_tracepoints_have_cookies()) {
      return missing_feature(
          fixed_feature(what), "6.10", "the kernel does not know the field", EINVAL);
    }
    return open_raw_tracepoint("", what.program, cookie);
  }
  SectionKind kind = kind_of_section(to_string(what.request.type));
  Result<UniqueFd> link =
      create_tracing_link(what.program, kind.attach_type.value_or(BPF_TRACE_FENTRY), cookie);
  if (!link.ok() && (link.error().os() == E2BIG || link.error().os() == EINVAL)) {
    return missing_feature(
        fixed_feature(what), "5.19", "the kernel refused the link", link.error().os());
  }
  return link;
}

}  // namespace

Result<UniqueFd> link_perf_event(const Attaching& what, int event) {
  Result<UniqueFd> link = create_perf_link(what.program, event, what.request.cookie);
  if (!link.ok()) {
    TRY(check_perf_links());
    if (link.error().os() == EEXIST || link.error().os() == E2BIG) {
      return Error(Code::ResourceExhausted,
                   "64 programs are attached there already, or the event has one",
                   link.error().os());
    }
    return link;
  }
  TRY(enable_perf_event(event));
  return link;
}

Result<NewLinks> attach_to(const Attaching& what, const TracepointTarget& target) {
  if (what.request.type == ProgramType::RawTracepoint) {
    if (what.request.cookie != 0 && !raw_tracepoints_have_cookies()) {
      return missing_feature(
          "cookies of raw tracepoints", "6.10", "the kernel does not know the field", EINVAL);
    }
    Result<UniqueFd> link = open_raw_tracepoint(target.name, what.program, what.request.cookie);
    if (!link.ok() && link.error().os() == ENOENT) {
      Error error(Code::NotFound, "there is no raw tracepoint " + target.name, ENOENT);
      return with_btf_suggestions(std::move(error), "btf_trace_", target.name);
    }
    if (!link.ok()) {
      return std::move(link).error();
    }
    return one_link(*std::move(link), target);
  }
  perf_event_attr attributes = {};
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = TRY(tracepoint_id(target.name));
  // The program runs on all CPUs wherever the event is.
  UniqueFd event = TRY(open_perf_event(attributes, -1, 0));
  UniqueFd link = TRY(link_perf_event(what, event.get()));
  return one_link(std::move(link), target);
}

Result<NewLinks> attach_to(const Attaching& what, const FixedTarget& target) {
  if (what.request.type == ProgramType::StructOps) {
    UniqueFd link = TRY(attach_struct_ops(what, target));
    return one_link(std::move(link), target);
  }
  Result<UniqueFd> link = link_fixed(what);
  if (link.ok()) {
    return one_link(*std::move(link), target);
  }
  if (link.error().os() == EBUSY) {
    return Error(Code::AlreadyExists,
                 "the program is attached already; its place is fixed, so it has one link",
                 EBUSY)
        .with_hint("load it again to attach it a second time");
  }
  constexpr int kNotSupported = 524;  // ENOTSUPP, which is not in errno.h
  if (link.error().os() == kNotSupported) {
    return missing_feature("trampolines for this function",
                           "",
                           "error 524 (ENOTSUPP): not with this processor or this function",
                           kNotSupported);
  }
  return std::move(link).error();
}

Result<NewLinks> attach_to(const Attaching& what, const PerfTarget& target) {
  perf_event_attr attributes = TRY(describe_event(target));
  std::vector<std::int32_t> cpus = TRY(online_cpus());
  if (target.cpu >= 0 && std::find(cpus.begin(), cpus.end(), target.cpu) == cpus.end()) {
    return Error(Code::NotFound, fmt::format("CPU {} is not online", target.cpu));
  }
  if (target.cpu >= 0 || target.pid >= 0) {
    cpus = {target.cpu};
  }
  NewLinks made{.links = {}, .target = target};
  for (std::int32_t cpu : cpus) {
    Result<UniqueFd> event = open_perf_event(attributes, target.pid, cpu);
    if (!event.ok()) {
      return explain_event_error(std::move(event).error(), target);
    }
    UniqueFd link = TRY(link_perf_event(what, event->get()));
    made.links.push_back(NewLink{.fd = std::move(link), .name = fmt::format("cpu{}", cpu)});
  }
  return made;
}

Result<NewLinks> attach_to(const Attaching& what, const IterTarget& target) {
  UniqueFd map;
  if (!target.map_pin.empty()) {
    map = TRY(open_pin_of_kind(target.map_pin, ObjectKind::Map));
    if (!map.valid()) {
      return Error(Code::NotFound, "no map is pinned at " + target.map_pin, ENOENT);
    }
  }
  Result<UniqueFd> link = create_iterator_link(what.program, map.get());
  if (link.ok()) {
    return one_link(*std::move(link), target);
  }
  int os = link.error().os();
  if (!map.valid() && (os == EBADF || os == EINVAL)) {
    return Error(Code::InvalidArgument,
                 fmt::format("an iterator over \"{}\" needs to know over which map", target.kind),
                 os);
  }
  if (map.valid() && (os == EACCES || os == EINVAL)) {
    return Error(Code::InvalidArgument,
                 "the iterator cannot go over this map: its type, key or value size do not fit",
                 os);
  }
  return std::move(link).error();
}

}  // namespace bpfman::kernel
