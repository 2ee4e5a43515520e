// SPDX-License-Identifier: Apache-2.0
// Hooks of the network and of control groups: real packets and sockets run the programs.
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpfman/kernel/attach.h"
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/hook.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/rtnetlink.h"
#include "tests/kernel/attach_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint32_t kLoopback = 1;

class NetworkHook : public AttachTest {
 protected:
  void attach_listed(const std::string& pin, const ListTarget& target, plan::Anchor anchor) {
    bool netkit = target.list == ListKind::NetkitPrimary;
    LOAD({"k_network", "on_ingress", "tcx/ingress", "", netkit ? "netkit" : ""});
    kernel::AttachRequest wanted = request(target);
    wanted.link_pin = fs(pin);
    wanted.anchor = anchor;
    ATTACH(wanted);
    ASSERT_TRUE(attached_);
    ids_[pin] = *attached_->kernel_id;
    // The pins of the program make room for the next one.
    ASSERT_TRUE(remove_file(fs("prog")).ok());
    ASSERT_TRUE(remove_file(fs("maps/events")).ok());
    ASSERT_TRUE(remove_file(fs("maps/sockets")).ok());
  }

  plan::Anchor beside(plan::Anchor::Side side, const std::string& pin) {
    return {.side = side, .link = ids_[pin]};
  }

  // Attaches four, each by another anchor, and looks at their order.
  void expect_order(const ListTarget& target) {
    using Side = plan::Anchor::Side;
    attach_listed("b", target, {});
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    attach_listed("d", target, {});
    attach_listed("c", target, beside(Side::Before, "d"));
    attach_listed("a", target, {.side = Side::Head});
    attach_listed("b2", target, beside(Side::After, "b"));
    Result<plan::NetHook> list = kernel::observe_list(target.list, target.interface, "");
    ASSERT_TRUE(list.ok()) << list.error().message();
    EXPECT_EQ(list->list, target.list);
    std::vector<std::optional<KernelLinkId>> order;
    for (const plan::Occupant& occupant : list->occupants) {
      EXPECT_EQ(occupant.seat,
                target.list == ListKind::NetkitPrimary ? plan::SeatKind::NetkitLink
                                                       : plan::SeatKind::TcxLink);
      order.push_back(occupant.link);
    }
    EXPECT_THAT(order, ElementsAre(ids_["a"], ids_["b"], ids_["b2"], ids_["c"], ids_["d"]));
    for (const char* pin : {"a", "b", "b2", "c", "d"}) {
      EXPECT_TRUE(kernel::detach_link(fs(pin)).ok());
    }
    kernel::AttachRequest gone = request(target);
    gone.anchor = beside(Side::Before, "c");
    load({"k_network", "on_ingress", "tcx/ingress"});
    Result<kernel::AttachedLink> refused = kernel::attach(gone);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::Aborted) << refused.error().message();
  }

  std::map<std::string, KernelLinkId> ids_;
};

TEST_F(NetworkHook, Tcx) {
  expect_round({"k_network", "on_ingress", "tcx/ingress"},
               ListTarget{.interface = "lo", .netns = {}},
               send_udp);
}

TEST_F(NetworkHook, TcxInAnotherNamespace) {
  UniqueFd other;
  auto make = [&]() -> Result<void> {
    if (::unshare(CLONE_NEWNET) != 0) {
      return os_error(errno, "unshare");
    }
    other = TRY(open_file("/proc/thread-self/ns/net", O_RDONLY));
    return {};
  };
  ASSERT_TRUE(kernel::run_on_thread(make).ok());
  LOAD({"k_network", "on_ingress", "tcx/ingress"});
  ATTACH(ListTarget{.interface = "lo", .netns = "/proc/self/fd/" + std::to_string(other.get())});
  send_udp();
  EXPECT_EQ(runs(), 0U);
  Result<kernel::ListState> here =
      kernel::query_list(Ifindex(kLoopback), kernel::kAttachTcxIngress);
  EXPECT_TRUE(here.ok() && here->members.empty());
}

TEST_F(NetworkHook, TcxGoesWhereTheAnchorSays) {
  expect_order(ListTarget{.interface = "lo", .netns = {}});
}

