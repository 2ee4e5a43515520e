// SPDX-License-Identifier: Apache-2.0
// Facts and contents of maps on the running kernel.
#include <array>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "bpfman/kernel/bpf_syscall.h"
#include "tests/support/netns_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// As in tests/data/bpf/k_map_kinds.bpf.c.
struct FlowKey {
  std::uint32_t source = 0;
  std::uint16_t port = 0;
  std::uint16_t padding = 0;
  std::uint32_t color = 0;
};

struct FlowValue {
  std::uint64_t packets = 0;
  std::int32_t balance = 0;
  std::uint8_t blocked = 0;
  char comm[16] = {};
  std::uint8_t bits = 0;  // low : 3, middle : 5
  std::uint8_t padding[2] = {};
  std::uint32_t number = 0;
  std::uint16_t point[2] = {};
  std::uint64_t where = 0;
  std::uint64_t wide[2] = {};
};

class Maps : public KernelTest {
 protected:
  void load_kinds() {
    for (const MapRecord& map : load("k_map_kinds", "owns_many_maps", "kinds").maps) {
      ids_[map.name] = map.id;
    }
  }

  void update(const std::string& map, const void* key, const void* value) {
    Result<UniqueFd> fd = kernel::open_pin(fs("maps/kinds/" + map));
    ASSERT_TRUE(fd.ok()) << fd.error().message();
    ASSERT_EQ(bpf_map_update_elem(fd->get(), key, value, BPF_ANY), 0) << std::strerror(errno);
  }

  MapDump dump(MapId id, std::size_t limit = 100) {
    Result<MapDump> dumped = kernel_->dump_map(id, limit);
    EXPECT_TRUE(dumped.ok()) << dumped.error().message();
    return dumped.ok() ? *std::move(dumped) : MapDump();
  }

  std::map<std::string, MapId> ids_;
};

std::string text(const MapEntry& entry) {
  std::string out = to_text(entry.key) + " ->";
  for (const TypedValue& value : entry.values) {
    out += " " + to_text(value);
  }
  return out;
}

TEST_F(Maps, HaveFactsOfTheKernel) {
  load_kinds();
  Result<std::optional<KernelMap>> found = kernel_->find_map(ids_.at("flows"));
  ASSERT_TRUE(found.ok() && *found);
  EXPECT_NE((*found)->btf_id, 0U);
  (*found)->btf_id = 0;
  ASSERT_TRUE((*found)->memlock_bytes.has_value());
  (*found)->memlock_bytes = std::nullopt;
  EXPECT_EQ(*found,
            (KernelMap{.id = ids_.at("flows"),
                       .name = "flows",
                       .type = "hash",
                       .type_number = BPF_MAP_TYPE_HASH,
                       .key_size = sizeof(FlowKey),
                       .value_size = sizeof(FlowValue),
                       .max_entries = 16,
                       .flags = 0,
                       .frozen = false}));
}

TEST_F(Maps, AreAbsentForUnusedIds) {
  Result<std::optional<KernelMap>> found = kernel_->find_map(MapId(0x7fffffff));
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_FALSE(*found);
  Result<MapDump> dumped = kernel_->dump_map(MapId(0x7fffffff), 1);
  ASSERT_FALSE(dumped.ok());
  EXPECT_EQ(dumped.error().code(), Code::NotFound);
}

TEST_F(Maps, OfReadOnlyDataAreFrozen) {
  for (const MapRecord& map : load("k_globals", "report_all_the_variables", "a").maps) {
    EXPECT_EQ((*kernel_->find_map(map.id))->frozen, map.name == ".rodata") << map.name;
  }
}

TEST_F(Maps, OfHashesAreTypedByTheirStructs) {
  load_kinds();
  FlowKey key{.source = 9, .port = 443, .color = 7};
  FlowValue value{.packets = 5, .balance = -3, .blocked = 1, .bits = 0xf5, .number = 0x04030201};
  std::strcpy(value.comm, "curl");
  value.point[0] = 10;
  value.point[1] = 20;
  value.where = 0xffff0000;
  value.wide[0] = 1;
  value.wide[1] = 0xa;
  update("flows", &key, &value);
  MapDump dumped = dump(ids_.at("flows"));
  EXPECT_TRUE(dumped.typed);
  EXPECT_FALSE(dumped.per_cpu);
  EXPECT_FALSE(dumped.truncated);
  ASSERT_THAT(dumped.entries, SizeIs(1));
  EXPECT_EQ(text(dumped.entries[0]),
            "{source: 9, port: 443, color: \"BLUE\"} -> {packets: 5, balance: -3, blocked: true, "
            "comm: \"curl\", low: 5, middle: -2, as_number: 67305985, as_bytes: [1, 2, 3, 4], "
            "point: {x: 10, y: 20}, where: \"0xffff0000\", "
            "wide: \"0x000000000000000a0000000000000001\"}");
}

