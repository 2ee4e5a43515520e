// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/btf_write.h"

#include <bpf/btf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/sha256.h"
#include "bpfman/kernel/btf_handle.h"
#include "bpfman/kernel/btf_path.h"

namespace bpfman::kernel {
namespace {

using ::testing::HasSubstr;

// BTF made by hand, type by type.
class BtfWrite : public ::testing::Test {
 protected:
  static std::uint32_t id(int result) {
    EXPECT_GT(result, 0);
    return static_cast<std::uint32_t>(result);
  }

  static int ref(std::uint32_t type) { return static_cast<int>(type); }

  std::uint32_t integer(const char* name, std::size_t size, int encoding) {
    return id(btf__add_int(types_.get(), name, size, encoding));
  }

  std::uint32_t alias(const char* name, std::uint32_t type) {
    return id(btf__add_typedef(types_.get(), name, ref(type)));
  }

  std::uint32_t array(std::uint32_t type, std::uint32_t count) {
    return id(btf__add_array(types_.get(), ref(u32_), ref(type), count));
  }

  std::uint32_t begin(const char* name, std::uint32_t size) {
    return id(btf__add_struct(types_.get(), name, size));
  }

  void field(const char* name, std::uint32_t type, std::uint32_t bytes, std::uint32_t bits = 0) {
    ASSERT_EQ(btf__add_field(types_.get(), name, ref(type), bytes * 8, bits), 0);
  }

  // The bytes as hexadecimal digits, or what is wrong.
  std::string written(std::uint32_t type, const std::string& text, std::uint8_t before = 0) const {
    Bytes bytes(btf_size(types_.get(), type), static_cast<std::byte>(before));
    Result<void> done = write_typed_value(types_.get(), type, text, bytes);
    return done.ok() ? to_hex(bytes) : done.error().message();
  }

