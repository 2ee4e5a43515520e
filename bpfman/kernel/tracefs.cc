// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/tracefs.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/features.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kMostNamesInHint = 12;

bool is_tracefs(int directory) {
  struct statfs info = {};
  return ::fstatfs(directory, &info) == 0 && info.f_type == TRACEFS_MAGIC;
}

Result<UniqueFd> mount_own() {
  UniqueFd context = UniqueFd::adopt(::fsopen("tracefs", FSOPEN_CLOEXEC));
  if (!context.valid()) {
    int os = errno;
    return os == ENODEV ? missing_feature("tracefs", "4.1", "it is not a file system here", os)
                        : os_error(os, "open tracefs");
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return os_error(errno, "open tracefs");
  }
  UniqueFd mount = UniqueFd::adopt(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount.valid()) {
    return os_error(errno, "open tracefs");
  }
  // A descriptor of a mount serves only for looking up names; one that can be listed is wanted.
  return UniqueFd::adopt(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Result<std::vector<std::string>> list_below(int tracefs, const std::string& path) {
  UniqueFd directory = TRY(open_beneath(tracefs, path, O_RDONLY | O_DIRECTORY));
  return list_directory_fd(directory.get(), path);
}

Error explain_missing(int tracefs, const std::string& group, const std::string& name) {
  Result<std::vector<std::string>> groups = list_below(tracefs, "events");
  if (!groups.ok() || groups->empty()) {
    return missing_feature("tracepoints in tracefs",
                           "",
                           "tracefs is empty; lockdown \"confidentiality\" does that, see "
                           "/sys/kernel/security/lockdown");
  }
  Error error(Code::NotFound, "there is no tracepoint " + group + "/" + name, ENOENT);
  Result<std::vector<std::string>> names = list_below(tracefs, "events/" + group);
  bool known_group = names.ok();
  std::vector<std::string> near = known_group ? suggest(name, *names) : suggest(group, *groups);
  for (std::string& one : near) {
    one = known_group ? group + "/" + one : one + "/" + name;
  }
  if (!near.empty()) {
    return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  if (known_group) {
    names->resize(std::min(names->size(), kMostNamesInHint));
    return std::move(error).with_hint("some of " + group + ": " + join(*names, ", "));
  }
  return error;
}

}  // namespace

Result<UniqueFd> open_tracefs() {
  for (const char* path : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    Result<UniqueFd> directory = open_directory(path);
    if (directory.ok() && is_tracefs(directory->get())) {
      return directory;
    }
  }
  return mount_own();
}

Result<std::uint64_t> tracepoint_id(const std::string& tracepoint) {
  std::vector<std::string> parts = split(tracepoint, '/');
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty() || parts[0].starts_with('.') ||
      parts[1].starts_with('.')) {
    return Error(
        Code::InvalidArgument,
        "a tracepoint is named GROUP/NAME, as sched/sched_switch, not \"" + tracepoint + "\"");
  }
  UniqueFd tracefs = TRY(open_tracefs());
  std::string path = "events/" + tracepoint + "/id";
  Result<UniqueFd> file = open_beneath(tracefs.get(), path, O_RDONLY);
  if (!file.ok()) {
    return file.error().os() == ENOENT ? explain_missing(tracefs.get(), parts[0], parts[1])
                                       : std::move(file).error();
  }
  Bytes text = TRY(read_fd(file->get(), 64, path));
  std::optional<std::uint64_t> id = parse_unsigned(trim(as_text(text)));
  if (!id) {
    return Error(Code::Internal, path + " in tracefs has no number");
  }
  return *id;
}

}  // namespace bpfman::kernel
