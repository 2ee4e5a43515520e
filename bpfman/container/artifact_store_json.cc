// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/base/json_fields.h"
#include "bpfman/base/text.h"
#include "bpfman/container/artifact_store.h"
#include "bpfman/container/regular_file.h"
#include "bpfman/container/short_names.h"
#include "bpfman/model/blob_path.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kDocumentLimit = std::size_t{4} << 20;
constexpr std::string_view kLatest = ":latest";

class ArtifactImage final : public LocalImage {
 public:
  ArtifactImage(ImageDescription description, UniqueFd directory, std::string root)
      : description_(std::move(description)),
        directory_(std::move(directory)),
        root_(std::move(root)) {}

  const ImageDescription& description() const override { return description_; }

  std::string route() const override { return "artifact"; }

  Result<std::unique_ptr<ByteSource>> open_artifact_blob(const Digest& digest) override {
    std::string path = blob_path(digest);
    UniqueFd file = TRY(open_regular_beneath(directory_.get(), root_, path));
    return make_fd_source(std::move(file), join_path(root_, path));
  }

  Result<std::vector<LayerDirectory>> open_layers() override { return no_image(); }

  Result<std::unique_ptr<ByteSource>> open_file_archive(const std::string& /*path*/) override {
    return no_image();
  }

  Result<std::unique_ptr<ByteSource>> open_image_archive() override { return no_image(); }

 private:
  static Error no_image() { return Error(Code::Unimplemented, "an artifact has no layers"); }

  ImageDescription description_;
  UniqueFd directory_;
  std::string root_;
};

// What the entry may be called: as typed, complete, and without the tag that nobody typed.
std::vector<std::string> names_of(const ImageReference& reference, const ShortNames& names) {
  std::vector<std::string> out = {reference.typed()};
  for (const std::string& name : names_in_storage(reference, names)) {
    out.push_back(name);
    if (name.ends_with(kLatest)) {
      out.push_back(name.substr(0, name.size() - kLatest.size()));
    }
  }
  return out;
}

Result<const ArtifactEntry*> choose(const std::vector<ArtifactEntry>& entries,
                                    const ImageReference& reference,
                                    const ShortNames& names) {
  const ArtifactEntry* found = nullptr;
  auto take = [&](auto fits) {
    auto place = std::find_if(entries.begin(), entries.end(), fits);
    found = found == nullptr && place != entries.end() ? &*place : found;
  };
  if (!reference.is_id()) {
    for (const std::string& name : names_of(reference, names)) {
      take([&](const ArtifactEntry& entry) { return entry.name == name; });
    }
    if (reference.digest().has_value()) {
      take([&](const ArtifactEntry& entry) { return entry.digest == *reference.digest(); });
    }
  }
  std::string hex = reference.id_hex();
  if (found != nullptr || hex.empty()) {
    return found;
  }
  auto begins = [&](const ArtifactEntry& entry) { return entry.digest.hex().starts_with(hex); };
  take(begins);
  if (std::any_of(entries.begin(), entries.end(), [&](const ArtifactEntry& entry) {
        return begins(entry) && entry.digest != found->digest;
      })) {
    return Error(Code::InvalidArgument, "\"" + hex + "\" begins the digest of several artifacts");
  }
  return found;
}

class Store {
 public:
  // nullopt: there is none.
  static Result<std::optional<Store>> open(const std::string& graph_root) {
    Result<UniqueFd> graph = open_directory(graph_root);
    Result<UniqueFd> directory = graph.ok()
                                     ? open_directory_beneath(graph->get(), graph_root, "artifacts")
                                     : std::move(graph);
    if (!directory.ok() && directory.error().code() == Code::NotFound) {
      return std::optional<Store>();
    }
    UniqueFd opened = TRY(std::move(directory));
    return std::optional(Store(std::move(opened), join_path(graph_root, "artifacts")));
  }

