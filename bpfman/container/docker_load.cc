// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/text.h"
#include "bpfman/container/docker_engine.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {

Result<std::string> load_into_docker(const Environment& environment,
                                     const RuntimeOptions& options,
                                     ByteView tar) {
  Error none(Code::Unavailable, "no Docker engine can be used");
  for (const std::unique_ptr<ContainerRuntime>& runtime : make_runtimes(environment, options)) {
    if (runtime->kind() != SourceKind::Docker) {
      continue;
    }
    std::string place = runtime->name() + " (" + runtime->location() + ")";
    // Only a daemon that answers takes something in; a store beside it does not do.
    Result<DockerEngine> engine = DockerEngine::create(runtime->location());
    Result<std::string> version =
        engine.ok() ? engine->version() : Result<std::string>(engine.error());
    if (!version.ok()) {
      none = std::move(none).with_hint(place + ": " + version.error().message());
      continue;
    }
    TRY(engine->load_image(tar).with_context(place));
    return place;
  }
  return std::move(none).with_hint("start it, or name it with --docker-host");
}

}  // namespace bpfman::container
