// SPDX-License-Identifier: Apache-2.0
// From a name in containerd to an image: index -> manifest -> config, each hashed against the
// digest that led to it.
#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/container/containerd_store.h"
#include "bpfman/container/docker_inspect.h"
#include "bpfman/container/storage_books.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kDocumentLimit = std::size_t{4} << 20;
constexpr std::size_t kMaxLayers = 127;

class ContainerdImage final : public LocalImage {
 public:
  ContainerdImage(std::shared_ptr<ContainerdStore> store,
                  std::string space,
                  ImageDescription description,
                  std::vector<ManifestLayer> layers)
      : store_(std::move(store)),
        space_(std::move(space)),
        description_(std::move(description)),
        layers_(std::move(layers)) {}

  const ImageDescription& description() const override { return description_; }

  std::string route() const override { return store_->directory_route(); }

  Result<std::vector<LayerBlob>> open_blobs() override {
    std::vector<LayerBlob> blobs;
    for (const ManifestLayer& layer : layers_) {
      blobs.push_back(blob_of(layer));
    }
    return blobs;
  }

  Result<std::vector<LayerDirectory>> open_layers() override {
    std::vector<LayerDirectory> layers =
        TRY(store_->open_layers(space_, description_.image_id, description_.diff_ids));
    for (std::size_t i = 0; i < layers.size() && i < layers_.size(); ++i) {
      layers[i].blob = blob_of(layers_[i]);
    }
    return layers;
  }

  Result<std::vector<LayerBlob>> open_remade() override {
    std::vector<LayerBlob> blobs =
        TRY(store_->open_remade(space_, description_.image_id, description_.diff_ids));
    // The store must outlive what was opened in it.
    for (LayerBlob& blob : blobs) {
      blob.open = [store = store_, open = std::move(blob.open)] { return open(); };
    }
    return blobs;
  }

  Result<std::unique_ptr<ByteSource>> open_file_archive(const std::string&) override {
    return Error(Code::Unimplemented, "containerd copies no files out");
  }

  Result<std::unique_ptr<ByteSource>> open_image_archive() override {
    return Error(Code::Unimplemented,
                 "containerd has neither the layers of the image nor its files where they can be "
                 "read here");
  }

 private:
  LayerBlob blob_of(const ManifestLayer& layer) const {
    return LayerBlob{.digest = layer.digest,
                     .size = layer.size,
                     .media_type = layer.media_type,
                     .open = [store = store_, space = space_, digest = layer.digest] {
                       return store->open_blob(space, digest);
                     }};
  }

  // Shared with what reads a layer: a blob may be opened while the image is.
  std::shared_ptr<ContainerdStore> store_;
  std::string space_;
  ImageDescription description_;
  std::vector<ManifestLayer> layers_;  // bottom first
};

Result<std::string> read_document(ContainerdStore& store,
                                  const std::string& space,
                                  const Digest& digest) {
  if (digest.algorithm() != "sha256") {
    return Error(Code::Unimplemented, "digest " + digest.text() + " cannot be checked");
  }
  std::unique_ptr<ByteSource> source = TRY(store.open_blob(space, digest));
  Bytes bytes = TRY(read_all(*source, kDocumentLimit).with_context("blob " + digest.text()));
  if (Digest::sha256_of(bytes) != digest) {
    return Error(Code::DataLoss, "blob " + digest.text() + " does not match its digest")
        .with_hint("containerd's content store is damaged: remove the image and import it again");
  }
  return std::string(as_text(bytes));
}

struct Chosen {
  ManifestPointer manifest;
  Digest digest;
  std::string why_missing;  // not empty: an index without an image for this host
};

