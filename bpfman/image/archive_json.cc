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
constexpr std::size_t kMaxDocumentBytes = std::size_t{64} << 20;

// The data of the present entry of a tar as a stream of its own.
class EntrySource final : public ByteSource {
 public:
  explicit EntrySource(TarReader& reader) : reader_(reader) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    Result<std::size_t> count = reader_.read(buffer);
    if (!count.ok()) {
      failed_ = count.error();
    }
    return count;
  }

  // What the archive itself failed with, as opposed to what is in it.
  const std::optional<Error>& failed() const { return failed_; }

 private:
  TarReader& reader_;
  std::optional<Error> failed_;
};

struct Parts {
  std::map<Digest, std::string> documents;       // JSON, by sha256
  std::map<std::string, Digest> document_names;  // entry name -> digest
  std::map<Digest, LayerObjects> layers;         // by diff id
  std::map<Digest, Error> refused;               // layers that cannot be used, by diff id
  std::size_t document_bytes = 0;
  std::size_t object_bytes = 0;
};

bool is_layer_name(const std::string& name) {
  return name.ends_with(".tar") || name.starts_with("blobs/");
}

// A blob may also be no layer at all (a signature, an attestation): then nothing will ask for it.
Result<void> take_layer(ByteSource& blob, Parts& parts) {
  Result<std::unique_ptr<ByteSource>> plain = make_inflating_source(blob, kLayerLimit);
  if (!plain.ok()) {
    return {};
  }
  HashingSource hashing(**plain);
  Result<LayerObjects> objects = read_tar_layer(hashing);
  if (!hashing.drain().ok()) {
    return {};
  }
  Digest diff_id = hashing.finish();
  if (!objects.ok()) {
    parts.refused.emplace(std::move(diff_id), std::move(objects).error());
    return {};
  }
  parts.object_bytes += objects->content_bytes;
  if (parts.object_bytes > kObjectsLimit) {
    return Error(Code::ResourceExhausted, "its object files are larger than 64 MiB together");
  }
  parts.layers[diff_id] = std::move(*objects);
  return {};
}

Result<void> take_document(const std::string& name, const Bytes& bytes, Parts& parts) {
  parts.document_bytes += bytes.size();
  if (parts.documents.size() == kMaxDocuments || parts.document_bytes > kMaxDocumentBytes) {
    return Error(Code::ResourceExhausted, "it holds too many documents");
  }
  Digest digest = Digest::sha256_of(bytes);
  parts.documents[digest] = std::string(as_text(bytes));
  parts.document_names[name] = digest;
  return {};
}

// Whether it is JSON, not merely a tar whose first file is called "{".
bool is_document(const Bytes& bytes) {
  bool begins = bytes.front() == std::byte{'{'} || bytes.front() == std::byte{'['};
  return begins && nlohmann::json::accept(as_text(bytes));
}

Result<Parts> read_parts(ByteSource& archive) {
  Parts parts;
  TarReader reader(archive);
  for (;;) {
    std::optional<TarEntry> entry = TRY(reader.next());
    if (!entry.has_value()) {
      return parts;
    }
    bool json_name = entry->name.ends_with(".json");
    if (entry->type != TarType::File || entry->size == 0 ||
        (!json_name && !is_layer_name(entry->name))) {
      continue;
    }
    if (entry->size > kDocumentLimit) {
      if (json_name) {
        return Error(Code::ResourceExhausted, entry->name + " is larger than 4 MiB");
      }
      EntrySource blob(reader);
      TRY(take_layer(blob, parts));
      if (blob.failed().has_value()) {
        return *blob.failed();
      }
      continue;
    }
    Bytes bytes = TRY(reader.read_entry(kDocumentLimit));
    if (is_document(bytes)) {
      TRY(take_document(entry->name, bytes, parts));
    } else {
      std::unique_ptr<ByteSource> blob = make_memory_source(bytes);
      TRY(take_layer(*blob, parts));
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
    if (auto refused = parts.refused.find(diff_id); refused != parts.refused.end()) {
      return std::move(refused->second).with_context("layer " + diff_id.text());
    }
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
