// SPDX-License-Identifier: Apache-2.0
// The command `bpfman`: words in, an exit status out. Makes the one Manager of this process.
#include <filesystem>
#include <functional>
#include <iostream>

#include <unistd.h>

#include "bpfman/base/repeat.h"
#include "bpfman/cli/cli.h"
#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/manager/daemon.h"
#include "bpfman/manager/manager.h"

namespace bpfman {
namespace {

ManagerOptions to_options(const cli::GlobalOptions& global,
                          const Environment& environment,
                          const Interrupts& interrupts) {
  ManagerOptions options;
  std::error_code ignored;
  std::filesystem::path root = std::filesystem::absolute(global.root_dir, ignored);
  options.layout.root = ignored ? global.root_dir : root.lexically_normal().string();
  options.configuration = global.config;
  options.environment = environment;
  options.runtimes.docker_hosts = global.docker_hosts;
  options.runtimes.storage_roots = global.storage_roots;
  options.runtimes.containerd_addresses = global.containerd_addresses;
  options.runtimes.containerd_roots = global.containerd_roots;
  options.runtimes.containerd_namespaces = global.containerd_namespaces;
  if (!global.sources.empty()) {
    options.sources = {.kinds = global.sources, .file = global.sources_file};
  }
  options.max_store_bytes = global.max_store_bytes;
  options.trust_database = global.trust_database;
  options.strict = global.strict;
  options.lock_timeout_ms = global.lock_timeout_ms;
  options.progress = global.progress;
  options.interrupts = &interrupts;
  return options;
}

int run(const std::vector<std::string>& words) {
  Environment environment = read_environment();
  Interrupts interrupts;
  std::unique_ptr<kernel::KernelOps> kernel;
  cli::Context context{.out = std::cout,
                       .err = std::cerr,
                       .environment = environment,
                       .version = BPFMAN_VERSION,
                       .make_api = [&](const cli::GlobalOptions& global) -> std::unique_ptr<Api> {
                         kernel = kernel::make_kernel_ops();
                         return std::make_unique<Manager>(
                             to_options(global, environment, interrupts), *kernel);
                       },
                       .serve = [&](const auto& global, const auto& serve) -> Result<void> {
                         kernel = kernel::make_kernel_ops();
                         ManagerOptions options = to_options(global, environment, interrupts);
                         Manager manager(options, *kernel);
                         return run_daemon(manager,
                                           *kernel,
                                           options.layout,
                                           DaemonOptions{.interval_ms = serve.interval_ms},
                                           interrupts,
                                           serve.tell);
                       },
                       .repeat = std::bind_front(repeat_until_told, std::cref(interrupts)),
                       .err_is_terminal = ::isatty(STDERR_FILENO) == 1};
  return cli::run(words, context);
}

}  // namespace
}  // namespace bpfman

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return bpfman::run(std::vector<std::string>(argv + 1, argv + argc));
}
