// SPDX-License-Identifier: Apache-2.0
// The command line over bpfman.toml: a flag counts more than a variable, a variable more than the
// file.
#include "bpfman/base/log.h"
#include "bpfman/cli/command.h"
#include "bpfman/manager/config.h"
#include "bpfman/model/layout.h"

namespace bpfman::cli {
namespace {

bool is_given(const CLI::App& top, const std::string& flag) {
  return top.get_option(flag)->count() > 0;
}

void fill(const ImagesConfig& images,
          const CLI::App& top,
          const Environment& environment,
          GlobalOptions& options) {
  if (!is_given(top, "--strict")) {
    options.strict = images.strict.value_or(false);
  }
  if (!is_given(top, "--trust-database")) {
    options.trust_database = images.trust_database.value_or(false);
  }
  bool host_known = !options.docker_hosts.empty() || environment.get("DOCKER_HOST").has_value() ||
                    environment.get("DOCKER_CONTEXT").has_value();
  if (!host_known) {
    options.docker_hosts = images.docker_hosts;
  }
  if (options.storage_roots.empty()) {
    options.storage_roots = images.storage_roots;
  }
  if (options.containerd_addresses.empty() && !environment.get("CONTAINERD_ADDRESS").has_value()) {
    options.containerd_addresses = images.containerd_addresses;
    if (options.containerd_roots.empty()) {
      options.containerd_roots = images.containerd_roots;
    }
  }
  options.containerd_namespaces = images.containerd_namespaces;
  options.sources = images.sources;
  options.pull_policy = images.pull_policy.value_or(PullPolicy::IfNotPresent);
  options.max_store_bytes = images.max_store_bytes;
}

// The level of the file, where none was asked for.
Result<void> set_log_level(const CLI::App& top,
                           const Environment& environment,
                           const Config& config,
                           GlobalOptions& options) {
  if (config.log.empty() || is_given(top, "--log") || environment.get("BPFMAN_LOG").has_value()) {
    return {};
  }
  options.log = config.log;
  return log::configure(options.log).with_context(config.path + ": [logging]");
}

}  // namespace

Result<void> read_configuration(const CLI::App& top,
                                const Environment& environment,
                                ReadsConfig reads_config,
                                GlobalOptions& options) {
  bool named = !options.config.empty();
  if (!named && reads_config == ReadsConfig::No) {
    return {};
  }
  std::string path = named ? options.config : Layout{.root = options.root_dir}.configuration();
  Config config = TRY(read_config(path, named ? ConfigFile::Required : ConfigFile::MayBeAbsent));
  if (config.path.empty()) {
    return {};
  }
  options.sources_file = config.path;
  fill(config.images, top, environment, options);
  options.attach = config.attach;
  return set_log_level(top, environment, config, options);
}

}  // namespace bpfman::cli
