// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/map_dump.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include "bpfman/kernel/type_names.h"

namespace bpfman::kernel {
namespace {

TEST(CopiedValueSize, HoldsASlotOfEightBytesForEachCpu) {
  EXPECT_EQ(copied_value_size({.type_number = BPF_MAP_TYPE_PERCPU_ARRAY, .value_size = 12}, 4),
            64U);
  EXPECT_EQ(copied_value_size({.type_number = BPF_MAP_TYPE_PERCPU_HASH, .value_size = 8}, 3), 24U);
  EXPECT_EQ(copied_value_size({.type_number = BPF_MAP_TYPE_LRU_PERCPU_HASH, .value_size = 1}, 2),
            16U);
}

TEST(CopiedValueSize, IsThePlainSizeForOtherMaps) {
  EXPECT_EQ(copied_value_size({.type_number = BPF_MAP_TYPE_HASH, .value_size = 12}, 4), 12U);
  EXPECT_EQ(copied_value_size({.type_number = BPF_MAP_TYPE_PROG_ARRAY, .value_size = 4}, 4), 4U);
}

TEST(UnreadableReason, IsGivenForMapsWithoutReadableElements) {
  for (std::uint32_t type : {BPF_MAP_TYPE_RINGBUF,
                             BPF_MAP_TYPE_USER_RINGBUF,
                             BPF_MAP_TYPE_PERF_EVENT_ARRAY,
                             BPF_MAP_TYPE_QUEUE,
                             BPF_MAP_TYPE_STACK,
                             BPF_MAP_TYPE_BLOOM_FILTER,
                             BPF_MAP_TYPE_SK_STORAGE,
                             BPF_MAP_TYPE_TASK_STORAGE,
                             BPF_MAP_TYPE_INODE_STORAGE,
                             BPF_MAP_TYPE_CGROUP_STORAGE}) {
    EXPECT_NE(unreadable_reason({.type_number = type}), "") << type;
  }
  EXPECT_NE(unreadable_reason({.type_number = BPF_MAP_TYPE_SOCKMAP, .value_size = 4}), "");
}

TEST(UnreadableReason, IsEmptyForMapsThatCanBeRead) {
  for (std::uint32_t type : {BPF_MAP_TYPE_HASH,
                             BPF_MAP_TYPE_ARRAY,
                             BPF_MAP_TYPE_PERCPU_ARRAY,
                             BPF_MAP_TYPE_LPM_TRIE,
                             BPF_MAP_TYPE_PROG_ARRAY,
                             BPF_MAP_TYPE_DEVMAP,
                             BPF_MAP_TYPE_HASH_OF_MAPS,
                             BPF_MAP_TYPE_LRU_HASH}) {
    EXPECT_EQ(unreadable_reason({.type_number = type}), "") << type;
  }
  EXPECT_EQ(unreadable_reason({.type_number = BPF_MAP_TYPE_SOCKMAP, .value_size = 8}), "");
}

TEST(TypeNames, AreThoseOfBpftool) {
  EXPECT_EQ(program_type_name(BPF_PROG_TYPE_XDP), "xdp");
  EXPECT_EQ(program_type_name(BPF_PROG_TYPE_SCHED_CLS), "sched_cls");
  EXPECT_EQ(map_type_name(BPF_MAP_TYPE_PERCPU_ARRAY), "percpu_array");
  EXPECT_EQ(map_type_name(BPF_MAP_TYPE_LRU_HASH), "lru_hash");
  EXPECT_EQ(link_type_name(BPF_LINK_TYPE_XDP), "xdp");
}

TEST(TypeNames, KnowWhatIsNewerThanLibbpf) {
  EXPECT_EQ(program_type_name(32), "netfilter");
  EXPECT_EQ(map_type_name(33), "arena");
  EXPECT_EQ(link_type_name(11), "tcx");
  EXPECT_EQ(link_type_name(4000), "type 4000");
}

}  // namespace
}  // namespace bpfman::kernel
