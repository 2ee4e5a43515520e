// SPDX-License-Identifier: Apache-2.0
// Which of an image's object files is meant. Deterministic; never "the first wins".
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bpfman/image/layers.h"
#include "bpfman/model/image.h"

namespace bpfman::image {

// Reads one of the candidates; may be called for several.
using ReadObject = std::function<Result<Bytes>(const ObjectFile&)>;

// Several candidates: the one at io.ebpf.filename, else those with its base name; of these the one
// that has every function of io.ebpf.programs; else the one whose name fits this host (*_x86*,
// *_arm64*, ...; else *_bpfel / *_bpfeb without another architecture); else InvalidArgument that
// lists them. REQUIRES: `all` is not empty.
Result<ObjectFile> pick_object(const std::vector<ObjectFile>& all,
                               const EbpfLabels& labels,
                               const Platform& platform,
                               const ReadObject& read);

// The error for an image without any: says what was seen instead.
Error no_object(const std::string& image, const std::vector<LayerListing>& layers);

}  // namespace bpfman::image
