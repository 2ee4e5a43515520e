// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpfman/base/lock_holder.h"

namespace bpfman {

std::string join_path(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') {
    path.push_back('/');
  }
  while (!name.empty() && name.front() == '/') {
    name.remove_prefix(1);
  }
  path.append(name);
  return path;
}

std::string parent_path(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') {
    path.remove_suffix(1);
  }
  std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return ".";
  }
  return std::string(slash == 0 ? "/" : path.substr(0, slash));
}

std::string base_name(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') {
    path.remove_suffix(1);
  }
  std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) {
    return os_error(errno, "open " + path);
  }
  return UniqueFd::adopt(fd);
}

Result<UniqueFd> open_beneath(int directory, const std::string& path, int flags) {
  struct open_how how = {};
  how.flags = static_cast<__u64>(static_cast<unsigned>(flags | O_CLOEXEC | O_NONBLOCK));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
  if (fd < 0) {
    return os_error(errno, "open " + path);
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<UniqueFd> open_directory(const std::string& path) {
  return open_file(path, O_RDONLY | O_DIRECTORY);
}

namespace {

class FdSource final : public ByteSource {
 public:
  FdSource(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    for (;;) {
      ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
      if (count >= 0) {
        return static_cast<std::size_t>(count);
      }
      if (errno != EINTR) {
        return os_error(errno, "read " + name_);
      }
    }
  }

 private:
  UniqueFd fd_;
  std::string name_;
};

}  // namespace

std::unique_ptr<ByteSource> make_fd_source(UniqueFd fd, std::string name) {
  return std::make_unique<FdSource>(std::move(fd), std::move(name));
}

Result<Bytes> read_fd(int fd, std::size_t limit, const std::string& name) {
  struct stat info = {};
  std::size_t guess = 4096;
  std::size_t known = 0;
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    known = static_cast<std::size_t>(info.st_size);
    guess = known;
  }
  if (known > limit) {
    return Error(Code::ResourceExhausted,
                 name + " has " + std::to_string(known) + " bytes, more than the limit of " +
                     std::to_string(limit));
  }
  Bytes out(std::min(guess, limit) + 1);
  std::size_t used = 0;
  for (;;) {
    if (used == out.size()) {
      out.resize(std::min(out.size() * 2, limit + 1));
    }
    ssize_t count = ::read(fd, out.data() + used, out.size() - used);
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return os_error(errno, "read " + name);
    }
    if (count == 0) {
      break;
    }
    used += static_cast<std::size_t>(count);
    if (used > limit) {
      return Error(Code::ResourceExhausted,
                   name + " has more bytes than the limit of " + std::to_string(limit));
    }
  }
  out.resize(used);
  return out;
}

Result<Bytes> read_file(const std::string& path, std::size_t limit) {
  UniqueFd fd = TRY(open_file(path, O_RDONLY));
  return read_fd(fd.get(), limit, path);
}

Result<void> read_exact_at(int fd,
                           std::span<std::byte> buffer,
                           std::uint64_t offset,
                           const std::string& name) {
  while (!buffer.empty()) {
    ssize_t count = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return os_error(errno, "read " + name);
    }
    if (count == 0) {
      return Error(Code::DataLoss, name + " is shorter than it should be");
    }
    buffer = buffer.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<void> write_all(int fd, ByteView bytes, const std::string& name) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return os_error(errno, "write " + name);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> write_file_atomic(const std::string& path, ByteView bytes, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd = UniqueFd::adopt(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) {
    return os_error(errno, "create " + temporary);
  }
  auto finish = [&]() -> Result<void> {
    TRY(write_all(fd.get(), bytes, temporary));
    if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) {
      return os_error(errno, "write " + temporary);
    }
    return rename_path(temporary, path);
  };
  Result<void> done = finish();
  if (!done.ok()) {
    ::unlink(temporary.c_str());
    return done;
  }
  UniqueFd directory = TRY(open_directory(parent_path(path)));
  if (::fsync(directory.get()) != 0) {
    return os_error(errno, "sync " + parent_path(path));
  }
  return {};
}