TEST_F(NetworkHook, TcxOnNoInterface) {
  LOAD({"k_network", "on_ingress", "tcx/ingress"});
  Error error = attach_error(ListTarget{.interface = "loo", .netns = {}});
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.hints(), Contains("did you mean lo?"));
  kernel::AttachRequest with_cookie = request(ListTarget{.interface = "lo", .netns = {}});
  with_cookie.cookie = 1;
  EXPECT_EQ(kernel::attach(with_cookie).error().code(), Code::InvalidArgument);
}

// RTM_NEWLINK with IFLA_IFNAME and IFLA_LINKINFO { IFLA_INFO_KIND "netkit" }.
struct NewNetkit {
  nlmsghdr header = {};
  ifinfomsg link = {};
  rtattr name_header = {.rta_len = 8, .rta_type = IFLA_IFNAME};
  std::array<char, 4> name = {'b', 'k', '0', '\0'};
  rtattr info_header = {.rta_len = 16, .rta_type = IFLA_LINKINFO};
  rtattr kind_header = {.rta_len = 11, .rta_type = IFLA_INFO_KIND};
  std::array<char, 8> kind = {'n', 'e', 't', 'k', 'i', 't', '\0', '\0'};
};

// The errno.
int make_netkit() {
  NewNetkit request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  UniqueFd socket = UniqueFd::adopt(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));

  struct {
    nlmsghdr header;
    nlmsgerr error;
    std::array<char, 4096> rest;
  } answer = {};

  EXPECT_GT(::send(socket.get(), &request, sizeof request, 0), 0);
  EXPECT_GT(::recv(socket.get(), &answer, sizeof answer, 0), 0);
  return -answer.error.error;
}

void raise_all() {
  UniqueFd socket = UniqueFd::adopt(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Result<std::vector<kernel::Interface>> interfaces = kernel::list_interfaces();
  ASSERT_TRUE(interfaces.ok());
  for (const kernel::Interface& one : *interfaces) {
    ifreq request = {};
    one.name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_UP;
    EXPECT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0) << one.name;
  }
}

void send_out_of(const std::string& interface) {
  UniqueFd socket = UniqueFd::adopt(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_IP);
  to.sll_ifindex = static_cast<int>((*kernel::find_interface(interface))->ifindex.value());
  std::array<std::byte, 64> packet = {std::byte{0x45}};
  EXPECT_GT(::sendto(socket.get(),
                     packet.data(),
                     packet.size(),
                     0,
                     reinterpret_cast<sockaddr*>(&to),
                     sizeof to),
            0)
      << std::strerror(errno);
}

TEST_F(NetworkHook, Netkit) {
  int failed = make_netkit();
  if (failed == EOPNOTSUPP) {
    GTEST_SKIP() << "this kernel has no netkit (since Linux 6.7)";
  }
  ASSERT_EQ(failed, 0) << std::strerror(failed);
  raise_all();
  expect_round({"k_network", "on_ingress", "tcx/ingress", "", "netkit"},
               ListTarget{.list = ListKind::NetkitPrimary, .interface = "bk0", .netns = {}},
               [] { send_out_of("bk0"); });
}

TEST_F(NetworkHook, NetkitGoesWhereTheAnchorSays) {
  int failed = make_netkit();
  if (failed == EOPNOTSUPP) {
    GTEST_SKIP() << "this kernel has no netkit (since Linux 6.7)";
  }
  ASSERT_EQ(failed, 0) << std::strerror(failed);
  expect_order(ListTarget{.list = ListKind::NetkitPrimary, .interface = "bk0", .netns = {}});
}

TEST_F(NetworkHook, NetkitOnAnotherDevice) {
  LOAD({"k_network", "on_ingress", "tcx/ingress", "", "netkit"});
  Error error =
      attach_error(ListTarget{.list = ListKind::NetkitPrimary, .interface = "lo", .netns = {}});
  EXPECT_EQ(error.code(), Code::FailedPrecondition) << error.message();
  Result<plan::NetHook> list = kernel::observe_list(ListKind::NetkitPrimary, "lo", "");
  ASSERT_FALSE(list.ok());
  EXPECT_EQ(list.error().code(), Code::FailedPrecondition) << list.error().message();
}

TEST_F(NetworkHook, Netfilter) {
  expect_round({"k_network", "on_packet", "netfilter"},
               NetfilterTarget{.netns = {}, .hook = "output", .priority = -128},
               send_udp);
}

