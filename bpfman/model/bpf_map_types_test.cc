// SPDX-License-Identifier: Apache-2.0
// Against an object that clang made, whole, cut and changed.
#include "bpfman/model/bpf_map_types.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(MapTypes, AreReadFromBtf) {
  Bytes object = *read_file(BPFMAN_EXAMPLE_OBJECT, 1 << 20);
  EXPECT_THAT(read_map_types(object), ElementsAre(Pair("packet_stats", "per_cpu_array")));
}

TEST(MapTypes, WhatIsNoObjectHasNone) {
  EXPECT_THAT(read_map_types({}), IsEmpty());
  EXPECT_THAT(read_map_types(as_bytes("no object")), IsEmpty());
}

TEST(MapTypes, AnObjectThatIsCutHasNoneOrTheSame) {
  Bytes object = *read_file(BPFMAN_EXAMPLE_OBJECT, 1 << 20);
  for (std::size_t size = 0; size < object.size(); size += 7) {
    EXPECT_LE(read_map_types(ByteView(object).first(size)).size(), 1U);
  }
}

TEST(MapTypes, ChangedBytesDoNoHarm) {
  Bytes original = *read_file(BPFMAN_EXAMPLE_OBJECT, 1 << 20);
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    Bytes object = original;
    for (int i = 0; i < 8; ++i) {
      object[random() % object.size()] = static_cast<std::byte>(random());
    }
    (void)read_map_types(object);
  }
}

}  // namespace
}  // namespace bpfman
