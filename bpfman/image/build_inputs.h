// SPDX-License-Identifier: Apache-2.0
// Which platforms an object file is for, by its name and its byte order, as bpf2go (cilium/ebpf)
// names them and upstream's `image build` reads them: words split at "_", "-", ".", in any case.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/image/image_writer.h"

namespace bpfman::image {

struct BuildInput {
  std::string path;
  Bytes bytes;
};

// One build argument of upstream's container files: BYTECODE_FILE, or BC_AMD64_EL and the like.
struct BuildArgument {
  std::string name;
  std::string path;
  Platform platform;
  bool operator==(const BuildArgument&) const = default;
};

// The build arguments of these inputs. A single file that names no architecture is BYTECODE_FILE.
// InvalidArgument: no eBPF object, a byte order that is not that of its name, two for one platform,
// several of which one names no architecture.
Result<std::vector<BuildArgument>> build_arguments(const std::vector<BuildInput>& inputs,
                                                   const Platform& host);

// One object a platform, ordered by architecture. "prog_x86_bpfel.o" is for amd64; "prog_bpfel.o"
// is for every architecture of its byte order that has none of its own; a single "prog.o" is for
// this host. Labels are left empty. Errors: as above.
Result<std::vector<PlatformObject>> platform_objects(const std::vector<BuildInput>& inputs,
                                                     const Platform& host);

}  // namespace bpfman::image
