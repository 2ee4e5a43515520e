// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/host_file.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/model/elf_tables.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kMostCacheBytes = std::size_t{64} << 20;
constexpr std::size_t kMostMapsBytes = std::size_t{64} << 20;
constexpr std::string_view kCacheMagic = "glibc-ld.so.cache1.1";

// Where a system without a cache (musl) keeps libraries.
constexpr std::array kLibraryDirectories = {"/lib",
                                            "/usr/lib",
                                            "/lib64",
                                            "/usr/lib64",
                                            "/usr/local/lib",
                                            "/lib/x86_64-linux-gnu",
                                            "/lib/aarch64-linux-gnu"};

#if defined(__x86_64__)
constexpr std::uint32_t kOwnAbi = 0x0303;  // FLAG_ELF_LIBC6 | FLAG_X8664_LIB64
#elif defined(__aarch64__)
constexpr std::uint32_t kOwnAbi = 0x0a03;  // FLAG_ELF_LIBC6 | FLAG_AARCH64_LIB64
#else
constexpr std::uint32_t kOwnAbi = 0x0003;
#endif

struct CacheHeader {
  std::array<char, 20> magic;
  std::uint32_t entries;
  std::uint32_t string_bytes;
  std::array<std::uint32_t, 5> rest;
};

struct CacheEntry {
  std::uint32_t flags;
  std::uint32_t name;  // offsets from the header
  std::uint32_t path;
  std::uint32_t os_version;
  std::uint64_t hardware;
};

// "libc.so.6" is meant by "libc.so.6", "libc.so" and "libc".
bool is_library(std::string_view file, const std::string& name) {
  return file == name || file.starts_with(name + ".so") ||
         (name.ends_with(".so") && file.starts_with(name + "."));
}

std::string text_at(ByteView bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) {
    return {};
  }
  std::string_view text = as_text(bytes.subspan(offset));
  return std::string(text.substr(0, text.find('\0')));
}

// `path` below the root directory of another process: symlinks stay inside.
Result<UniqueFd> open_in_root(int root, const std::string& path) {
  open_how how = {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  if (fd < 0) {
    return os_error(errno, "open " + path);
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<UniqueFd> open_root(std::int32_t pid) {
  if (pid == 0) {
    return open_directory("/");
  }
  // Inside a container of its own bpfman may see the host's /proc there.
  for (const char* proc : {"/proc", "/host/proc"}) {
    std::string path = fmt::format("{}/{}/root", proc, pid);
    Result<UniqueFd> root = open_directory(path);
    if (root.ok() || root.error().os() != ENOENT) {
      return root;
    }
  }
  return Error(Code::NotFound, fmt::format("there is no process {}", pid), ENOENT);
}

std::string find_in_cache(int root, const std::string& name) {
  Result<UniqueFd> file = open_in_root(root, "/etc/ld.so.cache");
  if (!file.ok()) {
    return {};
  }
  Result<Bytes> cache = read_fd(file->get(), kMostCacheBytes, "/etc/ld.so.cache");
  return cache.ok() ? find_in_ld_cache(*cache, name) : std::string();
}

std::string find_in_directories(int root, const std::string& name) {
  for (const char* directory : kLibraryDirectories) {
    Result<UniqueFd> opened = open_in_root(root, directory);
    Result<std::vector<std::string>> names = opened.ok()
                                                 ? list_directory_fd(opened->get(), directory)
                                                 : Result<std::vector<std::string>>({});
    if (!names.ok()) {
      continue;
    }
    for (const std::string& file : *names) {
      if (is_library(file, name)) {
        return join_path(directory, file);
      }
    }
  }
  return {};
}

Result<HostFile> open_regular(int root, const std::string& path) {
  Result<UniqueFd> fd = open_in_root(root, path);
  if (!fd.ok() && fd.error().os() == ENOENT) {
    return Error(Code::NotFound, "there is no file " + path, ENOENT);
  }
  if (!fd.ok()) {
    return std::move(fd).error();
  }
  struct stat info = {};
  if (::fstat(fd->get(), &info) != 0) {
    return os_error(errno, "look at " + path);
  }
  if (!S_ISREG(info.st_mode)) {
    return Error(Code::InvalidArgument, path + " is not a file");
  }
  return HostFile{.fd = *std::move(fd), .path = path};
}

Result<HostFile> find_library(const FileQuery& query) {
  if (query.pid > 0) {
    std::string maps_path = fmt::format("/proc/{}/maps", query.pid);
    Result<Bytes> maps = read_file(maps_path, kMostMapsBytes);
    if (!maps.ok() && maps.error().os() == ENOENT) {
      return Error(Code::NotFound, fmt::format("there is no process {}", query.pid), ENOENT);
    }
    std::string path = maps.ok() ? find_in_maps(as_text(*maps), query.name) : std::string();
    if (!path.empty()) {
      UniqueFd root = TRY(open_root(query.pid));
      return open_regular(root.get(), path);
    }
  }
  UniqueFd root = TRY(open_root(query.container_pid));
  std::string path = find_in_cache(root.get(), query.name);
  if (path.empty()) {
    path = find_in_directories(root.get(), query.name);
  }
  if (path.empty()) {
    return Error(Code::NotFound,
                 "no library \"" + query.name + "\"" +
                     (query.container_pid != 0 ? " in the container" : ""))
        .with_hint("give its path, or its name as `ldconfig -p` shows it");
  }
  return open_regular(root.get(), path);
}

}  // namespace

std::string HostFile::descriptor_path() const {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

std::string find_in_ld_cache(ByteView cache, const std::string& name) {
  std::size_t start = as_text(cache).find(kCacheMagic);
  if (start == std::string_view::npos) {
    return {};
  }
  ByteView bytes = cache.subspan(start);
  elf::ElfReader reader(bytes);
  std::optional<CacheHeader> header = reader.get<CacheHeader>(0);
  std::string other;
  for (std::uint32_t i = 0; header && i < header->entries; ++i) {
    std::optional<CacheEntry> entry =
        reader.get<CacheEntry>(sizeof(CacheHeader) + std::uint64_t{i} * sizeof(CacheEntry));
    if (!entry) {
      break;
    }
    if (!is_library(text_at(bytes, entry->name), name)) {
      continue;
    }
    if (entry->flags == kOwnAbi) {
      return text_at(bytes, entry->path);
    }
    other = other.empty() ? text_at(bytes, entry->path) : other;
  }
  return other;
}

std::string find_in_maps(std::string_view maps, const std::string& name) {
  for (const std::string& line : split(maps, '\n')) {
    std::size_t slash = line.find('/');
    if (slash == std::string::npos) {
      continue;
    }
    std::string path = line.substr(slash);
    if (is_library(base_name(path), name)) {
      return path;
    }
  }
  return {};
}

Result<HostFile> find_host_file(const FileQuery& query) {
  if (query.name.empty()) {
    return Error(Code::InvalidArgument, "no executable or library is named");
  }
  if (query.name.find('/') == std::string::npos) {
    return find_library(query);
  }
  std::string path = query.name;
  if (query.container_pid == 0) {
    path = TRY(absolute_path(path));
  }
  UniqueFd root = TRY(open_root(query.container_pid));
  return open_regular(root.get(), path);
}

}  // namespace bpfman::kernel
