// SPDX-License-Identifier: Apache-2.0
// Object files out of images: anything may be in there.
#include "bpfman/model/bpf_elf.h"
#include "bpfman/model/bpf_map_types.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  ByteView bytes = fuzz::bytes_of(data, size);
  for (const auto& [name, type] : read_map_types(bytes)) {
    FUZZ_CHECK(!name.empty() && !type.empty(), "a map has a name and a type");
  }
  Result<BpfElf> elf = parse_bpf_elf(bytes);
  if (!elf.ok()) {
    FUZZ_CHECK(elf.error().code() == Code::InvalidArgument, "an ELF is invalid, nothing else");
    return 0;
  }
  FUZZ_CHECK(looks_like_bpf_elf(bytes), "what is parsed looks like one");
  for (const ElfProgram& program : elf->programs) {
    FUZZ_CHECK(!program.name.empty(), "a program has a name");
    FUZZ_CHECK(elf->find_program(program.name) != nullptr, "a program is found by its name");
  }
  return 0;
}
