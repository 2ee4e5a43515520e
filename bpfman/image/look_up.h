// SPDX-License-Identifier: Apache-2.0
// Which kinds of sources are asked for an image, in which order, and how a miss is told. Pure.
#pragma once

#include <string>
#include <vector>

#include "bpfman/model/image.h"
#include "bpfman/model/image_reference.h"
#include "bpfman/model/specs.h"

namespace bpfman::image {

// What is asked unless a command says otherwise.
struct SourceSettings {
  std::vector<SourceKind> kinds = all_image_sources();
  std::string file;  // whose images.sources says so; "" when none does
};

struct LookUp {
  std::vector<SourceKind> kinds;    // that are asked, in this order
  std::vector<SourceKind> unasked;  // that the name does not exclude
  std::string why_unasked;
  bool only_named = false;  // --from: a stored copy from another kind of source is not used

  bool asks(SourceKind kind) const;
};

// InvalidArgument: the name says one source and --from another.
Result<LookUp> plan_look_up(const ImageReference& reference,
                            const ImageSource& source,
                            const SourceSettings& settings);

// A place that did not have the image.
struct Miss {
  std::string place;
  std::string why;
};

// NotFound with all places that were looked in, and those that were not asked.
Error not_found(const ImageReference& reference,
                const std::vector<Miss>& misses,
                const LookUp& look_up);

}  // namespace bpfman::image
