// SPDX-License-Identifier: Apache-2.0
// `docker save` archives, whatever the version that wrote them: <= 24 "<v1 id>/layer.tar" and
// "<image id>.json", later an OCI layout "blobs/sha256/..." with plain or compressed layers. Layers
// may come before the documents that explain them, so each is scanned as it passes, and all is put
// together at the end.
#include <nlohmann/json.hpp>

#include "bpfman/image/extract.h"
#include "bpfman/image/layers.h"
#include "bpfman/image/picker.h"
#include "bpfman/image/streams.h"
#include "bpfman/image/tar_reader.h"
#include "bpfman/model/ebpf_labels.h"

namespace bpfman::image {
namespace {

constexpr std::uint64_t kLayerLimit = std::uint64_t{8} << 30;
constexpr std::size_t kMaxDocuments = 4096;

// The data of the present entry of a tar as a stream of its own.
class EntrySource final : public ByteSource {
 public:
  explicit EntrySource(TarReader& reader) : reader_(reader) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override { return reader_.read(buffer); }

 private:
  TarReader& reader_;
};

struct Parts {
  std::map<Digest, std::string> documents;       // JSON, by sha256
  std::map<std::string, Digest> document_names;  // entry name -> digest
  std::map<Digest, LayerObjects> layers;         // by diff id
};

bool is_layer_name(const std::string& name) {
  return name.ends_with("layer.tar") || name.ends_with(".tar") || name.starts_with("blobs/");
}

Result<void> take_layer(TarReader& reader, Parts& parts) {
  EntrySource entry(reader);
  std::unique_ptr<ByteSource> plain = TRY(make_inflating_source(entry, kLayerLimit));
  HashingSource hashing(*plain);
  Result<LayerObjects> objects = read_tar_layer(hashing);
  if (!objects.ok()) {
    // A blob that is no layer (a signature, an attestation).
    return {};
  }
  TRY(hashing.drain());
  parts.layers[hashing.finish()] = std::move(*objects);
  return {};
}

Result<Parts> read_parts(ByteSource& archive) {
  Parts parts;
  TarReader reader(archive);
  for (;;) {
    std::optional<TarEntry> entry = TRY(reader.next());
    if (!entry.has_value()) {
      return parts;
    }
    if (entry->type != TarType::File || entry->size == 0) {
      continue;
    }
    bool json_name = entry->name.ends_with(".json");
    bool small = entry->size <= kDocumentLimit;
    if (json_name && !small) {
      return Error(Code::ResourceExhausted, entry->name + " in the archive is larger than 4 MiB");
    }
    if (!json_name && !small && is_layer_name(entry->name)) {
      TRY(take_layer(reader, parts));
      continue;
    }
    if (!json_name && !is_layer_name(entry->name)) {
      continue;
    }
    Bytes bytes = TRY(reader.read_entry(kDocumentLimit));
    if (bytes.front() == std::byte{'{'} || bytes.front() == std::byte{'['}) {
      if (parts.documents.size() == kMaxDocuments) {
        return Error(Code::ResourceExhausted, "the archive holds too many documents");
      }
      Digest digest = Digest::sha256_of(bytes);
      parts.documents[digest] = std::string(as_text(bytes));
      parts.document_names[entry->name] = digest;
      continue;
    }
    std::unique_ptr<ByteSource> memory = make_memory_source(bytes);
    std::unique_ptr<ByteSource> plain = TRY(make_inflating_source(*memory, kLayerLimit));
    HashingSource hashing(*plain);
    Result<LayerObjects> objects = read_tar_layer(hashing);
    if (objects.ok()) {
      TRY(hashing.drain());
      parts.layers[hashing.finish()] = std::move(*objects);
    }
  }
}

// From an image id (of a config, a manifest or an index) to the config, by hashes alone.
std::optional<std::string> config_by_hash(const Parts& parts,
                                          const Digest& id,
                                          const Platform& platform,
                                          int depth) {
  auto document = parts.documents.find(id);
  if (document == parts.documents.end() || depth > 2) {
    return std::nullopt;
  }
  if (parse_image_config(document->second).ok()) {
    return document->second;
  }
  Result<ManifestDocument> manifest = parse_manifest(document->second, "");
  if (!manifest.ok()) {
    return std::nullopt;
  }
  if (!manifest->is_index) {
    return config_by_hash(parts, manifest->manifest.config.digest, platform, depth + 1);
  }
  Result<Descriptor> entry = choose_platform(manifest->entries, platform);
  return entry.ok() ? config_by_hash(parts, entry->digest, platform, depth + 1) : std::nullopt;
}

// What manifest.json of the archive names as config.
std::optional<std::string> config_by_name(const Parts& parts) {
  auto name = parts.document_names.find("manifest.json");
  if (name == parts.document_names.end()) {
    return std::nullopt;
  }
  nlohmann::json json = nlohmann::json::parse(parts.documents.at(name->second), nullptr, false);
  if (!json.is_array() || json.size() != 1 || !json[0].is_object()) {
    return std::nullopt;
  }
  auto config = json[0].find("Config");
  if (config == json[0].end() || !config->is_string()) {
    return std::nullopt;
  }
  auto document = parts.document_names.find(config->get<std::string>());
  return document == parts.document_names.end()
             ? std::nullopt
             : std::optional(parts.documents.at(document->second));
}

}  // namespace

Result<Extracted> extract_archive(ByteSource& archive,
                                  const Digest& image_id,
                                  const std::string& name,
                                  const Platform& platform) {
  Parts parts = TRY(read_parts(archive).with_context("the archive of image " + name));
  std::optional<std::string> text = config_by_hash(parts, image_id, platform, 0);
  bool proved = text.has_value();
  if (!proved) {
    text = config_by_name(parts);
  }
  if (!text.has_value()) {
    return Error(Code::DataLoss, "the archive of image " + name + " holds no image config");
  }
  ImageConfig config = TRY(parse_image_config(*text));
  Extracted out;
  out.labels = config.labels;
  out.ebpf = TRY(parse_ebpf_labels(config.labels));
  out.platform = config.platform;
  std::vector<LayerListing> listings;
  for (const Digest& diff_id : config.diff_ids) {
    auto layer = parts.layers.find(diff_id);
    if (layer == parts.layers.end()) {
      return Error(Code::DataLoss,
                   "the archive of image " + name + " lacks layer " + diff_id.text());
    }
    listings.push_back(layer->second.listing);
  }
  auto content_of = [&](const ObjectFile& file) -> Result<Bytes> {
    return parts.layers.at(config.diff_ids[file.layer]).content.at(file.path);
  };
  std::vector<ObjectFile> all = merge_layers(listings);
  std::vector<ObjectFile> candidates;
  for (const ObjectFile& file : all) {
    if (file.path.find('/') == std::string::npos) {
      candidates.push_back(file);
    }
  }
  if (candidates.empty()) {
    candidates = all;
  }
  if (candidates.empty()) {
    return no_object(name, listings);
  }
  ObjectFile chosen = TRY(pick_object(candidates, out.ebpf, platform, content_of));
  out.bytes = TRY(content_of(chosen));
  out.file_name = chosen.path;
  out.verification = proved ? Verification::Content : Verification::Daemon;
  return out;
}

}  // namespace bpfman::image
