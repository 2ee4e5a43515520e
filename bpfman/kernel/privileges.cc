// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/privileges.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <linux/capability.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

struct Needed {
  int bit;
  const char* name;
};

constexpr std::array kNetworkTypes = {ProgramType::Xdp,
                                      ProgramType::Tc,
                                      ProgramType::Tcx,
                                      ProgramType::Netkit,
                                      ProgramType::Netfilter,
                                      ProgramType::Cgroup,
                                      ProgramType::SkSkb,
                                      ProgramType::SkMsg,
                                      ProgramType::SkLookup,
                                      ProgramType::SkReuseport,
                                      ProgramType::FlowDissector,
                                      ProgramType::Lwt,
                                      ProgramType::Action};

bool needs_network(ProgramType type) {
  return std::find(kNetworkTypes.begin(), kNetworkTypes.end(), type) != kNetworkTypes.end();
}

bool has(std::uint64_t capabilities, int bit) {
  return ((capabilities >> bit) & 1) != 0;
}

std::vector<std::string> missing_capabilities(std::uint64_t capabilities, ProgramType type) {
  std::vector<std::string> missing;
  const std::array needed = {Needed{CAP_BPF, "CAP_BPF"},
                             needs_network(type) ? Needed{CAP_NET_ADMIN, "CAP_NET_ADMIN"}
                                                 : Needed{CAP_PERFMON, "CAP_PERFMON"}};
  for (const Needed& one : needed) {
    if (!has(capabilities, one.bit) && !has(capabilities, CAP_SYS_ADMIN)) {
      missing.emplace_back(one.name);
    }
  }
  // CAP_SYS_ADMIN stands for the two of bpf, but not for the network's.
  if (needs_network(type) && missing.empty() && !has(capabilities, CAP_NET_ADMIN)) {
    missing.emplace_back("CAP_NET_ADMIN");
  }
  return missing;
}

}  // namespace

std::optional<std::uint64_t> parse_effective_capabilities(std::string_view status) {
  for (const std::string& line : split(status, '\n')) {
    if (!line.starts_with("CapEff:")) {
      continue;
    }
    std::string_view digits = trim(std::string_view(line).substr(7));
    std::uint64_t value = 0;
    const char* begin =
        digits.data();  // NOLINT(bugprone-suspicious-stringview-data-usage): and its end
    const char* end = begin + digits.size();
    std::from_chars_result parsed = std::from_chars(begin, end, value, 16);
    if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != end) {
      return std::nullopt;
    }
    return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> effective_capabilities() {
  Result<Bytes> status = read_file("/proc/thread-self/status", std::size_t{64} * 1024);
  return status.ok() ? parse_effective_capabilities(as_text(*status)) : std::nullopt;
}

bool lacks_capabilities(ProgramType type) {
  std::optional<std::uint64_t> capabilities = effective_capabilities();
  return capabilities && !missing_capabilities(*capabilities, type).empty();
}

Error explain_permission(std::optional<std::uint64_t> capabilities, ProgramType type) {
  if (!capabilities) {
    return Error(Code::PermissionDenied, "the kernel forbids it", EPERM);
  }
  std::vector<std::string> missing = missing_capabilities(*capabilities, type);
  if (!missing.empty()) {
    return Error(Code::PermissionDenied, "this process lacks " + join(missing, " and "), EPERM)
        .with_hint("run it as root, for instance with sudo");
  }
  return Error(Code::PermissionDenied,
               "this process has the capabilities, but a policy of this kernel forbids it",
               EPERM)
      .with_hint(
          "look at /sys/kernel/security/lockdown, at the security modules and at the kernel "
          "log; in a container, at its user namespace");
}

}  // namespace bpfman::kernel
