// SPDX-License-Identifier: Apache-2.0
#include "tests/support/netns_fixture.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpfman/base/process.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/bpffs.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/rtnetlink.h"

namespace bpfman::testing {
namespace {

// RTM_SETLINK with IFLA_XDP { IFLA_XDP_FD, IFLA_XDP_FLAGS }.
struct SetXdpRequest {
  nlmsghdr header = {};
  ifinfomsg link = {};
  rtattr nest = {};
  rtattr fd_header = {};
  std::int32_t fd = -1;
  rtattr flags_header = {};
  std::uint32_t flags = 0;
};

Result<void> set_xdp_here(Ifindex ifindex, int program, std::uint32_t flags) {
  SetXdpRequest request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_SETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_index = static_cast<int>(ifindex.value());
  request.nest = {.rta_len = sizeof request - offsetof(SetXdpRequest, nest),
                  .rta_type = IFLA_XDP | NLA_F_NESTED};
  request.fd_header = {.rta_len = 8, .rta_type = IFLA_XDP_FD};
  request.fd = program;
  request.flags_header = {.rta_len = 8, .rta_type = IFLA_XDP_FLAGS};
  request.flags = flags;
  UniqueFd socket = UniqueFd::adopt(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid() || ::send(socket.get(), &request, sizeof request, 0) < 0) {
    return os_error(errno, "set XDP by netlink");
  }

  struct {
    nlmsghdr header;
    nlmsgerr error;
    std::array<char, 4096> rest;
  } answer = {};

  if (::recv(socket.get(), &answer, sizeof answer, 0) < 0) {
    return os_error(errno, "set XDP by netlink");
  }
  if (answer.error.error != 0) {
    return os_error(-answer.error.error, "set XDP by netlink");
  }
  return {};
}

Result<void> send_frame_here(Ifindex ifindex, std::size_t size) {
  UniqueFd socket = UniqueFd::adopt(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
  if (!socket.valid()) {
    return os_error(errno, "open a packet socket");
  }
  Bytes frame(size, std::byte{0});
  std::memset(frame.data(), 0xff, ETH_ALEN);  // to everybody
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(ifindex.value());
  to.sll_halen = ETH_ALEN;
  if (::sendto(socket.get(),
               frame.data(),
               frame.size(),
               0,
               reinterpret_cast<sockaddr*>(&to),
               sizeof to) < 0) {
    return os_error(errno, "send a frame");
  }
  return {};
}

}  // namespace

Result<TestNetns> TestNetns::create() {
  UniqueFd fd;
  auto make = [&]() -> Result<void> {
    if (::unshare(CLONE_NEWNET) != 0) {
      return os_error(errno, "make a network namespace");
    }
    fd = TRY(open_file("/proc/thread-self/ns/net", O_RDONLY));
    return {};
  };
  TRY(kernel::run_on_thread(make));
  TestNetns netns(std::move(fd));
  const std::vector<std::vector<std::string>> commands = {
      {"ip", "link", "add", "kv0", "type", "veth", "peer", "name", "kv1"},
      {"ip", "link", "set", "lo", "up"},
      {"ip", "link", "set", "kv0", "up"},
      {"ip", "link", "set", "kv1", "up"},
  };
  for (const std::vector<std::string>& command : commands) {
    TRY(netns.run(command));
  }
  return netns;
}

std::string TestNetns::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
}

NetnsId TestNetns::id() const {
  Result<kernel::Netns> netns = kernel::Netns::open(path());
  EXPECT_TRUE(netns.ok());
  return netns.ok() ? netns->id() : NetnsId();
}

Result<void> TestNetns::run(const std::vector<std::string>& command) const {
  ProcessRequest request;
  request.arguments = {"nsenter", "--net=" + path(), "--"};
  request.arguments.insert(request.arguments.end(), command.begin(), command.end());
  ProcessOutput output = TRY(run_process(request));
  if (output.status != 0) {
    return Error(Code::Internal, command.front() + " failed: " + output.err);
  }
  return {};
}

Ifindex TestNetns::ifindex(const std::string& interface) const {
  Ifindex index;
  auto look = [&]() -> Result<void> {
    std::optional<kernel::Interface> found = TRY(kernel::find_interface(interface));
    index = found ? found->ifindex : Ifindex(0);
    return {};
  };
  Result<kernel::Netns> netns = kernel::Netns::open(path());
  EXPECT_TRUE(netns.ok() && netns->run(look).ok());
  EXPECT_NE(index, Ifindex(0)) << interface;
  return index;
}

Result<void> TestNetns::set_xdp(const std::string& interface,
                                int program,
                                std::uint32_t flags) const {
  Ifindex index = ifindex(interface);
  kernel::Netns netns = TRY(kernel::Netns::open(path()));
  return netns.run([&] { return set_xdp_here(index, program, flags); });
}

Result<void> TestNetns::send_frame(const std::string& interface, std::size_t size) const {
  Ifindex index = ifindex(interface);
  kernel::Netns netns = TRY(kernel::Netns::open(path()));
  return netns.run([&] { return send_frame_here(index, size); });
}

Result<PrivateMounts> PrivateMounts::enter() {
  UniqueFd before = TRY(open_file("/proc/self/ns/mnt", O_RDONLY));
  UniqueFd directory = TRY(open_directory("."));
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return os_error(errno, "make a mount namespace");
  }
  return PrivateMounts(std::move(before), std::move(directory));
}

