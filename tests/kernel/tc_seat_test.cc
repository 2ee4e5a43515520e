// SPDX-License-Identifier: Apache-2.0
// Our program on a TC hook: by a TCX link and by a filter, on ingress and on egress. Programs of
// others stay as they are.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_hook.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/list_link.h"
#include "bpfman/kernel/netns.h"
#include "tests/support/netns_fixture.h"
#include "tests/support/skip.h"

namespace bpfman::testing {
namespace {

using plan::SeatKind;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum class By { Link, Filter };

using Way = std::pair<By, HookKind>;

class TcSeat : public KernelTest, public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (HasFatalFailure()) {
      return;
    }
    Result<bool> has_tcx = kernel::has_tcx();
    ASSERT_TRUE(has_tcx.ok()) << has_tcx.error().message();
    loaded_ = load_tc("a");
    other_ = load_tc("b");
    seat_ = by_filter() ? filter_seat(GetParam().second) : link_seat("a", GetParam().second);
    if (!by_filter() && !*has_tcx) {
      Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat_, fs("prog_a"));
      BPFMAN_SKIP_IF_UNSUPPORTED(attached);
    }
  }

  static bool by_filter() { return GetParam().first == By::Filter; }

  kernel::LoadedProgram load_tc(const std::string& name) {
    return load("k_traffic", "count_tc", name, {}, ProgramType::Tc);
  }

  kernel::AttachedHook attach() {
    Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat_, fs("prog_a"));
    EXPECT_TRUE(attached.ok()) << attached.error().message();
    return attached.ok() ? *attached : kernel::AttachedHook();
  }

  Error attach_error(const plan::Seat& seat, const std::string& program = "prog_b") {
    Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat, fs(program));
    EXPECT_FALSE(attached.ok());
    return attached.ok() ? Error(Code::Internal, "attached") : attached.error();
  }

  Result<void> detach() { return kernel_->detach_hook(seat_, {fs("prog_a"), fs("prog_b")}, {}); }

  std::optional<ProgramId> program_on() {
    Result<std::optional<ProgramId>> program = kernel_->program_on(seat_);
    EXPECT_TRUE(program.ok()) << program.error().message();
    return program.ok() ? *program : std::nullopt;
  }

  std::vector<plan::Occupant> occupants() {
    Result<plan::NetHook> hook = kernel_->observe_hook(seat_.kind, "kv0", netns_->path());
    EXPECT_TRUE(hook.ok()) << hook.error().message();
    return hook.ok() ? hook->occupants : std::vector<plan::Occupant>();
  }

  Error switch_error(const std::string& program = "prog_b") {
    Result<void> switched = kernel_->switch_hook(seat_, fs(program));
    EXPECT_FALSE(switched.ok());
    return switched.ok() ? Error(Code::Internal, "switched") : switched.error();
  }

  kernel::LoadedProgram loaded_;
  kernel::LoadedProgram other_;
  plan::Seat seat_;
};

INSTANTIATE_TEST_SUITE_P(Way,
                         TcSeat,
                         ::testing::Values(Way{By::Link, HookKind::TcIngress},
                                           Way{By::Link, HookKind::TcEgress},
                                           Way{By::Filter, HookKind::TcIngress},
                                           Way{By::Filter, HookKind::TcEgress}),
                         [](const auto& param_info) {
                           return std::string(param_info.param.first == By::Link ? "Tcx"
                                                                                 : "Filter") +
                                  (param_info.param.second == HookKind::TcIngress ? "Ingress"
                                                                                  : "Egress");
                         });

TEST_P(TcSeat, IsTakenSwitchedAndLeft) {
  EXPECT_EQ(program_on(), std::nullopt);
  kernel::AttachedHook attached = attach();
  EXPECT_EQ(program_on(), loaded_.id);
  plan::Occupant occupant{.seat = by_filter() ? SeatKind::Filter : SeatKind::TcxLink,
                          .program = loaded_.id,
                          .name = "count_tc",
                          .link = attached.kernel_id,
                          .filter_priority = seat_.filter_priority,
                          .filter_handle = seat_.filter_handle,
                          .holder = "pinned at " + fs(by_filter() ? "prog_a" : "links/a")};
  EXPECT_THAT(occupants(), ::testing::ElementsAre(occupant));
  EXPECT_EQ(attached.kernel_id.has_value(), !by_filter());
  for (int twice = 0; twice < 2; ++twice) {
    Result<void> switched = kernel_->switch_hook(seat_, fs("prog_b"));
    ASSERT_TRUE(switched.ok()) << switched.error().message();
    EXPECT_EQ(program_on(), other_.id);
  }
  for (int twice = 0; twice < 2; ++twice) {
    Result<void> detached = detach();
    ASSERT_TRUE(detached.ok()) << detached.error().message();
    EXPECT_EQ(program_on(), std::nullopt);
    EXPECT_THAT(occupants(), IsEmpty());
  }
  EXPECT_FALSE(path_exists(fs("links/a")));
  Error error = switch_error();
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(occupants(), IsEmpty()) << "a switch put a program there";
}

