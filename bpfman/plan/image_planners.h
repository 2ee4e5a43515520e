// SPDX-License-Identifier: Apache-2.0
// Decisions about the images in the database: which one a word means, what goes when references are
// removed or the store is tidied. Pure, like planners.h. Bytecode that a program was loaded from is
// never removed, whatever happens to the references: its record is how the program is loaded again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/plan/plan.h"
#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// All that is kept of images. Read under the writer lock.
struct ImageStock {
  std::vector<ProgramRecord> programs;
  std::vector<ImageRecord> images;
  std::vector<StoredBlob> blobs;
};

// Bytecode that stays, and the programs that need it, by their stable names.
struct KeptBytecode {
  Digest digest;
  std::vector<std::string> programs;
  bool operator==(const KeptBytecode&) const = default;
};

struct ImageRemoval {
  Plan plan;
  std::vector<std::string> references;  // that are removed
  std::vector<StoredBlob> freed;        // that nothing names any more
  std::vector<KeptBytecode> kept;       // of removed references
};

// Stable names of the programs that were loaded from this bytecode.
std::vector<std::string> users_of(const Digest& bytecode,
                                  const std::vector<ProgramRecord>& programs);

// The image of `word`: a reference, or the beginning (12 digits or more) of an image id or of the
// bytecode's digest. InvalidArgument: no reference, or several images that mean different bytecode
// fit (they are listed); NotFound with suggestions.
Result<ImageRecord> find_image(std::string_view word, const std::vector<ImageRecord>& images);

// Puts several images in at once, all or none.
Plan plan_image_load(const std::vector<BytecodeFacts>& images, const Snapshot& snapshot);

// Removes references; bytecode that nothing names any more goes with them.
ImageRemoval plan_image_remove(const std::vector<ImageRecord>& images, const ImageStock& stock);

// Unnamed: blobs that no record names. Unused: also references whose bytecode no program uses.
enum class PruneScope { Unnamed, Unused };
// `max_bytes` > 0: of the references whose bytecode no program uses, the least recently used ones
// go until the bytecode takes no more than that, if that can be had. `keep` is a reference that
// stays in any case; "" for none.
ImageRemoval plan_image_prune(PruneScope scope,
                              std::uint64_t max_bytes,
                              const std::string& keep,
                              const ImageStock& stock);

}  // namespace bpfman::plan
