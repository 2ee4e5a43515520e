// SPDX-License-Identifier: Apache-2.0
// ImageManager: from an image reference to verified bytecode. The look-up flow of
// docs/architecture.md: reference -> bpfman's database (with one cheap look whether the local
// runtimes mean the same image by that name) -> local runtimes in order -> registry. Every answer
// says where it came from; every miss lists the places looked in. Not thread safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/base/interrupts.h"
#include "bpfman/image/look_up.h"
#include "bpfman/model/container_runtime.h"
#include "bpfman/model/image.h"
#include "bpfman/model/pull_progress.h"
#include "bpfman/model/specs.h"

namespace bpfman::image {

// What ImageManager reads of the database. The manager implements it over store::Store.
class ImageDatabase {
 public:
  ImageDatabase() = default;
  ImageDatabase(const ImageDatabase&) = delete;
  ImageDatabase& operator=(const ImageDatabase&) = delete;
  virtual ~ImageDatabase() = default;
  virtual Result<std::optional<ImageRecord>> find_image(const std::string& reference) = 0;
  virtual Result<Bytes> read_blob(const Digest& digest) = 0;
};

struct ResolvedImage {
  ImageRecord record;  // as it should stand in the database
  Bytecode bytecode;
  EbpfLabels labels;
  bool from_database = false;         // the bytes came from the database; nothing is to be written
  bool record_changed = false;        // though the bytes came from the database
  std::vector<std::string> warnings;  // e.g. another runtime holds the name with different bytecode
  std::string signature_note;  // why signatures could not be looked for; "": they were, or do
                               // not matter
  std::int64_t lookup_ns = 0;
};

struct ImageManagerOptions {
  bool trust_database = false;  // no look into the runtimes on a database hit
  SourceSettings sources;
  bool strict = false;  // a differing image of the same name in another runtime is an error
  Platform platform = host_platform();
  std::int64_t now = 0;  // unix seconds, for provenance
  // Whether signatures matter for an image (its provenance, and its reference in normal form): then
  // they are looked for, and kept in the record. May be empty: they never do.
  std::function<bool(const Provenance&, const std::string&)> wants_signatures;
  // Whether the signatures of the record let it in, so that no registry need be asked for others.
  // May be empty: whatever there is will do.
  std::function<bool(const ResolvedImage&)> has_enough_signatures;
  PullProgressSink progress;               // of a pull from a registry; may be empty
  const Interrupts* interrupts = nullptr;  // look at it while pulling; may be null, outlives it
};

class ImageManager {
 public:
  // `runtimes` in look-up order; `database` may be null (nothing cached). Both outlive the manager.
  ImageManager(std::vector<std::unique_ptr<ContainerRuntime>> runtimes,
               ImageDatabase* database,
               const Environment& environment,
               ImageManagerOptions options);
  ImageManager(const ImageManager&) = delete;
  ImageManager& operator=(const ImageManager&) = delete;
  ~ImageManager();

  // Errors: InvalidArgument (reference; no eBPF ELF in the image; wrong byte order; several
  // objects: listed), NotFound (in no source: every place and why it missed is in the message and
  // hints), Unavailable (a runtime is there and does not answer: the look-up stops, see
  // docs/images.md), DataLoss (a digest does not match: never papered over by another route).
  Result<ResolvedImage> resolve(const ImageSource& source);

  std::vector<RuntimeStatus> probe_sources();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bpfman::image
