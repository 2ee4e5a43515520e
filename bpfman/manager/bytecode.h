// SPDX-License-Identifier: Apache-2.0
// From a LoadSpec's source to verified bytes and all that planners want to know of them.
#pragma once

#include "bpfman/base/environment.h"
#include "bpfman/image/image_manager.h"
#include "bpfman/plan/planners.h"
#include "bpfman/store/store.h"

namespace bpfman {

struct FoundBytecode {
  Bytecode bytecode;
  plan::BytecodeFacts facts;
  bool from_database = false;
  std::optional<ImageRecord> record;          // of an image
  std::vector<SignatureDocument> signatures;  // of a file, from FILE.sigstore.json
  std::string signature_note;                 // why signatures could not be looked for
  std::vector<std::string> warnings;
  std::int64_t lookup_ns = 0;
};

// A file: read once into memory; that buffer is hashed and loaded. Errors: NotFound `object file
// "P" does not exist`, InvalidArgument (a directory; no BPF object for this host),
// ResourceExhausted (over 16 MiB).
Result<FoundBytecode> read_bytecode_file(const FileSource& source, const Environment& environment);

// An image, by the look-up flow.
Result<FoundBytecode> resolve_image(const ImageSource& source, image::ImageManager& images);

}  // namespace bpfman
