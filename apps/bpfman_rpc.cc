// SPDX-License-Identifier: Apache-2.0
// The daemon `bpfman-rpc`: `bpfman serve` with a gRPC socket. `bpfman serve` becomes it, with its
// own name and words; by its own name it takes the flags of `bpfman serve`.
#include "apps/command.h"
#include "apps/rpc_world.h"
#include "bpfman/base/file.h"
#include "bpfman/rpc/daemon.h"

namespace bpfman {
namespace {

Result<void> serve(const Host& host,
                   const cli::GlobalOptions& global,
                   const cli::ServeOptions& asked) {
  if (asked.csi_support) {
    asked.tell(
        "--csi-support: there is no CSI driver in this version; volumes of csi.bpfman.io are not "
        "served");
  }
  std::unique_ptr<kernel::KernelOps> kernel = kernel::make_kernel_ops();
  ManagerOptions options = to_options(global, host);
  Manager manager(options, *kernel);
  rpc::DaemonSetting setting{.layout = options.layout,
                             .environment = host.environment,
                             .interrupts = host.interrupts,
                             .interval_ms = asked.interval_ms,
                             .socket_path = asked.socket_path,
                             .idle_ms = asked.idle_ms,
                             .tell = asked.tell};
  rpc::ServerOptions server;
  server.world = make_world(options, *kernel);
  return rpc::run_serving_daemon(manager, *kernel, setting, std::move(server));
}

}  // namespace
}  // namespace bpfman

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (bpfman::base_name(argv[0]) != "bpfman") {
    words.insert(words.begin(), "serve");
  }
  return bpfman::run_command(words, bpfman::serve);
}
