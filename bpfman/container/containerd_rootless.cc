// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/containerd_rootless.h"

#include <sys/stat.h>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/base/text.h"
#include "bpfman/container/containerd_store.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kPidLimit = 32;
constexpr std::size_t kStatusLimit = std::size_t{64} << 10;
constexpr const char* kBooks = "io.containerd.metadata.v1.bolt/meta.db";

// Whose process it is. Not the owner of /proc/PID: that is root for processes that may not be
// looked into.
bool is_process_of(const std::string& directory, std::uint32_t uid) {
  Result<Bytes> status = read_file(join_path(directory, "status"), kStatusLimit);
  if (!status.ok()) {
    return false;
  }
  for (const std::string& line : split(as_text(*status), '\n')) {
    if (line.starts_with("Uid:")) {
      std::vector<std::string> fields = split(line, '\t');
      return fields.size() > 1 && parse_unsigned(fields[1]) == uid;
    }
  }
  return false;
}

bool is_socket_of(const std::string& path, std::uint32_t uid) {
  std::optional<struct ::stat> info = stat_path(path).value_or(std::nullopt);
  return info.has_value() && S_ISSOCK(info->st_mode) && info->st_uid == uid;
}

}  // namespace

std::string rootless_containerd_socket(const std::string& runtime_directory,
                                       std::uint32_t uid,
                                       const std::string& proc) {
  std::optional<Bytes> text =
      read_config_file_of(runtime_directory, "containerd-rootless/child_pid", uid, kPidLimit)
          .value_or(std::nullopt);
  if (!text.has_value()) {
    return "";
  }
  std::optional<std::uint64_t> pid = parse_unsigned(trim(as_text(*text)));
  if (!pid.has_value()) {
    return "";
  }
  std::string process = join_path(proc, std::to_string(*pid));
  std::string socket = join_path(process, "root/run/containerd/containerd.sock");
  return is_process_of(process, uid) && is_socket_of(socket, uid) ? socket : "";
}

std::optional<ContainerdOptions> find_rootless_containerd(const Environment& environment,
                                                          const UserAccount& user,
                                                          bool own) {
  std::string runtime = "/run/user/" + std::to_string(user.uid);
  std::string data = join_path(user.home, ".local/share");
  if (own) {
    runtime = environment.get("XDG_RUNTIME_DIR").value_or(runtime);
    data = environment.get("XDG_DATA_HOME").value_or(data);
  }
  ContainerdOptions out;
  out.name = own ? "containerd (rootless)" : "containerd (user " + user.name + ")";
  out.socket = rootless_containerd_socket(runtime, user.uid);
  out.root = join_path(data, "containerd");
  if (!own) {
    out.owner = user;
    // What cannot be read safely is left out: it must not stand in the way of the other stores.
    Result<std::shared_ptr<ContainerdStore>> store = open_containerd_directory_of(user, out.root);
    if (!store.ok()) {
      if (store.error().code() != Code::NotFound) {
        log::write(log::Level::Warn, "container", out.name + ": " + store.error().message());
      }
      return std::nullopt;
    }
  }
  if (out.socket.empty() && !path_exists(join_path(out.root, kBooks))) {
    return std::nullopt;
  }
  return out;
}

}  // namespace bpfman::container
