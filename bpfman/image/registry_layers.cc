// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry_layers.h"

#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/image/layer_blobs.h"
#include "bpfman/image/picker.h"
#include "bpfman/image/streams.h"
#include "bpfman/image/tar_reader.h"
#include "bpfman/model/ebpf_labels.h"

namespace bpfman::image {
namespace {

// Kept by those who published it, not by the registry.
bool is_foreign(const Descriptor& layer) {
  return layer.media_type.find("nondistributable") != std::string::npos ||
         layer.media_type.find("rootfs.foreign") != std::string::npos;
}

Result<LayerObjects> read_layer(RegistryClient& client,
                                const Descriptor& layer,
                                const Digest& diff_id,
                                ProgressMeter& meter) {
  LayerBlob blob{.digest = layer.digest, .size = layer.size, .media_type = layer.media_type};
  blob.open = [&]() { return open_metered(client, layer.digest, meter); };
  return read_layer_blob(blob, diff_id, MediaTypes::MustAgree);
}

std::vector<ObjectFile> preferred(const std::vector<LayerListing>& listings) {
  std::vector<ObjectFile> all = merge_layers(listings);
  std::vector<ObjectFile> root;
  std::copy_if(all.begin(), all.end(), std::back_inserter(root), [](const ObjectFile& file) {
    return file.path.find('/') == std::string::npos;
  });
  return root.empty() ? all : root;
}

// Whether no layer below those that were read (from the top; the others are empty) can change which
// object is chosen: all of them are hidden, or the object that the label names, in the root, where
// it is preferred to any other, is in sight.
bool is_settled(const std::vector<LayerListing>& listings,
                std::size_t lowest_read,
                const EbpfLabels& labels) {
  if (listings[lowest_read].opaque.contains("")) {
    return true;
  }
  std::string named = normalise_tar_name(labels.file_name).value_or("");
  if (named.empty() || named.find('/') != std::string::npos) {
    return false;
  }
  std::vector<ObjectFile> visible = merge_layers(listings);
  return std::any_of(visible.begin(), visible.end(), [&named](const ObjectFile& file) {
    return file.path == named;
  });
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_metered(RegistryClient& client,
                                                 const Digest& digest,
                                                 ProgressMeter& meter) {
  std::unique_ptr<ByteSource> source = TRY(client.blob(digest));
  return make_metered_source(std::move(source), meter);
}

Result<ManifestDocument> fetch_manifest(RegistryClient& client,
                                        const std::string& tag_or_digest,
                                        const std::optional<Digest>& expected,
                                        Digest& found) {
  if (expected.has_value()) {
    TRY(check_algorithm(*expected));
  }
  net::HttpResponse response = TRY(client.manifest(tag_or_digest));
  found = Digest::sha256_of(as_bytes(response.body));
  std::optional<Digest> said = Digest::parse(response.header("docker-content-digest"));
  bool comparable = said.has_value() && said->algorithm() == "sha256";
  if ((expected.has_value() && found != *expected) || (comparable && found != *said)) {
    return Error(Code::DataLoss, "manifest " + tag_or_digest + " does not match its digest");
  }
  return parse_manifest(response.body, response.header("content-type"));
}

Result<ChosenManifest> fetch_chosen_manifest(RegistryClient& client,
                                             const ImageReference& reference,
                                             const Platform& platform) {
  ChosenManifest out;
  std::string name = reference.normal_form();
  std::string wanted =
      reference.digest().has_value() ? reference.digest()->text() : reference.tag();
  ManifestDocument document = TRY(fetch_manifest(client, wanted, reference.digest(), out.digest));
  if (document.is_index) {
    Descriptor entry = TRY(choose_platform(document.entries, platform).with_context(name));
    out.index_digest = out.digest;
    document = TRY(fetch_manifest(client, entry.digest.text(), entry.digest, out.digest));
    if (document.is_index) {
      return Error(Code::DataLoss, "the index of " + name + " leads to another index");
    }
  }
  out.manifest = std::move(document.manifest);
  return out;
}

Result<std::string> read_document(RegistryClient& client, const Descriptor& descriptor) {
  if (descriptor.size > kDocumentLimit) {
    return Error(Code::ResourceExhausted,
                 "blob " + descriptor.digest.text() + " is larger than 4 MiB");
  }
  TRY(check_algorithm(descriptor.digest));
  std::unique_ptr<ByteSource> source = TRY(client.blob(descriptor.digest));
  std::unique_ptr<ByteSource> limited = make_limited_source(*source, descriptor.size);
  Bytes bytes =
      TRY(read_all(*limited, kDocumentLimit).with_context("blob " + descriptor.digest.text()));
  if (bytes.size() != descriptor.size || Digest::sha256_of(bytes) != descriptor.digest) {
    return Error(Code::DataLoss, "blob " + descriptor.digest.text() + " does not match its digest");
  }
  return std::string(as_text(bytes));
}

Result<Extracted> extract_registry_layers(RegistryClient& client,
                                          const Manifest& manifest,
                                          const ImageConfig& config,
                                          const std::string& name,
                                          const Platform& platform,
                                          ProgressMeter& meter) {
  const std::size_t count = manifest.layers.size();
  if (count != config.diff_ids.size()) {
    return Error(Code::DataLoss,
                 "manifest and config of " + name + " disagree about the number of layers");
  }
  if (count > 0 && std::all_of(manifest.layers.begin(), manifest.layers.end(), is_foreign)) {
    return Error(Code::Unimplemented,
                 "the layers of " + name + " are kept by others than the registry (" +
                     manifest.layers.front().media_type + ")");
  }
  Extracted out{.labels = config.labels,
                .verification = Verification::Content,
                .route = "registry",
                .platform = config.platform};
  out.ebpf = TRY(parse_ebpf_labels(config.labels));
  std::uint64_t total = 0;
  for (const Descriptor& layer : manifest.layers) {
    total += is_foreign(layer) ? 0 : std::min(layer.size, kLargestBlob);
  }
  meter.begin(total);
  std::vector<LayerListing> listings(count);
  std::vector<std::map<std::string, Bytes>> contents(count);
  std::size_t object_bytes = 0;
  for (std::size_t i = count; i-- > 0;) {
    if (!is_foreign(manifest.layers[i])) {
      LayerObjects layer = TRY(read_layer(client, manifest.layers[i], config.diff_ids[i], meter));
      listings[i] = std::move(layer.listing);
      contents[i] = std::move(layer.content);
      object_bytes += layer.content_bytes;
    }
    if (object_bytes > kObjectsLimit) {
      return Error(Code::ResourceExhausted,
                   "the object files of " + name + " are larger than 64 MiB together");
    }
    if (is_settled(listings, i, out.ebpf)) {
      break;
    }
  }
  meter.end();
  std::vector<ObjectFile> candidates = preferred(listings);
  if (candidates.empty()) {
    return no_object(name, listings);
  }
  auto content_of = [&contents](const ObjectFile& file) -> Result<Bytes> {
    return contents[file.layer].at(file.path);
  };
  ObjectFile chosen = TRY(pick_object(candidates, out.ebpf, platform, content_of));
  out.bytes = TRY(content_of(chosen));
  out.file_name = chosen.path;
  return out;
}

}  // namespace bpfman::image
