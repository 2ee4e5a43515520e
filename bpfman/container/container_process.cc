// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/container_process.h"

#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/container/docker_engine.h"
#include "bpfman/container/regular_file.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kShortestId = 12;
constexpr std::size_t kProcFileLimit = std::size_t{64} << 10;
constexpr std::size_t kContainersLimit = std::size_t{64} << 20;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string proc_file(std::int32_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

// Processes, by pid.
std::vector<std::int32_t> processes() {
  std::vector<std::int32_t> out;
  Result<std::vector<std::string>> names = list_directory("/proc");
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    std::optional<std::uint64_t> pid = parse_unsigned(name);
    if (pid.has_value() && *pid <= INT32_MAX) {
      out.push_back(static_cast<std::int32_t>(*pid));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The first one of its pid namespace, where it has one of its own: that is what the engine started.
bool is_first_of_namespace(std::int32_t pid) {
  Result<Bytes> status = read_file(proc_file(pid, "status"), kProcFileLimit);
  if (!status.ok()) {
    return false;
  }
  for (const std::string& line : split(std::string(as_text(*status)), '\n')) {
    if (line.starts_with("NSpid:")) {
      std::string_view last = line;
      last.remove_prefix(last.find_last_of("\t ") + 1);
      return last == "1";
    }
  }
  return false;
}

std::optional<std::int32_t> find_by_cgroup(const std::string& word) {
  std::optional<std::int32_t> any;
  for (std::int32_t pid : processes()) {
    Result<Bytes> text = read_file(proc_file(pid, "cgroup"), kProcFileLimit);
    if (!text.ok()) {
      continue;  // it has ended
    }
    std::vector<std::string> lines = split(std::string(as_text(*text)), '\n');
    bool meant = std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return is_cgroup_of(line, word);
    });
    if (meant && is_first_of_namespace(pid)) {
      return pid;
    }
    any = meant && !any.has_value() ? std::optional(pid) : any;
  }
  return any;
}

Result<std::optional<ContainerProcess>> ask_docker(const std::string& host,
                                                   const std::string& word) {
  DockerEngine engine = TRY(DockerEngine::create(host));
  std::optional<std::int32_t> pid = TRY(engine.container_pid(word));
  if (!pid.has_value()) {
    return std::optional<ContainerProcess>();
  }
  if (*pid == 0) {
    return Error(Code::FailedPrecondition, "container " + word + " does not run")
        .with_hint("docker start " + word);
  }
  return std::optional(ContainerProcess{.pid = *pid, .known_by = "docker"});
}

// What Podman has noted of its containers lies in its store; which process it is, beside its run
// directory or in the control group.
Result<std::optional<ContainerProcess>> look_in_storage(const std::string& root,
                                                        const std::string& word) {
  for (const char* driver : {"overlay", "vfs", "btrfs"}) {
    std::string path = join_path(root, std::string(driver) + "-containers/containers.json");
    if (!path_exists(path)) {
      continue;
    }
    // The store may be a user's: what is read is a plain file, and an id is only an id.
    Bytes text = TRY(read_regular(path, kContainersLimit));
    std::optional<std::string> id = TRY(parse_storage_container(as_text(text), word));
    if (!id.has_value() || !is_hex(*id)) {
      continue;
    }
    for (const std::string& run : {std::string("/run/containers/storage"), root}) {
      std::string file =
          join_path(run, std::string(driver) + "-containers/" + *id + "/userdata/pidfile");
      Result<Bytes> pid = read_regular(file, kProcFileLimit);
      std::optional<std::uint64_t> number =
          pid.ok() ? parse_unsigned(trim(as_text(*pid))) : std::nullopt;
      if (number.has_value() && *number > 0 && *number <= INT32_MAX) {
        auto process = static_cast<std::int32_t>(*number);
        if (path_exists(proc_file(process, "ns/net"))) {
          return std::optional(ContainerProcess{.pid = process, .known_by = "podman"});
        }
      }
    }
    std::optional<std::int32_t> process = find_by_cgroup(*id);
    if (!process.has_value()) {
      return Error(Code::FailedPrecondition, "container " + word + " does not run")
          .with_hint("podman start " + word);
    }
    return std::optional(ContainerProcess{.pid = *process, .known_by = "podman"});
  }
  return std::optional<ContainerProcess>();
}

Result<ContainerProcess> by_pid(std::string_view number) {
  std::optional<std::uint64_t> pid = parse_unsigned(number);
  if (!pid.has_value() || *pid == 0 || *pid > INT32_MAX) {
    return Error(Code::InvalidArgument, "\"pid:" + std::string(number) + "\" is no process")
        .with_hint("as in --container pid:812");
  }
  ContainerProcess process{.pid = static_cast<std::int32_t>(*pid), .known_by = "pid"};
  if (!path_exists(proc_file(process.pid, "ns/net"))) {
    return Error(Code::NotFound, "there is no process " + std::string(number));
  }
  return process;
}

}  // namespace

bool is_cgroup_of(std::string_view line, std::string_view word) {
  // "0::/system.slice/docker-ID.scope": the path is behind the second colon.
  std::size_t colon = line.find(':');
  colon = colon == std::string_view::npos ? colon : line.find(':', colon + 1);
  if (colon == std::string_view::npos || word.empty()) {
    return false;
  }
  bool may_be_short = word.size() >= kShortestId && is_hex(word);
  for (const std::string& part : split(std::string(line.substr(colon + 1)), '/')) {
    std::string_view name = part;
    if (name.ends_with(".scope")) {
      name.remove_suffix(std::string_view(".scope").size());
      for (std::string_view prefix : {"docker-", "cri-containerd-", "libpod-", "crio-"}) {
        if (name.starts_with(prefix)) {
          name.remove_prefix(prefix.size());
          break;
        }
      }
    }
    if (name == word || (may_be_short && name.starts_with(word) && is_hex(name))) {
      return true;
    }
  }
  return false;
}

Result<ContainerProcess> find_container_process(const std::string& word,
                                                const Environment& environment,
                                                const RuntimeOptions& options) {
  if (word.starts_with("pid:")) {
    return by_pid(std::string_view(word).substr(4));
  }
  Error nowhere(Code::NotFound, "no running container is called " + word);
  for (const std::unique_ptr<ContainerRuntime>& runtime : make_runtimes(environment, options)) {
    if (runtime->kind() != SourceKind::Docker && runtime->kind() != SourceKind::Podman) {
      continue;
    }
    std::string place = runtime->name() + " (" + runtime->location() + ")";
    Result<std::optional<ContainerProcess>> found =
        runtime->kind() == SourceKind::Docker ? ask_docker(runtime->location(), word)
                                              : look_in_storage(runtime->location(), word);
    if (found.ok() && found->has_value()) {
      return **std::move(found);
    }
    if (!found.ok() && found.error().code() == Code::FailedPrecondition) {
      return std::move(found).error();
    }
    nowhere = std::move(nowhere).with_hint(
        place + ": " + (found.ok() ? "no such container" : found.error().message()));
  }
  if (std::optional<std::int32_t> pid = find_by_cgroup(word)) {
    return ContainerProcess{.pid = *pid, .known_by = "control group"};
  }
  return std::move(nowhere)
      .with_hint("control groups of this host: no process is in one of that name")
      .with_hint("a container of containerd is named by its id; any one by a process: pid:NUMBER");
}

}  // namespace bpfman::container
