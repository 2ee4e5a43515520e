// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::kernel {
namespace {

TEST(BpfObject, RefusesWhatIsNoElfAndKeepsLibbpfFromPrinting) {
  ::testing::internal::CaptureStderr();
  Result<BpfObject> object = BpfObject::open(as_bytes("this is not an object file"), "pass");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  ASSERT_FALSE(object.ok());
  EXPECT_EQ(object.error().code(), Code::InvalidArgument);
  EXPECT_THAT(object.error().message(), ::testing::StartsWith("read the object: "));
}

}  // namespace
}  // namespace bpfman::kernel
