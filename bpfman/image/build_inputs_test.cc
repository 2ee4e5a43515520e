// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/build_inputs.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Platform kHost{.architecture = "amd64"};

// The header is all that is looked at.
BuildInput input(const std::string& name, bool little = true) {
  Bytes bytes(64);
  const std::string magic = ELFMAG;
  for (std::size_t i = 0; i < magic.size(); ++i) {
    bytes[i] = static_cast<std::byte>(magic[i]);
  }
  bytes[EI_DATA] = std::byte{static_cast<unsigned char>(little ? ELFDATA2LSB : ELFDATA2MSB)};
  bytes[little ? 18 : 19] = std::byte{247};
  return BuildInput{.path = "/project/" + name, .bytes = std::move(bytes)};
}

std::vector<std::string> architectures(const std::vector<BuildInput>& inputs) {
  std::vector<std::string> out;
  for (const PlatformObject& object : platform_objects(inputs, kHost).value_or({})) {
    out.push_back(object.platform.architecture);
  }
  return out;
}

TEST(BuildInputs, ASingleFileIsForThisHost) {
  EXPECT_THAT(architectures({input("prog.bpf.o")}), ElementsAre("amd64"));
  EXPECT_THAT(architectures({input("arm-filter.o")}), ElementsAre("amd64"));
  EXPECT_THAT(*build_arguments({input("prog.bpf.o")}, kHost),
              ElementsAre(BuildArgument{"BYTECODE_FILE", "/project/prog.bpf.o", kHost}));
}

TEST(BuildInputs, NamesOfBpf2goTellTheArchitecture) {
  std::vector<BuildInput> inputs = {input("bpf_x86_bpfel.o"),
                                    input("bpf_arm64_bpfel.o"),
                                    input("bpf_powerpc_bpfel.o"),
                                    input("bpf_powerpc_bpfeb.o", false),
                                    input("BPF-S390.bpfeb.o", false)};
  EXPECT_THAT(architectures(inputs), ElementsAre("amd64", "arm64", "ppc64", "ppc64le", "s390x"));
  std::vector<std::string> names;
  std::vector<BuildArgument> arguments = *build_arguments(inputs, kHost);
  for (const BuildArgument& argument : arguments) {
    names.push_back(argument.name);
  }
  EXPECT_THAT(
      names,
      ElementsAre("BC_AMD64_EL", "BC_ARM64_EL", "BC_PPC64LE_EL", "BC_PPC64_EB", "BC_S390X_EB"));
}

TEST(BuildInputs, AByteOrderIsForAllThatHaveNoneOfTheirOwn) {
  std::vector<PlatformObject> objects = *platform_objects(
      {input("bpf_bpfel.o"), input("bpf_bpfeb.o", false), input("bpf_x86_bpfel.o")}, kHost);
  for (const PlatformObject& object : objects) {
    std::string expected =
        object.platform.architecture == "amd64" ? "bpf_x86_bpfel.o"
        : object.platform.architecture == "s390x" || object.platform.architecture == "ppc64" ||
                object.platform.architecture == "mips" || object.platform.architecture == "mips64"
            ? "bpf_bpfeb.o"
            : "bpf_bpfel.o";
    EXPECT_EQ(object.file_name, expected) << object.platform.architecture;
  }
  EXPECT_EQ(objects.size(), 13U);
  EXPECT_THAT(architectures({input("bpf_bpfel.o")}), Contains("arm64"));
  EXPECT_THAT(architectures({input("bpf_bpfel.o")}), Not(Contains("s390x")));
}

TEST(BuildInputs, WhatCannotBeRightIsRefused) {
  struct Wrong {
    std::vector<BuildInput> inputs;
    const char* text;
  };

  for (const Wrong& wrong : std::vector<Wrong>{
           {{}, "no eBPF object file"},
           {{input("a_x86_bpfel.o"), input("b_x86_bpfel.o")}, "both for linux/amd64"},
           {{input("a_bpfel.o"), input("b_bpfel.o")}, "both for linux/"},
           {{input("a.o"), input("b.o")}, "does not say what it is for"},
           {{input("a_bpfel.o", false)}, "its name says otherwise"},
           {{input("a_x86_bpfeb.o")}, "its name says otherwise"},
           {{BuildInput{"x.o", bytes_of("no object")}}, "no eBPF object file"}}) {
    Result<std::vector<PlatformObject>> objects = platform_objects(wrong.inputs, kHost);
    ASSERT_FALSE(objects.ok()) << wrong.text;
    EXPECT_EQ(objects.error().code(), Code::InvalidArgument);
    EXPECT_THAT(objects.error().message(), HasSubstr(wrong.text));
  }
}

}  // namespace
}  // namespace bpfman::image
