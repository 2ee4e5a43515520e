// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry.h"

#include "bpfman/base/text.h"
#include "bpfman/image/artifact.h"
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

// Another place may do better. A wrong digest is no such thing.
bool leads_on(const Error& error) {
  return error.code() == Code::NotFound || error.code() == Code::Unavailable ||
         error.code() == Code::PermissionDenied;
}

}  // namespace

Result<Pulled> pull(const ImageReference& typed,
                    const PullContext& context,
                    const Platform& platform) {
  ImageReference reference = typed;
  if (std::optional<std::string> full = alias_of(context.policy, typed); full.has_value()) {
    reference = TRY(ImageReference::parse(*full).with_context("alias of " + typed.typed()));
  }
  std::vector<PullTarget> targets = TRY(plan_pull(context.policy, reference));
  Retry retry(context.retry, context.interrupts);
  std::vector<std::string> passed_over;
  for (std::size_t i = 0;; ++i) {
    if (context.progress) {
      context.progress(PullProgress{.phase = PullProgress::Phase::Begin,
                                    .image = reference.normal_form(),
                                    .registry = targets[i].registry});
    }
    RegistryClient client(context, retry, targets[i]);
    Result<Pulled> pulled = pull_from(client, reference, context, platform);
    const bool last = i + 1 == targets.size();
    if (pulled.ok()) {
      add_signatures(client, context, *pulled);
      pulled->warnings = client.warnings();
      pulled->warnings.insert(pulled->warnings.end(), passed_over.begin(), passed_over.end());
      return pulled;
    }
    if (!last && leads_on(pulled.error())) {
      passed_over.push_back("mirror " + targets[i].registry + ": " + pulled.error().message());
      continue;
    }
    Error error = std::move(pulled).error();
    for (const std::string& one : passed_over) {
      error = std::move(error).with_hint(one);
    }
    return error;
  }
}

}  // namespace bpfman::image
