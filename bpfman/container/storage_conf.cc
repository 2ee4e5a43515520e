// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/storage_conf.h"

#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/base/toml.h"
#include "bpfman/container/regular_file.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kConfigurationLimit = std::size_t{1} << 20;

// Lays what a file says over `into`.
void merge_file(const std::string& path, TomlDocument& into) {
  Result<Bytes> bytes = read_regular(path, kConfigurationLimit);
  if (!bytes.ok()) {
    if (bytes.error().code() != Code::NotFound) {
      log::write(log::Level::Warn, "container", bytes.error().message());
    }
    return;
  }
  Result<TomlDocument> parsed = parse_toml(as_text(*bytes), path);
  if (!parsed.ok()) {
    log::write(log::Level::Warn, "container", parsed.error().message());
    return;
  }
  for (auto& [key, value] : parsed->values) {
    into.values[key] = value;
  }
  for (auto& [key, list] : parsed->lists) {
    into.lists[key] = list;
  }
}

// *.conf of the directories, by base name; a later directory replaces the same base name of an
// earlier one.
void merge_drop_ins(const std::vector<std::string>& directories, TomlDocument& into) {
  std::map<std::string, std::string> files;
  for (const std::string& directory : directories) {
    for (const std::string& name : list_directory(directory).value_or({})) {
      if (name.ends_with(".conf")) {
        files[name] = join_path(directory, name);
      }
    }
  }
  for (const auto& [name, path] : files) {
    merge_file(path, into);
  }
}

TomlDocument read_layers(const std::string& file_name,
                         const std::vector<std::string>& places,
                         const std::vector<std::string>& drop_in_suffixes) {
  TomlDocument document;
  // Exactly one main file counts: that of the last (highest) place that has one.
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    std::string path = join_path(*place, file_name);
    if (path_exists(path)) {
      merge_file(path, document);
      break;
    }
  }
  std::vector<std::string> directories;
  for (const std::string& place : places) {
    for (const std::string& suffix : drop_in_suffixes) {
      directories.push_back(join_path(place, suffix));
    }
  }
  merge_drop_ins(directories, document);
  return document;
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
    merge_file(*chosen, document);
  } else {
    std::vector<std::string> places = {"/usr/share/containers", "/etc/containers"};
    std::vector<std::string> drop_ins = {
        "storage.conf.d", rootful ? "storage.rootful.conf.d" : "storage.rootless.conf.d"};
    if (!rootful) {
      places.push_back(join_path(config_home, "containers"));
      drop_ins.push_back("storage.rootless.conf.d/" + std::to_string(owner.uid));
    }
    document = read_layers("storage.conf", places, drop_ins);
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
    merge_file(*chosen, document);
  } else {
    document = read_layers("registries.conf",
                           {"/etc/containers", join_path(config_home, "containers")},
                           {"registries.conf.d"});
  }
  return document.get_list("unqualified-search-registries");
}

}  // namespace bpfman::container
