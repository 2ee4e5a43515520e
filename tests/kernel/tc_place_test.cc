// SPDX-License-Identifier: Apache-2.0
// Our TCX link among links and programs of others.
#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_hook.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/list_link.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/program_info.h"
#include "tests/support/netns_fixture.h"
#include "tests/support/skip.h"

namespace bpfman::testing {
namespace {

using ::testing::HasSubstr;

// TCX only: a list of the kernel's with a link (program "linked") and a program without one
// ("bare") of others on it, in this order.
class TcPlace : public KernelTest, public ::testing::WithParamInterface<HookKind> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (HasFatalFailure()) {
      return;
    }
    loaded_ = load_tc("a");
    other_ = load_tc("b");
    seat_ = link_seat("a", GetParam());
    Result<bool> has_tcx = kernel::has_tcx();
    ASSERT_TRUE(has_tcx.ok()) << has_tcx.error().message();
    if (!*has_tcx) {
      Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat_, fs("prog_a"));
      BPFMAN_SKIP_IF_UNSUPPORTED(attached);
    }
    linked_ = load_tc("linked");
    bare_ = load_tc("bare");
    auto attach_foreign = [&]() -> Result<void> {
      UniqueFd program = TRY(kernel::open_pin(fs("prog_linked")));
      link_ = TRY(kernel::create_list_link(program.get(), seat_.ifindex, type(), {}, 0));
      UniqueFd other = TRY(kernel::open_pin(fs("prog_bare")));
      EXPECT_EQ(bpf_prog_attach(other.get(),
                                static_cast<int>(seat_.ifindex.value()),
                                static_cast<bpf_attach_type>(type()),
                                0),
                0);
      return {};
    };
    ASSERT_TRUE(inside(attach_foreign).ok());
    link_id_ = kernel::link_info(link_.get())->id;
  }

  void TearDown() override {
    link_.reset();
    KernelTest::TearDown();
  }

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

  std::vector<plan::Occupant> occupants() {
    Result<plan::NetHook> hook = kernel_->observe_hook(seat_.kind, "kv0", netns_->path());
    EXPECT_TRUE(hook.ok()) << hook.error().message();
    return hook.ok() ? hook->occupants : std::vector<plan::Occupant>();
  }

  std::uint32_t type() const { return kernel::list_attach_type(seat_.kind); }

  Result<void> inside(const std::function<Result<void>()>& what) {
    Result<kernel::Netns> netns = kernel::Netns::open(netns_->path());
    return netns.ok() ? netns->run(what) : Result<void>(std::move(netns).error());
  }

  std::vector<ProgramId> order() {
    std::vector<ProgramId> out;
    for (const plan::Occupant& occupant : occupants()) {
      out.push_back(occupant.program);
    }
    return out;
  }

  plan::Anchor beside_link(plan::Anchor::Side side) {
    return {.side = side, .link = link_id_, .program = linked_.id};
  }

  plan::Anchor beside_bare(plan::Anchor::Side side) { return {.side = side, .program = bare_.id}; }

  kernel::LoadedProgram loaded_;
  kernel::LoadedProgram other_;
  plan::Seat seat_;
  kernel::LoadedProgram linked_;
  kernel::LoadedProgram bare_;
  UniqueFd link_;
  KernelLinkId link_id_;
};

INSTANTIATE_TEST_SUITE_P(Direction,
                         TcPlace,
                         ::testing::Values(HookKind::TcIngress, HookKind::TcEgress),
                         [](const auto& param_info) {
                           return param_info.param == HookKind::TcIngress ? "Ingress" : "Egress";
                         });

TEST_P(TcPlace, IsWhereTheAnchorSays) {
  using Side = plan::Anchor::Side;
  ProgramId a = linked_.id;
  ProgramId b = bare_.id;
  ProgramId us = loaded_.id;
  for (const auto& [anchor, wanted] : std::vector<std::pair<plan::Anchor, std::vector<ProgramId>>>{
           {{}, {a, b, us}},
           {{.side = Side::Head}, {us, a, b}},
           {beside_link(Side::Before), {us, a, b}},
           {beside_link(Side::After), {a, us, b}},
           {beside_bare(Side::Before), {a, us, b}},
           {beside_bare(Side::After), {a, b, us}}}) {
    SCOPED_TRACE(plan::describe(anchor));
    seat_.anchor = anchor;
    attach();
    EXPECT_EQ(order(), wanted);
    ASSERT_TRUE(kernel_->switch_hook(seat_, fs("prog_b")).ok());
    std::vector<ProgramId> switched = wanted;
    std::replace(switched.begin(), switched.end(), us, other_.id);
    EXPECT_EQ(order(), switched) << "a switch moved it";
    ASSERT_TRUE(detach().ok());
    ASSERT_FALSE(HasFailure());
  }
}

TEST_P(TcPlace, IsKeptWhileOthersChangeTheList) {
  load_tc("restless");
  seat_.anchor = beside_link(plan::Anchor::Side::After);
  std::atomic<bool> stop = false;
  std::atomic<int> changes = 0;
  std::thread others([&] {
    Result<void> done = inside([&]() -> Result<void> {
      UniqueFd program = TRY(kernel::open_pin(fs("prog_restless")));
      while (!stop) {
        UniqueFd link = TRY(kernel::create_list_link(
            program.get(), seat_.ifindex, type(), {.side = plan::Anchor::Side::Head}, 0));
        ++changes;
        TRY(kernel::detach_link_fd(link.get()));
      }
      return {};
    });
    EXPECT_TRUE(done.ok()) << done.error().message();
  });
  for (int round = 0; round < 8 && !HasFailure(); ++round) {
    attach();
    std::vector<ProgramId> now = order();
    auto at = std::find(now.begin(), now.end(), linked_.id);
    ASSERT_TRUE(at != now.end() && at + 1 != now.end());
    EXPECT_EQ(*(at + 1), loaded_.id);
    EXPECT_TRUE(detach().ok());
  }
  stop = true;
  others.join();
  EXPECT_GT(changes, 0);
}

TEST_P(TcPlace, BesideOneWhoHasGoneIsNotTaken) {
  link_.reset();
  for (int tries = 0; order().size() > 1 && tries < 1000; ++tries) {
    ::usleep(1000);
  }
  for (plan::Anchor::Side side : {plan::Anchor::Side::Before, plan::Anchor::Side::After}) {
    plan::Seat seat = seat_;
    seat.anchor = beside_link(side);
    Error error = attach_error(seat);
    EXPECT_EQ(error.code(), Code::Aborted);
    EXPECT_THAT(error.message(), HasSubstr("beside which it was to go has left the list"));
  }
  plan::Seat seat = seat_;
  seat.anchor = {.side = plan::Anchor::Side::Before, .program = other_.id};
  EXPECT_EQ(attach_error(seat).code(), Code::Aborted) << "it is loaded, but not on the list";
  EXPECT_EQ(order(), std::vector<ProgramId>{bare_.id});
}

}  // namespace
}  // namespace bpfman::testing
