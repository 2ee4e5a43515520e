// SPDX-License-Identifier: Apache-2.0
#include "apps/command.h"

#include <filesystem>
#include <iostream>

#include <unistd.h>

#include "bpfman/base/repeat.h"
#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/manager/config.h"

namespace bpfman {

ManagerOptions to_options(const cli::GlobalOptions& global, const Host& host) {
  ManagerOptions options;
  std::error_code ignored;
  std::filesystem::path root = std::filesystem::absolute(global.root_dir, ignored);
  options.layout.root = ignored ? global.root_dir : root.lexically_normal().string();
  options.layout.runtime = global.runtime_dir;
  options.attach = global.attach;
  options.configuration = global.config;
  options.environment = host.environment;
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
  options.interrupts = &host.interrupts;
  return options;
}

Result<void> read_image_options(ManagerOptions& options) {
  bool named = !options.configuration.empty();
  std::string path = named ? options.configuration : options.layout.configuration();
  Config config = TRY(read_config(path, named ? ConfigFile::Required : ConfigFile::MayBeAbsent));
  const ImagesConfig& images = config.images;
  const Environment& environment = options.environment;
  container::RuntimeOptions& runtimes = options.runtimes;
  options.strict = options.strict || images.strict.value_or(false);
  options.trust_database = options.trust_database || images.trust_database.value_or(false);
  bool host_known = !runtimes.docker_hosts.empty() || environment.get("DOCKER_HOST").has_value() ||
                    environment.get("DOCKER_CONTEXT").has_value();
  if (!host_known) {
    runtimes.docker_hosts = images.docker_hosts;
  }
  if (runtimes.storage_roots.empty()) {
    runtimes.storage_roots = images.storage_roots;
  }
  if (runtimes.containerd_addresses.empty() && !environment.get("CONTAINERD_ADDRESS").has_value()) {
    runtimes.containerd_addresses = images.containerd_addresses;
    if (runtimes.containerd_roots.empty()) {
      runtimes.containerd_roots = images.containerd_roots;
    }
  }
  runtimes.containerd_namespaces = images.containerd_namespaces;
  if (!images.sources.empty()) {
    options.sources = {.kinds = images.sources, .file = config.path};
  }
  options.max_store_bytes = images.max_store_bytes;
  return {};
}

int run_command(const std::vector<std::string>& words, const Serve& serve) {
  std::ios::sync_with_stdio(false);
  Environment environment = read_environment();
  Interrupts interrupts;
  Host host{.environment = environment, .interrupts = interrupts};
  std::unique_ptr<kernel::KernelOps> kernel;
  cli::Context context{.out = std::cout,
                       .err = std::cerr,
                       .environment = environment,
                       .version = BPFMAN_VERSION,
                       .make_api = [&](const cli::GlobalOptions& global) -> std::unique_ptr<Api> {
                         kernel = kernel::make_kernel_ops();
                         return std::make_unique<Manager>(to_options(global, host), *kernel);
                       },
                       .serve = std::bind_front(serve, std::cref(host)),
                       .repeat = std::bind_front(repeat_until_told, std::cref(interrupts)),
                       .err_is_terminal = ::isatty(STDERR_FILENO) == 1};
  return cli::run(words, context);
}

}  // namespace bpfman
