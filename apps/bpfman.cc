// SPDX-License-Identifier: Apache-2.0
// The command `bpfman`. Where bpfman-rpc lies beside it, that one is `bpfman serve`: so that only
// the daemon pays for gRPC when it starts.
#include <cerrno>

#include <unistd.h>

#include "apps/command.h"
#include "bpfman/base/file.h"
#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/manager/daemon.h"

namespace bpfman {
namespace {

// Goes on as bpfman-rpc with the same words. Returns where there is none.
Result<void> become_rpc(const std::vector<std::string>& words) {
  std::string self = TRY(read_link("/proc/self/exe"));
  std::string rpc = join_path(parent_path(self), "bpfman-rpc");
  if (::access(rpc.c_str(), X_OK) != 0) {
    return {};
  }
  std::string name = "bpfman";
  std::vector<std::string> copy = words;
  std::vector<char*> arguments = {name.data()};
  for (std::string& word : copy) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  ::execv(rpc.c_str(), arguments.data());
  return os_error(errno, "run " + rpc);
}

Result<void> serve_without_socket(const Host& host,
                                  const cli::GlobalOptions& global,
                                  const cli::ServeOptions& serve) {
  if (serve.wants_socket) {
    return Error(Code::FailedPrecondition, "there is no bpfman-rpc beside bpfman")
        .with_hint(
            "it serves the socket: install it, or leave --socket-path, --timeout and "
            "--csi-support out");
  }
  std::unique_ptr<kernel::KernelOps> kernel = kernel::make_kernel_ops();
  ManagerOptions options = to_options(global, host);
  Manager manager(options, *kernel);
  return run_daemon(manager,
                    *kernel,
                    options.layout,
                    DaemonOptions{.interval_ms = serve.interval_ms},
                    host.interrupts,
                    serve.tell);
}

}  // namespace
}  // namespace bpfman

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "--csi-support") {
    words.insert(words.begin(), "serve");  // as Kubernetes' operator for bpfman starts it
  }
  return bpfman::run_command(
      words, [&](const auto& host, const auto& global, const auto& serve) -> bpfman::Result<void> {
        TRY(bpfman::become_rpc(words));
        return bpfman::serve_without_socket(host, global, serve);
      });
}
