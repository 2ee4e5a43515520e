// SPDX-License-Identifier: Apache-2.0
// Who sits on an XDP hook: finding interfaces and namespaces, programs of others, hooks that are
// taken.
#include <cerrno>

#include <gmock/gmock.h>
#include <linux/if_link.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/netns.h"
#include "tests/support/netns_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class XdpHook : public KernelTest {
 protected:
  plan::NetHook observe(const std::string& interface = "kv0") {
    Result<plan::NetHook> hook = kernel_->observe_hook(HookKind::Xdp, interface, netns_->path());
    EXPECT_TRUE(hook.ok()) << hook.error().message();
    return hook.ok() ? *std::move(hook) : plan::NetHook();
  }

  Error observe_error(const std::string& interface, const std::string& netns) {
    Result<plan::NetHook> hook = kernel_->observe_hook(HookKind::Xdp, interface, netns);
    EXPECT_FALSE(hook.ok());
    return hook.ok() ? Error(Code::Internal, "observed") : hook.error();
  }

  // A link that is not ours: held by this process, pinned nowhere.
  UniqueFd foreign_link(const std::string& program_pin, std::uint32_t flags) {
    UniqueFd link;
    Ifindex ifindex = netns_->ifindex("kv0");
    auto inside = [&]() -> Result<void> {
      UniqueFd program = TRY(kernel::open_pin(program_pin));
      link = TRY(kernel::create_xdp_link(program.get(), ifindex, flags));
      return {};
    };
    Result<kernel::Netns> netns = kernel::Netns::open(netns_->path());
    Result<void> attached = netns->run(inside);
    EXPECT_TRUE(attached.ok()) << attached.error().message();
    return link;
  }
};

TEST_F(XdpHook, OfAFreeInterfaceHasNoOccupants) {
  struct stat info = {};
  ASSERT_EQ(::stat(netns_->path().c_str(), &info), 0);
  EXPECT_EQ(observe(),
            (plan::NetHook{.kind = HookKind::Xdp,
                           .interface = "kv0",
                           .ifindex = netns_->ifindex("kv0"),
                           .netns = netns_->path(),
                           .netns_id = {info.st_dev, info.st_ino},
                           .occupants = {}}));
}

TEST_F(XdpHook, IsFoundInOurOwnNamespaceToo) {
  struct stat info = {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &info), 0);
  Result<plan::NetHook> hook = kernel_->observe_hook(HookKind::Xdp, "lo", "");
  ASSERT_TRUE(hook.ok()) << hook.error().message();
  EXPECT_EQ(hook->netns_id, (NetnsId{info.st_dev, info.st_ino}));
  EXPECT_EQ(hook->ifindex, Ifindex(1));
}

TEST_F(XdpHook, IsFoundByAnAlternativeNameAndReportedByTheRealOne) {
  ASSERT_TRUE(netns_
                  ->run({"ip",
                         "link",
                         "property",
                         "add",
                         "dev",
                         "kv0",
                         "altname",
                         "a-name-that-is-longer-than-fifteen"})
                  .ok());
  EXPECT_EQ(observe("a-name-that-is-longer-than-fifteen").interface, "kv0");
}

TEST_F(XdpHook, OfAMissingInterfaceIsNotFoundWithSuggestions) {
  Error error = observe_error("kv9", netns_->path());
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_EQ(error.message(), "no interface \"kv9\" in network namespace " + netns_->path());
  ASSERT_EQ(error.hints().size(), 2U);
  EXPECT_EQ(error.hints()[0], "did you mean kv0 or kv1?");
  EXPECT_THAT(error.hints()[1], StartsWith("interfaces here: lo, "));
}

TEST_F(XdpHook, OfAMissingInterfaceNamesOurOwnNamespace) {
  Error error = observe_error("bpfman-none", "");
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_EQ(error.message(), "no interface \"bpfman-none\" in this network namespace");
}

TEST_F(XdpHook, NeedsANamespaceThatIsThere) {
  Error error = observe_error("kv0", "/run/netns/bpfman-none");
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), StartsWith("there is no network namespace /run/netns/bpfman-none"));
}

TEST_F(XdpHook, NeedsAFileThatIsANetworkNamespace) {
  for (const std::string& path :
       {std::string("/proc/self/ns/mnt"), std::string("/proc/self/status"), fs_}) {
    Error error = observe_error("kv0", path);
    EXPECT_EQ(error.code(), Code::InvalidArgument) << path;
    EXPECT_EQ(error.message(), path + " is not a network namespace");
  }
}

