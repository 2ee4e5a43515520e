// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/attach_fixture.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "bpfman/kernel/attach.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/bpffs_mount.h"
#include "bpfman/kernel/load.h"
#include "bpfman/kernel/pins.h"

namespace bpfman::testing {
namespace {

UniqueFd open_socket(int type) {
  return UniqueFd::adopt(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
}

void raise_loopback() {
  UniqueFd socket = open_socket(SOCK_DGRAM);
  ifreq request = {};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0) << std::strerror(errno);
}

sockaddr_in bind_to_loopback(const UniqueFd& socket) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return address;
}

ProgramType type_of(const Subject& subject) {
  return subject.type.empty() ? program_type_of_section(subject.section)
                              : parse_program_type(subject.type).value_or(ProgramType::Other);
}

std::map<std::string, Bytes> globals_of(const Subject& subject) {
  if (!subject.with_cookie) {
    return {};
  }
  return {{"with_cookie", Bytes(1, std::byte{1})}};
}

}  // namespace

Bytes test_object(const std::string& name) {
  const char* directory = std::getenv("BPFMAN_TEST_OBJECTS");
  std::string path =
      join_path(directory == nullptr ? KERNEL_TEST_OBJECTS : directory, name + ".bpf.o");
  Result<Bytes> bytes = read_file(path, 1 << 20);
  EXPECT_TRUE(bytes.ok()) << bytes.error().message();
  return bytes.ok() ? *std::move(bytes) : Bytes();
}

bool is_missing_feature(const Error& error) {
  return error.code() == Code::Unimplemented &&
         std::holds_alternative<MissingFeature>(error.detail());
}

void AttachTest::SetUp() {
  ASSERT_EQ(::geteuid(), 0U) << "these tests need root";
  // Namespaces are left with the process; each test has its own.
  ASSERT_EQ(::unshare(CLONE_NEWNS | CLONE_NEWNET), 0) << std::strerror(errno);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  raise_loopback();
  Result<TempDir> directory = TempDir::create("bpfman-attach-test");
  ASSERT_TRUE(directory.ok()) << directory.error().message();
  directory_.emplace(*std::move(directory));
  fs_ = join_path(directory_->path(), "fs");
  ASSERT_TRUE(make_directories(fs_, 0755).ok());
  Result<void> mounted = kernel::mount_bpffs_here(fs_);
  ASSERT_TRUE(mounted.ok()) << mounted.error().message();
}

void AttachTest::TearDown() {
  EXPECT_TRUE(kernel::detach_link(fs("link")).ok());
  ::umount2(fs_.c_str(), MNT_DETACH);  // with it all pins
  directory_.reset();
}

void AttachTest::load(const Subject& subject, const std::vector<MapRecord>& shared_maps) {
  subject_ = subject;
  Bytes bytes = test_object(subject.object);
  Result<kernel::LoadedProgram> loaded =
      kernel::load_program({.what = {.object = bytes,
                                     .program = subject.program,
                                     .type = type_of(subject),
                                     .attach_function = subject.attach_function,
                                     .attach_pin = subject.attach_pin,
                                     .globals = globals_of(subject),
                                     .shared_maps = shared_maps},
                            .program_pin = fs("prog"),
                            .map_directory = fs("maps")});
  if (!loaded.ok()) {
    SKIP_WHEN_MISSING(loaded.error());
    const VerifierLog* log = std::get_if<VerifierLog>(&loaded.error().detail());
    if (subject.with_cookie && log != nullptr &&
        log->full.find("unknown#174") != std::string::npos) {
      GTEST_SKIP() << "this kernel has no cookies (since Linux 5.15)";
    }
    FAIL() << loaded.error().message() << (log == nullptr ? "" : log->full);
  }
  loaded_ = *std::move(loaded);
}

