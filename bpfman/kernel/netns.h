// SPDX-License-Identifier: Apache-2.0
// Netns: an open network namespace, and code run inside it. A namespace belongs to a thread, so
// foreign ones are entered on a thread made for the purpose; no other thread ever moves. Entering
// takes about 3 us, the thread about 40.
// Source: setns(2), network_namespaces(7), ioctl_ns(2).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/ids.h"

namespace bpfman::kernel {

class Netns {
 public:
  // `path` is a namespace file such as /run/netns/blue or /proc/812/ns/net; "" is the namespace of
  // this thread. NotFound when there is no such file, InvalidArgument when it is not a network
  // namespace.
  static Result<Netns> open(const std::string& path);

  // The namespace with this id, wherever there is a name for it: `path` may name another one by
  // now, or be "" in a process that lives elsewhere. nullopt when it seems to have gone.
  static Result<std::optional<Netns>> find(const std::string& path, const NetnsId& id);

  // The path by which our own is found again by commands elsewhere: "" when it is that of process
  // 1, or has no name in /run/netns.
  static std::string name_of_own();

  NetnsId id() const { return id_; }

  const std::string& path() const { return path_; }

  // "this network namespace" or "network namespace /run/netns/blue".
  std::string describe() const;

  // Runs `action` with this as the network namespace and returns what it returns.
  // PermissionDenied without CAP_SYS_ADMIN.
  Result<void> run(const std::function<Result<void>()>& action) const;

 private:
  Netns(std::string path, UniqueFd fd, NetnsId id)
      : path_(std::move(path)), fd_(std::move(fd)), id_(id) {}

  std::string path_;
  UniqueFd fd_;  // none for our own
  NetnsId id_;
};

// Runs `action` on a new thread and returns what it returns. ResourceExhausted when there can be no
// thread.
Result<void> run_on_thread(const std::function<Result<void>()>& action);

}  // namespace bpfman::kernel
