// SPDX-License-Identifier: Apache-2.0
// kprobes: one function by the kernel's kprobe PMU, or many at once by a kprobe.multi link.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/attach_kinds.h"
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/features.h"
#include "bpfman/kernel/kernel_symbols.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint64_t kOnReturn = 1;  // bit 0 of config, as format/retprobe in sysfs says

#if defined(__x86_64__)
constexpr std::string_view kSyscallPrefix = "__x64_sys_";
#elif defined(__aarch64__)
constexpr std::string_view kSyscallPrefix = "__arm64_sys_";
#else
constexpr std::string_view kSyscallPrefix = "sys_";
#endif

bool on_return(ProgramType type) {
  return type == ProgramType::Kretprobe || type == ProgramType::Kretsyscall ||
         type == ProgramType::KretprobeMulti;
}

bool is_syscall(ProgramType type) {
  return type == ProgramType::Ksyscall || type == ProgramType::Kretsyscall;
}

bool is_multi(ProgramType type) {
  return type == ProgramType::KprobeMulti || type == ProgramType::KretprobeMulti;
}

bool is_pattern(const std::string& name) {
  return name.find_first_of("*?[") != std::string::npos;
}

Error no_such_function(const std::string& function, int os) {
  Error error(Code::NotFound, "the kernel has no function " + function, os);
  return with_function_suggestions(std::move(error), function);
}

Error explain_kprobe_error(Error error, const std::string& function) {
  switch (error.os()) {
    case ENOENT:
      return no_such_function(function, ENOENT);
    case EADDRNOTAVAIL:
      return Error(Code::InvalidArgument,
                   "the kernel has several functions " + function + ", and takes none of them",
                   EADDRNOTAVAIL);
    case EINVAL:
    case EILSEQ:
      return Error(Code::InvalidArgument,
                   "the kernel allows no probe there: " + function +
                       " is on its list of functions that must not be probed, or the offset is not "
                       "the start of an instruction",
                   error.os())
          .with_hint("the list: /sys/kernel/debug/kprobes/blacklist");
    case EPERM:
    case EACCES:
      return Error(Code::PermissionDenied,
                   "the kernel forbids kprobes: lockdown \"confidentiality\" does that, see "
                   "/sys/kernel/security/lockdown",
                   error.os());
    default:
      return error;
  }
}

// A probe behind the function's last byte would be in another one.
Result<void> expect_inside(const std::string& function, std::uint64_t offset) {
  if (offset == 0) {
    return {};
  }
  std::optional<std::uint64_t> size = TRY(kernel_function_size(function));
  if (size && offset >= *size) {
    return Error(Code::InvalidArgument,
                 fmt::format("{} has {} bytes, offset {} is behind them", function, *size, offset));
  }
  return {};
}

Result<NewLinks> attach_one(const Attaching& what, const KprobeTarget& target) {
  if (target.functions.size() != 1 || is_pattern(target.functions.front())) {
    return Error(Code::InvalidArgument,
                 fmt::format("a {} program is attached to one function by its name",
                             to_string(what.request.type)))
        .with_hint("several functions and patterns are for kprobe.multi");
  }
  std::string function = target.functions.front();
  if (is_syscall(what.request.type)) {
    function = std::string(kSyscallPrefix) + function;
  }
  if (target.offset != 0 && on_return(what.request.type)) {
    return Error(Code::InvalidArgument, "a probe on return has no offset");
  }
  perf_event_attr attributes = {};
  attributes.type = TRY(probe_pmu("kprobe"));
  TRY(expect_inside(function, target.offset));
  attributes.config = on_return(what.request.type) ? kOnReturn : 0;
  attributes.kprobe_func = reinterpret_cast<std::uintptr_t>(function.c_str());
  attributes.probe_offset = target.offset;
  Result<UniqueFd> event = open_perf_event(attributes, -1, 0);
  if (!event.ok()) {
    return explain_kprobe_error(std::move(event).error(), function);
  }
  UniqueFd link = TRY(link_perf_event(what, event->get()));
  return one_link(std::move(link), target);
}

// The functions meant, each once.
Result<std::vector<std::string>> resolve_functions(const std::vector<std::string>& wanted) {
  std::vector<std::string> functions;
  for (const std::string& name : wanted) {
    std::vector<std::string> matching = TRY(match_traceable_functions(name));
    if (matching.empty() && is_pattern(name)) {
      return Error(Code::NotFound, "no function of the kernel that can be traced fits " + name);
    }
    if (matching.empty()) {
      return no_such_function(name, 0).with_hint(
          "or there are several of that name, or it cannot be traced");
    }
    functions.insert(functions.end(), matching.begin(), matching.end());
  }
  std::sort(functions.begin(), functions.end());
  functions.erase(std::unique(functions.begin(), functions.end()), functions.end());
  return functions;
}

Result<NewLinks> attach_many(const Attaching& what, const KprobeTarget& target) {
  if (target.functions.empty()) {
    return Error(Code::InvalidArgument, "no function is named");
  }
  if (target.offset != 0) {
    return Error(Code::InvalidArgument, "kprobe.multi has no offsets");
  }
  TRY(check_support(what.request.type, what.kind));
  std::vector<std::string> functions = TRY(resolve_functions(target.functions));
  std::uint32_t type = what.kind.attach_type.value_or(BPF_TRACE_KPROBE_MULTI);
  Result<UniqueFd> link = create_kprobe_multi_link(
      what.program, type, functions, what.request.cookie, on_return(what.request.type));
  if (!link.ok() && link.error().os() == ESRCH) {
    return Error(Code::FailedPrecondition,
                 fmt::format("one of {} functions cannot be traced", functions.size()),
                 ESRCH)
        .with_hint("available_filter_functions of tracefs has those that can");
  }
  if (!link.ok()) {
    return std::move(link).error();
  }
  return one_link(*std::move(link), target);
}

}  // namespace

Result<NewLinks> attach_to(const Attaching& what, const KprobeTarget& target) {
  return is_multi(what.request.type) ? attach_many(what, target) : attach_one(what, target);
}

}  // namespace bpfman::kernel