Result<void> make_directories(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0) {
    return {};
  }
  int os = errno;
  if (os == EEXIST) {
    struct stat info = {};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      return {};
    }
    return os_error(ENOTDIR, "make directory " + path);
  }
  if (os != ENOENT) {
    return os_error(os, "make directory " + path);
  }
  std::string parent = parent_path(path);
  if (parent == path || parent == ".") {
    return os_error(os, "make directory " + path);
  }
  TRY(make_directories(parent, mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return os_error(errno, "make directory " + path);
  }
  return {};
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return os_error(errno, "remove " + path);
  }
  return {};
}

Result<void> remove_directory(const std::string& path) {
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    return os_error(errno, "remove directory " + path);
  }
  return {};
}

Result<void> rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return os_error(errno, "rename " + from + " to " + to);
  }
  return {};
}

Result<std::optional<struct ::stat>> stat_path(const std::string& path) {
  struct ::stat info = {};
  if (::stat(path.c_str(), &info) == 0) {
    return std::optional(info);
  }
  if (errno == ENOENT || errno == ENOTDIR) {
    return std::optional<struct ::stat>();
  }
  return os_error(errno, "stat " + path);
}

bool path_exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

namespace {

// Entry names from the present position of `directory` to its end.
Result<std::vector<std::string>> read_entries(int directory, const std::string& name) {
  std::vector<std::string> names;
  alignas(dirent64) std::array<char, 8192> buffer;
  for (;;) {
    ssize_t count = ::getdents64(directory, buffer.data(), buffer.size());
    if (count < 0) {
      return os_error(errno, "list " + name);
    }
    if (count == 0) {
      break;
    }
    for (ssize_t at = 0; at < count;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      std::string_view found = entry->d_name;
      if (found != "." && found != "..") {
        names.emplace_back(found);
      }
      at += entry->d_reclen;
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<std::vector<std::string>> list_directory(const std::string& path) {
  UniqueFd fd = TRY(open_directory(path));
  return read_entries(fd.get(), path);
}

Result<std::vector<std::string>> list_directory_fd(int directory, const std::string& name) {
  // A fresh open file description: its read position is its own.
  UniqueFd fd = UniqueFd::adopt(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    return os_error(errno, "open " + name);
  }
  return read_entries(fd.get(), name);
}

Result<std::string> read_link(const std::string& path) {
  std::string target(256, '\0');
  for (;;) {
    ssize_t count = ::readlink(path.c_str(), target.data(), target.size());
    if (count < 0) {
      return os_error(errno, "read link " + path);
    }
    if (static_cast<std::size_t>(count) < target.size()) {
      target.resize(static_cast<std::size_t>(count));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

Result<std::string> absolute_path(const std::string& path) {
  if (!path.empty() && path.front() == '/') {
    return path;
  }
  std::error_code code;
  std::filesystem::path here = std::filesystem::current_path(code);
  if (code) {
    return os_error(code.value(), "find the working directory");
  }
  return (here / path).lexically_normal().string();
}

Result<TempDir> TempDir::create(const std::string& prefix) {
  const char* base = ::getenv("TMPDIR");
  std::string path =
      join_path(base != nullptr && *base != '\0' ? base : "/tmp", prefix + ".XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) {
    return os_error(errno, "make directory " + path);
  }
  return TempDir(std::move(path));
}

TempDir::~TempDir() {
  if (!path_.empty()) {
    std::error_code ignored;  // a leftover in the temporary directory harms nobody
    std::filesystem::remove_all(path_, ignored);
  }
}

Result<FileLock> FileLock::acquire(const std::string& path, std::int64_t timeout_ms) {
  using Clock = std::chrono::steady_clock;
  UniqueFd fd = TRY(open_file(path, O_RDWR | O_CREAT, 0600));
  Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  std::chrono::milliseconds pause(1);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) {
      continue;
    }
    if (errno != EWOULDBLOCK) {
      return os_error(errno, "lock " + path);
    }
    if (timeout_ms != 0 && Clock::now() >= deadline) {
      std::string holder = describe_lock_holder(fd.get());
      return Error(Code::Aborted,
                   "timed out waiting for lock " + path + " after " + std::to_string(timeout_ms) +
                       " ms" + (holder.empty() ? "" : ": " + holder));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
  std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0) {
    return os_error(errno, "write " + path);
  }
  ssize_t written = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
  if (written < 0) {
    return os_error(errno, "write " + path);
  }
  return FileLock(std::move(fd));
}

}  // namespace bpfman
