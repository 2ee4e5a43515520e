// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/pins.h"

#include <cerrno>
#include <functional>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

Error not_a_bpffs(const std::string& directory) {
  return Error(Code::FailedPrecondition, directory + " is not on a bpffs");
}

// Why pinning failed, where errno alone would mislead: another file system answers "Operation not
// permitted".
Error explain_pin_error(Error error, const std::string& path) {
  std::string directory = parent_path(path);
  Result<bool> on_bpffs = is_on_bpffs(directory);
  if (on_bpffs.ok() && !*on_bpffs) {
    return not_a_bpffs(directory).with_context("pin " + path);
  }
  return error;
}

}  // namespace

Result<bool> is_on_bpffs(const std::string& path) {
  struct statfs info = {};
  if (::statfs(path.c_str(), &info) != 0) {
    return os_error(errno, "look at " + path);
  }
  return info.f_type == BPF_FS_MAGIC;
}

Result<Pin> Pin::create(int fd, std::string path) {
  Result<void> pinned = create_pin(fd, path);
  if (!pinned.ok()) {
    return explain_pin_error(std::move(pinned).error(), path);
  }
  return Pin(std::move(path));
}

Pin::~Pin() {
  if (path_.empty()) {
    return;
  }
  Result<void> removed = remove_file(path_);
  if (!removed.ok()) {
    log::write(log::Level::Warn, "kernel", removed.error().message(), {{"pin", path_}});
  }
}

Result<PinDirectory> PinDirectory::create(std::string path) {
  TRY(make_directories(parent_path(path), 0755));
  if (::mkdir(path.c_str(), 0755) == 0) {
    return PinDirectory(std::move(path));
  }
  if (errno != EEXIST) {
    return os_error(errno, "make directory " + path);
  }
  return PinDirectory(std::string());
}

PinDirectory::~PinDirectory() {
  if (path_.empty()) {
    return;
  }
  Result<void> removed = remove_directory(path_);
  if (!removed.ok()) {
    log::write(log::Level::Warn, "kernel", removed.error().message(), {{"directory", path_}});
  }
}

Result<UniqueFd> open_pin_of_kind(const std::string& path, ObjectKind wanted) {
  Result<UniqueFd> fd = open_pin(path);
  if (!fd.ok()) {
    if (fd.error().os() == ENOENT) {
      return UniqueFd();
    }
    return explain_pin_error(std::move(fd).error(), path);
  }
  std::optional<ObjectKind> kind = TRY(object_kind(fd->get()));
  if (kind != wanted) {
    return Error(Code::FailedPrecondition,
                 "what is pinned at " + path + " is not a " + std::string(to_string(wanted)) +
                     (kind ? " but a " + std::string(to_string(*kind)) : ""));
  }
  return fd;
}

Result<void> rename_pin(const std::string& from, const std::string& to) {
  return rename_path(from, to);
}

namespace {

// `path` is there and may be removed; false when it is absent.
Result<bool> may_remove(const std::string& path) {
  if (path.empty() || !path_exists(path)) {
    return false;
  }
  bool on_bpffs = TRY(is_on_bpffs(path));
  if (!on_bpffs) {
    return not_a_bpffs(path).with_context("remove " + path);
  }
  return true;
}

}  // namespace

Result<void> remove_pins(const std::string& program_pin, const std::string& map_directory) {
  bool has_program = TRY(may_remove(program_pin));
  bool has_maps = TRY(may_remove(map_directory));
  if (has_program) {
    TRY(remove_file(program_pin));
  }
  if (!has_maps) {
    return {};
  }
  std::vector<std::string> names = TRY(list_directory(map_directory));
  for (const std::string& name : names) {
    TRY(remove_file(join_path(map_directory, name)));
  }
  return remove_directory(map_directory);
}

namespace {

// `present`: the id of what is pinned at the path, if it is of this kind.
Result<void> repin(ObjectKind kind,
                   std::uint32_t id,
                   const std::string& path,
                   const std::function<Result<std::uint32_t>(int)>& id_of) {
  std::optional<UniqueFd> object = TRY(open_object(kind, id));
  if (!object.has_value()) {
    return Error(
        Code::NotFound,
        std::string(to_string(kind)) + " " + std::to_string(id) + " is not in the kernel any more");
  }
  TRY(make_directories(parent_path(path), 0755));
  Result<Pin> pin = Pin::create(object->get(), path);
  if (pin.ok()) {
    pin->keep();
    return {};
  }
  if (pin.error().code() != Code::AlreadyExists) {
    return std::move(pin).error();
  }
  UniqueFd there = TRY(open_pin_of_kind(path, kind));
  Result<std::uint32_t> present = id_of(there.get());
  return present.ok() && *present == id ? Result<void>() : std::move(pin).error();
}

}  // namespace

Result<void> repin_program(ProgramId id, const std::string& path) {
  return repin(ObjectKind::Program, id.value(), path, [](int fd) -> Result<std::uint32_t> {
    ProgramId present = TRY(program_id(fd));
    return present.value();
  });
}

Result<void> repin_map(MapId id, const std::string& path) {
  return repin(ObjectKind::Map, id.value(), path, [](int fd) -> Result<std::uint32_t> {
    MapId present = TRY(map_id(fd));
    return present.value();
  });
}

}  // namespace bpfman::kernel
