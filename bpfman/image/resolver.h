// SPDX-License-Identifier: Apache-2.0
// Resolver: one look-up, from what was typed to proved bytecode. Not for other rooms.
//   resolver.cc        the order: database, local runtimes, registry
//   resolver_fetch.cc  what is made of an image that was found: file, registry, signatures
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bpfman/image/extract.h"
#include "bpfman/image/image_manager.h"
#include "bpfman/image/look_up.h"
#include "bpfman/image/registry.h"
#include "bpfman/model/image_reference.h"

namespace bpfman::image {

class Resolver {
 public:
  Resolver(std::vector<std::unique_ptr<ContainerRuntime>>& runtimes,
           ImageDatabase* database,
           const Environment& environment,
           const ImageManagerOptions& options,
           const ImageSource& source,
           ImageReference reference,
           LookUp look_up);

  Result<ResolvedImage> resolve();

 private:
  struct Found {
    ContainerRuntime* runtime = nullptr;
    std::unique_ptr<LocalImage> image;
  };

  Result<ResolvedImage> from_sources();

  // The first runtime that has the name. An error of a runtime ends the search: what it would have
  // said is unknown.
  Result<Found> find_first(std::size_t& next, std::size_t end);

  // The stored copy, unless a local store means another image by the name now. nullopt: the copy
  // cannot be used.
  Result<std::optional<ResolvedImage>> from_database(const ImageRecord& record);

  Result<std::optional<ResolvedImage>> rebuilt(const ImageRecord& record, Found& found);

  Result<std::optional<ResolvedImage>> from_runtimes(std::size_t next, std::size_t end);

  // Whether a later runtime means another program by the same name: predictable beats clever, but
  // it must be said.
  Result<void> compare_with_others(ResolvedImage& chosen,
                                   const std::string& place,
                                   std::size_t next);

  Result<ResolvedImage> extract(Found& found);

  // A file holds what it holds: there is nowhere else to look.
  Result<ResolvedImage> from_file();

  // Why a registry is not asked although it might be; "" when it is.
  std::string why_not_pulled() const;

  // nullopt: not asked, or it could not be had there.
  Result<std::optional<ResolvedImage>> from_registry();

  bool wants_signatures(const ImageRecord& record) const;

  // Those that the store keeps beside the image. Whether there are any.
  static bool take_stored_signatures(LocalImage& image, ResolvedImage& out);

  // The signatures of an image that lies here, from the registry that its name names: they travel
  // along the hash chain from the manifest to the image id. Whether the record changed.
  bool look_for_signatures(ResolvedImage& out);

  PullContext make_context();

  Result<Pulled> pull_image();

  Result<ResolvedImage> finish(Extracted extracted, Provenance provenance);

  std::vector<ContainerRuntime*> asked_;  // in look-up order
  std::size_t before_registry_ = 0;       // that many of them are asked before the registry
  ImageDatabase* database_;
  const Environment& environment_;
  const ImageManagerOptions& options_;
  const ImageSource& source_;
  ImageReference reference_;
  LookUp look_up_;
  std::vector<Miss> misses_;
  std::vector<std::string> warnings_;
};

}  // namespace bpfman::image
