// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/netns.h"

#include <cerrno>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

Result<NetnsId> read_id(int fd, const std::string& path) {
  struct stat info = {};
  if (::fstat(fd, &info) != 0) {
    return os_error(errno, "look at " + path);
  }
  return NetnsId{.device = info.st_dev, .inode = info.st_ino};
}

}  // namespace

Result<Netns> Netns::open(const std::string& path) {
  if (path.empty()) {
    UniqueFd own = TRY(open_file("/proc/thread-self/ns/net", O_RDONLY));
    NetnsId id = TRY(read_id(own.get(), "our network namespace"));
    return Netns(path, UniqueFd(), id);
  }
  // O_NONBLOCK: a FIFO at this place must not hang us.
  Result<UniqueFd> fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!fd.ok() && fd.error().os() == ENOENT) {
    return Error(Code::NotFound, "there is no network namespace " + path, ENOENT)
        .with_hint("named network namespaces are files in /run/netns; `ip netns list` shows them");
  }
  if (!fd.ok()) {
    return std::move(fd).error();
  }
  if (::ioctl(fd->get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return Error(Code::InvalidArgument, path + " is not a network namespace");
  }
  NetnsId id = TRY(read_id(fd->get(), path));
  return Netns(path, *std::move(fd), id);
}

Result<std::optional<Netns>> Netns::find(const std::string& path, const NetnsId& id) {
  Result<Netns> named = open(path);
  if (named.ok() && named->id() == id) {
    return std::optional(*std::move(named));
  }
  if (!named.ok() && named.error().code() == Code::PermissionDenied) {
    return std::move(named).error();
  }
  // Other names, the usual ones first: our own, those of `ip netns`, those of processes.
  std::vector<std::string> names = {""};
  for (const char* directory : {"/run/netns", "/proc"}) {
    Result<std::vector<std::string>> entries = list_directory(directory);
    if (!entries.ok()) {
      continue;
    }
    bool processes = std::string_view(directory) == "/proc";
    for (const std::string& entry : *entries) {
      if (!processes || parse_unsigned(entry)) {
        names.push_back(join_path(directory, entry) + (processes ? "/ns/net" : ""));
      }
    }
  }
  for (const std::string& name : names) {
    Result<Netns> other = open(name);
    if (other.ok() && other->id() == id) {
      return std::optional(*std::move(other));
    }
  }
  return std::optional<Netns>();
}

std::string Netns::name_of_own() {
  Result<Netns> own = open("");
  Result<Netns> initial = open("/proc/1/ns/net");  // not every host lets that be seen
  if (!own.ok() || (initial.ok() && own->id() == initial->id())) {
    return "";
  }
  const std::string directory = "/run/netns";
  Result<std::vector<std::string>> names = list_directory(directory);
  if (!names.ok()) {
    return "";
  }
  for (const std::string& name : *names) {
    std::string path = join_path(directory, name);
    Result<Netns> named = open(path);
    if (named.ok() && named->id() == own->id()) {
      return path;
    }
  }
  return "";
}

std::string Netns::describe() const {
  return path_.empty() ? "this network namespace" : "network namespace " + path_;
}

Result<void> Netns::run(const std::function<Result<void>()>& action) const {
  if (!fd_.valid()) {
    return action();
  }
  return run_on_thread([&]() -> Result<void> {
    if (::setns(fd_.get(), CLONE_NEWNET) != 0) {
      return os_error(errno, "enter " + describe());
    }
    return action();
  });
}

Result<void> run_on_thread(const std::function<Result<void>()>& action) {
  Result<void> result;
  try {
    std::jthread thread([&] { result = action(); });
  } catch (const std::system_error& failure) {
    return Error(Code::ResourceExhausted, "start a thread", failure.code().value());
  }
  return result;
}

}  // namespace bpfman::kernel
