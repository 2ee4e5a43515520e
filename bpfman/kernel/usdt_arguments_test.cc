// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/usdt_arguments.h"

#include <gmock/gmock.h>

namespace bpfman::kernel {
namespace {

#if defined(__x86_64__)
TEST(UsdtArguments, AreConstantsRegistersAndMemory) {
  Result<UsdtSpec> spec = parse_usdt_arguments("-4@%edi 8@-8(%rbp) 1@$5 -8@(%r10)");
  ASSERT_TRUE(spec.ok()) << spec.error().message();
  EXPECT_EQ(spec->argument_count, 4);
  using Kind = UsdtArgument::Kind;
  EXPECT_EQ(spec->arguments[0], (UsdtArgument{0, Kind::Register, 112, true, 32}));
  EXPECT_EQ(spec->arguments[1],
            (UsdtArgument{static_cast<std::uint64_t>(-8), Kind::Memory, 32, false, 0}));
  EXPECT_EQ(spec->arguments[2], (UsdtArgument{5, Kind::Constant, 0, false, 56}));
  EXPECT_EQ(spec->arguments[3], (UsdtArgument{0, Kind::Memory, 56, true, 0}));
}
#endif

TEST(UsdtArguments, MayBeNone) {
  EXPECT_EQ(parse_usdt_arguments("")->argument_count, 0);
}

TEST(UsdtArguments, OfUnknownFormsAreRefused) {
  for (const char* text : {"4@%xmm0",
                           "4@8(%rax,%rbx,4)",
                           "4@counter(%rip)",
                           "4",
                           "@%eax",
                           "16@%rax",
                           "4@$",
                           "4@)",
                           "4@5"}) {
    Result<UsdtSpec> spec = parse_usdt_arguments(text);
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_EQ(spec.error().code(), Code::Unimplemented) << text;
  }
}

}  // namespace
}  // namespace bpfman::kernel
