// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DescribePlan, SaysEachStepAndEachRecordInOrder) {
  Plan plan =
      *plan_load(load_on_eth0(), one_program(), at(load_on_eth0(), free_hook()), seen(free_hook()));
  EXPECT_THAT(
      describe(plan),
      ElementsAre(HasSubstr("bpffs"),
                  HasSubstr("store bytecode sha256:"),
                  HasSubstr("load xdp program pass"),
                  HasSubstr("pin program #0"),
                  "attach program #0 of this plan to the XDP hook of eth0 (ifindex 4, link pinned "
                  "at /r/run/bpfman/fs/xdp/dispatcher_4026531840_4_link), native or else generic "
                  "mode",
                  HasSubstr("record image docker.io/library/my-ebpf-prog:dev"),
                  "record program #0 of this plan as my-ebpf-prog/pass",
                  "record the direct chain of eth0",
                  "record link 3 of program #0 of this plan on eth0"));
}

TEST(BindRecord, FillsInWhatTheKernelAnswered) {
  Plan plan =
      *plan_load(load_on_eth0(), one_program(), at(load_on_eth0(), free_hook()), seen(free_hook()));
  Bindings bindings;
  bindings.programs[Slot{0}] = BoundProgram{
      ProgramId(44),
      {{"stats", "/r/run/bpfman/fs/op_7_0_maps/stats", MapId(5)}, {".rodata", "", MapId(6)}}};
  bindings.hook_modes[free_hook().key()] = XdpMode::Generic;

  ProgramRecord program =
      bind_record(std::get<InsertProgram>(plan.commit[1]), bindings, empty_snapshot().layout);
  EXPECT_EQ(program.id, ProgramId(44));
  EXPECT_EQ(program.pin_path, "/r/run/bpfman/fs/prog_44");
  EXPECT_THAT(program.maps,
              ElementsAre(MapRecord{"stats", "/r/run/bpfman/fs/maps/44/stats", MapId(5)},
                          MapRecord{".rodata", "", MapId(6)}));

  ChainRecord chain = bind_record(std::get<PutChain>(plan.commit[2]), bindings);
  EXPECT_EQ(chain.mode, XdpMode::Generic);
  LinkRecord link = bind_record(std::get<InsertLink>(plan.commit[3]), bindings);
  EXPECT_EQ(link.program, ProgramId(44));
  EXPECT_EQ(link.kernel_id, std::nullopt) << "its chain holds it";

  InsertLink other{ProgramId(44), LinkRecord{.id = LinkId(4), .target = UprobeTarget{"libc"}}};
  bindings.links[LinkId(4)] = BoundLink{KernelLinkId(8), UprobeTarget{"/usr/lib/libc.so.6"}};
  link = bind_record(other, bindings);
  EXPECT_EQ(link.kernel_id, KernelLinkId(8));
  EXPECT_EQ(describe(link.target), "/usr/lib/libc.so.6");
}

}  // namespace
}  // namespace bpfman::plan