TEST_F(XdpHook, NamesAProgramThatWasAttachedByNetlinkAndLeavesItAlone) {
  kernel::LoadedProgram foreign = load("k_globals", "report_all_the_variables", "foreign");
  kernel::LoadedProgram ours = load("xdp_pass_counter", "pass_counter", "ours");
  {
    Result<UniqueFd> program = kernel::open_pin(fs("prog_foreign"));
    ASSERT_TRUE(netns_->set_xdp("kv0", program->get(), XDP_FLAGS_DRV_MODE).ok());
  }
  plan::NetHook before = observe();
  EXPECT_THAT(before.occupants,
              ElementsAre(plan::Occupant{.seat = plan::SeatKind::XdpNetlink,
                                         .program = foreign.id,
                                         .name = "report_all_the_variables",
                                         .mode = XdpMode::Native,
                                         .link = std::nullopt,
                                         .holder = "pinned at " + fs("prog_foreign")}));
  Result<kernel::AttachedHook> attached = kernel_->attach_hook(link_seat("ours"), fs("prog_ours"));
  ASSERT_FALSE(attached.ok());
  EXPECT_EQ(attached.error().code(), Code::AlreadyExists);
  EXPECT_THAT(attached.error().message(),
              HasSubstr("the hook is taken by program \"report_all_the_variables\" (id " +
                        to_string(foreign.id) + ", native mode)"));
  EXPECT_FALSE(path_exists(fs("links/ours")));
  EXPECT_EQ(observe(), before);
}

TEST_F(XdpHook, NamesTheProcessThatHoldsAForeignLink) {
  load("k_globals", "report_all_the_variables", "foreign");
  load("xdp_pass_counter", "pass_counter", "ours");
  UniqueFd link = foreign_link(fs("prog_foreign"), XDP_FLAGS_SKB_MODE);
  plan::NetHook hook = observe();
  ASSERT_EQ(hook.occupants.size(), 1U);
  EXPECT_EQ(hook.occupants[0].seat, plan::SeatKind::XdpLink);
  EXPECT_EQ(hook.occupants[0].mode, XdpMode::Generic);
  EXPECT_TRUE(hook.occupants[0].link);
  EXPECT_EQ(hook.occupants[0].holder, "kernel_test (pid " + std::to_string(::getpid()) + ")");
  // Natively (EEXIST beside a generic program) and generically (EBUSY): taken is taken.
  for (std::optional<XdpMode> mode : {std::optional<XdpMode>(),
                                      std::optional(XdpMode::Native),
                                      std::optional(XdpMode::Generic)}) {
    plan::Seat seat = link_seat("ours");
    seat.mode = mode;
    Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat, fs("prog_ours"));
    ASSERT_FALSE(attached.ok());
    EXPECT_EQ(attached.error().code(), Code::AlreadyExists);
  }
  EXPECT_EQ(observe(), hook);
}

TEST_F(XdpHook, NamesThePinOfALink) {
  kernel::LoadedProgram loaded = load("xdp_pass_counter", "pass_counter", "a");
  Result<kernel::AttachedHook> attached = kernel_->attach_hook(link_seat("a"), fs("prog_a"));
  ASSERT_TRUE(attached.ok()) << attached.error().message();
  EXPECT_THAT(observe().occupants,
              ElementsAre(plan::Occupant{.seat = plan::SeatKind::XdpLink,
                                         .program = loaded.id,
                                         .name = "pass_counter",
                                         .mode = XdpMode::Native,
                                         .link = attached->kernel_id,
                                         .holder = "pinned at " + fs("links/a")}));
}

TEST_F(XdpHook, NamesNoHolderWhenSeveralLinksCouldBeTheOne) {
  load("xdp_pass_counter", "pass_counter", "a");
  Result<TestNetns> second = TestNetns::create();
  ASSERT_TRUE(second.ok()) << second.error().message();
  ASSERT_EQ(second->ifindex("kv0"), netns_->ifindex("kv0"));
  Result<kernel::AttachedHook> first = kernel_->attach_hook(link_seat("a"), fs("prog_a"));
  plan::Seat seat = link_seat("b");
  seat.netns = second->path();
  seat.netns_id = second->id();
  Result<kernel::AttachedHook> other = kernel_->attach_hook(seat, fs("prog_a"));
  ASSERT_TRUE(first.ok() && other.ok());
  plan::NetHook hook = observe();
  ASSERT_EQ(hook.occupants.size(), 1U);
  EXPECT_EQ(hook.occupants[0].seat, plan::SeatKind::XdpLink);
  EXPECT_EQ(hook.occupants[0].link, std::min(first->kernel_id, other->kernel_id));
  EXPECT_EQ(hook.occupants[0].holder, "");
}

}  // namespace
}  // namespace bpfman::testing
