// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/process_key.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// PROC_PID_INIT_INO of include/linux/proc_ns.h: the namespace that sees every process.
constexpr std::uint64_t kFirstNamespace = 0xEFFFFFFC;
constexpr std::size_t kLimit = std::size_t{64} << 10;

// nullopt: no such process. /proc/PID/stat: "PID (NAME) STATE ...", STARTED is the 22nd; NAME may
// hold anything, ")" too.
std::optional<std::uint64_t> started_at(const std::string& directory) {
  Result<Bytes> stat = read_file(join_path(directory, "stat"), kLimit);
  if (!stat.ok()) {
    return std::nullopt;
  }
  std::string text(as_text(*stat));
  std::size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) {
    return std::nullopt;
  }
  constexpr std::size_t kStarted = 22 - 3;  // after the state, which is the 3rd
  std::vector<std::string> rest = split(text.substr(name_end + 2), ' ');
  if (rest.size() <= kStarted || rest[0] == "Z" || rest[0] == "X") {
    return std::nullopt;
  }
  return parse_unsigned(rest[kStarted]);
}

// 0: it cannot be seen.
std::uint64_t namespace_of(const std::string& directory) {
  Result<std::string> link = read_link(join_path(directory, "ns/pid"));  // "pid:[4026531836]"
  if (!link.ok()) {
    return 0;
  }
  std::size_t open = link->find('[');
  std::size_t close = link->find(']');
  if (open == std::string::npos || close == std::string::npos) {
    return 0;
  }
  return parse_unsigned(link->substr(open + 1, close - open - 1)).value_or(0);
}

// What it is called in its own namespace: the last of "NSpid:\t17\t3".
std::optional<std::uint64_t> own_number(const std::string& directory) {
  Result<Bytes> status = read_file(join_path(directory, "status"), kLimit);
  if (!status.ok()) {
    return std::nullopt;
  }
  for (const std::string& line : split(as_text(*status), '\n')) {
    if (line.starts_with("NSpid:")) {
      return parse_unsigned(line.substr(line.rfind('\t') + 1));
    }
  }
  return std::nullopt;
}

bool is(const ProcessKey& process, const std::string& directory) {
  return started_at(directory) == process.started &&
         namespace_of(directory) == process.pid_namespace &&
         own_number(directory) == static_cast<std::uint64_t>(process.pid);
}

}  // namespace

Result<ProcessKey> find_process(std::int32_t pid) {
  std::string directory = "/proc/" + std::to_string(pid);
  std::optional<std::uint64_t> started = pid > 0 ? started_at(directory) : std::nullopt;
  std::optional<std::uint64_t> number = own_number(directory);
  if (!started.has_value() || !number.has_value()) {
    return Error(Code::NotFound, "there is no process " + std::to_string(pid));
  }
  return ProcessKey{.pid = static_cast<std::int32_t>(*number),
                    .started = *started,
                    .pid_namespace = namespace_of(directory)};
}

bool has_ended(const ProcessKey& process) {
  std::uint64_t here = namespace_of("/proc/self");
  if (here == process.pid_namespace) {
    return started_at("/proc/" + std::to_string(process.pid)) != process.started;
  }
  Result<std::vector<std::string>> names = list_directory("/proc");
  bool seen = !names.ok() || std::any_of(names->begin(), names->end(), [&](const auto& name) {
    return parse_unsigned(name).has_value() && is(process, "/proc/" + name);
  });
  return !seen && here == kFirstNamespace;
}

}  // namespace bpfman
