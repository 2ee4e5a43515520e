// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/daemon.h"

#include <malloc.h>

#include "bpfman/base/file.h"
#include "bpfman/rpc/notify.h"
#include "bpfman/rpc/socket.h"

namespace bpfman::rpc {
namespace {

// The socket and its server, from the moment at which it is certain that no other daemon runs.
class Front {
 public:
  explicit Front(const DaemonSetting& setting) : setting_(setting) {}

  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  ~Front() {
    if (server_ == nullptr) {
      return;
    }
    tell_systemd("STOPPING=1");
    if (!made_.empty()) {
      // First, so that a client that comes now is told at once that nobody is there.
      Result<void> removed = remove_file(made_);
      if (!removed.ok()) {
        setting_.tell(removed.error().message());
      }
    }
    server_.reset();
  }

  Result<void> open(ServerOptions options) {
    std::optional<UniqueFd> inherited = TRY(inherited_socket(setting_.environment));
    if (inherited.has_value()) {
      options.socket = *std::move(inherited);
    } else {
      std::string path =
          setting_.socket_path.empty() ? default_socket(setting_.layout) : setting_.socket_path;
      path = TRY(absolute_path(path));
      options.socket = TRY(listen_at(path));
      made_ = std::move(path);
    }
    std::string where = socket_path(options.socket.get());
    server_ = TRY(Server::start(std::move(options)));
    setting_.tell("serving at " + where);
    tell_systemd("READY=1");
    return {};
  }

  // What the last calls needed of memory goes back to the kernel when they are over.
  void rest() {
    constexpr std::int64_t kSecond = 1'000'000'000;
    bool resting = server_->idle_ns() >= kSecond;
    if (resting && !rested_) {
      ::malloc_trim(0);
    }
    rested_ = resting;
  }

  bool is_idle() const {
    constexpr std::int64_t kMillisecond = 1'000'000;
    return setting_.idle_ms > 0 && server_->idle_ns() >= setting_.idle_ms * kMillisecond;
  }

 private:
  void tell_systemd(const std::string& state) {
    Result<void> told = notify_systemd(setting_.environment, state);
    if (!told.ok()) {
      setting_.tell(told.error().message());
    }
  }

  const DaemonSetting& setting_;
  std::string made_;  // the socket's path, if it is not systemd's
  std::unique_ptr<Server> server_;
  bool rested_ = true;
};

}  // namespace

Result<void> run_serving_daemon(Manager& manager,
                                kernel::KernelOps& kernel,
                                const DaemonSetting& setting,
                                ServerOptions options) {
  Front front(setting);
  auto is_done = [&] {
    front.rest();
    return front.is_idle();
  };
  DaemonOptions daemon{.interval_ms = setting.interval_ms,
                       .begin = [&] { return front.open(std::move(options)); },
                       .is_done = is_done};
  return run_daemon(manager, kernel, setting.layout, daemon, setting.interrupts, setting.tell);
}

}  // namespace bpfman::rpc
