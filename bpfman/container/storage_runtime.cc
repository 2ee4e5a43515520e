// SPDX-License-Identifier: Apache-2.0
// A containers-storage (Podman, Buildah, CRI-O) as a ContainerRuntime: read in place, no service,
// no process, no locks.
#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/container/artifact_store.h"
#include "bpfman/container/docker_inspect.h"
#include "bpfman/container/runtimes.h"
#include "bpfman/container/short_names.h"
#include "bpfman/container/storage_reader.h"
#include "bpfman/container/storage_signatures.h"
#include "bpfman/container/tool_version.h"

namespace bpfman::container {
namespace {

class StorageImage final : public LocalImage {
 public:
  StorageImage(StoredImage image,
               ImageDescription description,
               std::vector<StoredLayer> layers,
               std::shared_ptr<const StorageReader> reader)
      : image_(std::move(image)),
        description_(std::move(description)),
        layers_(std::move(layers)),
        reader_(std::move(reader)) {}

  const ImageDescription& description() const override { return description_; }

  std::string route() const override { return reader_->driver(); }

  Result<StoredSignatures> read_signatures() override {
    return read_stored_signatures(*reader_, image_, description_);
  }

  Result<std::vector<LayerDirectory>> open_layers() override {
    if (layers_.size() != description_.diff_ids.size()) {
      return Error(Code::DataLoss,
                   "image " + description_.image_id.text() + " has " +
                       std::to_string(description_.diff_ids.size()) + " layers, the store knows " +
                       std::to_string(layers_.size()));
    }
    std::vector<LayerDirectory> out;
    for (const StoredLayer& layer : layers_) {
      LayerDirectory directory = TRY(reader_->open_layer(layer));
      out.push_back(std::move(directory));
    }
    return out;
  }

  Result<std::unique_ptr<ByteSource>> open_file_archive(const std::string& /*path*/) override {
    return Error(Code::Unimplemented, "a containers-storage has no service to ask");
  }

  Result<std::unique_ptr<ByteSource>> open_image_archive() override {
    return Error(Code::Unimplemented, "a containers-storage has no service to ask");
  }

