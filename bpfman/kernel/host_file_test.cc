// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/host_file.h"

#include <cstring>

#include <gmock/gmock.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/host_symbols.h"

namespace bpfman::kernel {
namespace {

void append(Bytes& bytes, std::uint32_t number) {
  ByteView view = std::as_bytes(std::span(&number, 1));
  bytes.insert(bytes.end(), view.begin(), view.end());
}

// A cache with one library, as ldconfig writes it.
Bytes cache_with(const std::string& name, const std::string& path) {
  Bytes cache;
  std::string text = "glibc-ld.so.cache1.1";
  ByteView magic = as_bytes(text);
  cache.assign(magic.begin(), magic.end());
  constexpr std::uint32_t kStrings = 48 + 24;
  for (std::uint32_t number : {1U, 0U, 0U, 0U, 0U, 0U, 0U}) {
    append(cache, number);
  }
  auto path_at = static_cast<std::uint32_t>(kStrings + name.size() + 1);
  for (std::uint32_t number : {0x0303U, kStrings, path_at, 0U, 0U, 0U}) {
    append(cache, number);
  }
  text = name + '\0' + path + '\0';
  ByteView strings = as_bytes(text);
  cache.insert(cache.end(), strings.begin(), strings.end());
  return cache;
}

TEST(HostFile, IsFoundInTheLinkersCache) {
  Bytes cache = cache_with("libssl.so.3", "/usr/lib/libssl.so.3");
  for (const char* name : {"libssl", "libssl.so", "libssl.so.3"}) {
    EXPECT_EQ(find_in_ld_cache(cache, name), "/usr/lib/libssl.so.3") << name;
  }
  for (const char* name : {"lib", "libss", "libssl.so.1", "ssl"}) {
    EXPECT_EQ(find_in_ld_cache(cache, name), "") << name;
  }
}

TEST(HostFile, IsNotFoundInADamagedCache) {
  Bytes cache = cache_with("libssl.so.3", "/usr/lib/libssl.so.3");
  for (std::size_t size = 0; size < 72; ++size) {
    EXPECT_EQ(find_in_ld_cache(ByteView(cache).first(size), "libssl"), "") << size;
  }
  std::fill(cache.begin() + 20, cache.begin() + 72, std::byte{0xff});
  EXPECT_EQ(find_in_ld_cache(cache, "libssl"), "");
}

TEST(HostFile, IsFoundInTheMapsOfAProcess) {
  std::string maps =
      "55a0-55b0 r-xp 0 08:01 12 /usr/bin/nginx\n"
      "7f00-7f10 r-xp 0 08:01 13 /opt/my libs/libssl.so.1.1\n"
      "7f20-7f30 rw-p 0 00:00 0 [heap]\n";
  EXPECT_EQ(find_in_maps(maps, "libssl"), "/opt/my libs/libssl.so.1.1");
  EXPECT_EQ(find_in_maps(maps, "libc"), "");
}

TEST(HostFile, MustBeAFile) {
  EXPECT_EQ(find_host_file({.name = "/"}).error().code(), Code::InvalidArgument);
  EXPECT_EQ(find_host_file({.name = "/no/such"}).error().code(), Code::NotFound);
  EXPECT_EQ(find_host_file({.name = ""}).error().code(), Code::InvalidArgument);
  EXPECT_EQ(find_host_file({.name = "/x", .container_pid = 0x7ffffff}).error().code(),
            Code::NotFound);
}

TEST(HostSymbols, AreReadFromThisExecutable) {
  Result<HostFile> file = find_host_file({.name = *read_link("/proc/self/exe")});
  ASSERT_TRUE(file.ok());
  Result<std::vector<HostFunction>> functions = list_host_functions(file->fd.get(), file->path);
  ASSERT_TRUE(functions.ok()) << functions.error().message();
  bool found = false;
  for (const HostFunction& function : *functions) {
    found = found || (function.name == "main" && function.offset != 0);
  }
  EXPECT_TRUE(found);
}

TEST(HostSymbols, OfATextAreRefused) {
  UniqueFd file = *open_file("/proc/self/status", 0);
  EXPECT_EQ(list_host_functions(file.get(), "status").error().code(), Code::InvalidArgument);
  EXPECT_EQ(list_host_probes(file.get(), "status").error().code(), Code::InvalidArgument);
}

}  // namespace
}  // namespace bpfman::kernel
