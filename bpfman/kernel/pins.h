// SPDX-License-Identifier: Apache-2.0
// Pins: names in a bpffs that keep programs, maps and links alive. Names have no dot (the kernel
// refuses it); renaming works inside one bpffs only.
// Source: kernel/bpf/inode.c.
#pragma once

#include <string>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/model/ids.h"

namespace bpfman::kernel {

// Whether `path` (a directory) is on a bpffs; NotFound when it does not exist.
Result<bool> is_on_bpffs(const std::string& path);

// A pin that this object made; removed at the end of the scope unless keep() was called.
class Pin {
 public:
  // AlreadyExists, NotFound (no such directory), FailedPrecondition (not a bpffs).
  static Result<Pin> create(int fd, std::string path);

  Pin(Pin&& other) noexcept : path_(std::exchange(other.path_, {})) {}

  Pin& operator=(Pin&&) = delete;
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;
  ~Pin();

  void keep() { path_.clear(); }

 private:
  explicit Pin(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

// A directory for pins, with its parents; if this object made it, it is removed at the end of the
// scope unless keep() was called. The pins in it must be gone by then.
class PinDirectory {
 public:
  static Result<PinDirectory> create(std::string path);

  PinDirectory(PinDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}

  PinDirectory& operator=(PinDirectory&&) = delete;
  PinDirectory(const PinDirectory&) = delete;
  PinDirectory& operator=(const PinDirectory&) = delete;
  ~PinDirectory();

  void keep() { path_.clear(); }

 private:
  explicit PinDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;  // "" when there is nothing to remove
};

// The object pinned at `path`, which must be of kind `wanted` (else FailedPrecondition); an invalid
// descriptor when nothing is there.
Result<UniqueFd> open_pin_of_kind(const std::string& path, ObjectKind wanted);

// Pin an object by its id; when it is pinned there already that is done. NotFound: the kernel does
// not have it. AlreadyExists: something else is there.
Result<void> repin_program(ProgramId id, const std::string& path);
Result<void> repin_map(MapId id, const std::string& path);

// Files and directories.
Result<void> rename_pin(const std::string& from, const std::string& to);

// Removes a pin and a directory of pins ("" for none of it); absence is success. Never touches
// another file system.
Result<void> remove_pins(const std::string& program_pin, const std::string& map_directory);

}  // namespace bpfman::kernel
