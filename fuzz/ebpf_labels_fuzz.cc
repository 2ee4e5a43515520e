// SPDX-License-Identifier: Apache-2.0
// The label io.ebpf.programs of an image.
#include "bpfman/model/ebpf_labels.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string text(fuzz::text_of(data, size));
  Result<EbpfLabels> labels =
      parse_ebpf_labels({{"io.ebpf.programs", text}, {"io.ebpf.maps", text}});
  if (!labels.ok()) {
    FUZZ_CHECK(labels.error().code() == Code::InvalidArgument, "a label is invalid");
    return 0;
  }
  FUZZ_CHECK(labels->programs == labels->maps, "one text means one thing");
  return 0;
}
