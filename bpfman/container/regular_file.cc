// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/regular_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"

namespace bpfman::container {
namespace {

bool is_link_in_the_way(const Error& error) {
  return error.os() == ELOOP || error.os() == EXDEV;
}

Error irregular(const std::string& path) {
  return Error(Code::DataLoss, path + " is no regular file");
}

Result<UniqueFd> checked(UniqueFd file, const std::string& path) {
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return irregular(path);
  }
  return file;
}

}  // namespace

Result<UniqueFd> open_regular_beneath(int directory,
                                      const std::string& root,
                                      const std::string& path) {
  Result<UniqueFd> file = open_beneath(directory, path, O_RDONLY | O_NOCTTY);
  if (!file.ok()) {
    // ENXIO and ENODEV: a socket, or a device without a driver.
    int os = file.error().os();
    if (is_link_in_the_way(file.error()) || os == ENXIO || os == ENODEV) {
      return irregular(join_path(root, path));
    }
    return std::move(file).error().with_context(root);
  }
  return checked(std::move(*file), join_path(root, path));
}

Result<Bytes> read_regular_beneath(int directory,
                                   const std::string& root,
                                   const std::string& path,
                                   std::size_t limit) {
  UniqueFd file = TRY(open_regular_beneath(directory, root, path));
  return read_fd(file.get(), limit, join_path(root, path));
}

Result<UniqueFd> open_directory_beneath(int directory,
                                        const std::string& root,
                                        const std::string& path) {
  Result<UniqueFd> opened = open_beneath(directory, path, O_RDONLY | O_DIRECTORY);
  if (!opened.ok() && is_link_in_the_way(opened.error())) {
    return Error(Code::Unimplemented, join_path(root, path) + " is a link to another place");
  }
  return std::move(opened).with_context(root);
}

Result<Bytes> read_regular(const std::string& path, std::size_t limit) {
  // Looked at before it is opened: to open some devices is to act on them.
  std::optional<struct ::stat> info = TRY(stat_path(path));
  if (info.has_value() && !S_ISREG(info->st_mode)) {
    return irregular(path);
  }
  UniqueFd opened = TRY(open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  UniqueFd file = TRY(checked(std::move(opened), path));
  return read_fd(file.get(), limit, path);
}

}  // namespace bpfman::container
