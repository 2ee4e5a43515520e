// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpffs_mount.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/pins.h"

namespace bpfman::kernel {
namespace {

// A bpffs instance that is mounted nowhere yet.
Result<UniqueFd> make_instance() {
  UniqueFd context = UniqueFd::adopt(::fsopen("bpf", FSOPEN_CLOEXEC));
  if (!context.valid()) {
    return os_error(errno, "open the bpf file system");
  }
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", "bpfman", 0) != 0 ||
      ::fsconfig(context.get(), FSCONFIG_SET_STRING, "mode", "0755", 0) != 0 ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return os_error(errno, "make a bpffs");
  }
  int attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RELATIME;
  UniqueFd mount =
      UniqueFd::adopt(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount.valid()) {
    return os_error(errno, "make a bpffs mount");
  }
  return mount;
}

Result<void> place(const UniqueFd& mount, const std::string& directory) {
  if (::move_mount(mount.get(), "", AT_FDCWD, directory.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return os_error(errno, "mount a bpffs at " + directory);
  }
  return {};
}

Result<std::string> without_symlinks(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) {
    return os_error(errno, "look at " + path);
  }
  std::string out = resolved;
  std::free(resolved);
  return out;
}

// Call inside the other mount namespace. A second mount of the instance there, mounted nowhere yet.
Result<UniqueFd> mount_and_copy(const std::string& directory) {
  bool mounted = TRY(is_on_bpffs(directory));
  if (!mounted) {
    TRY(mount_bpffs_here(directory));
  }
  UniqueFd copy = UniqueFd::adopt(
      ::open_tree(AT_FDCWD, directory.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy.valid()) {
    return os_error(errno, "copy the mount at " + directory);
  }
  return copy;
}

}  // namespace

Error may_not_enter_init(int os) {
  return Error(Code::FailedPrecondition,
               "mount a bpffs in the mount namespace of process 1, where pins outlive this command",
               os)
      .with_hint(
          "run bpfman once outside of this mount namespace (without `ip netns exec` or `unshare "
          "-m`), so that its bpffs is mounted there");
}

Result<void> mount_bpffs_here(const std::string& directory) {
  UniqueFd mount = TRY(make_instance());
  return place(mount, directory);
}

Result<void> mount_bpffs_through(const std::string& mount_namespace, const std::string& directory) {
  std::string path = TRY(without_symlinks(directory));
  Result<UniqueFd> target = open_file(mount_namespace, O_RDONLY);
  if (!target.ok()) {
    return may_not_enter_init(target.error().os());
  }
  UniqueFd copy;
  auto inside = [&]() -> Result<void> {
    // Threads share root and working directory, and setns refuses to change them for all at once.
    if (::unshare(CLONE_FS) != 0) {
      return os_error(errno, "leave the file system context of this process");
    }
    if (::setns(target->get(), CLONE_NEWNS) != 0) {
      return may_not_enter_init(errno);
    }
    copy = TRY(mount_and_copy(path));
    return {};
  };
  TRY(run_on_thread(inside));
  // Where our mounts are slaves of the other namespace's, the new one has come to us by itself.
  bool mounted = TRY(is_on_bpffs(path));
  return mounted ? Result<void>() : place(copy, path);
}

}  // namespace bpfman::kernel