TEST_F(Maps, ContentsFillAnotherMapOfTheShape) {
  load_kinds();
  FlowKey flow{.source = 9, .port = 443};
  FlowValue value{.packets = 5};
  update("flows", &flow, &value);
  flow.source = 10;
  update("flows", &flow, &value);
  auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
  std::vector<std::uint64_t> counts(cpus);
  for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
    counts[cpu] = cpu + 3;
  }
  std::uint32_t key = 7;
  update("cpu_counts", &key, counts.data());
  std::array<std::uint32_t, 2> route = {16, 0x0000000a};
  std::uint32_t next = 44;
  update("routes", route.data(), &next);
  std::map<std::string, MapId> before = ids_;
  for (const MapRecord& map : load("k_map_kinds", "owns_many_maps", "again").maps) {
    ids_[map.name] = map.id;
  }
  for (const char* name : {"flows", "cpu_counts", "routes", "k_pinned_by_name", "untyped"}) {
    Result<Bytes> contents = kernel_->read_map_contents(before.at(name));
    ASSERT_TRUE(contents.ok()) << contents.error().message();
    Result<void> filled = kernel_->fill_map(fs("maps/again/" + std::string(name)), *contents);
    ASSERT_TRUE(filled.ok()) << filled.error().message();
    EXPECT_EQ(dump(ids_.at(name)).entries.size(), dump(before.at(name)).entries.size()) << name;
    std::vector<std::string> there;
    std::vector<std::string> here;
    for (const MapEntry& entry : dump(before.at(name)).entries) {
      there.push_back(text(entry));
    }
    for (const MapEntry& entry : dump(ids_.at(name)).entries) {
      here.push_back(text(entry));
    }
    EXPECT_THAT(here, ::testing::UnorderedElementsAreArray(there)) << name;
  }
  EXPECT_THAT(dump(ids_.at("flows")).entries, SizeIs(2));
}

TEST_F(Maps, ContentsOfAnotherShapeAreRefused) {
  load_kinds();
  Bytes flows = *kernel_->read_map_contents(ids_.at("flows"));
  Result<void> other = kernel_->fill_map(fs("maps/kinds/routes"), flows);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(other.error().message(), HasSubstr("another shape"));
  Result<void> damaged = kernel_->fill_map(fs("maps/kinds/flows"), ByteView(flows).first(20));
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().code(), Code::DataLoss);
  flows.push_back(std::byte{0});
  EXPECT_EQ(kernel_->fill_map(fs("maps/kinds/flows"), flows).error().code(), Code::DataLoss);
  Result<Bytes> events = kernel_->read_map_contents(ids_.at("events"));
  ASSERT_FALSE(events.ok());
  EXPECT_EQ(events.error().code(), Code::Unimplemented);
  EXPECT_FALSE(kernel_->read_map_contents(MapId(0x7fffffff)).ok());
}

TEST_F(Maps, OfArraysHaveTheirWholeNames) {
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "a");
  test_run(fs("prog_a"), 1);
  for (const MapRecord& map : loaded.maps) {
    if (map.name != "seen_values_of_variables") {
      continue;
    }
    MapDump dumped = dump(map.id);
    EXPECT_EQ(dumped.name, "seen_values_of_variables");  // the kernel itself keeps 15 bytes
    EXPECT_EQ(dumped.map.name, "seen_values_of_");
    ASSERT_THAT(dumped.entries, SizeIs(1));
    EXPECT_EQ(text(dumped.entries[0]), "0 -> [1, 1000, 80]");
  }
}

TEST_F(Maps, OfVariablesHaveOneMemberAVariable) {
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "a");
  test_run(fs("prog_a"), 4);
  for (const MapRecord& map : loaded.maps) {
    if (map.name == ".bss") {
      EXPECT_THAT(dump(map.id).entries,
                  ElementsAre(::testing::ResultOf(text, "0 -> {runs: 4, verdict_sum: 8}")));
    }
  }
}

TEST_F(Maps, OfPerCpuArraysHaveAValueForEachCpu) {
  kernel::LoadedProgram loaded = load("xdp_pass_counter", "pass_counter", "a");
  constexpr std::uint32_t kRuns = 7;
  EXPECT_EQ(test_run(fs("prog_a"), kRuns), 2U);  // XDP_PASS
  MapDump dumped = dump(loaded.maps.at(0).id);
  EXPECT_TRUE(dumped.per_cpu);
  EXPECT_TRUE(dumped.typed);
  ASSERT_THAT(dumped.entries, SizeIs(1));
  EXPECT_EQ(to_text(dumped.entries[0].key), "0");
  ASSERT_EQ(dumped.entries[0].values.size(), static_cast<std::size_t>(libbpf_num_possible_cpus()));
  std::uint64_t packets = 0;
  for (const TypedValue& value : dumped.entries[0].values) {
    const auto& members = std::get<TypedStruct>(value.value).members;
    std::uint64_t own = std::get<std::uint64_t>(members.at(0).value.value);
    EXPECT_EQ(to_text(value),
              "{packets: " + std::to_string(own) + ", bytes: " + std::to_string(own * 64) + "}");
    packets += own;
  }
  EXPECT_EQ(packets, kRuns);
}

