// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/storage_conf.h"

#include <algorithm>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/base/text.h"

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

// Image stores that driver options name: "overlay.imagestore=DIR", ".imagestore=DIR",
// "additionalimagestore=DIR". Source: containers-storage, drivers/overlay.
std::vector<std::string> additional_stores(const std::vector<std::string>& options) {
  std::vector<std::string> out;
  for (const std::string& option : options) {
    std::size_t equals = option.find('=');
    std::string key = to_lower(trim(option.substr(0, equals)));
    key.erase(0, key.find('.') == std::string::npos ? 0 : key.find('.') + 1);
    if (equals == std::string::npos || (key != "imagestore" && key != "additionalimagestore")) {
      continue;
    }
    for (const std::string& store : split(option.substr(equals + 1), ',')) {
      if (!trim(store).empty()) {
        out.emplace_back(trim(store));
      }
    }
  }
  return out;
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
  if (std::optional<std::string> given = own ? environment.get("STORAGE_OPTS") : std::nullopt;
      given.has_value()) {
    std::vector<std::string> more = additional_stores(split(*given, ','));
    out.additional.insert(out.additional.end(), more.begin(), more.end());
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

std::optional<StorageOptions> read_crio_options(const std::string& directory,
                                                StorageOptions defaults) {
  TomlLayers layers = read_toml_layers("crio.conf", {directory}, {"crio.conf.d"});
  if (layers.documents.empty() && layers.warnings.empty()) {
    return std::nullopt;
  }
  TomlDocument document = merged(layers);
  StorageOptions out = std::move(defaults);
  std::string root = document.get("crio.root").value_or("");
  if (!root.empty() && root != out.graph_root) {
    out.graph_root = root;
    out.image_store.clear();  // that of another store
  }
  std::string image_store = document.get("crio.imagestore").value_or("");
  if (!image_store.empty()) {
    out.image_store = image_store;
  }
  std::string driver = document.get("crio.storage_driver").value_or("");
  if (!driver.empty()) {
    out.driver = driver;
  }
  std::vector<std::string> own = document.get_list("crio.storage_option");
  if (!own.empty()) {
    out.additional = additional_stores(own);  // in place of storage.conf's
  }
  return out;
}

}  // namespace bpfman::container
