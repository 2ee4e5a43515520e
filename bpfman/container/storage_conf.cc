// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/storage_conf.h"

#include <algorithm>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/base/log.h"

namespace bpfman::container {
namespace {

// The layers over each other, a later one hiding the same key of an earlier one.
TomlDocument merged(const TomlLayers& layers) {
  TomlDocument into;
  for (const std::string& warning : layers.warnings) {
    log::write(log::Level::Warn, "container", warning);
  }
  for (const TomlLayer& layer : layers.documents) {
    for (const auto& [key, value] : layer.document.values) {
      into.values[key] = value;
    }
    for (const auto& [key, list] : layer.document.lists) {
      into.lists[key] = list;
    }
  }
  return into;
}

}  // namespace

std::string expand_variables(std::string_view text,
                             const std::map<std::string, std::string>& values) {
  std::string out;
  while (!text.empty()) {
    std::size_t dollar = text.find('$');
    out.append(text.substr(0, dollar));
    if (dollar == std::string_view::npos) {
      break;
    }
    text.remove_prefix(dollar + 1);
    bool braced = text.starts_with('{');
    if (braced) {
      text.remove_prefix(1);
    }
    std::size_t end = 0;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) {
      ++end;
    }
    auto found = values.find(std::string(text.substr(0, end)));
    out.append(found == values.end() ? std::string() : found->second);
    text.remove_prefix(end);
    if (braced && text.starts_with('}')) {
      text.remove_prefix(1);
    }
  }
  return out;
}

StorageOptions read_storage_options(const Environment& environment,
                                    const UserAccount& owner,
                                    bool rootful) {
  bool own = owner.uid == environment.effective_uid;
  std::string config_home = join_path(owner.home, ".config");
  std::string data_home = join_path(owner.home, ".local/share");
  std::string runtime = "/run/user/" + std::to_string(owner.uid);
  if (own) {
    config_home = environment.get("XDG_CONFIG_HOME").value_or(config_home);
    data_home = environment.get("XDG_DATA_HOME").value_or(data_home);
    runtime = environment.get("XDG_RUNTIME_DIR").value_or(runtime);
  }
  std::map<std::string, std::string> values = {{"HOME", owner.home},
                                               {"USER", owner.name},
                                               {"UID", std::to_string(owner.uid)},
                                               {"XDG_CONFIG_HOME", config_home},
                                               {"XDG_DATA_HOME", data_home},
                                               {"XDG_RUNTIME_DIR", runtime}};

  TomlDocument document;
  std::optional<std::string> chosen =
      own ? environment.get("CONTAINERS_STORAGE_CONF") : std::nullopt;
  if (chosen.has_value()) {
    document = merged(read_toml_layer(*chosen));
  } else {
    std::vector<std::string> places = {"/usr/share/containers", "/etc/containers"};
    std::vector<std::string> drop_ins = {
        "storage.conf.d", rootful ? "storage.rootful.conf.d" : "storage.rootless.conf.d"};
    if (!rootful) {
      places.push_back(join_path(config_home, "containers"));
      drop_ins.push_back("storage.rootless.conf.d/" + std::to_string(owner.uid));
    }
    document = merged(read_toml_layers("storage.conf", places, drop_ins));
  }

  StorageOptions out;
  out.driver = (own ? environment.get("STORAGE_DRIVER") : std::nullopt)
                   .value_or(document.get("storage.driver").value_or(""));
  out.image_store = expand_variables(document.get("storage.imagestore").value_or(""), values);
  for (const std::string& store : document.get_list("storage.options.additionalimagestores")) {
    out.additional.push_back(expand_variables(store, values));
  }
  std::string configured = document.get("storage.graphroot").value_or("");
  if (rootful) {
    out.graph_root =
        configured.empty() ? "/var/lib/containers/storage" : expand_variables(configured, values);
    return out;
  }
  std::string rootless = document.get("storage.rootless_storage_path").value_or("");
  std::string user_file = join_path(config_home, "containers/storage.conf");
  if (!rootless.empty()) {
    out.graph_root = expand_variables(rootless, values);
  } else if (!configured.empty() && (chosen.has_value() || path_exists(user_file))) {
    // A host-wide graphroot is root's; only the user's own file speaks for the user's store.
    out.graph_root = expand_variables(configured, values);
  } else {
    out.graph_root = join_path(data_home, "containers/storage");
  }
  return out;
}

std::vector<std::string> read_search_registries(const Environment& environment) {
  std::string config_home =
      environment.get("XDG_CONFIG_HOME").value_or(join_path(environment.user.home, ".config"));
  std::optional<std::string> chosen = environment.get("CONTAINERS_REGISTRIES_CONF");
  TomlDocument document;
  if (chosen.has_value()) {
    document = merged(read_toml_layer(*chosen));
  } else {
    document = merged(read_toml_layers("registries.conf",
                                       {"/etc/containers", join_path(config_home, "containers")},
                                       {"registries.conf.d"}));
  }
  return document.get_list("unqualified-search-registries");
}

}  // namespace bpfman::container
