// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry.h"

#include "bpfman/base/text.h"
#include "bpfman/image/artifact.h"
#include "bpfman/image/mirrors.h"
#include "bpfman/image/registry_client.h"
#include "bpfman/image/registry_layers.h"
#include "bpfman/image/signature_finder.h"

namespace bpfman::image {
namespace {

Result<Pulled> pull_from(RegistryClient& client,
                         const ImageReference& reference,
                         const PullContext& context,
                         const Platform& platform) {
  Pulled out;
  std::string name = reference.normal_form();
  ChosenManifest chosen = TRY(fetch_chosen_manifest(client, reference, platform));
  const Manifest& manifest = chosen.manifest;
  out.manifest_digest = chosen.digest;
  out.index_digest = chosen.index_digest;
  out.canonical_name = name;
  out.registry = client.target().registry;
  ProgressMeter meter(context.progress, PullProgress{.image = name, .registry = out.registry});
  out.image_id = manifest.config.digest;
  auto open = [&](const Digest& digest) { return open_metered(client, digest, meter); };
  std::optional<Extracted> artifact = TRY(extract_artifact(open, manifest, name, platform, meter));
  if (artifact.has_value()) {
    out.image_id = out.manifest_digest;  // its config is the same for all artifacts
    artifact->route = "registry, " + artifact->route;
    out.extracted = std::move(*artifact);
    return out;
  }
  std::string config_text = TRY(read_document(client, manifest.config).with_context(name));
  ImageConfig config = TRY(parse_image_config(config_text).with_context(name));
  out.extracted = TRY(extract_registry_layers(client, manifest, config, name, platform, meter));
  return out;
}

// Signatures, if they matter. Not to get them is no reason to stop: whoever decides is told.
void add_signatures(RegistryClient& client, const PullContext& context, Pulled& pulled) {
  if (!context.wants_signatures || !context.wants_signatures(pulled)) {
    return;
  }
  Result<std::vector<SignatureDocument>> found =
      find_signatures(client, {pulled.manifest_digest, pulled.index_digest});
  if (found.ok()) {
    pulled.signatures = std::move(*found);
  } else {
    pulled.signature_note = found.error().message();
  }
}

}  // namespace

Result<Pulled> pull(const ImageReference& typed,
                    const PullContext& context,
                    const Platform& platform) {
  ImageReference reference = typed;
  if (std::optional<std::string> full = alias_of(context.policy, typed); full.has_value()) {
    reference = TRY(ImageReference::parse(*full).with_context("alias of " + typed.typed()));
  }
  std::vector<std::string> passed_over;
  auto ask = [&](RegistryClient& client) -> Result<Pulled> {
    if (context.progress) {
      context.progress(PullProgress{.phase = PullProgress::Phase::Begin,
                                    .image = reference.normal_form(),
                                    .registry = client.target().registry});
    }
    Pulled pulled = TRY(pull_from(client, reference, context, platform));
    add_signatures(client, context, pulled);
    pulled.warnings = client.warnings();
    return pulled;
  };
  Result<Pulled> pulled = ask_places(reference, context, passed_over, ask);
  if (pulled.ok()) {
    pulled->warnings.insert(pulled->warnings.end(), passed_over.begin(), passed_over.end());
    return pulled;
  }
  Error error = std::move(pulled).error();
  for (const std::string& one : passed_over) {
    error = std::move(error).with_hint(one);
  }
  return error;
}

}  // namespace bpfman::image
