// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/config_file.h"

#include <cerrno>
#include <map>

#include <fcntl.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"

namespace bpfman {
namespace {

Error irregular(const std::string& path) {
  return Error(Code::DataLoss, path + " is no regular file");
}

void add_layer(const std::string& path, TomlLayers& into) {
  Result<std::optional<Bytes>> bytes = read_config_file(path);
  if (!bytes.ok()) {
    into.warnings.push_back(bytes.error().message());
    return;
  }
  if (!bytes->has_value()) {
    return;
  }
  Result<TomlDocument> parsed = parse_toml(as_text(**bytes), path);
  if (!parsed.ok()) {
    into.warnings.push_back(parsed.error().message());
    return;
  }
  into.documents.push_back(TomlLayer{path, std::move(*parsed)});
}

}  // namespace

Result<std::optional<Bytes>> read_config_file(const std::string& path, std::size_t limit) {
  // Looked at before it is opened: to open some devices is to act on them.
  std::optional<struct ::stat> info = TRY(stat_path(path));
  if (!info.has_value()) {
    return std::optional<Bytes>();
  }
  if (!S_ISREG(info->st_mode)) {
    return irregular(path);
  }
  UniqueFd file = TRY(open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat opened = {};
  if (::fstat(file.get(), &opened) != 0 || !S_ISREG(opened.st_mode)) {
    return irregular(path);
  }
  Bytes bytes = TRY(read_fd(file.get(), limit, path));
  return std::optional(std::move(bytes));
}

Result<std::optional<Bytes>> read_config_file_of(const std::string& tree,
                                                 const std::string& path,
                                                 std::uint32_t uid,
                                                 std::size_t limit) {
  std::string name = join_path(tree, path);
  Result<UniqueFd> directory = open_directory(tree);
  if (!directory.ok()) {
    if (directory.error().code() == Code::NotFound) {
      return std::optional<Bytes>();
    }
    return std::move(directory).error();
  }
  Result<UniqueFd> file = open_beneath(directory->get(), path, O_RDONLY | O_NOCTTY);
  if (!file.ok()) {
    int os = file.error().os();
    if (os == ENOENT || os == ENOTDIR) {
      return std::optional<Bytes>();
    }
    if (os == ELOOP || os == EXDEV) {
      return Error(Code::PermissionDenied,
                   name + " is behind a symbolic link, which is not followed for another user");
    }
    return std::move(file).error().with_context(tree);
  }
  struct stat info = {};
  if (::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return irregular(name);
  }
  if (info.st_uid != uid && info.st_uid != 0) {
    return Error(Code::PermissionDenied,
                 name + " belongs to uid " + std::to_string(info.st_uid) + ", not to uid " +
                     std::to_string(uid));
  }
  Bytes bytes = TRY(read_fd(file->get(), limit, name));
  return std::optional(std::move(bytes));
}

TomlLayers read_toml_layers(const std::string& file_name,
                            const std::vector<std::string>& places,
                            const std::vector<std::string>& drop_in_suffixes) {
  TomlLayers out;
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    std::string path = join_path(*place, file_name);
    if (path_exists(path)) {
      add_layer(path, out);
      break;
    }
  }
  std::map<std::string, std::string> drop_ins;
  for (const std::string& place : places) {
    for (const std::string& suffix : drop_in_suffixes) {
      std::string directory = join_path(place, suffix);
      for (const std::string& name : list_directory(directory).value_or({})) {
        if (name.ends_with(".conf")) {
          drop_ins[name] = join_path(directory, name);
        }
      }
    }
  }
  for (const auto& [name, path] : drop_ins) {
    add_layer(path, out);
  }
  return out;
}

TomlLayers read_toml_layer(const std::string& path) {
  TomlLayers out;
  add_layer(path, out);
  return out;
}

}  // namespace bpfman
