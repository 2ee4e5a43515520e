// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/interfaces.h"

#include <fmt/format.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/default_route.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kMaxNamesInHint = 12;

Error no_such_interface(const std::string& name, const Netns& netns) {
  Error error(Code::NotFound, fmt::format("no interface \"{}\" in {}", name, netns.describe()));
  Result<std::vector<Interface>> present = list_interfaces();
  if (!present.ok()) {
    return error;
  }
  std::vector<std::string> names;
  for (const Interface& interface : *present) {
    names.push_back(interface.name);
  }
  std::vector<std::string> near = suggest(name, names);
  if (!near.empty()) {
    error = std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  std::string more;
  if (names.size() > kMaxNamesInHint) {
    more = fmt::format(" and {} more", names.size() - kMaxNamesInHint);
    names.resize(kMaxNamesInHint);
  }
  return std::move(error).with_hint("interfaces here: " + join(names, ", ") + more);
}

// Of this thread's network namespace; "" where the kernel has none of this family.
std::string route_table(const char* name) {
  constexpr std::size_t kLimit = std::size_t{16} << 20;
  Result<Bytes> table = read_file(std::string("/proc/thread-self/net/") + name, kLimit);
  return table.ok() ? std::string(as_text(*table)) : std::string();
}

}  // namespace

Result<Interface> find_interface_or_explain(const std::string& name, const Netns& netns) {
  std::optional<Interface> found = TRY(find_interface(name));
  if (!found) {
    return no_such_interface(name, netns);
  }
  return *std::move(found);
}

Result<NetnsInterfaces> interfaces_of(const std::string& netns) {
  Netns place = TRY(Netns::open(netns));
  NetnsInterfaces out{.netns = place.id()};
  Result<void> listed = place.run([&]() -> Result<void> {
    std::vector<Interface> found = TRY(list_interfaces());
    for (const Interface& one : found) {
      out.interfaces.push_back(InterfaceFacts{one.ifindex, one.name, one.kind, one.loopback});
    }
    out.primary = default_route_interface(route_table("route"), route_table("ipv6_route"));
    return {};
  });
  TRY(std::move(listed));
  return out;
}

}  // namespace bpfman::kernel