TEST_F(NetworkHook, NetfilterThatIsMistyped) {
  LOAD({"k_network", "on_packet", "netfilter"});
  EXPECT_EQ(attach_error(NetfilterTarget{.netns = {}, .hook = "outputs"}).code(),
            Code::InvalidArgument);
  EXPECT_EQ(attach_error(NetfilterTarget{.netns = {}, .family = "ipx"}).code(),
            Code::InvalidArgument);
}

TEST_F(NetworkHook, SkLookup) {
  expect_round({"k_network", "on_lookup", "sk_lookup"}, NetnsTarget{}, [] { connect_tcp(); });
}

// The kernel looks into packets that come from a packet socket.
TEST_F(NetworkHook, FlowDissector) {
  expect_round(
      {"k_network", "on_dissection", "flow_dissector"}, NetnsTarget{}, [] { send_out_of("lo"); });
}

TEST_F(NetworkHook, FlowDissectorIsAlone) {
  LOAD({"k_network", "on_dissection", "flow_dissector"});
  ATTACH(NetnsTarget{});
  kernel::AttachRequest again = request(NetnsTarget{});
  again.link_pin = fs("again");
  Result<kernel::AttachedLink> second = kernel::attach(again);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::AlreadyExists) << second.error().message();
}

// One byte from one TCP socket to another, both of which are in the map for that while.
void send_through(const std::string& map_pin) {
  UniqueFd listening = UniqueFd::adopt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  sockaddr_in address = {};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  UniqueFd client = UniqueFd::adopt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  UniqueFd server = UniqueFd::adopt(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Result<UniqueFd> map = kernel::open_pin(map_pin);
  ASSERT_TRUE(map.ok()) << map.error().message();
  std::uint32_t key = 0;
  for (int socket : {client.get(), server.get()}) {
    Result<void> put = kernel::put_map_element(
        map->get(), std::as_bytes(std::span(&key, 1)), std::as_bytes(std::span(&socket, 1)));
    ASSERT_TRUE(put.ok()) << put.error().message();
    ++key;
  }
  char byte = 'x';
  EXPECT_EQ(::send(client.get(), &byte, 1, 0), 1);
  EXPECT_EQ(::recv(server.get(), &byte, 1, 0), 1);
}

TEST_F(NetworkHook, SkSkbOnASockmap) {
  std::string map = fs("maps/sockets");
  expect_round({"k_network", "on_stream", "sk_skb/stream_verdict"}, SockmapTarget{map}, [&] {
    send_through(map);
  });
}

TEST_F(NetworkHook, SkMsgOnASockmap) {
  std::string map = fs("maps/sockets");
  expect_round(
      {"k_network", "on_message", "sk_msg"}, SockmapTarget{map}, [&] { send_through(map); });
}

TEST_F(NetworkHook, SkMsgNeedsASockmap) {
  LOAD({"k_network", "on_message", "sk_msg"});
  EXPECT_THAT(attach_error(SockmapTarget{fs("maps/events")}).message(),
              HasSubstr("is of type array, not a sockmap"));
  EXPECT_EQ(attach_error(SockmapTarget{fs("maps/none")}).code(), Code::NotFound);
}

class CgroupHook : public AttachTest {
 protected:
  void SetUp() override {
    AttachTest::SetUp();
    mount_ = fs("") + "../cgroup";
    ASSERT_TRUE(make_directories(mount_, 0755).ok());
    ASSERT_EQ(::mount("none", mount_.c_str(), "cgroup2", 0, nullptr), 0) << std::strerror(errno);
    group_ = join_path(mount_, "bpfman-test-" + std::to_string(::getpid()));
    ASSERT_TRUE(make_directories(group_, 0755).ok());
    move_to(group_);
  }

  void TearDown() override {
    move_to(mount_);
    EXPECT_TRUE(kernel::detach_link(fs("link")).ok());
    EXPECT_EQ(::rmdir(group_.c_str()), 0) << std::strerror(errno);
    ::umount2(mount_.c_str(), MNT_DETACH);
    ::rmdir(mount_.c_str());
    AttachTest::TearDown();
  }

  static void move_to(const std::string& group) {
    Result<UniqueFd> file = open_file(join_path(group, "cgroup.procs"), O_WRONLY);
    ASSERT_TRUE(file.ok()) << file.error().message();
    std::string pid = std::to_string(::getpid());
    ASSERT_EQ(::write(file->get(), pid.data(), pid.size()), static_cast<ssize_t>(pid.size()));
  }

  std::string mount_;
  std::string group_;
};

TEST_F(CgroupHook, Egress) {
  expect_round({"k_cgroup", "on_egress", "cgroup_skb/egress"}, CgroupTarget{group_}, send_udp);
}

TEST_F(CgroupHook, SocketCreation) {
  expect_round({"k_cgroup", "on_socket", "cgroup/sock_create"}, CgroupTarget{group_}, send_udp);
}

TEST_F(CgroupHook, Bind) {
  expect_round({"k_cgroup", "on_bind", "cgroup/bind4"}, CgroupTarget{group_}, send_udp);
}

TEST_F(CgroupHook, SocketEvents) {
  expect_round(
      {"k_cgroup", "on_socket_event", "sockops"}, CgroupTarget{group_}, [] { connect_tcp(); });
}

TEST_F(CgroupHook, UnixConnect) {
  expect_round({"k_cgroup", "on_unix_connect", "cgroup/connect_unix"}, CgroupTarget{group_}, [] {
    UniqueFd socket = UniqueFd::adopt(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, "/nothing", sizeof address.sun_path - 1);
    ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  });
}

TEST_F(CgroupHook, Lsm) {
  expect_round(
      {"k_cgroup", "on_lsm_bind", "lsm_cgroup/socket_bind"}, CgroupTarget{group_}, send_udp);
}

TEST_F(CgroupHook, NeedsADirectoryOfCgroup2) {
  LOAD({"k_cgroup", "on_egress", "cgroup_skb/egress"});
  EXPECT_EQ(attach_error(CgroupTarget{"/proc"}).code(), Code::InvalidArgument);
  EXPECT_EQ(attach_error(CgroupTarget{group_ + "/none"}).code(), Code::NotFound);
}

TEST_F(CgroupHook, NeedsADirection) {
  LOAD({"k_cgroup", "on_either", "cgroup/skb"});
  Error error = attach_error(CgroupTarget{group_});
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.hints(), Contains(HasSubstr("cgroup_skb/ingress")));
}

