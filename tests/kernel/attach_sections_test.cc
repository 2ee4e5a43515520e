// SPDX-License-Identifier: Apache-2.0
// Every section is loaded as what it says, also those that the libbpf we build with does not know.
#include <cctype>

#include <gmock/gmock.h>

#include "bpfman/model/bpf_elf.h"
#include "tests/kernel/attach_fixture.h"

namespace bpfman::testing {
namespace {

class Section : public AttachTest, public ::testing::WithParamInterface<int> {};

TEST_P(Section, Loads) {
  std::string program = "program_" + std::to_string(GetParam());
  Bytes bytes = test_object("k_sections");
  Result<BpfElf> elf = parse_bpf_elf(bytes);
  ASSERT_TRUE(elf.ok()) << elf.error().message();
  const ElfProgram* found = elf->find_program(program);
  ASSERT_NE(found, nullptr) << program;
  SCOPED_TRACE(found->section);
  LOAD({"k_sections", program, found->section});
  EXPECT_TRUE(path_exists(fs("prog")));
}

constexpr int kSections = 51;

// "12_kprobe_multi_vfs_read"
std::string name_of(const ::testing::TestParamInfo<int>& index) {
  std::string name = std::to_string(index.param);
  Bytes bytes = test_object("k_sections");
  Result<BpfElf> elf = parse_bpf_elf(bytes);
  const ElfProgram* program = elf.ok() ? elf->find_program("program_" + name) : nullptr;
  for (char letter : program == nullptr ? std::string() : "/" + program->section) {
    bool plain = std::isalnum(static_cast<unsigned char>(letter)) != 0;
    name.push_back(plain ? letter : '_');
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Every, Section, ::testing::Range(0, kSections), name_of);

}  // namespace
}  // namespace bpfman::testing