TEST_P(TcSeat, IsFreeAtOnceEveryTime) {
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    attach();
    ASSERT_TRUE(detach().ok());
    ASSERT_THAT(occupants(), IsEmpty());
    ASSERT_FALSE(HasFailure());
  }
}

TEST_P(TcSeat, IsTakenOnce) {
  attach();
  EXPECT_EQ(attach_error(seat_).code(), Code::AlreadyExists);
  if (!by_filter()) {  // the list of the kernel takes a program once
    plan::Seat seat = link_seat("b", GetParam().second);
    Error error = attach_error(seat, "prog_a");
    EXPECT_EQ(error.code(), Code::AlreadyExists);
    EXPECT_THAT(error.message(), HasSubstr("the hook runs this very program already"));
    EXPECT_FALSE(path_exists(seat.link_pin));
  }
  EXPECT_EQ(occupants().size(), 1U);
  EXPECT_EQ(program_on(), loaded_.id);
}

TEST_P(TcSeat, NeedsAPinnedProgramOfItsType) {
  load("xdp_pass_counter", "pass_counter", "x");
  EXPECT_EQ(attach_error(seat_, "prog_none").code(), Code::NotFound);
  EXPECT_EQ(attach_error(seat_, "prog_x").code(), Code::InvalidArgument);
  EXPECT_THAT(occupants(), IsEmpty());
  attach();
  EXPECT_EQ(switch_error("prog_none").code(), Code::NotFound);
  EXPECT_EQ(switch_error("prog_x").code(), Code::InvalidArgument);
  EXPECT_EQ(program_on(), loaded_.id);
}

TEST_P(TcSeat, IsNotTakenWhenTheNameMeansAnotherDevice) {
  plan::Seat seat = seat_;
  seat.ifindex = netns_->ifindex("kv1");
  Error error = attach_error(seat);
  EXPECT_EQ(error.code(), Code::Aborted);
  EXPECT_THAT(error.message(), HasSubstr("interface \"kv0\" now has ifindex"));
  seat = seat_;
  seat.netns_id.inode = 1;
  EXPECT_EQ(attach_error(seat).code(), Code::Aborted);
  EXPECT_THAT(occupants(), IsEmpty());
}

TEST_P(TcSeat, LeavesProgramsOfOthersAlone) {
  load_tc("foreign");
  UniqueFd link;
  auto foreign = [&]() -> Result<void> {
    UniqueFd program = TRY(kernel::open_pin(fs("prog_foreign")));
    if (TRY(kernel::has_tcx())) {
      link = TRY(kernel::create_list_link(
          program.get(), seat_.ifindex, kernel::list_attach_type(seat_.kind), {}, 0));
    }
    return {};
  };
  Result<kernel::Netns> netns = kernel::Netns::open(netns_->path());
  ASSERT_TRUE(netns.ok() && netns->run(foreign).ok());
  ASSERT_TRUE(netns_->run({"tc", "qdisc", "add", "dev", "kv0", "clsact"}).ok());
  std::string direction = seat_.kind == HookKind::TcIngress ? "ingress" : "egress";
  // On our own priority, with another handle.
  ASSERT_TRUE(netns_
                  ->run({"tc",
                         "filter",
                         "add",
                         "dev",
                         "kv0",
                         direction,
                         "prio",
                         "50",
                         "handle",
                         "1",
                         "bpf",
                         "direct-action",
                         "object-pinned",
                         fs("prog_foreign")})
                  .ok());
  std::vector<plan::Occupant> before = occupants();
  EXPECT_EQ(before.size(), link.valid() ? 2U : 1U);
  attach();
  EXPECT_EQ(occupants().size(), before.size() + 1);
  ASSERT_TRUE(kernel_->switch_hook(seat_, fs("prog_b")).ok());
  EXPECT_EQ(program_on(), other_.id);
  ASSERT_TRUE(detach().ok());
  EXPECT_EQ(occupants(), before);
}

TEST_P(TcSeat, OfADeviceThatHasGoneIsLeft) {
  attach();
  ASSERT_TRUE(netns_->run({"ip", "link", "delete", "kv0"}).ok());
  EXPECT_EQ(program_on(), std::nullopt);
  EXPECT_EQ(switch_error().code(), Code::NotFound);
  EXPECT_EQ(attach_error(seat_).code(), Code::Aborted);
  for (int twice = 0; twice < 2; ++twice) {
    Result<void> detached = detach();
    EXPECT_TRUE(detached.ok()) << detached.error().message();
  }
  EXPECT_FALSE(path_exists(fs("links/a")));
}