class SharedMaps : public AttachTest {};

TEST_F(SharedMaps, AreUsedByBoth) {
  LOAD({"k_tracing", "on_tracepoint", "tp/syscalls/sys_enter_getpgid"});
  kernel::LoadedProgram first = loaded_;
  ASSERT_TRUE(rename_path(fs("prog"), fs("first")).ok());  // its maps stay
  LOAD({"k_tracing", "on_raw_tracepoint", "raw_tp/sys_enter"}, first.maps);
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(loaded_.maps, first.maps);
}

TEST_F(SharedMaps, AreTakenByIdWithoutAPin) {
  LOAD({"k_tracing", "on_tracepoint", "tp/syscalls/sys_enter_getpgid"});
  std::vector<MapRecord> maps = loaded_.maps;
  for (MapRecord& map : maps) {
    map.pin_path.clear();
  }
  ASSERT_TRUE(rename_path(fs("prog"), fs("first")).ok());  // its maps stay
  LOAD({"k_tracing", "on_raw_tracepoint", "raw_tp/sys_enter"}, maps);
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(loaded_.maps, maps);
}

TEST_F(SharedMaps, MustHaveTheSameLayout) {
  LOAD({"k_network", "on_lookup", "sk_lookup"});
  std::vector<MapRecord> maps;
  for (const MapRecord& map : loaded_.maps) {
    if (map.name == "sockets") {
      maps.push_back(map);
      maps.back().name = "events";
    }
  }
  ASSERT_EQ(maps.size(), 1U);
  Error error = load_error({"k_tracing", "on_tracepoint", "tp/syscalls/sys_enter_getpgid"}, maps);
  EXPECT_EQ(error.code(), Code::FailedPrecondition);
  EXPECT_THAT(error.message(), HasSubstr("share map events"));
  EXPECT_THAT(error.message(), HasSubstr("type sockmap, not array; value size 4, not 8"));
}

}  // namespace
}  // namespace bpfman::testing
