// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/filter_seat.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "bpfman/base/check.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint32_t kMaxPriority = 0xffff;

Error taken(const FilterPlace& place, const std::string& by, int os) {
  return {Code::AlreadyExists,
          fmt::format("priority {} handle {:#x} is taken by {}", place.priority, place.handle, by),
          os};
}

// Why the kernel refused a new filter.
Error explain_add_error(const Error& error, const FilterPlace& place) {
  if (error.os() == EEXIST) {
    return taken(place, "another filter", EEXIST);
  }
  if (error.os() == ENOENT) {
    return Error(Code::Unimplemented, "this kernel has no BPF filters (cls_bpf)", ENOENT)
        .with_detail(MissingFeature{.feature = "cls_bpf", .minimum_kernel = ""});
  }
  if (error.os() != EINVAL) {
    return error;
  }
  // All filters of one priority are of one kind and protocol.
  Result<std::vector<Filter>> filters = list_filters(place.ifindex, place.hook);
  if (filters.ok()) {
    for (const Filter& filter : *filters) {
      if (filter.priority == place.priority) {
        return taken(place, fmt::format("a \"{}\" filter", filter.kind), EINVAL);
      }
    }
  }
  return error;
}

}  // namespace

Result<void> attach_filter(const FilterPlace& place, int program, ProgramId id) {
  BPFMAN_CHECK(place.priority != 0 && place.priority <= kMaxPriority && place.handle != 0,
               "the kernel chooses what is 0, and the filter would not be found again");
  TRY(ensure_clsact(place.ifindex, place.hook));
  Result<void> added = add_filter(place, program);
  if (!added.ok()) {
    return explain_add_error(added.error(), place);
  }
  Result<std::optional<ProgramId>> running = filter_program(place);
  if (!running.ok()) {
    (void)remove_filter(place);  // the first error counts
    return std::move(running).error();
  }
  if (*running != id) {
    return Error(Code::Aborted, "the filter was replaced or removed meanwhile");
  }
  return {};
}

Result<void> switch_filter(const FilterPlace& place, int program, ProgramId id) {
  std::optional<ProgramId> running = TRY(filter_program(place));
  if (!running) {
    return os_error(ENOENT, "find the filter");
  }
  if (*running == id) {
    return {};
  }
  return replace_filter(place, program);
}

Result<void> detach_filter(const FilterPlace& place, const std::vector<ProgramId>& ours) {
  std::optional<ProgramId> running = TRY(filter_program(place));
  if (!running || std::find(ours.begin(), ours.end(), *running) == ours.end()) {
    return {};
  }
  return remove_filter(place);
}

Result<std::optional<ProgramId>> filter_program(const FilterPlace& place) {
  std::vector<Filter> filters = TRY(list_filters(place.ifindex, place.hook));
  for (const Filter& filter : filters) {
    if (filter.priority == place.priority && filter.handle == place.handle) {
      return filter.program;
    }
  }
  return std::optional<ProgramId>();
}

}  // namespace bpfman::kernel
