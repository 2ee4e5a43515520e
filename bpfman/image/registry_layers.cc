// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry_layers.h"

#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/image/layers.h"
#include "bpfman/image/picker.h"
#include "bpfman/image/streams.h"
#include "bpfman/image/tar_reader.h"
#include "bpfman/model/ebpf_labels.h"

namespace bpfman::image {
namespace {

constexpr std::uint64_t kCompressedLimit = std::uint64_t{2} << 30;
constexpr std::uint64_t kInflatedLimit = std::uint64_t{8} << 30;

class MeteredSource final : public ByteSource {
 public:
  MeteredSource(ByteSource& inner, ProgressMeter& meter) : inner_(inner), meter_(meter) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::size_t count = TRY(inner_.read(buffer));
    meter_.add(count);
    return count;
  }

 private:
  ByteSource& inner_;
  ProgressMeter& meter_;
};

// Kept by those who published it, not by the registry.
bool is_foreign(const Descriptor& layer) {
  return layer.media_type.find("nondistributable") != std::string::npos ||
         layer.media_type.find("rootfs.foreign") != std::string::npos;
}

// What the media type promises; nullopt when it promises nothing.
std::optional<Compression> promised(const std::string& media_type) {
  if (media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip")) {
    return Compression::Gzip;
  }
  if (media_type.ends_with("+zstd") || media_type.ends_with(".tar.zstd")) {
    return Compression::Zstd;
  }
  return media_type.ends_with(".tar") ? std::optional(Compression::None) : std::nullopt;
}

Result<LayerObjects> read_layer(RegistryClient& client,
                                const Descriptor& layer,
                                const Digest& diff_id,
                                ProgressMeter& meter) {
  std::string name = "layer " + layer.digest.text();
  if (layer.size > kCompressedLimit) {
    return Error(Code::ResourceExhausted, name + " is larger than 2 GiB");
  }
  TRY(check_algorithm(layer.digest));
  std::unique_ptr<ByteSource> source = TRY(client.blob(layer.digest));
  std::unique_ptr<ByteSource> limited = make_limited_source(*source, layer.size);
  MeteredSource metered(*limited, meter);
  HashingSource sent(metered);
  Compression found = Compression::None;
  std::unique_ptr<ByteSource> plain =
      TRY(make_inflating_source(sent, kInflatedLimit, &found).with_context(name));
  HashingSource tar(*plain);
  Result<LayerObjects> objects = read_tar_layer(tar);
  Result<void> unpacked = tar.drain();
  // A wrong digest explains an error of the readers better than the error itself.
  bool bomb = !unpacked.ok() && unpacked.error().code() == Code::ResourceExhausted;
  Result<void> arrived = bomb ? Result<void>() : sent.drain();
  if (!bomb && arrived.ok() && (sent.size() != layer.size || sent.finish() != layer.digest)) {
    return Error(Code::DataLoss, name + " does not match its digest");
  }
  TRY(std::move(arrived).with_context(name));
  if (std::optional<Compression> said = promised(layer.media_type);
      said.has_value() && *said != found) {
    return Error(Code::DataLoss,
                 name + " is not compressed as its type says (" + layer.media_type +
                     ", but it is " + std::string(to_string(found)) + ")");
  }
  if (!objects.ok()) {
    return std::move(objects).error().with_context(name);
  }
  TRY(std::move(unpacked).with_context(name));
  if (tar.finish() != diff_id) {
    return Error(Code::DataLoss, name + " unpacks to something else than the image config says");
  }
  return objects;
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

void ProgressMeter::begin(std::uint64_t total) {
  state_.total = total;
  say(PullProgress::Phase::Going);
}

void ProgressMeter::add(std::uint64_t bytes) {
  state_.done += bytes;
  say(PullProgress::Phase::Going);
}

void ProgressMeter::end() {
  say(PullProgress::Phase::End);
}

void ProgressMeter::say(PullProgress::Phase phase) {
  state_.phase = phase;
  if (sink_) {
    sink_(state_);
  }
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
    total += is_foreign(layer) ? 0 : std::min(layer.size, kCompressedLimit);
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
