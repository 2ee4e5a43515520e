// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry_config.h"

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/image/certificates.h"

namespace bpfman::image {

RegistryConfig read_registry_config(const Environment& environment,
                                    const std::string& daemon_json) {
  RegistryConfig out;
  std::string config =
      environment.get("XDG_CONFIG_HOME").value_or(join_path(environment.user.home, ".config"));
  std::optional<std::string> chosen = environment.get("CONTAINERS_REGISTRIES_CONF");
  TomlLayers layers =
      chosen.has_value()
          ? read_toml_layer(*chosen)
          : read_toml_layers(
                "registries.conf",
                {"/usr/share/containers", "/etc/containers", join_path(config, "containers")},
                {"registries.conf.d"});
  out.warnings = std::move(layers.warnings);
  for (const TomlLayer& layer : layers.documents) {
    std::vector<std::string> wrong = add_registries(layer.document, layer.path, out.policy);
    out.warnings.insert(out.warnings.end(), wrong.begin(), wrong.end());
  }
  if (chosen.has_value()) {
    return out;
  }
  // What podman was told when it asked.
  std::string cache =
      environment.get("XDG_CACHE_HOME").value_or(join_path(environment.user.home, ".cache"));
  TomlLayers aliases = read_toml_layer(
      environment.effective_uid == 0 ? "/var/cache/containers/short-name-aliases.conf"
                                     : join_path(cache, "containers/short-name-aliases.conf"));
  out.warnings.insert(out.warnings.end(), aliases.warnings.begin(), aliases.warnings.end());
  for (const TomlLayer& layer : aliases.documents) {
    add_aliases(layer.document, out.policy);
  }
  Result<std::optional<Bytes>> docker = read_config_file(daemon_json);
  Result<void> read = docker.ok() ? Result<void>() : Result<void>(docker.error());
  if (docker.ok() && docker->has_value()) {
    read = add_daemon_json(as_text(**docker), out.policy).with_context(daemon_json);
  }
  if (!read.ok()) {
    out.warnings.push_back(read.error().message());
  }
  return out;
}

PullContext registry_context(const Environment& environment,
                             const std::string& registry_auth,
                             const PullProgressSink& progress,
                             const Interrupts* interrupts,
                             std::vector<std::string>& warnings) {
  RegistryConfig config = read_registry_config(environment);
  warnings.insert(warnings.end(), config.warnings.begin(), config.warnings.end());
  return PullContext{.environment = environment,
                     .credentials = {.given = registry_auth},
                     .certificates = certificate_directories(environment),
                     .policy = std::move(config.policy),
                     .progress = progress,
                     .interrupts = interrupts};
}

}  // namespace bpfman::image
