// SPDX-License-Identifier: Apache-2.0
// Against an object that clang made, whole, cut and changed.
#include "bpfman/model/bpf_elf.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <random>

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"

namespace bpfman {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Bytes example() {
  Result<Bytes> bytes = read_file(BPFMAN_EXAMPLE_OBJECT, 1 << 20);
  EXPECT_TRUE(bytes.ok()) << bytes.error().message();
  return *bytes;
}

Bytes changed(std::size_t offset, unsigned value) {
  Bytes bytes = example();
  bytes.at(offset) = static_cast<std::byte>(value);
  return bytes;
}

TEST(BpfElf, TellsProgramsMapsLicenseAndBtf) {
  Result<BpfElf> elf = parse_bpf_elf(example());
  ASSERT_TRUE(elf.ok()) << elf.error().message();
  EXPECT_THAT(elf->programs, ElementsAre(ElfProgram{"pass_counter", "xdp", ProgramType::Xdp}));
  EXPECT_THAT(elf->maps, ElementsAre("packet_stats"));
  EXPECT_EQ(elf->license, "Dual BSD/GPL");
  EXPECT_TRUE(elf->has_btf);
  EXPECT_NE(elf->find_program("pass_counter"), nullptr);
  EXPECT_EQ(elf->find_program("pass_counte"), nullptr);
}

TEST(BpfElf, OfAnotherMachineIsNamed) {
  Result<BpfElf> elf = parse_bpf_elf(changed(offsetof(Elf64_Ehdr, e_machine), EM_X86_64));
  ASSERT_FALSE(elf.ok());
  EXPECT_EQ(elf.error().code(), Code::InvalidArgument);
  // Machine numbers are 16 bits: 247 is 0x00f7, so only the low byte differs.
  EXPECT_THAT(elf.error().message(), HasSubstr("x86-64"));
  EXPECT_THAT(elf.error().hints(), Contains(HasSubstr("-target bpf")));
}

TEST(BpfElf, OfTheOtherByteOrderIsNamed) {
  bool little = std::endian::native == std::endian::little;
  Bytes bytes = changed(EI_DATA, little ? ELFDATA2MSB : ELFDATA2LSB);
  std::swap(bytes[offsetof(Elf64_Ehdr, e_machine)], bytes[offsetof(Elf64_Ehdr, e_machine) + 1]);
  Result<BpfElf> elf = parse_bpf_elf(bytes);
  ASSERT_FALSE(elf.ok());
  EXPECT_THAT(elf.error().message(), HasSubstr(little ? "ELFDATA2MSB" : "ELFDATA2LSB"));
}

TEST(BpfElf, ThatIsNoneIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("#!/bin/sh\n"), std::string(64, '\0')}) {
    EXPECT_EQ(parse_bpf_elf(as_bytes(text)).error().code(), Code::InvalidArgument);
    EXPECT_FALSE(looks_like_bpf_elf(as_bytes(text)));
  }
  EXPECT_FALSE(parse_bpf_elf(changed(EI_CLASS, ELFCLASS32)).ok());
  EXPECT_FALSE(parse_bpf_elf(changed(offsetof(Elf64_Ehdr, e_type), ET_EXEC)).ok());
}

TEST(BpfElf, CutAnywhereIsAnErrorAndNothingWorse) {
  Bytes whole = example();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // On the heap with exactly this size, so that the sanitizer sees a byte too far.
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    Result<BpfElf> elf = parse_bpf_elf(cut);
    EXPECT_FALSE(elf.ok()) << "cut to " << size;
  }
}

TEST(BpfElf, WithAnyByteChangedIsReadOrRefused) {
  std::minstd_rand random(7);  // NOLINT(bugprone-random-generator-seed): the same every time
  Bytes whole = example();
  for (int i = 0; i < 5000; ++i) {
    Bytes bytes = whole;
    for (int j = 0; j < 3; ++j) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random() % 256);
    }
    Result<BpfElf> elf = parse_bpf_elf(bytes);
    if (!elf.ok()) {
      EXPECT_EQ(elf.error().code(), Code::InvalidArgument) << elf.error().message();
    }
  }
}

TEST(BpfElf, TablesThatOverflowAreRefused) {
  struct Field {
    const char* name;
    std::size_t offset;
    std::size_t size;
  };

  for (const Field& field : {Field{"e_shoff", offsetof(Elf64_Ehdr, e_shoff), 8},
                             Field{"e_shentsize", offsetof(Elf64_Ehdr, e_shentsize), 2},
                             Field{"e_shnum", offsetof(Elf64_Ehdr, e_shnum), 2},
                             Field{"e_shstrndx", offsetof(Elf64_Ehdr, e_shstrndx), 2}}) {
    Bytes bytes = example();
    std::fill_n(
        bytes.begin() + static_cast<std::ptrdiff_t>(field.offset), field.size, std::byte{0xff});
    Result<BpfElf> elf = parse_bpf_elf(bytes);
    ASSERT_FALSE(elf.ok()) << field.name;
    EXPECT_EQ(elf.error().code(), Code::InvalidArgument) << field.name;
    EXPECT_FALSE(elf.error().message().empty());
  }
}

TEST(BpfElf, SectionsThatReachBeyondTheFileAreRefusedOrNotRead) {
  const Bytes whole = example();
  Elf64_Ehdr header = {};
  std::memcpy(&header, whole.data(), sizeof(header));
  for (std::size_t i = 1; i < header.e_shnum; ++i) {
    for (std::size_t member : {offsetof(Elf64_Shdr, sh_offset),
                               offsetof(Elf64_Shdr, sh_size),
                               offsetof(Elf64_Shdr, sh_entsize)}) {
      Bytes bytes = whole;
      std::size_t at = header.e_shoff + i * sizeof(Elf64_Shdr) + member;
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 8, std::byte{0xff});
      Result<BpfElf> elf = parse_bpf_elf(bytes);
      EXPECT_TRUE(elf.ok() || elf.error().code() == Code::InvalidArgument) << i;
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 8, std::byte{0});
      EXPECT_TRUE(parse_bpf_elf(bytes).ok() ||
                  parse_bpf_elf(bytes).error().code() == Code::InvalidArgument);
    }
  }
}

TEST(BpfElf, IsRecognisedByItsFirstTwentyBytesInEitherByteOrder) {
  Bytes head = example();
  head.resize(20);
  EXPECT_TRUE(looks_like_bpf_elf(head));
  head.resize(19);
  EXPECT_FALSE(looks_like_bpf_elf(head));
  Bytes big = example();
  big.resize(20);
  big[EI_DATA] = static_cast<std::byte>(ELFDATA2MSB);
  std::swap(big[offsetof(Elf64_Ehdr, e_machine)], big[offsetof(Elf64_Ehdr, e_machine) + 1]);
  EXPECT_TRUE(looks_like_bpf_elf(big));
}

}  // namespace
}  // namespace bpfman