  std::string place(std::uint32_t type, const std::string& path) const {
    Result<BtfPlace> found = find_place(types_.get(), type, path);
    return found.ok() ? std::to_string(found->offset) + "+" + std::to_string(found->size)
                      : found.error().message();
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
};

TEST_F(BtfWrite, NumbersBySizeAndSign) {
  EXPECT_EQ(written(u32_, "10"), "0a000000");
  EXPECT_EQ(written(u32_, "0xdeadBEEF"), "efbeadde");
  EXPECT_EQ(written(u32_, "4294967295"), "ffffffff");
  EXPECT_EQ(written(s32_, "-2"), "feffffff");
  EXPECT_EQ(written(s32_, "-2147483648"), "00000080");
  EXPECT_EQ(written(u64_, "18446744073709551615"), "ffffffffffffffff");
  EXPECT_EQ(written(s64_, "-9223372036854775808"), "0000000000000080");
  EXPECT_EQ(written(char_, "'x'"), "78");
}

TEST_F(BtfWrite, WhatDoesNotFitIsSaidWithTheLimits) {
  EXPECT_THAT(written(u8_, "256"), HasSubstr("256 does not fit: from 0 to 255"));
  EXPECT_THAT(written(u32_, "-1"), HasSubstr("from 0 to 4294967295"));
  EXPECT_THAT(written(s32_, "2147483648"), HasSubstr("from -2147483648 to 2147483647"));
  EXPECT_THAT(written(s32_, "-2147483649"), HasSubstr("does not fit"));
  for (const char* text : {"", "ten", "1.5", "0x", "--1", "0x1ffffffffffffffff", "1 "}) {
    EXPECT_THAT(written(u32_, text), HasSubstr("is no unsigned int")) << text;
  }
}

TEST_F(BtfWrite, NetworkOrderIsToldByTheTypesName) {
  EXPECT_EQ(written(alias("__be16", u16_), "443"), "01bb");
  EXPECT_EQ(written(alias("__be32", u32_), "1"), "00000001");
  EXPECT_EQ(written(u16_, "443"), "bb01");
  EXPECT_EQ(written(alias("__be32", u32_), "10.1.2.3"), "0a010203");
  EXPECT_EQ(written(u32_, "10.1.2.3"), "0a010203");
}

TEST_F(BtfWrite, TruthAndEnums) {
  EXPECT_EQ(written(bool_, "true"), "01");
  EXPECT_EQ(written(bool_, "off", 0xff), "00");
  EXPECT_THAT(written(bool_, "2"), HasSubstr("true or false"));
  std::uint32_t verdict = id(btf__add_enum(types_.get(), "verdict", 4));
  ASSERT_EQ(btf__add_enum_value(types_.get(), "DROP", 1), 0);
  ASSERT_EQ(btf__add_enum_value(types_.get(), "PASS", 2), 0);
  EXPECT_EQ(written(verdict, "PASS"), "02000000");
  EXPECT_EQ(written(verdict, "7"), "07000000");
  EXPECT_THAT(written(verdict, "PAS"), HasSubstr("DROP, PASS"));
}

TEST_F(BtfWrite, TextsAndAddressesInArrays) {
  EXPECT_EQ(written(array(char_, 6), "eth0", 0xff), "657468300000");
  EXPECT_THAT(written(array(char_, 4), "eth0"), HasSubstr("room for 3 and the NUL"));
  EXPECT_EQ(written(array(u8_, 6), "02:00:00:00:00:0a"), "02000000000a");
  EXPECT_EQ(written(array(u8_, 4), "192.0.2.1"), "c0000201");
  EXPECT_EQ(written(array(u8_, 16), "2001:db8::1"), "20010db8000000000000000000000001");
}

TEST_F(BtfWrite, ListsChangeWhatTheyName) {
  std::uint32_t ports = array(u16_, 3);
  EXPECT_EQ(written(ports, "80,443", 0x11), "5000bb011111");
  EXPECT_EQ(written(ports, "1, 2, 3"), "010002000300");
  EXPECT_THAT(written(ports, "1,2,3,4"), HasSubstr("4 values for an array of 3"));
  EXPECT_THAT(written(ports, "1,x"), HasSubstr("is no unsigned short"));
}

TEST_F(BtfWrite, APrefixIsLengthAndAddress) {
  std::uint32_t bytes = array(u8_, 4);
  std::uint32_t key = begin("lpm_key", 8);
  field("prefixlen", u32_, 0);
  field("addr", bytes, 4);
  EXPECT_EQ(written(key, "10.0.0.0/8"), "080000000a000000");
  EXPECT_EQ(written(key, "0.0.0.0/0"), "0000000000000000");
  EXPECT_THAT(written(key, "10.0.0.1/8"), HasSubstr("behind its prefix length"));
  EXPECT_THAT(written(key, "10.0.0.0/33"), HasSubstr("at most /32"));
  EXPECT_THAT(written(key, "2001:db8::/32"), HasSubstr("IPv4 prefix"));
  EXPECT_THAT(written(key, "7"),
              HasSubstr("struct lpm_key is set by its members: prefixlen, addr"));
}

TEST_F(BtfWrite, PathsLeadToMembersAndElements) {
  std::uint32_t ports = array(u16_, 3);
  std::uint32_t inner = begin("", 8);
  field("rate", u32_, 0);
  field("burst", u32_, 4);
  std::uint32_t outer = begin("limits", 24);
  field("on", bool_, 0);
  field("flag", u32_, 4, 3);
  field("", inner, 8);
  field("ports", ports, 16);
  EXPECT_EQ(place(outer, ""), "0+24");
  EXPECT_EQ(place(outer, ".on"), "0+1");
  EXPECT_EQ(place(outer, ".burst"), "12+4");
  EXPECT_EQ(place(outer, ".ports[2]"), "20+2");
  EXPECT_THAT(place(outer, ".ports[3]"), HasSubstr("beyond the end: 3 elements"));
  EXPECT_THAT(place(outer, ".port"),
              HasSubstr("has no member \"port\"; it has on, flag, rate, burst, ports"));
  EXPECT_THAT(place(outer, ".flag"), HasSubstr("bit-field"));
  EXPECT_THAT(place(outer, ".on.x"), HasSubstr("_Bool has no members"));
  EXPECT_THAT(place(outer, "[0]"), HasSubstr("is not indexed so"));
  for (const char* path : {".", "x", "[", ".ports[", ".ports]", ".ports[0]x"}) {
    EXPECT_FALSE(find_place(types_.get(), outer, path).ok()) << path;
  }
}

TEST_F(BtfWrite, TypesAreCalledAsInC) {
  EXPECT_EQ(btf_type_text(types_.get(), array(char_, 16)), "char[16]");
  EXPECT_EQ(btf_type_text(types_.get(), alias("__be32", u32_)), "__be32");
  EXPECT_EQ(btf_type_text(types_.get(), id(btf__add_ptr(types_.get(), ref(u32_)))), "pointer");
  EXPECT_THAT(written(id(btf__add_ptr(types_.get(), ref(u32_))), "1"),
              HasSubstr("cannot be written as text"));
}

}  // namespace
}  // namespace bpfman::kernel
