// SPDX-License-Identifier: Apache-2.0
// Documents of bpfman apply. What is accepted can be loaded: it has a source, programs, and places
// that fit them.
#include "bpfman/model/application.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  Result<std::vector<WantedApplication>> all =
      parse_applications(fuzz::text_of(data, size), "a.yaml");
  if (!all.ok()) {
    FUZZ_CHECK(all.error().message().starts_with("a.yaml"), "an error without a place");
    return 0;
  }
  for (const WantedApplication& app : *all) {
    FUZZ_CHECK(!app.name.empty() && !app.programs.empty(), "an application of nothing");
    for (const WantedProgram& program : app.programs) {
      for (const WantedLink& link : program.links) {
        FUZZ_CHECK(fits(*program.choice.type, link.attach.target), "a place for others");
      }
    }
  }
  return 0;
}
