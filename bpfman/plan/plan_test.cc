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
  Plan plan = *plan_load(load_on_eth0(), one_program(), free_hook(), empty_snapshot());
  EXPECT_THAT(
      describe(plan),
      ElementsAre(HasSubstr("bpffs"),
                  HasSubstr("store bytecode sha256:"),
                  HasSubstr("load xdp program pass"),
                  HasSubstr("pin program #0"),
                  "attach program #0 of this plan to eth0 (ifindex 4), native or else generic "
                  "mode, as link 3 pinned at /r/run/bpfman/fs/links/3",
                  HasSubstr("record image docker.io/library/my-ebpf-prog:dev"),
                  "record program #0 of this plan as my-ebpf-prog/pass",
                  "record link 3 of program #0 of this plan on eth0"));
}

TEST(BindRecord, FillsInWhatTheKernelAnswered) {
  Plan plan = *plan_load(load_on_eth0(), one_program(), free_hook(), empty_snapshot());
  Bindings bindings;
  bindings.programs[Slot{0}] = BoundProgram{
      ProgramId(44), {{"stats", "/staged/stats", MapId(5)}, {".rodata", "", MapId(6)}}};
  bindings.links[LinkId(3)] = BoundLink{KernelLinkId(8), XdpMode::Generic};

  ProgramRecord program =
      bind_record(std::get<InsertProgram>(plan.commit[1]), bindings, empty_snapshot().layout);
  EXPECT_EQ(program.id, ProgramId(44));
  EXPECT_EQ(program.pin_path, "/r/run/bpfman/fs/prog_44");
  EXPECT_THAT(program.maps,
              ElementsAre(MapRecord{"stats", "/r/run/bpfman/fs/maps/44/stats", MapId(5)},
                          MapRecord{".rodata", "", MapId(6)}));

  LinkRecord link = bind_record(std::get<InsertLink>(plan.commit[2]), bindings);
  EXPECT_EQ(link.program, ProgramId(44));
  EXPECT_EQ(link.kernel_id, KernelLinkId(8));
  EXPECT_EQ(link.mode, XdpMode::Generic);
}

}  // namespace
}  // namespace bpfman::plan