TEST_P(TcSeat, OfANamespaceThatHasGoneIsLeft) {
  attach();
  netns_.reset();
  for (int twice = 0; twice < 2; ++twice) {
    Result<void> detached = detach();
    EXPECT_TRUE(detached.ok()) << detached.error().message();
  }
  EXPECT_EQ(program_on(), std::nullopt);
  EXPECT_EQ(switch_error().code(), Code::NotFound);
}

TEST_P(TcSeat, IsFoundInItsNamespaceWhateverThatIsCalledNow) {
  attach();
  // The path that was given is one of this process's descriptors; a process in there is another.
  std::string path = netns_->path();
  pid_t process = ::fork();
  if (process == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Result<UniqueFd> fd = open_file(path, 0);
    ::_exit(fd.ok() && ::setns(fd->get(), CLONE_NEWNET) == 0 && ::pause() == 0 ? 0 : 1);
  }
  seat_.netns = "/run/netns/bpfman-none";
  std::string name = "/proc/" + std::to_string(process) + "/ns/net";
  while (kernel::Netns::open(name)->id() != seat_.netns_id) {
    ::sched_yield();
  }
  EXPECT_EQ(program_on(), loaded_.id);
  EXPECT_TRUE(kernel_->switch_hook(seat_, fs("prog_b")).ok());
  EXPECT_TRUE(detach().ok());
  EXPECT_THAT(occupants(), IsEmpty());
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
}

class TcFilter : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    load("k_traffic", "count_tc", "a", {}, ProgramType::Tc);
    load("k_traffic", "count_tc", "b", {}, ProgramType::Tc);
  }
};

TEST_F(TcFilter, IsRemovedOnlyWhileItRunsOneOfOurs) {
  plan::Seat seat = filter_seat(HookKind::TcIngress);
  ASSERT_TRUE(kernel_->attach_hook(seat, fs("prog_a")).ok());
  for (const std::vector<std::string>& pins :
       {std::vector<std::string>{}, {fs("prog_b")}, {fs("prog_none")}}) {
    EXPECT_TRUE(kernel_->detach_hook(seat, pins, {}).ok());
    EXPECT_NE(*kernel_->program_on(seat), std::nullopt);
  }
  EXPECT_TRUE(kernel_->detach_hook(seat, {fs("prog_none"), fs("prog_a")}, {}).ok());
  EXPECT_EQ(*kernel_->program_on(seat), std::nullopt);
}

TEST_F(TcFilter, OfOursIsKnownByItsIdWhenSomebodyRemovedThePin) {
  plan::Seat seat = filter_seat(HookKind::TcIngress);
  ASSERT_TRUE(kernel_->attach_hook(seat, fs("prog_a")).ok());
  std::optional<ProgramId> running = *kernel_->program_on(seat);
  ASSERT_TRUE(running.has_value());
  ASSERT_EQ(::unlink(fs("prog_a").c_str()), 0);
  ProgramId other(running->value() + 1000);
  EXPECT_TRUE(kernel_->detach_hook(seat, {fs("prog_a")}, {other}).ok());
  EXPECT_EQ(*kernel_->program_on(seat), running) << "one that is not ours";
  EXPECT_TRUE(kernel_->detach_hook(seat, {fs("prog_a")}, {other, *running}).ok());
  EXPECT_EQ(*kernel_->program_on(seat), std::nullopt);
}

TEST_F(TcFilter, LeavesItsQdiscAndTakesOneThatIsThere) {
  plan::Seat seat = filter_seat(HookKind::TcEgress);
  ASSERT_TRUE(kernel_->attach_hook(seat, fs("prog_a")).ok());
  ASSERT_TRUE(kernel_->detach_hook(seat, {fs("prog_a")}, {}).ok());
  EXPECT_FALSE(netns_->run({"tc", "qdisc", "add", "dev", "kv0", "clsact"}).ok()) << "it went";
  EXPECT_TRUE(kernel_->attach_hook(seat, fs("prog_a")).ok());
}

TEST_F(TcFilter, GoesToAnIngressQdiscOnIngressOnly) {
  ASSERT_TRUE(netns_->run({"tc", "qdisc", "add", "dev", "kv0", "ingress"}).ok());
  plan::Seat ingress = filter_seat(HookKind::TcIngress);
  plan::Seat egress = filter_seat(HookKind::TcEgress);
  ASSERT_TRUE(kernel_->attach_hook(ingress, fs("prog_a")).ok());
  Result<kernel::AttachedHook> attached = kernel_->attach_hook(egress, fs("prog_b"));
  ASSERT_FALSE(attached.ok());
  EXPECT_EQ(attached.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(attached.error().message(), HasSubstr("which has no egress hook"));
  EXPECT_EQ(kernel_->observe_hook(HookKind::TcIngress, "kv0", netns_->path())->occupants.size(),
            1U);
  EXPECT_THAT(kernel_->observe_hook(HookKind::TcEgress, "kv0", netns_->path())->occupants,
              IsEmpty());
  EXPECT_EQ(*kernel_->program_on(egress), std::nullopt);
}

}  // namespace
}  // namespace bpfman::testing
