// SPDX-License-Identifier: Apache-2.0
// Hooks inside of containers.
#include "bpfman/container/container_process.h"
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

// The same target in the namespaces of a process; false: it is not in any.
bool move_into(AttachTarget& target, std::int32_t pid) {
  return std::visit(
      [pid](auto& one) {
        if constexpr (requires { one.netns; }) {
          one.netns = "/proc/" + std::to_string(pid) + "/ns/net";
          return true;
        } else if constexpr (requires { one.container_pid; }) {
          one.container_pid = pid;
          return true;
        } else {
          return false;
        }
      },
      target);
}

}  // namespace

Result<AttachSpec> Manager::Impl::resolve_container(const AttachSpec& spec) {
  AttachSpec out = spec;
  if (spec.container.empty()) {
    return with_named_netns(std::move(out));
  }
  container::ContainerProcess process =
      TRY(container::find_container_process(spec.container, options.environment, options.runtimes));
  if (!move_into(out.target, process.pid)) {
    return Error(Code::InvalidArgument,
                 "the " + std::string(attach_word(spec.target)) + " attach is not in a container")
        .with_hint("leave --container away");
  }
  return out;
}

}  // namespace bpfman