Result<Chosen> choose_manifest(ContainerdStore& store,
                               const std::string& space,
                               const ContainerdName& name) {
  Platform host = host_platform();
  std::string text = TRY(read_document(store, space, name.target));
  Chosen out;
  out.digest = name.target;
  out.manifest = TRY(parse_manifest_pointer(text, host));
  if (!out.manifest.is_index) {
    return out;
  }
  std::string offered =
      out.manifest.offered.empty() ? "none at all" : join(out.manifest.offered, ", ");
  std::string missing = name.name + " is an index whose " + to_string(host) +
                        " image is not there; it has " + offered;
  out.digest = out.manifest.platform_entry;
  // A local build of one platform may come without saying so.
  if (out.digest.empty() && out.manifest.offered.empty() && out.manifest.entries.size() == 1) {
    out.digest = out.manifest.entries.front();
  }
  if (out.digest.empty()) {
    out.why_missing = missing;
    return out;
  }
  Result<std::string> inner = read_document(store, space, out.digest);
  if (!inner.ok() && inner.error().code() == Code::NotFound) {
    // Pulled for another platform only.
    out.why_missing = missing + ", of which not all were pulled";
    return out;
  }
  std::string manifest = TRY(std::move(inner));
  out.manifest = TRY(parse_manifest_pointer(manifest, host));
  if (out.manifest.is_index) {
    return Error(Code::DataLoss, "the index of " + name.name + " leads to another index");
  }
  return out;
}

}  // namespace

Result<ContainerRuntime::Answer> open_containerd_image(std::shared_ptr<ContainerdStore> store,
                                                       const std::string& space,
                                                       const ContainerdName& name) {
  Chosen chosen = TRY(choose_manifest(*store, space, name).with_context("image " + name.name));
  if (!chosen.why_missing.empty()) {
    return ContainerRuntime::Answer{nullptr, std::move(chosen.why_missing)};
  }
  ImageDescription description;
  description.canonical_name = space + "/" + name.name;
  description.image_id = chosen.manifest.config;
  description.manifest_digest = chosen.digest;
  description.config_json =
      TRY(read_document(*store, space, chosen.manifest.config).with_context("image " + name.name));
  description.diff_ids = TRY(parse_diff_ids(description.config_json));
  if (description.diff_ids.size() != chosen.manifest.layers.size() ||
      description.diff_ids.size() > kMaxLayers) {
    return Error(Code::DataLoss,
                 "manifest and config of " + name.name + " disagree about the number of layers");
  }
  return ContainerRuntime::Answer{
      std::make_unique<ContainerdImage>(
          std::move(store), space, std::move(description), std::move(chosen.manifest.layers)),
      ""};
}

namespace {

// One image of that id, or an error when several begin so.
Result<std::optional<ContainerdName>> find_id(ContainerdStore& store,
                                              const std::string& space,
                                              const std::string& hex) {
  std::vector<ContainerdName> found = TRY(store.find_ids(space, hex));
  for (const ContainerdName& other : found) {
    if (other.target != found.front().target) {
      return Error(Code::InvalidArgument,
                   "\"" + hex + "\" begins the id of several images: " + found.front().name +
                       " and " + other.name);
    }
  }
  return found.empty() ? std::optional<ContainerdName>() : std::optional(found.front());
}

Result<std::optional<ContainerdName>> find_in(ContainerdStore& store,
                                              const std::string& space,
                                              const ImageReference& reference) {
  std::optional<ContainerdName> found;
  if (!reference.is_id()) {
    found = TRY(store.find_name(space, reference.normal_form()));
  }
  if (found.has_value() && reference.digest().has_value() && found->target != *reference.digest()) {
    found.reset();
  }
  if (!found.has_value() && !reference.is_id() && reference.digest().has_value()) {
    // name@digest: the digest decides.
    return find_id(store, space, std::string(reference.digest()->hex()));
  }
  if (!found.has_value() && (reference.is_id() || reference.may_be_id())) {
    return find_id(store, space, reference.id_hex());
  }
  return found;
}

}  // namespace

Result<ContainerRuntime::Answer> find_containerd_image(
    const std::shared_ptr<ContainerdStore>& store,
    const std::vector<std::string>& spaces,
    const ImageReference& reference) {
  std::string why;
  for (const std::string& space : spaces) {
    std::optional<ContainerdName> found = TRY(find_in(*store, space, reference));
    if (!found.has_value()) {
      continue;
    }
    ContainerRuntime::Answer answer = TRY(open_containerd_image(store, space, *found));
    if (answer.image != nullptr) {
      return answer;
    }
    why += (why.empty() ? "" : "; ") + answer.why_missing;
  }
  if (why.empty()) {
    std::string name = reference.is_id() ? reference.typed() : reference.normal_form();
    why = spaces.empty()
              ? "none of its namespaces is one that images are looked for in"
              : "no image named " + name + " in " +
                    (spaces.size() == 1 ? "namespace " : "namespaces ") + join(spaces, ", ");
  }
  return ContainerRuntime::Answer{nullptr, std::move(why)};
}

}  // namespace bpfman::container
