// SPDX-License-Identifier: Apache-2.0
// uprobes: one function by the kernel's uprobe PMU, or many at once by an uprobe.multi link. The
// kernel keeps the file itself, not its path, so what it is attached to may live in any mount
// namespace.
#include <algorithm>
#include <cerrno>
#include <set>

#include <fmt/format.h>
#include <fnmatch.h>
#include <linux/perf_event.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/attach_kinds.h"
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/features.h"
#include "bpfman/kernel/host_file.h"
#include "bpfman/kernel/host_symbols.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint64_t kOnReturn = 1;  // bit 0 of config, as format/retprobe in sysfs says

bool on_return(ProgramType type) {
  return type == ProgramType::Uretprobe || type == ProgramType::UretprobeMulti;
}

bool is_multi(ProgramType type) {
  return type == ProgramType::UprobeMulti || type == ProgramType::UretprobeMulti;
}

Error no_such_function(const std::string& function,
                       const HostFile& file,
                       const std::vector<HostFunction>& functions) {
  Error error(Code::NotFound, fmt::format("{} has no function \"{}\"", file.path, function));
  if (functions.empty()) {
    return std::move(error).with_hint(
        "it has no symbols at all (a stripped executable): give the offset in the file instead");
  }
  std::vector<std::string> names;
  for (const HostFunction& one : functions) {
    names.push_back(one.name);
  }
  std::vector<std::string> near = suggest(function, names);
  if (near.empty()) {
    return error;
  }
  return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
}

// The place of one function in the file.
Result<std::uint64_t> find_offset(const UprobeTarget& target, const HostFile& file) {
  if (target.functions.empty()) {
    return target.offset;
  }
  const std::string& name = target.functions.front();
  std::vector<HostFunction> functions = TRY(list_host_functions(file.fd.get(), file.path));
  for (const HostFunction& function : functions) {
    if (function.name != name) {
      continue;
    }
    if (function.size != 0 && target.offset >= function.size) {
      return Error(
          Code::InvalidArgument,
          fmt::format(
              "{} has {} bytes, offset {} is behind them", name, function.size, target.offset));
    }
    return function.offset + target.offset;
  }
  return no_such_function(name, file, functions);
}

Error explain_uprobe_error(Error error, const UprobeTarget& target, const HostFile& file) {
  switch (error.os()) {
    case ESRCH:
      return Error(Code::NotFound, fmt::format("there is no process {}", target.pid), ESRCH);
    case EINVAL:
      return Error(Code::InvalidArgument,
                   fmt::format("the kernel allows no probe there in {}: the offset is behind its "
                               "end, or not in code",
                               file.path),
                   EINVAL);
    case EIO:
      return Error(Code::FailedPrecondition,
                   "the file system of " + file.path + " does not allow probes",
                   EIO);
    default:
      return error;
  }
}

// With what was searched for filled in.
UprobeTarget found_target(const UprobeTarget& target, const HostFile& file) {
  UprobeTarget found = target;
  found.binary = file.path;
  return found;
}

Result<NewLinks> attach_one(const Attaching& what,
                            const UprobeTarget& target,
                            const HostFile& file) {
  if (target.functions.size() > 1) {
    return Error(Code::InvalidArgument,
                 fmt::format("a {} program is attached to one function",
                             to_string(what.request.type)))
        .with_hint("several functions and patterns are for uprobe.multi");
  }
  if (target.functions.empty() && target.offset == 0) {
    return Error(Code::InvalidArgument, "neither a function nor an offset in the file is given");
  }
  std::uint64_t offset = TRY(find_offset(target, file));
  std::string path = file.descriptor_path();
  perf_event_attr attributes = {};
  attributes.type = TRY(probe_pmu("uprobe"));
  attributes.config = on_return(what.request.type) ? kOnReturn : 0;
  attributes.uprobe_path = reinterpret_cast<std::uintptr_t>(path.c_str());
  attributes.probe_offset = offset;
  bool everybody = target.pid <= 0;
  Result<UniqueFd> event =
      open_perf_event(attributes, everybody ? -1 : target.pid, everybody ? 0 : -1);
  if (!event.ok()) {
    return explain_uprobe_error(std::move(event).error(), target, file);
  }
  UniqueFd link = TRY(link_perf_event(what, event->get()));
  return one_link(std::move(link), found_target(target, file));
}

// The offsets of all functions meant, each once.
Result<std::vector<std::uint64_t>> find_offsets(const UprobeTarget& target, const HostFile& file) {
  std::vector<HostFunction> functions = TRY(list_host_functions(file.fd.get(), file.path));
  std::set<std::uint64_t> offsets;
  for (const std::string& pattern : target.functions) {
    bool found = false;
    for (const HostFunction& function : functions) {
      if (::fnmatch(pattern.c_str(), function.name.c_str(), 0) == 0) {
        offsets.insert(function.offset);
        found = true;
      }
    }
    if (!found) {
      return no_such_function(pattern, file, functions);
    }
  }
  return std::vector<std::uint64_t>(offsets.begin(), offsets.end());
}

Result<NewLinks> attach_many(const Attaching& what,
                             const UprobeTarget& target,
                             const HostFile& file) {
  if (target.functions.empty() || target.offset != 0) {
    return Error(Code::InvalidArgument, "uprobe.multi takes functions or patterns, and no offset");
  }
  TRY(check_support(what.request.type, what.kind));
  UprobeMulti where{.path = file.descriptor_path(),
                    .offsets = {},
                    .cookie = what.request.cookie,
                    .on_return = on_return(what.request.type),
                    .pid = target.pid};
  where.offsets = TRY(find_offsets(target, file));
  Result<UniqueFd> link = create_uprobe_multi_link(
      what.program, what.kind.attach_type.value_or(kAttachUprobeMulti), where);
  if (!link.ok()) {
    return explain_uprobe_error(std::move(link).error(), target, file);
  }
  return one_link(*std::move(link), found_target(target, file));
}

}  // namespace

Result<NewLinks> attach_to(const Attaching& what, const UprobeTarget& target) {
  HostFile file = TRY(find_host_file(
      {.name = target.binary, .pid = target.pid, .container_pid = target.container_pid}));
  if (what.request.type == ProgramType::Usdt) {
    return attach_usdt(what, found_target(target, file), file);
  }
  return is_multi(what.request.type) ? attach_many(what, target, file)
                                     : attach_one(what, target, file);
}

}  // namespace bpfman::kernel
