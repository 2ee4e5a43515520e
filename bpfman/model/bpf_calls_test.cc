// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/bpf_calls.h"

#include <gmock/gmock.h>

#include "bpfman/base/file.h"

namespace bpfman {
namespace {

TEST(BpfCalls, OfTheExample) {
  Bytes object = *read_file(BPFMAN_EXAMPLE_OBJECT, 1 << 20);
  Result<std::set<std::string>> calls = read_calls(object, {"xdp"});
  ASSERT_TRUE(calls.ok()) << calls.error().message();
  EXPECT_THAT(*calls, testing::ElementsAre("bpf_map_lookup_elem"));
  EXPECT_THAT(*read_calls(object, {"tc"}), testing::IsEmpty()) << "only what is asked for";
}

TEST(BpfCalls, DamageIsAnErrorOrLessToSeeNeverACrash) {
  Bytes object = *read_file(BPFMAN_EXAMPLE_OBJECT, 1 << 20);
  for (std::size_t size = 0; size < object.size(); size += 5) {
    EXPECT_FALSE(read_calls(ByteView(object).subspan(0, size), {"xdp"}).ok());
  }
  for (std::size_t at = 0; at < object.size(); ++at) {
    Bytes damaged = object;
    damaged[at] ^= std::byte{0xFF};
    static_cast<void>(read_calls(damaged, {"xdp"}).ok());
  }
}

TEST(BpfCalls, NamesOfHelpers) {
  EXPECT_EQ(helper_name(1), "bpf_map_lookup_elem");
  EXPECT_EQ(helper_name(36), "bpf_probe_write_user");
  EXPECT_EQ(helper_name(211), "bpf_cgrp_storage_delete");
  EXPECT_EQ(helper_name(0), "helper 0");
  EXPECT_EQ(helper_name(-1), "helper -1");
  EXPECT_EQ(helper_name(9999), "helper 9999");
}

}  // namespace
}  // namespace bpfman
