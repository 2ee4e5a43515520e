// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/image_manager.h"

#include <algorithm>
#include <chrono>

#include "bpfman/image/look_up.h"
#include "bpfman/image/resolver.h"

namespace bpfman::image {

struct ImageManager::State {
  std::vector<std::unique_ptr<ContainerRuntime>> runtimes;
  ImageDatabase* database;
  const Environment& environment;
  ImageManagerOptions options;
};

ImageManager::ImageManager(std::vector<std::unique_ptr<ContainerRuntime>> runtimes,
                           ImageDatabase* database,
                           const Environment& environment,
                           ImageManagerOptions options)
    : state_(std::make_unique<State>(
          State{std::move(runtimes), database, environment, std::move(options)})) {}

ImageManager::~ImageManager() = default;

Result<ResolvedImage> ImageManager::resolve(const ImageSource& source) {
  auto begin = std::chrono::steady_clock::now();
  ImageReference reference = TRY(ImageReference::parse(source.reference));
  LookUp look_up = TRY(plan_look_up(reference, source, state_->options.sources));
  Resolver resolver(state_->runtimes,
                    state_->database,
                    state_->environment,
                    state_->options,
                    source,
                    std::move(reference),
                    std::move(look_up));
  ResolvedImage out = TRY(resolver.resolve());
  out.lookup_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin)
          .count();
  return out;
}

std::vector<RuntimeStatus> ImageManager::probe_sources() {
  const SourceSettings& settings = state_->options.sources;
  std::vector<RuntimeStatus> out;
  for (SourceKind kind : settings.kinds) {
    for (const std::unique_ptr<ContainerRuntime>& runtime : state_->runtimes) {
      if (runtime->kind() == kind) {
        out.push_back(runtime->probe());
      }
    }
  }
  for (const std::unique_ptr<ContainerRuntime>& runtime : state_->runtimes) {
    if (std::find(settings.kinds.begin(), settings.kinds.end(), runtime->kind()) ==
        settings.kinds.end()) {
      out.push_back(
          RuntimeStatus{.kind = runtime->kind(),
                        .name = runtime->name(),
                        .location = runtime->location(),
                        .reason = "not asked: not in images.sources of " + settings.file});
    }
  }
  return out;
}

}  // namespace bpfman::image
