// SPDX-License-Identifier: Apache-2.0
// Finding the executable or library that a uprobe is for: by path, or a library by its name as the
// dynamic linker or a running process finds it; on this host or where another process lives.
// Source: ld.so(8), /proc/PID/maps in proc(5); sysdeps/generic/dl-cache.h of glibc.
#pragma once

#include <cstdint>
#include <string>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"

namespace bpfman::kernel {

struct FileQuery {
  std::string name;                // a path, or a library's name without "/"
  std::int32_t pid = 0;            // whose mapped libraries are looked at first; 0: nobody's
  std::int32_t container_pid = 0;  // in whose root directory; 0: ours
};

struct HostFile {
  UniqueFd fd;
  std::string path;  // there

  // A path by which the kernel finds the very file while this object lives, whatever mount
  // namespace it is in.
  std::string descriptor_path() const;
};

// NotFound: no such file, library, process. InvalidArgument: not a regular file.
Result<HostFile> find_host_file(const FileQuery& query);

// Path of the library `name` ("libc", "libc.so.6") in the bytes of an ld.so.cache; "" when it is
// not there.
std::string find_in_ld_cache(ByteView cache, const std::string& name);
// The same in the text of a /proc/PID/maps.
std::string find_in_maps(std::string_view maps, const std::string& name);

}  // namespace bpfman::kernel