PrivateMounts::~PrivateMounts() {
  if (!before_.valid()) {
    return;
  }
  // EINVAL: a thread that was joined a moment ago may still be on its way out, and the kernel wants
  // this one to be the only one.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  int entered = ::setns(before_.get(), CLONE_NEWNS);
  while (entered != 0 && errno == EINVAL && std::chrono::steady_clock::now() < deadline) {
    ::sched_yield();
    entered = ::setns(before_.get(), CLONE_NEWNS);
  }
  EXPECT_EQ(entered, 0) << std::strerror(errno);
  EXPECT_EQ(::fchdir(directory_.get()), 0) << std::strerror(errno);
}

void KernelTest::SetUp() {
  ASSERT_EQ(::geteuid(), 0U) << "these tests need root";
  descriptors_before_ = UniqueFd::live_count();
  open_before_ = open_descriptors();
  Result<TempDir> directory = TempDir::create("bpfman-kernel-test");
  ASSERT_TRUE(directory.ok()) << directory.error().message();
  directory_.emplace(*std::move(directory));
  Result<PrivateMounts> mounts = PrivateMounts::enter();
  ASSERT_TRUE(mounts.ok()) << mounts.error().message();
  mounts_.emplace(*std::move(mounts));
  fs_ = join_path(directory_->path(), "fs");
  // This process stands for process 1 here: its private mount namespace is the one to mount in.
  Result<void> mounted = kernel::ensure_bpffs(fs_, {.directory = "/proc/self"});
  ASSERT_TRUE(mounted.ok()) << mounted.error().message();
  Result<TestNetns> netns = TestNetns::create();
  ASSERT_TRUE(netns.ok()) << netns.error().message();
  netns_.emplace(*std::move(netns));
}

void KernelTest::TearDown() {
  netns_.reset();
  mounts_.reset();  // with it the bpffs and all pins
  directory_.reset();
  EXPECT_EQ(UniqueFd::live_count(), descriptors_before_) << "a descriptor was left open";
  EXPECT_EQ(open_descriptors(), open_before_) << "a descriptor was left open";
}

Bytes KernelTest::object(const std::string& name) {
  Result<Bytes> bytes = read_file(std::string(KERNEL_TEST_OBJECTS "/") + name + ".bpf.o", 1 << 20);
  EXPECT_TRUE(bytes.ok()) << bytes.error().message();
  return bytes.ok() ? *std::move(bytes) : Bytes();
}

kernel::LoadedProgram KernelTest::load(const std::string& object_name,
                                       const std::string& program,
                                       const std::string& name,
                                       const std::map<std::string, Bytes>& globals,
                                       ProgramType type) {
  Bytes bytes = object(object_name);
  Result<kernel::LoadedProgram> loaded = kernel_->load_program(
      {.what = {.object = bytes, .program = program, .type = type, .globals = globals},
       .program_pin = fs("prog_" + name),
       .map_directory = fs("maps/" + name)});
  EXPECT_TRUE(loaded.ok()) << loaded.error().message();
  return loaded.ok() ? *std::move(loaded) : kernel::LoadedProgram();
}

plan::Seat KernelTest::link_seat(const std::string& name, HookKind kind) const {
  return {.kind = kind,
          .interface = "kv0",
          .ifindex = netns_->ifindex("kv0"),
          .netns = netns_->path(),
          .netns_id = netns_->id(),
          .mode = std::nullopt,
          .link_pin = fs("links/" + name)};
}

plan::Seat KernelTest::filter_seat(HookKind kind) const {
  plan::Seat seat = link_seat("", kind);
  seat.link_pin.clear();
  seat.filter_priority = 50;
  seat.filter_handle = 0xb1;
  return seat;
}

std::uint32_t KernelTest::test_run(const std::string& pin, std::uint32_t times) {
  Result<UniqueFd> program = kernel::open_pin(pin);
  EXPECT_TRUE(program.ok()) << program.error().message();
  if (!program.ok()) {
    return 0;
  }
  std::array<std::byte, 64> frame = {};
  bpf_test_run_opts options = {};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = frame.size();
  options.repeat = static_cast<int>(times);
  EXPECT_EQ(bpf_prog_test_run_opts(program->get(), &options), 0) << std::strerror(errno);
  return options.retval;
}

std::size_t open_descriptors() {
  Result<std::vector<std::string>> names = list_directory("/proc/self/fd");
  EXPECT_TRUE(names.ok());
  return names.ok() ? names->size() : 0;
}

}  // namespace bpfman::testing
