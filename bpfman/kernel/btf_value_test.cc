// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/btf_value.h"

#include <cstring>

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include "bpfman/kernel/btf_handle.h"

namespace bpfman::kernel {
namespace {

template <typename T>
ByteView bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

Bytes make_bytes(std::initializer_list<unsigned> values) {
  Bytes out;
  for (unsigned value : values) {
    out.push_back(static_cast<std::byte>(value));
  }
  return out;
}

// BTF made by hand, type by type.
class BtfValue : public ::testing::Test {
 protected:
  std::uint32_t integer(const char* name, std::size_t size, int encoding) {
    return id(btf__add_int(types_.get(), name, size, encoding));
  }

  std::uint32_t id(int result) {
    EXPECT_GT(result, 0);
    return static_cast<std::uint32_t>(result);
  }

  int ref(std::uint32_t type) { return static_cast<int>(type); }

  void field(const char* name, std::uint32_t type, std::uint32_t bits, std::uint32_t size = 0) {
    ASSERT_EQ(btf__add_field(types_.get(), name, ref(type), bits, size), 0);
  }

  std::string text(std::uint32_t type, ByteView bytes, RenderLimits limits = {}) {
    return to_text(read_typed_value(types_.get(), type, bytes, limits));
  }

  BtfPtr types_{btf__new_empty()};
  std::uint32_t u8_ = integer("unsigned char", 1, 0);
  std::uint32_t char_ = integer("char", 1, BTF_INT_SIGNED);
  std::uint32_t u16_ = integer("unsigned short", 2, 0);
  std::uint32_t u32_ = integer("unsigned int", 4, 0);
  std::uint32_t s32_ = integer("int", 4, BTF_INT_SIGNED);
  std::uint32_t u64_ = integer("unsigned long long", 8, 0);
  std::uint32_t s64_ = integer("long long", 8, BTF_INT_SIGNED);
  std::uint32_t bool_ = integer("_Bool", 1, BTF_INT_BOOL);
  std::uint32_t wide_ = integer("unsigned __int128", 16, 0);
};

TEST_F(BtfValue, ReadsIntegersBySizeAndSign) {
  EXPECT_EQ(read_typed_value(types_.get(), u32_, bytes_of(0xfffffffeU)),
            (TypedValue{std::uint64_t{4294967294}}));
  EXPECT_EQ(read_typed_value(types_.get(), s32_, bytes_of(-2)), (TypedValue{std::int64_t{-2}}));
  EXPECT_EQ(read_typed_value(types_.get(), s64_, bytes_of(std::int64_t{INT64_MIN})),
            (TypedValue{std::int64_t{INT64_MIN}}));
  EXPECT_EQ(read_typed_value(types_.get(), u64_, bytes_of(~std::uint64_t{0})),
            (TypedValue{~std::uint64_t{0}}));
  EXPECT_EQ(read_typed_value(types_.get(), u8_, bytes_of(std::uint8_t{65})),
            (TypedValue{std::uint64_t{65}}));
  EXPECT_EQ(read_typed_value(types_.get(), bool_, bytes_of(std::uint8_t{1})), (TypedValue{true}));
}

TEST_F(BtfValue, ReadsAPrintableCharAsTextAndOthersAsNumbers) {
  EXPECT_EQ(text(char_, bytes_of('x')), "\"x\"");
  EXPECT_EQ(text(char_, bytes_of('\x07')), "7");
  EXPECT_EQ(text(char_, bytes_of('\xff')), "-1");
}

TEST_F(BtfValue, ShowsWideIntegersInHexadecimal) {
  const std::uint64_t halves[2] = {0x1122334455667788, 0xab};
  EXPECT_EQ(read_typed_value(types_.get(), wide_, bytes_of(halves)),
            (TypedValue{std::string("0x00000000000000ab1122334455667788")}));
}

TEST_F(BtfValue, ReadsFloats) {
  std::uint32_t single = id(btf__add_float(types_.get(), "float", 4));
  std::uint32_t twice = id(btf__add_float(types_.get(), "double", 8));
  EXPECT_EQ(read_typed_value(types_.get(), single, bytes_of(1.5F)), (TypedValue{1.5}));
  EXPECT_EQ(read_typed_value(types_.get(), twice, bytes_of(-0.25)), (TypedValue{-0.25}));
}

TEST_F(BtfValue, NamesEnumeratorsAndCountsTheRest) {
  std::uint32_t color = id(btf__add_enum(types_.get(), "color", 4));
  ASSERT_EQ(btf__add_enum_value(types_.get(), "RED", 0), 0);
  ASSERT_EQ(btf__add_enum_value(types_.get(), "NONE", -1), 0);
  EXPECT_EQ(text(color, bytes_of(0)), "\"RED\"");
  EXPECT_EQ(text(color, bytes_of(-1)), "\"NONE\"");
  EXPECT_EQ(read_typed_value(types_.get(), color, bytes_of(5)), (TypedValue{std::int64_t{5}}));
}

TEST_F(BtfValue, NamesWideEnumerators) {
  std::uint32_t flags = id(btf__add_enum64(types_.get(), "flags", 8, false));
  ASSERT_EQ(btf__add_enum64_value(types_.get(), "TOP", 1ULL << 63), 0);
  EXPECT_EQ(text(flags, bytes_of(std::uint64_t{1} << 63)), "\"TOP\"");
  EXPECT_EQ(text(flags, bytes_of(std::uint64_t{3})), "3");
}

TEST_F(BtfValue, ShowsPointersInHexadecimal) {
  std::uint32_t pointer = id(btf__add_ptr(types_.get(), ref(u32_)));
  EXPECT_EQ(text(pointer, bytes_of(std::uint64_t{0xffff888100000000})), "\"0xffff888100000000\"");
}

TEST_F(BtfValue, ReadsCharArraysAsText) {
  std::uint32_t comm = id(btf__add_array(types_.get(), ref(u32_), ref(char_), 8));
  EXPECT_EQ(text(comm, make_bytes({'n', 'g', 'i', 'n', 'x', 0, 'z', 'z'})), "\"nginx\"");
  EXPECT_EQ(text(comm, make_bytes({'1', '2', '3', '4', '5', '6', '7', '8'})), "\"12345678\"");
  EXPECT_EQ(text(comm, make_bytes({0, 0, 0, 0, 0, 0, 0, 0})), "\"\"");
  EXPECT_EQ(text(comm, make_bytes({1, 2, 3, 4, 5, 6, 7, 8})), "0x0102030405060708");
}

TEST_F(BtfValue, ReadsArraysOfArrays) {
  std::uint32_t row = id(btf__add_array(types_.get(), ref(u32_), ref(u8_), 3));
  std::uint32_t table = id(btf__add_array(types_.get(), ref(u32_), ref(row), 2));
  EXPECT_EQ(text(table, make_bytes({1, 2, 3, 4, 5, 6})), "[[1, 2, 3], [4, 5, 6]]");
}

TEST_F(BtfValue, ReadsStructsAndFlattensAnonymousMembers) {
  std::uint32_t both = id(btf__add_union(types_.get(), nullptr, 4));
  field("number", u32_, 0);
  field("half", u16_, 0);
  std::uint32_t outer = id(btf__add_struct(types_.get(), "outer", 16));
  field("packets", u64_, 0);
  field(nullptr, both, 64);
  field("last", u8_, 96);
  Bytes bytes = make_bytes({9, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 7, 0, 0, 0});
  EXPECT_EQ(text(outer, bytes), "{packets: 9, number: 513, half: 513, last: 7}");
}

TEST_F(BtfValue, ReadsBitFieldsOverByteBorders) {
  std::uint32_t bits = id(btf__add_struct(types_.get(), "bits", 8));
  field("low", u32_, 0, 3);
  field("signed_part", s32_, 3, 5);
  field("wide_part", u64_, 8, 40);
  field("flag", bool_, 63, 1);
  // low 5, signed_part -2 (11110), wide_part 0x0504030201, flag 1
  Bytes bytes = make_bytes({0xf5, 0x01, 0x02, 0x03, 0x04, 0x05, 0x00, 0x80});
  EXPECT_EQ(text(bits, bytes), "{low: 5, signed_part: -2, wide_part: 21542142465, flag: true}");
}

TEST_F(BtfValue, ReadsABitFieldThatTouchesNineBytes) {
  std::uint32_t bits = id(btf__add_struct(types_.get(), "bits", 16));
  field("wide_part", u64_, 4, 62);
  Bytes bytes = make_bytes({0x10, 0, 0, 0, 0, 0, 0, 0, 0x03, 0, 0, 0, 0, 0, 0, 0});
  // Bit 4 is the lowest, bits 64 and 65 the highest two.
  EXPECT_EQ(text(bits, bytes), "{wide_part: " + std::to_string((3ULL << 60) | 1) + "}");
}

TEST_F(BtfValue, LooksThroughTypedefsAndQualifiers) {
  std::uint32_t alias = id(btf__add_typedef(types_.get(), "__u32", ref(u32_)));
  std::uint32_t constant = id(btf__add_const(types_.get(), ref(alias)));
  std::uint32_t volatile_one = id(btf__add_volatile(types_.get(), ref(constant)));
  EXPECT_EQ(text(volatile_one, bytes_of(7U)), "7");
}

TEST_F(BtfValue, ReadsSectionsAsOneMemberAVariable) {
  std::uint32_t counter =
      id(btf__add_var(types_.get(), "counter", BTF_VAR_GLOBAL_ALLOCATED, ref(u64_)));
  std::uint32_t flag = id(btf__add_var(types_.get(), "flag", BTF_VAR_STATIC, ref(bool_)));
  std::uint32_t bss = id(btf__add_datasec(types_.get(), ".bss", 16));
  ASSERT_EQ(btf__add_datasec_var_info(types_.get(), ref(counter), 0, 8), 0);
  ASSERT_EQ(btf__add_datasec_var_info(types_.get(), ref(flag), 8, 1), 0);
  Bytes bytes = make_bytes({5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(text(bss, bytes), "{counter: 5, flag: true}");
}

TEST_F(BtfValue, GivesRawBytesForTypesThatAreNotThere) {
  EXPECT_EQ(text(9999, make_bytes({0xca, 0xfe})), "0xcafe");
  EXPECT_EQ(text(0, make_bytes({0xca, 0xfe})), "0xcafe");
}

TEST_F(BtfValue, GivesRawBytesForNumbersThatAreCutOff) {
  EXPECT_EQ(text(u32_, make_bytes({1, 2})), "0x0102");
  std::uint32_t pair = id(btf__add_struct(types_.get(), "pair", 8));
  field("a", u32_, 0);
  field("b", u32_, 32);
  EXPECT_EQ(text(pair, make_bytes({1, 0, 0, 0, 2})), "{a: 1, b: 0x02}");
}

TEST_F(BtfValue, SurvivesATypedefOfItself) {
  // The next type's id is not known to libbpf's checks, so the loop closes through a forward
  // reference.
  std::uint32_t next = btf__type_cnt(types_.get());
  std::uint32_t loop = id(btf__add_typedef(types_.get(), "loop", ref(next)));
  ASSERT_EQ(loop, next);
  EXPECT_EQ(text(loop, make_bytes({1, 2})), "0x0102");
}

TEST_F(BtfValue, StopsAtTheDepthLimit) {
  std::uint32_t inner = id(btf__add_struct(types_.get(), "inner", 1));
  field("value", u8_, 0);
  std::uint32_t outer = id(btf__add_struct(types_.get(), "outer", 1));
  field("inner", inner, 0);
  EXPECT_EQ(text(outer, make_bytes({3}), {.depth = 3}), "{inner: {value: 3}}");
  EXPECT_EQ(text(outer, make_bytes({3}), {.depth = 2}), "{inner: {value: 0x03}}");
  EXPECT_EQ(text(outer, make_bytes({3}), {.depth = 1}), "{inner: 0x03}");
}

TEST_F(BtfValue, StopsAtTheLimitOfValuesAndKeepsTheRestRaw) {
  std::uint32_t list = id(btf__add_array(types_.get(), ref(u32_), ref(u8_), 6));
  EXPECT_EQ(text(list, make_bytes({1, 2, 3, 4, 5, 6}), {.values = 4}), "[1, 2, 3, 4, 0x0506]");
}

TEST(WholeMapName, CompletesANameThatTheKernelCut) {
  BtfPtr types(btf__new_empty());
  int number = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
  int first = btf__add_var(types.get(), "connections_by_port", BTF_VAR_GLOBAL_ALLOCATED, number);
  int second = btf__add_var(types.get(), "connections_by_user", BTF_VAR_GLOBAL_ALLOCATED, number);
  int third = btf__add_var(types.get(), "connections_by", BTF_VAR_GLOBAL_ALLOCATED, number);
  ASSERT_GT(btf__add_datasec(types.get(), ".maps", 96), 0);
  ASSERT_EQ(btf__add_datasec_var_info(types.get(), first, 0, 32), 0);
  ASSERT_EQ(btf__add_datasec_var_info(types.get(), second, 32, 32), 0);
  ASSERT_EQ(btf__add_datasec_var_info(types.get(), third, 64, 32), 0);
  EXPECT_EQ(whole_map_name(types.get(), "connections_by_p"), "connections_by_port");
  EXPECT_EQ(whole_map_name(types.get(), "connections_by_"), "");  // two fit
  EXPECT_EQ(whole_map_name(types.get(), "other"), "");
}

}  // namespace
}  // namespace bpfman::kernel