  Result<std::vector<ArtifactEntry>> entries() const {
    Result<Bytes> text =
        read_regular_beneath(directory_.get(), root_, "index.json", kDocumentLimit);
    if (!text.ok() && text.error().code() == Code::NotFound) {
      return std::vector<ArtifactEntry>();
    }
    Bytes bytes = TRY(std::move(text));
    return parse_artifact_index(as_text(bytes));
  }

  Result<std::unique_ptr<LocalImage>> find(const ImageReference& reference,
                                           const ShortNames& names) {
    std::vector<ArtifactEntry> entries = TRY(this->entries());
    const ArtifactEntry* entry = TRY(choose(entries, reference, names));
    if (entry == nullptr) {
      return std::unique_ptr<LocalImage>();
    }
    ImageDescription description;
    description.canonical_name = entry->name.empty() ? entry->digest.text() : entry->name;
    description.manifest_digest = entry->digest;
    description.artifact_manifest = TRY(manifest(entry->digest));
    description.image_id = description.manifest_digest;
    return std::unique_ptr<LocalImage>(
        std::make_unique<ArtifactImage>(std::move(description), std::move(directory_), root_));
  }

 private:
  Store(UniqueFd directory, std::string root)
      : directory_(std::move(directory)), root_(std::move(root)) {}

  Result<std::string> manifest(const Digest& digest) const {
    std::string path = blob_path(digest);
    Result<Bytes> read = read_regular_beneath(directory_.get(), root_, path, kDocumentLimit);
    if (!read.ok() && read.error().code() == Code::NotFound) {
      return std::move(read).error().with_code(Code::DataLoss);
    }
    Bytes text = TRY(std::move(read));
    if (Digest::sha256_of(text) != digest) {
      return Error(Code::DataLoss, join_path(root_, path) + " does not match its digest");
    }
    return std::string(as_text(text));
  }

  UniqueFd directory_;
  std::string root_;
};

Result<std::unique_ptr<LocalImage>> find_once(const std::string& graph_root,
                                              const ImageReference& reference,
                                              const ShortNames& names) {
  std::optional<Store> store = TRY(Store::open(graph_root));
  return store.has_value() ? store->find(reference, names)
                           : Result<std::unique_ptr<LocalImage>>(nullptr);
}

}  // namespace

Result<std::vector<ArtifactEntry>> parse_artifact_index(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    return Error(Code::DataLoss, "the artifact store's index.json is no JSON object");
  }
  std::vector<ArtifactEntry> out;
  auto manifests = json.find("manifests");
  if (manifests == json.end() || !manifests->is_array()) {
    return out;
  }
  for (const Json& entry : *manifests) {
    std::optional<Digest> digest =
        entry.is_object() ? Digest::parse(text_of(entry, "digest")) : std::nullopt;
    if (!digest.has_value()) {
      return Error(Code::DataLoss, "the artifact store's index.json has an entry without a digest");
    }
    auto annotations = entry.find("annotations");
    bool annotated = annotations != entry.end() && annotations->is_object();
    out.push_back(ArtifactEntry{
        annotated ? text_of(*annotations, "org.opencontainers.image.ref.name") : std::string(),
        *digest});
  }
  return out;
}

Result<std::unique_ptr<LocalImage>> find_artifact(const std::string& graph_root,
                                                  const ImageReference& reference,
                                                  const ShortNames& names) {
  constexpr int kTries = 3;
  for (int i = 1;; ++i) {
    Result<std::unique_ptr<LocalImage>> found = find_once(graph_root, reference, names);
    // Podman writes index.json in place: half of it may have been read.
    if (found.ok() || found.error().code() != Code::DataLoss || i == kTries) {
      return found;
    }
  }
}

std::size_t count_artifacts(const std::string& graph_root) {
  Result<std::optional<Store>> store = Store::open(graph_root);
  return store.ok() && store->has_value() ? (*store)->entries().value_or({}).size() : 0;
}

}  // namespace bpfman::container
