// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/short_names.h"

#include <algorithm>
#include <map>

#include <fcntl.h>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/model/registry_policy.h"

namespace bpfman::container {
namespace {

constexpr const char* kFile = "registries.conf";
constexpr const char* kDropIns = "registries.conf.d";
constexpr const char* kAliases = "short-name-aliases.conf";

void warn(const std::string& warning) {
  log::write(log::Level::Warn, "container", warning);
}

// What the files say, laid over each other.
class Layers {
 public:
  void add(const TomlDocument& document) {
    constexpr std::string_view kSearch = "unqualified-search-registries";
    if (document.lists.contains(kSearch)) {
      search_ = document.get_list(kSearch);
    }
    add_aliases(document, policy_);
  }

  void add(const TomlLayers& layers) {
    for (const std::string& warning : layers.warnings) {
      warn(warning);
    }
    for (const TomlLayer& layer : layers.documents) {
      add(layer.document);
    }
  }

  ShortNames names() const {
    return ShortNames{.search_registries = search_, .aliases = policy_.aliases};
  }

 private:
  std::vector<std::string> search_;
  RegistryPolicy policy_;
};

// A file in another user's home; nullopt when there is none, or none that can be used.
std::optional<TomlDocument> read_theirs(const UserAccount& owner, const std::string& path) {
  Result<std::optional<Bytes>> bytes = read_config_file_of(owner.home, path, owner.uid);
  if (!bytes.ok()) {
    warn(bytes.error().message());
    return std::nullopt;
  }
  if (!bytes->has_value()) {
    return std::nullopt;
  }
  Result<TomlDocument> document = parse_toml(as_text(**bytes), join_path(owner.home, path));
  if (!document.ok()) {
    warn(document.error().message());
    return std::nullopt;
  }
  return std::move(*document);
}

std::vector<std::string> list_theirs(const UserAccount& owner, const std::string& path) {
  Result<UniqueFd> home = open_directory(owner.home);
  if (!home.ok()) {
    return {};
  }
  Result<UniqueFd> directory = open_beneath(home->get(), path, O_RDONLY | O_DIRECTORY);
  return directory.ok() ? list_directory_fd(directory->get(), path).value_or({})
                        : std::vector<std::string>();
}

// The host's files, each hidden by the other user's of the same name.
Layers layers_of_another(const UserAccount& owner) {
  TomlLayers host =
      read_toml_layers(kFile, {"/usr/share/containers", "/etc/containers"}, {kDropIns});
  std::optional<TomlDocument> main;
  std::map<std::string, TomlDocument> drop_ins;
  for (TomlLayer& layer : host.documents) {
    if (base_name(parent_path(layer.path)) == kDropIns) {
      drop_ins[base_name(layer.path)] = std::move(layer.document);
    } else {
      main = std::move(layer.document);
    }
  }
  const std::string theirs = ".config/containers";
  if (std::optional<TomlDocument> own = read_theirs(owner, join_path(theirs, kFile));
      own.has_value()) {
    main = std::move(own);
  }
  std::string directory = join_path(theirs, kDropIns);
  for (const std::string& name : list_theirs(owner, directory)) {
    std::optional<TomlDocument> document =
        name.ends_with(".conf") ? read_theirs(owner, join_path(directory, name)) : std::nullopt;
    if (document.has_value()) {
      drop_ins[name] = std::move(*document);
    }
  }
  Layers out;
  if (main.has_value()) {
    out.add(*main);
  }
  for (const auto& [name, document] : drop_ins) {
    out.add(document);
  }
  std::optional<TomlDocument> cache = read_theirs(owner, join_path(".cache/containers", kAliases));
  if (cache.has_value()) {
    out.add(*cache);
  }
  return out;
}

}  // namespace

ShortNames read_short_names(const Environment& environment, const UserAccount& owner) {
  if (owner.uid != environment.user.uid) {
    return layers_of_another(owner).names();
  }
  Layers out;
  if (std::optional<std::string> chosen = environment.get("CONTAINERS_REGISTRIES_CONF");
      chosen.has_value()) {
    out.add(read_toml_layer(*chosen));
    return out.names();
  }
  std::string config =
      environment.get("XDG_CONFIG_HOME").value_or(join_path(owner.home, ".config"));
  out.add(read_toml_layers(
      kFile,
      {"/usr/share/containers", "/etc/containers", join_path(config, "containers")},
      {kDropIns}));
  // What podman was told when it asked.
  std::string cache = environment.get("XDG_CACHE_HOME").value_or(join_path(owner.home, ".cache"));
  std::string directory =
      environment.effective_uid == 0 ? "/var/cache/containers" : join_path(cache, "containers");
  out.add(read_toml_layer(join_path(directory, kAliases)));
  return out.names();
}

std::vector<std::string> names_in_storage(const ImageReference& reference,
                                          const ShortNames& names) {
  std::vector<std::string> out = reference.containers_storage_names(names.search_registries);
  RegistryPolicy policy;
  policy.aliases = names.aliases;
  std::optional<std::string> alias = alias_of(policy, reference);
  if (alias.has_value()) {
    Result<ImageReference> full = ImageReference::parse(*alias);
    if (!full.ok()) {
      warn("alias of " + reference.typed() + ": " + full.error().message());
      return out;
    }
    std::erase(out, full->normal_form());
    out.insert(out.begin(), full->normal_form());
  }
  return out;
}

}  // namespace bpfman::container
