// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/btf_bytes.h"

#include <cstring>

#include <gtest/gtest.h>
#include <linux/btf.h>

namespace bpfman::chain {
namespace {

TEST(BtfBuilder, WritesHeaderTypesAndStrings) {
  BtfBuilder btf;
  std::uint32_t number = btf.add_int("int", 4);
  std::uint32_t context = btf.add_empty_struct("xdp_md");
  std::uint32_t pointer = btf.add_pointer(context);
  std::uint32_t prototype = btf.add_prototype(number, "ctx", pointer);
  std::uint32_t function = btf.add_function("main", prototype, Linkage::Global);
  EXPECT_EQ(function, 5U);
  Bytes bytes = btf.bytes();

  ::btf_header header = {};
  ASSERT_GE(bytes.size(), sizeof header);
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(header.magic, BTF_MAGIC);
  EXPECT_EQ(header.type_off, 0U);
  EXPECT_EQ(header.str_off, header.type_len);
  EXPECT_EQ(bytes.size(), header.hdr_len + header.type_len + header.str_len);

  std::vector<std::uint32_t> types(header.type_len / 4);
  std::memcpy(types.data(), bytes.data() + header.hdr_len, header.type_len);
  std::string_view strings = as_text(bytes).substr(header.hdr_len + header.str_off);
  EXPECT_EQ(strings, std::string_view("\0int\0xdp_md\0ctx\0main\0", 21));
  EXPECT_EQ(types,
            (std::vector<std::uint32_t>{1,
                                        BTF_KIND_INT << 24,
                                        4,
                                        1U << 24 | 32,  // int
                                        5,
                                        BTF_KIND_STRUCT << 24,
                                        0,  // xdp_md
                                        0,
                                        BTF_KIND_PTR << 24,
                                        context,  //
                                        0,
                                        BTF_KIND_FUNC_PROTO << 24 | 1,
                                        number,
                                        12,
                                        pointer,  //
                                        16,
                                        BTF_KIND_FUNC << 24 | 1,
                                        prototype}));
}

}  // namespace
}  // namespace bpfman::chain
