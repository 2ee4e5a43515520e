// SPDX-License-Identifier: Apache-2.0
// Which process of this host a container begins with: its /proc directory leads to its namespaces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/base/result.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {

struct ContainerProcess {
  std::int32_t pid = 0;  // in the pid namespace of this process
  std::string known_by;  // "docker", "podman", "control group", "pid": who told
};

// `word`: a name (Docker, Podman), an id or 12 digits or more of one (every engine, by the control
// group of its processes), or "pid:NUMBER". NotFound: no running container is called so; each place
// that was asked is named.
Result<ContainerProcess> find_container_process(const std::string& word,
                                                const Environment& environment,
                                                const RuntimeOptions& options);

// ---- parts, for tests ---------------------------------------------------------------------------

// Whether a line of /proc/PID/cgroup is about the container `word`: a directory of its path is
// `word`, or an engine's spelling of it ("docker-ID.scope", "cri-containerd-ID.scope",
// "libpod-ID.scope", "crio-ID.scope"); 12 hexadecimal digits or more stand for an id that begins
// with them.
bool is_cgroup_of(std::string_view line, std::string_view word);

// The pid of a `docker inspect` of a container; 0: it does not run. container_json.cc
Result<std::int32_t> parse_container_pid(std::string_view text);
// The id of the container of that name, or whose id begins with it, in containers-storage's
// containers.json; nullopt: none.
Result<std::optional<std::string>> parse_storage_container(std::string_view text,
                                                           std::string_view word);

}  // namespace bpfman::container
