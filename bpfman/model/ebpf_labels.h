// SPDX-License-Identifier: Apache-2.0
// Reading the io.ebpf.* labels of an image config.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/bpf_elf.h"
#include "bpfman/model/image.h"

namespace bpfman {

// io.ebpf.programs and io.ebpf.maps hold JSON objects of strings; where the first is missing, the
// legacy labels of one program (io.ebpf.bpf_function_name or io.ebpf.section_name,
// io.ebpf.program_type) are read. Other labels are ignored. InvalidArgument names the label that is
// no such object.
Result<EbpfLabels> parse_ebpf_labels(const std::map<std::string, std::string>& labels);

// The programs of io.ebpf.programs that are not in the object: the label is out of date.
std::vector<std::string> absent_programs(const EbpfLabels& labels, const BpfElf& elf);

// The labels io.ebpf.programs and io.ebpf.maps of an object, as upstream's tools write them: what
// has no type there is left out. Errors: those of parse_bpf_elf.
Result<std::map<std::string, std::string>> make_ebpf_labels(ByteView elf);

}  // namespace bpfman