TEST_F(Maps, OfPerCpuHashesTakeSlotsOfEightBytes) {
  load_kinds();
  auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
  std::vector<std::uint64_t> slots(cpus);  // values of four bytes in slots of eight
  std::string expected = "77 ->";
  for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
    slots[cpu] = 0xffffffff00000000 | (cpu + 10);
    expected += " " + std::to_string(cpu + 10);
  }
  std::uint32_t key = 77;
  update("cpu_counts", &key, slots.data());
  EXPECT_THAT(dump(ids_.at("cpu_counts")).entries,
              ElementsAre(::testing::ResultOf(text, expected)));
}

TEST_F(Maps, WithoutTypesGiveRawBytes) {
  load_kinds();
  std::uint32_t key = 0x01020304;
  std::uint32_t value = 0xa0b0c0d0;
  update("untyped", &key, &value);
  MapDump dumped = dump(ids_.at("untyped"));
  EXPECT_FALSE(dumped.typed);
  EXPECT_THAT(dumped.entries, ElementsAre(::testing::ResultOf(text, "0x04030201 -> 0xd0c0b0a0")));
}

TEST_F(Maps, OfPrefixesAreRead) {
  load_kinds();
  const std::array<std::uint8_t, 8> key = {24, 0, 0, 0, 10, 1, 2, 0};
  std::uint32_t value = 5;
  update("routes", key.data(), &value);
  EXPECT_THAT(dump(ids_.at("routes")).entries,
              ElementsAre(::testing::ResultOf(text, "0x180000000a010200 -> 0x05000000")));
}

TEST_F(Maps, OfProgramsShowIdsAndLeaveOutEmptySlots) {
  load_kinds();
  kernel::LoadedProgram target = load("k_bad_access", "drop_all", "target");
  std::uint32_t slot = 2;
  {
    Result<UniqueFd> program = kernel::open_pin(fs("prog_target"));
    int fd = program->get();
    update("next_programs", &slot, &fd);
  }
  EXPECT_THAT(dump(ids_.at("next_programs")).entries,
              ElementsAre(::testing::ResultOf(text, "2 -> " + to_string(target.id))));
}

TEST_F(Maps, OfProgramsTakeOursBesideProgramsWithoutAnAttachType) {
  // Kernels of 2025 and later compare the expected attach type of all programs in such a map with
  // the first one's; dispatchers and extensions have none.
  load_kinds();
  load("k_bad_access", "drop_all", "ours");
  const bpf_insn pass[2] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
                            {.code = BPF_JMP | BPF_EXIT}};
  UniqueFd other =
      UniqueFd::adopt(bpf_prog_load(BPF_PROG_TYPE_XDP, "other", "GPL", pass, 2, nullptr));
  ASSERT_TRUE(other.valid()) << std::strerror(errno);
  Result<UniqueFd> ours = kernel::open_pin(fs("prog_ours"));
  std::uint32_t slot = 0;
  for (int fd : {other.get(), ours->get()}) {
    update("next_programs", &slot, &fd);
    ++slot;
  }
  EXPECT_THAT(dump(ids_.at("next_programs")).entries, SizeIs(2));
}

TEST_F(Maps, ThatUserSpaceCannotReadSayWhy) {
  load_kinds();
  for (const char* name : {"events", "waiting"}) {
    Result<MapDump> dumped = kernel_->dump_map(ids_.at(name), 10);
    ASSERT_FALSE(dumped.ok()) << name;
    EXPECT_EQ(dumped.error().code(), Code::Unimplemented);
    EXPECT_THAT(dumped.error().message(), HasSubstr("cannot be read: "));
  }
}

TEST_F(Maps, AreReadUpToTheLimit) {
  load_kinds();
  for (std::uint32_t key = 0; key < 5; ++key) {
    update("untyped", &key, &key);
  }
  MapId id = ids_.at("untyped");
  EXPECT_THAT(dump(id, 3).entries, SizeIs(3));
  EXPECT_TRUE(dump(id, 3).truncated);
  EXPECT_THAT(dump(id, 5).entries, SizeIs(5));
  EXPECT_FALSE(dump(id, 5).truncated);
  EXPECT_THAT(dump(ids_.at("routes"), 0).entries, IsEmpty());
  EXPECT_FALSE(dump(ids_.at("routes"), 0).truncated);  // it is empty
}

}  // namespace
}  // namespace bpfman::testing
