// SPDX-License-Identifier: Apache-2.0
// What looking after hooks stands on: the interfaces of a namespace and their changes, pins that
// are made again, links that hold nothing any more.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "tests/support/netns_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Reconcile : public KernelTest {};

TEST_F(Reconcile, InterfacesAreToldWithTheirKind) {
  Result<kernel::NetnsInterfaces> found = kernel_->list_interfaces(netns_->path());
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->netns, netns_->id());
  std::map<std::string, InterfaceFacts> by_name;
  for (const InterfaceFacts& one : found->interfaces) {
    by_name[one.name] = one;
  }
  ASSERT_TRUE(by_name.contains("lo") && by_name.contains("kv0"));
  EXPECT_TRUE(by_name["lo"].loopback);
  EXPECT_EQ(by_name["lo"].kind, "");
  EXPECT_FALSE(by_name["kv0"].loopback);
  EXPECT_EQ(by_name["kv0"].kind, "veth");
  EXPECT_EQ(by_name["kv0"].ifindex, netns_->ifindex("kv0"));
  EXPECT_EQ(kernel_->list_interfaces("/run/netns/no-such").error().code(), Code::NotFound);
}

TEST_F(Reconcile, ChangesOfInterfacesAreHeardOnce) {
  Result<std::unique_ptr<kernel::LinkWatch>> watch =
      kernel_->watch_interfaces({netns_->path(), "/run/netns/no-such"});
  ASSERT_TRUE(watch.ok()) << watch.error().message();
  EXPECT_FALSE(*(*watch)->wait(0));
  ASSERT_TRUE(netns_->run({"ip", "link", "set", "kv1", "down"}).ok());
  EXPECT_TRUE(*(*watch)->wait(2000));
  while (*(*watch)->wait(100)) {  // the peer follows
  }
  EXPECT_FALSE(*(*watch)->wait(0));
  ASSERT_TRUE(netns_->run({"ip", "link", "del", "kv0"}).ok());
  EXPECT_TRUE(*(*watch)->wait(2000));
}

TEST_F(Reconcile, WhatTheKernelStillHasIsPinnedAgain) {
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "a");
  ASSERT_FALSE(loaded.maps.empty());
  const MapRecord* map = nullptr;
  for (const MapRecord& one : loaded.maps) {
    map = one.pin_path.empty() ? map : &one;
  }
  ASSERT_NE(map, nullptr);
  EXPECT_TRUE(*kernel_->has_pinned_map(map->pin_path));
  {
    UniqueFd held = *kernel::open_pin(fs("prog_a"));  // a hook would do the same
    ASSERT_TRUE(kernel_->remove_pins(fs("prog_a"), fs("maps/a")).ok());
    EXPECT_FALSE(*kernel_->has_pinned_map(map->pin_path));
    for (int i = 0; i < 2; ++i) {
      Result<void> program = kernel_->repin_program(loaded.id, fs("prog_a"));
      EXPECT_TRUE(program.ok()) << program.error().message();
      Result<void> again = kernel_->repin_map(map->id, map->pin_path);
      EXPECT_TRUE(again.ok()) << again.error().message();
    }
    EXPECT_EQ(*kernel_->pinned_program(fs("prog_a")), loaded.id);
    EXPECT_TRUE(*kernel_->has_pinned_map(map->pin_path));
  }
  // Somebody else's pin is not ours to replace.
  kernel::LoadedProgram other = load("xdp_pass_counter", "pass_counter", "b");
  Result<void> taken = kernel_->repin_program(loaded.id, fs("prog_b"));
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code(), Code::AlreadyExists);
  EXPECT_EQ(*kernel_->pinned_program(fs("prog_b")), other.id);
  ASSERT_TRUE(kernel_->remove_pins(fs("prog_a"), fs("maps/a")).ok());
  // Kernels let go a while after the last pin.
  for (int i = 0; i < 100 && kernel_->find_program(loaded.id)->has_value(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  Result<void> gone = kernel_->repin_program(loaded.id, fs("prog_a"));
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), Code::NotFound);
  EXPECT_THAT(gone.error().message(), HasSubstr("is not in the kernel any more"));
}

TEST_F(Reconcile, ALinkWhoseDeviceIsGoneHoldsNothing) {
  load("xdp_pass_counter", "pass_counter", "a");
  plan::Seat seat = link_seat("x");
  ASSERT_TRUE(kernel_->attach_hook(seat, fs("prog_a")).ok());
  Result<std::optional<KernelLink>> before = kernel_->pinned_link(seat.link_pin);
  EXPECT_FALSE((*before)->detached);
  ASSERT_TRUE(netns_->run({"ip", "link", "del", "kv0"}).ok());
  Result<std::optional<KernelLink>> after = kernel_->pinned_link(seat.link_pin);
  ASSERT_TRUE(after.ok() && after->has_value()) << "a pin outlives what it is attached to";
  EXPECT_TRUE((*after)->detached);
}

}  // namespace
}  // namespace bpfman::testing
