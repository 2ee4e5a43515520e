// SPDX-License-Identifier: Apache-2.0
// Files and directories: every open, rename and unlink of the project goes through here (or through
// kernel/), so O_CLOEXEC, errno and limits are handled in one place. Paths are plain strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"

struct stat;  // NOLINT(readability-identifier-naming): the C library's

namespace bpfman {

// dir + "/" + name, without doubling the slash.
std::string join_path(std::string_view directory, std::string_view name);
std::string parent_path(std::string_view path);
std::string base_name(std::string_view path);

// Errors of all: by errno (os_error), message "open PATH", "read PATH", ...
Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode = 0);
// openat2(2) below `directory`: never leaves it, follows no symlink and no magic link, never blocks
// on a FIFO (O_NONBLOCK is added). Kernel: 5.6.
Result<UniqueFd> open_beneath(int directory, const std::string& path, int flags);
// A directory to resolve other names in (O_DIRECTORY | O_RDONLY).
Result<UniqueFd> open_directory(const std::string& path);

// The whole file; ResourceExhausted above `limit` bytes.
Result<Bytes> read_file(const std::string& path, std::size_t limit);
// The whole of an open file from its present offset; `name` is for messages.
Result<Bytes> read_fd(int fd, std::size_t limit, const std::string& name);
// Exactly `buffer.size()` bytes at `offset`, or DataLoss when the file is shorter.
Result<void> read_exact_at(int fd,
                           std::span<std::byte> buffer,
                           std::uint64_t offset,
                           const std::string& name);
Result<void> write_all(int fd, ByteView bytes, const std::string& name);

// Writes PATH.<random>, fsyncs, renames over PATH, fsyncs the directory: PATH is old or new, never
// torn.
Result<void> write_file_atomic(const std::string& path, ByteView bytes, unsigned mode);

// mkdir -p. Directories that exist keep their mode.
Result<void> make_directories(const std::string& path, unsigned mode);
// Removes a file; absence is success.
Result<void> remove_file(const std::string& path);
// Removes an empty directory; absence is success.
Result<void> remove_directory(const std::string& path);
Result<void> rename_path(const std::string& from, const std::string& to);

// nullopt when nothing is there. Follows a final symlink.
Result<std::optional<struct ::stat>> stat_path(const std::string& path);
bool path_exists(const std::string& path);
// Entry names without "." and "..", sorted; NotFound if the directory is absent.
Result<std::vector<std::string>> list_directory(const std::string& path);
Result<std::vector<std::string>> list_directory_fd(int directory, const std::string& name);
// Target of a symlink.
Result<std::string> read_link(const std::string& path);
// An absolute path: `path` itself, or below the working directory.
Result<std::string> absolute_path(const std::string& path);

// A ByteSource over a descriptor.
std::unique_ptr<ByteSource> make_fd_source(UniqueFd fd, std::string name);

// A directory made by mkdtemp, removed with all it holds at the end of the scope.
class TempDir {
 public:
  static Result<TempDir> create(const std::string& prefix);

  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

  TempDir& operator=(TempDir&&) = delete;
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

// An exclusive flock(2) on PATH (created 0600 when absent), released at the end of the scope or
// with the process.
class FileLock {
 public:
  // Waits at most `timeout_ms` (0: for ever). Aborted "held by pid N" when the time is over; the
  // holder writes its pid into the file.
  static Result<FileLock> acquire(const std::string& path, std::int64_t timeout_ms);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace bpfman