 private:
  StoredImage image_;
  ImageDescription description_;
  std::vector<StoredLayer> layers_;  // bottom first
  std::shared_ptr<const StorageReader> reader_;
};

// Layers of an image, bottom first. Aborted when the books are of two moments; Unavailable when a
// layer is incomplete.
Result<std::vector<StoredLayer>> chain_of(const StoredImage& image, const LayerBook& book) {
  std::vector<StoredLayer> chain;
  std::string id = image.layer;
  while (!id.empty()) {
    std::optional<StoredLayer> layer = TRY(book.find(id));
    if (!layer.has_value() || chain.size() > book.size()) {
      return Error(Code::Aborted,
                   "layer " + id + " of image " + image.id + " is not in the store's books");
    }
    if (layer->incomplete) {
      return Error(Code::Unavailable, "layer " + id + " of image " + image.id + " is incomplete")
          .with_hint(
              "it is being written, or a crash left it behind: try again, or remove the image and "
              "build or pull it again");
    }
    id = layer->parent;
    chain.push_back(std::move(*layer));
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

bool has_manifest(const StoredImage& image, const Digest& digest) {
  return !digest.empty() &&
         (image.digest == digest ||
          std::find(image.manifest_digests.begin(), image.manifest_digests.end(), digest) !=
              image.manifest_digests.end());
}

// The first record of the list that fits, or nullptr.
template <typename Fits>
const StoredImage* first(const std::vector<StoredImage>& images, Fits fits) {
  auto found = std::find_if(images.begin(), images.end(), fits);
  return found == images.end() ? nullptr : &*found;
}

Result<const StoredImage*> find_by_id(const std::vector<StoredImage>& images,
                                      const std::string& hex) {
  auto fits = [&](const StoredImage& image) { return !hex.empty() && image.id.starts_with(hex); };
  if (std::count_if(images.begin(), images.end(), fits) > 1) {
    return Error(Code::InvalidArgument, "\"" + hex + "\" begins the id of several images");
  }
  return first(images, fits);
}

struct Match {
  const StoredImage* image = nullptr;
  std::string name;        // the store's own
  bool by_digest = false;  // the reference names a manifest, which is still to be proved
};

std::string own_name(const StoredImage* image, const ImageReference& reference) {
  return image != nullptr && !image->names.empty() ? image->names.front() : reference.typed();
}

// In Podman's order: names, digest, id.
Result<Match> match(const ImageReference& reference,
                    const ImageQuery& query,
                    const std::vector<StoredImage>& images) {
  auto by_manifest = [&](const StoredImage& image) { return has_manifest(image, query.manifest); };
  if (!reference.is_id()) {
    for (const std::string& name : query.names) {
      auto by_name = [&](const StoredImage& image) {
        return std::find(image.names.begin(), image.names.end(), name) != image.names.end();
      };
      if (const StoredImage* image = first(images, by_name); image != nullptr) {
        return Match{image, name, reference.digest().has_value()};
      }
    }
    if (reference.digest().has_value()) {
      return Match{first(images, by_manifest), reference.normal_form(), true};
    }
  }
  const StoredImage* image = TRY(find_by_id(images, query.id_prefix));
  bool by_digest = image == nullptr;
  if (by_digest) {
    image = first(images, by_manifest);
  }
  return Match{image, own_name(image, reference), by_digest};
}

// That the manifest which a reference names by its digest leads to the config that was found: the
// books' word is not enough for a name that *is* a hash.
struct ProofOfDigest {
  const StorageReader& reader;
  const StoredImage& named;  // an index, or the image itself
  const StoredImage& image;
  const ImageDescription& description;

  Result<void> prove(const Digest& digest, int depth) const {
    constexpr int kMaxNesting = 2;
    std::string text = TRY(manifest_with(digest));
    ManifestPointer pointer = TRY(parse_manifest_pointer(text, host_platform()));
    if (!pointer.is_index && pointer.config == description.image_id) {
      return {};
    }
    for (const Digest& entry : pointer.entries) {
      if (depth < kMaxNesting && has_manifest(image, entry)) {
        return prove(entry, depth + 1);
      }
    }
    return Error(Code::DataLoss,
                 "manifest " + digest.text() + " in " + reader.root() + " does not lead to image " +
                     description.image_id.text());
  }

  Result<std::string> manifest_with(const Digest& digest) const {
    for (const std::string& id : {named.id, image.id}) {
      for (const std::string& key : {std::string("manifest"), "manifest-" + digest.text()}) {
        Result<std::string> text = reader.read_big_data(id, key);
        if (text.ok() && Digest::sha256_of(as_bytes(*text)) == digest) {
          return text;
        }
      }
    }
    return Error(Code::DataLoss,
                 "no manifest of image " + named.id + " in " + reader.root() + " has the digest " +
                     digest.text());
  }
};

class StorageRuntime final : public ContainerRuntime {
 public:
  StorageRuntime(std::string name, StorageOptions options)
      : name_(std::move(name)), options_(std::move(options)) {}

  SourceKind kind() const override { return SourceKind::Podman; }

  std::string name() const override { return name_; }

  std::string location() const override { return options_.graph_root; }

  RuntimeStatus probe() override;
  Result<Answer> find(const ImageReference& reference) override;

 private:
  struct Place {
    std::string root;
    std::string split_root;
  };

  // The image itself, or what an index has for this host.
  struct Platforms {
    std::optional<StoredImage> image;
    std::string why_missing;
  };

  std::vector<Place> places() const;
  Result<Platforms> resolve_index(const StorageReader& reader,
                                  const StoredImage& image,
                                  const std::string& name) const;
  Result<Answer> find_in(const std::shared_ptr<const StorageReader>& reader,
                         const ImageReference& reference) const;
  Result<Answer> find_in_place(const Place& place, const ImageReference& reference) const;
  Result<ImageDescription> describe(const StorageReader& reader, const StoredImage& image) const;

  std::string name_;
  StorageOptions options_;
};

std::vector<StorageRuntime::Place> StorageRuntime::places() const {
  std::vector<Place> out;
  if (!options_.image_store.empty()) {
    out.push_back(Place{options_.image_store, options_.graph_root});
  }
  out.push_back(Place{options_.graph_root, ""});
  for (const std::string& additional : options_.additional) {
    out.push_back(Place{additional, ""});
  }
  return out;
}

Result<ImageDescription> StorageRuntime::describe(const StorageReader& reader,
                                                  const StoredImage& image) const {
  ImageDescription out;
  std::string manifest = TRY(reader.read_big_data(image.id, "manifest"));
  ManifestPointer pointer = TRY(parse_manifest_pointer(manifest, host_platform()));
  out.image_id = pointer.config;
  out.manifest_digest = Digest::sha256_of(as_bytes(manifest));
  out.config_json = TRY(reader.read_big_data(image.id, pointer.config.text()));
  if (Digest::sha256_of(as_bytes(out.config_json)) != pointer.config) {
    return Error(
        Code::DataLoss,
        "the config of image " + image.id + " in " + reader.root() + " does not match its digest");
  }
  out.diff_ids = TRY(parse_diff_ids(out.config_json));
  return out;
}

// An index has no layers: it points to the images of single platforms by their manifest digests.
Result<StorageRuntime::Platforms> StorageRuntime::resolve_index(const StorageReader& reader,
                                                                const StoredImage& image,
                                                                const std::string& name) const {
  Result<std::string> manifest = reader.read_big_data(image.id, "manifest");
  if (!image.layer.empty() || !manifest.ok()) {
    return Platforms{image, ""};
  }
  ManifestPointer pointer =
      TRY(parse_manifest_pointer(*manifest, host_platform()).with_context(name));
  if (!pointer.is_index) {
    return Platforms{image, ""};
  }
  ImageQuery query{.names = {}, .id_prefix = "", .manifest = pointer.platform_entry};
  std::vector<StoredImage> entries;
  if (!query.manifest.empty()) {
    entries = TRY(reader.find_images(query));
  }
  if (entries.empty()) {
    return Platforms{
        std::nullopt,
        name + " is an index whose " + to_string(host_platform()) + " image is not there; it has " +
            (pointer.offered.empty() ? std::string("none at all") : join(pointer.offered, ", "))};
  }
  return Platforms{entries.front(), ""};
}

Result<ContainerRuntime::Answer> StorageRuntime::find_in(
    const std::shared_ptr<const StorageReader>& reader, const ImageReference& reference) const {
  ImageQuery query{.names = names_in_storage(reference, options_.names),
                   .id_prefix = reference.id_hex(),
                   .manifest = reference.digest().value_or(Digest())};
  std::vector<StoredImage> images = TRY(reader->find_images(query));
  Match found = TRY(match(reference, query, images));
  if (found.image == nullptr) {
    return Answer{nullptr, ""};
  }
  Platforms platform = TRY(resolve_index(*reader, *found.image, found.name));
  if (!platform.image.has_value()) {
    return Answer{nullptr, platform.why_missing};
  }
  LayerBook book = TRY(reader->read_layers());
  std::vector<StoredLayer> layers = TRY(chain_of(*platform.image, book));
  ImageDescription description = TRY(describe(*reader, *platform.image));
  description.canonical_name = found.name;
  if (found.by_digest) {
    ProofOfDigest proof{*reader, *found.image, *platform.image, description};
    TRY(proof.prove(query.manifest, 0));
  }
  return Answer{std::make_unique<StorageImage>(
                    std::move(*platform.image), std::move(description), std::move(layers), reader),
                ""};
}

Result<ContainerRuntime::Answer> StorageRuntime::find_in_place(
    const Place& place, const ImageReference& reference) const {
  constexpr int kAttempts = 3;
  auto is_change = [](const Result<Answer>& answer) {
    return !answer.ok() &&
           (answer.error().code() == Code::Aborted || answer.error().code() == Code::NotFound);
  };
  StorageReader opened = TRY(StorageReader::open(place.root, place.split_root, options_.driver));
  auto reader = std::make_shared<const StorageReader>(std::move(opened));
  Result<Answer> answer = find_in(reader, reference);
  for (int i = 1; i < kAttempts && is_change(answer); ++i) {
    answer = find_in(reader, reference);  // something changed between two files
  }
  if (is_change(answer)) {
    // It stays so: the store is damaged. "Not found" it is not: the name is there.
    return std::move(answer).error().with_code(Code::DataLoss);
  }
  return answer;
}

Result<ContainerRuntime::Answer> StorageRuntime::find(const ImageReference& reference) {
  std::string why = "not installed: no store at " + options_.graph_root;
  std::string better_why;
  for (const Place& place : places()) {
    Result<Answer> answer = find_in_place(place, reference);
    if (!answer.ok() && answer.error().code() == Code::NotFound) {
      continue;
    }
    if (!answer.ok()) {
      return std::move(answer).error().with_context(name_);
    }
    if (answer->image != nullptr) {
      return answer;
    }
    why = "no image named " + reference.typed() + " in " + options_.graph_root;
    better_why = better_why.empty() ? answer->why_missing : better_why;
  }
  std::unique_ptr<LocalImage> artifact =
      TRY(find_artifact(options_.graph_root, reference, options_.names).with_context(name_));
  if (artifact != nullptr) {
    return Answer{std::move(artifact), ""};
  }
  return Answer{nullptr, better_why.empty() ? why : better_why};
}

RuntimeStatus StorageRuntime::probe() {
  RuntimeStatus status{.kind = SourceKind::Podman, .name = name_, .location = options_.graph_root};
  status.version = find_tool_version();
  status.reason = status.version.empty() ? "not installed: no store there" : "no store there yet";
  std::size_t images = 0;
  for (const Place& place : places()) {
    Result<StorageReader> reader =
        StorageReader::open(place.root, place.split_root, options_.driver);
    if (!reader.ok() && reader.error().code() == Code::NotFound) {
      continue;
    }
    status.present = true;
    Result<std::size_t> count =
        reader.ok() ? reader->count_images() : Result<std::size_t>(reader.error());
    if (!count.ok()) {
      status.usable = false;
      status.reason = count.error().message();
      return status;
    }
    images += *count;
    if (status.driver.empty()) {
      status.driver = reader->driver();
    }
    status.usable = status.driver == "overlay" || status.driver == "vfs";
    status.reason = status.usable ? std::to_string(images) + (images == 1 ? " image" : " images")
                                  : "driver " + status.driver + " keeps no plain directories";
  }
  std::size_t artifacts = count_artifacts(options_.graph_root);
  if (status.usable && artifacts > 0) {
    status.reason +=
        ", " + std::to_string(artifacts) + (artifacts == 1 ? " artifact" : " artifacts");
  }
  return status;
}

}  // namespace

std::unique_ptr<ContainerRuntime> make_storage_runtime(std::string name, StorageOptions options) {
  return std::make_unique<StorageRuntime>(std::move(name), std::move(options));
}

}  // namespace bpfman::container