Error AttachTest::load_error(const Subject& subject, const std::vector<MapRecord>& shared_maps) {
  Bytes bytes = test_object(subject.object);
  Result<kernel::LoadedProgram> loaded =
      kernel::load_program({.what = {.object = bytes,
                                     .program = subject.program,
                                     .type = type_of(subject),
                                     .attach_function = subject.attach_function,
                                     .attach_pin = subject.attach_pin,
                                     .globals = globals_of(subject),
                                     .shared_maps = shared_maps},
                            .program_pin = fs("prog_bad"),
                            .map_directory = fs("maps_bad")});
  EXPECT_FALSE(loaded.ok());
  EXPECT_FALSE(path_exists(fs("prog_bad")));
  return loaded.ok() ? Error(Code::Internal, "loaded") : loaded.error();
}

kernel::AttachRequest AttachTest::request(const AttachTarget& target) const {
  return {.program_pin = fs("prog"),
          .link_pin = fs("link"),
          .type = type_of(subject_),
          .section = subject_.section,
          .target = target,
          .anchor = {}};
}

void AttachTest::attach(const AttachTarget& target) {
  attach(request(target));
}

void AttachTest::attach(const kernel::AttachRequest& request) {
  Result<kernel::AttachedLink> attached = kernel::attach(request);
  if (!attached.ok()) {
    SKIP_WHEN_MISSING(attached.error());
    FAIL() << attached.error().message();
  }
  attached_ = *std::move(attached);
}

Error AttachTest::attach_error(const AttachTarget& target) const {
  Result<kernel::AttachedLink> attached = kernel::attach(request(target));
  EXPECT_FALSE(attached.ok());
  EXPECT_FALSE(path_exists(fs("link")));
  return attached.ok() ? Error(Code::Internal, "attached") : attached.error();
}

std::uint64_t AttachTest::element(std::uint32_t key) const {
  for (const MapRecord& map : loaded_.maps) {
    if (map.name != "events") {
      continue;
    }
    Result<std::optional<UniqueFd>> fd =
        kernel::open_object(kernel::ObjectKind::Map, map.id.value());
    EXPECT_TRUE(fd.ok() && *fd);
    std::uint64_t value = 0;
    EXPECT_TRUE(fd.ok() && *fd &&
                kernel::lookup_map_element((*fd)->get(),
                                           std::as_bytes(std::span(&key, 1)),
                                           std::as_writable_bytes(std::span(&value, 1)))
                    .ok());
    return value;
  }
  ADD_FAILURE() << "no map events";
  return 0;
}

void AttachTest::expect_round(const Subject& subject,
                              const AttachTarget& target,
                              const std::function<void()>& event) {
  load(subject);
  if (IsSkipped() || HasFatalFailure()) {
    return;
  }
  attach(target);
  if (IsSkipped() || HasFatalFailure()) {
    return;
  }
  EXPECT_TRUE(attached_->kernel_id);
  std::uint64_t before = runs();
  event();
  EXPECT_GT(runs(), before) << "the program did not run";
  ASSERT_TRUE(kernel::remove_pins(fs("prog"), "").ok());
  before = runs();
  event();
  EXPECT_GT(runs(), before) << "the link's pin did not keep the program";
  Result<void> detached = kernel::detach_link(fs("link"));
  ASSERT_TRUE(detached.ok()) << detached.error().message();
  EXPECT_FALSE(path_exists(fs("link")));
  before = runs();
  event();
  EXPECT_EQ(runs(), before) << "the program still runs";
}

void send_udp() {
  UniqueFd socket = open_socket(SOCK_DGRAM);
  sockaddr_in address = bind_to_loopback(socket);
  char byte = 'x';
  EXPECT_EQ(
      ::sendto(socket.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&address), sizeof address),
      1);
  EXPECT_EQ(::recv(socket.get(), &byte, 1, 0), 1);
}

void connect_tcp(const std::string& congestion_control) {
  UniqueFd listening = open_socket(SOCK_STREAM);
  sockaddr_in address = bind_to_loopback(listening);
  EXPECT_EQ(::listen(listening.get(), 1), 0);
  UniqueFd socket = open_socket(SOCK_STREAM);
  if (!congestion_control.empty()) {
    ::setsockopt(socket.get(),
                 IPPROTO_TCP,
                 TCP_CONGESTION,
                 congestion_control.data(),
                 static_cast<socklen_t>(congestion_control.size()));
  }
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
}

}  // namespace bpfman::testing
