// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpffs.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpffs_mount.h"
#include "bpfman/kernel/mount_info.h"
#include "bpfman/kernel/pins.h"

namespace bpfman::kernel {
namespace {

enum class Place {
  Mounted,     // a bpffs is there
  Here,        // to be mounted in our mount namespace, which is process 1's
  Init,        // to be mounted in process 1's mount namespace and shown in ours
  Hidden,      // the same, if only we were allowed to look into process 1's
  Impossible,  // process 1 has another file system there, or is not the host's
};

struct Surroundings {
  Place place = Place::Here;
  bool in_container = false;     // not the first pid namespace
  bool own_mounts = false;       // our mount namespace is not process 1's
  bool shared_with_init = true;  // process 1 has the instance mounted too, or will
};

Result<bool> in_container(const InitProcess& init) {
  struct stat info = {};
  if (::stat("/proc/self/ns/pid", &info) != 0) {
    return os_error(errno, "look at our pid namespace");
  }
  return info.st_ino != init.pid_namespace;
}

// `path`, or the nearest directory above it that exists, without symlinks.
std::string existing_ancestor(std::string path) {
  while (path.size() > 1 && !path_exists(path)) {
    path = parent_path(path);
  }
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) {
    return path;
  }
  std::string out = resolved;
  std::free(resolved);
  return out;
}

// Where to mount when our mount namespace is another than process 1's: in both, if a new entry in
// `directory` would appear to process 1 under the same name.
Result<Place> place_beside_init(const std::string& directory, const InitProcess& init) {
  struct stat ours = {};
  struct stat theirs = {};
  if (::stat(directory.c_str(), &ours) != 0) {
    return os_error(errno, "look at " + directory);
  }
  if (::stat((init.directory + "/root" + directory).c_str(), &theirs) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return Place::Impossible;
    }
    if (errno == EACCES || errno == EPERM) {
      return Place::Hidden;
    }
    return os_error(errno, "look at " + directory + " as process 1 sees it");
  }
  bool same = ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
  return same ? Place::Init : Place::Impossible;
}

Result<Surroundings> look_around(const std::string& directory, const InitProcess& init) {
  Surroundings around;
  around.in_container = TRY(in_container(init));
  std::vector<Mount> ours = TRY(read_mounts("/proc/self"));
  std::vector<Mount> theirs = TRY(read_mounts(init.directory));
  around.own_mounts = !same_mount_namespace(ours, theirs);
  if (path_exists(directory)) {
    bool mounted = TRY(is_on_bpffs(directory));
    if (mounted) {
      std::optional<struct stat> info = TRY(stat_path(directory));
      around.place = Place::Mounted;
      around.shared_with_init =
          !around.own_mounts || std::any_of(theirs.begin(), theirs.end(), [&](const Mount& mount) {
            return info && mount.type == "bpf" && mount.device == info->st_dev;
          });
      return around;
    }
  }
  if (!around.own_mounts) {
    return around;
  }
  around.place = Place::Impossible;
  around.shared_with_init = false;
  if (!around.in_container) {
    std::string parent = existing_ancestor(parent_path(directory));
    around.place = TRY(place_beside_init(parent, init));
    around.shared_with_init = around.place == Place::Init;
  }
  return around;
}

std::string note_for(const Surroundings& around, const std::string& directory) {
  if (around.place == Place::Hidden) {
    return fmt::format(
        "no bpffs is mounted at {}, and we may not look into the mount namespace of process 1 to "
        "mount it there",
        directory);
  }
  if (around.place == Place::Impossible) {
    return fmt::format("no bpffs is mounted at {}, and this mount namespace is not the host's",
                       directory);
  }
  if (!around.shared_with_init) {
    return fmt::format(
        "the bpffs at {} is not mounted in the mount namespace of process 1: what is loaded here "
        "may end with this mount namespace",
        directory);
  }
  if (around.in_container) {
    return fmt::format(
        "this is a container: what is loaded here ends with it, unless {} is a bpffs of the host",
        directory);
  }
  return {};
}

Error impossible(const std::string& directory) {
  return Error(Code::FailedPrecondition,
               fmt::format("mount a bpffs at {}: this mount namespace is not the host's, so pins "
                           "made here would vanish with it",
                           directory))
      .with_hint(fmt::format("mount the host's {} into the container", parent_path(directory)))
      .with_hint("or run bpfman on the host");
}

Result<void> mount_bpffs(const std::string& directory, Place place, const InitProcess& init) {
  switch (place) {
    case Place::Mounted:
      return {};
    case Place::Here:
      return mount_bpffs_here(directory);
    case Place::Init:
      return mount_bpffs_through(init.directory + "/ns/mnt", directory);
    case Place::Hidden:
      return may_not_enter_init(EPERM);
    case Place::Impossible:
      break;
  }
  return impossible(directory);
}

}  // namespace

Result<BpffsState> observe_bpffs(const std::string& directory, const InitProcess& init) {
  Surroundings around = TRY(look_around(directory, init));
  return BpffsState{.mounted = around.place == Place::Mounted,
                    .shared_with_init = around.shared_with_init,
                    .in_container = around.in_container,
                    .note = note_for(around, directory)};
}

Result<void> ensure_bpffs(const std::string& directory, const InitProcess& init) {
  Surroundings around = TRY(look_around(directory, init));
  if (around.place == Place::Here || around.place == Place::Init) {
    TRY(make_directories(directory, 0755));
  }
  TRY(mount_bpffs(directory, around.place, init));
  // Names are no secret, and the pins themselves are 0600.
  for (const char* name : {"maps", "links", "xdp", "tc-ingress", "tc-egress"}) {
    TRY(make_directories(join_path(directory, name), 0755));
  }
  return {};
}

}  // namespace bpfman::kernel
