// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/oci_layout.h"

#include <algorithm>
#include <set>

#include "bpfman/base/text.h"
#include "bpfman/image/artifact.h"
#include "bpfman/image/layer_blobs.h"
#include "bpfman/image/picker.h"
#include "bpfman/model/ebpf_labels.h"
#include "bpfman/model/image_reference.h"

namespace bpfman::image {
namespace {

// index.json is the first; an image of several platforms, and one that buildx made, has another.
constexpr int kMaxIndexes = 3;

Result<LayerObjects> read_layer(LayoutFiles& files,
                                const Descriptor& layer,
                                const Digest& diff_id) {
  LayerBlob blob{.digest = layer.digest, .size = layer.size, .media_type = layer.media_type};
  blob.open = [&]() { return open_layout_blob(files, layer.digest); };
  return read_layer_blob(blob, diff_id);
}

std::string annotation(const Descriptor& entry, const char* name) {
  auto found = entry.annotations.find(name);
  return found == entry.annotations.end() ? std::string() : found->second;
}

// cosign's tags sha256-<hex>, sha256-<hex>.sig, .att, .sbom; and what `cosign save` writes.
bool is_signature(const Descriptor& entry) {
  std::string kind = annotation(entry, "kind");
  std::string name = name_of_entry(entry);
  std::string tag = name.substr(name.rfind(':') + 1);
  return kind == "dev.cosignproject.cosign/sigs" || kind == "dev.cosignproject.cosign/atts" ||
         (tag.starts_with("sha256-") && tag.size() >= 71 &&
          tag.substr(7, 64).find_first_not_of("0123456789abcdef") == std::string::npos);
}

// Something else than a program that a person would ask for. What has a name was put there on
// purpose.
bool is_passed_over(const Descriptor& entry) {
  return is_attestation(entry) || is_signature(entry) ||
         (!is_program_entry(entry) && name_of_entry(entry).empty());
}

// "prog:dev" names "docker.io/library/prog:dev" too, and the entry that is only called "dev" is
// named by its tag.
bool is_called(const std::string& entry, const std::string& wanted) {
  if (entry == wanted) {
    return true;
  }
  Result<ImageReference> one = ImageReference::parse(entry);
  Result<ImageReference> other = ImageReference::parse(wanted);
  return !entry.empty() && one.ok() && other.ok() && one->normal_form() == other->normal_form();
}

bool has_name(const Descriptor& entry, const std::string& wanted) {
  return is_called(name_of_entry(entry), wanted) ||
         is_called(annotation(entry, "org.opencontainers.image.ref.name"), wanted);
}

Result<Extracted> read_layers(LayoutFiles& files,
                              const Manifest& manifest,
                              const ImageConfig& config,
                              const std::string& name,
                              const Platform& platform) {
  if (manifest.layers.size() != config.diff_ids.size()) {
    return Error(Code::DataLoss, "manifest and config disagree about the number of layers");
  }
  Extracted out{
      .labels = config.labels, .verification = Verification::Content, .platform = config.platform};
  out.ebpf = TRY(parse_ebpf_labels(config.labels));
  std::vector<LayerObjects> layers;
  std::vector<LayerListing> listings;
  std::size_t object_bytes = 0;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    LayerObjects layer = TRY(read_layer(files, manifest.layers[i], config.diff_ids[i]));
    object_bytes += layer.content_bytes;
    if (object_bytes > kObjectsLimit) {
      return Error(Code::ResourceExhausted, "the object files are larger than 64 MiB together");
    }
    listings.push_back(layer.listing);
    layers.push_back(std::move(layer));
  }
  std::vector<ObjectFile> all = merge_layers(listings);
  std::vector<ObjectFile> candidates;
  std::copy_if(all.begin(), all.end(), std::back_inserter(candidates), [](const ObjectFile& file) {
    return file.path.find('/') == std::string::npos;
  });
  if (candidates.empty()) {
    candidates = std::move(all);
  }
  if (candidates.empty()) {
    return no_object(name, listings);
  }
  auto content_of = [&layers](const ObjectFile& file) -> Result<Bytes> {
    return layers[file.layer].content.at(file.path);
  };
  ObjectFile chosen = TRY(pick_object(candidates, out.ebpf, platform, content_of));
  out.bytes = TRY(content_of(chosen));
  out.file_name = chosen.path;
  return out;
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_layout_blob(LayoutFiles& files, const Digest& digest) {
  TRY(check_algorithm(digest));
  Result<std::unique_ptr<ByteSource>> blob = files.open(blob_path(digest));
  if (!blob.ok() && blob.error().code() == Code::NotFound) {
    return Error(Code::DataLoss, "blob " + digest.text() + " is not in the layout")
        .with_hint("it was written incompletely, or for other platforms only; write it again");
  }
  return blob;
}

Result<Bytes> read_layout_blob(LayoutFiles& files,
                               const Descriptor& descriptor,
                               std::size_t limit) {
  std::string what = "blob " + descriptor.digest.text();
  if (descriptor.size > limit) {
    return Error(Code::ResourceExhausted, what + " is larger than " + format_bytes(limit));
  }
  std::unique_ptr<ByteSource> blob = TRY(open_layout_blob(files, descriptor.digest));
  Bytes bytes = TRY(read_all(*blob, limit).with_context(what));
  if (bytes.size() != descriptor.size || Digest::sha256_of(bytes) != descriptor.digest) {
    return Error(Code::DataLoss, what + " does not match its digest");
  }
  return bytes;
}

Result<std::string> read_layout_document(LayoutFiles& files, const Descriptor& descriptor) {
  Bytes bytes = TRY(read_layout_blob(files, descriptor, kDocumentLimit));
  return std::string(as_text(bytes));
}

Result<std::vector<Descriptor>> read_layout_index(LayoutFiles& files) {
  Result<std::unique_ptr<ByteSource>> source = files.open("index.json");
  if (!source.ok()) {
    if (source.error().code() != Code::NotFound) {
      return std::move(source).error();
    }
    Error error(Code::InvalidArgument, "it is no OCI image layout: it has no index.json");
    if (files.open("manifest.json").ok()) {
      return std::move(error).with_hint(
          "it looks like what docker save wrote: name it docker-archive:FILE");
    }
    return std::move(error).with_hint(
        "such layouts are written by skopeo copy, podman save and bpfman image save");
  }
  Bytes bytes = TRY(read_all(**source, kDocumentLimit).with_context("index.json"));
  ManifestDocument document = TRY(parse_manifest(as_text(bytes), "").with_context("index.json"));
  if (!document.is_index) {
    return Error(Code::DataLoss, "index.json is no index");
  }
  return document.entries;
}

std::string name_of_entry(const Descriptor& entry) {
  std::string name = annotation(entry, "io.containerd.image.name");
  return name.empty() ? annotation(entry, "org.opencontainers.image.ref.name") : name;
}

Result<Descriptor> choose_entry(const std::vector<Descriptor>& index,
                                const std::string& wanted,
                                const Platform& platform) {
  std::vector<Descriptor> fitting;
  std::set<std::string> names;
  for (const Descriptor& entry : index) {
    if (is_passed_over(entry)) {
      continue;
    }
    names.insert(name_of_entry(entry).empty() ? "one without a name" : name_of_entry(entry));
    if (wanted.empty() || has_name(entry, wanted)) {
      fitting.push_back(entry);
    }
  }
  std::string list = join({names.begin(), names.end()}, ", ");
  if (fitting.empty()) {
    return Error(Code::NotFound,
                 wanted.empty() ? std::string("the layout holds no image")
                                : "the layout holds no image \"" + wanted + "\"; it has " +
                                      (list.empty() ? std::string("none at all") : list));
  }
  if (fitting.size() == 1) {
    return fitting.front();
  }
  if (names.size() > 1 && wanted.empty()) {
    return Error(Code::InvalidArgument, "the layout holds several images: " + list)
        .with_hint("say which one behind the path, as in oci:DIR:" + *names.rbegin());
  }
  for (std::size_t i = 0; i < fitting.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (fitting[i].platform == fitting[j].platform && fitting[i].digest != fitting[j].digest) {
        return Error(Code::InvalidArgument,
                     "the layout holds several images of one name and platform: " +
                         fitting[j].digest.text() + ", " + fitting[i].digest.text())
            .with_hint("write them with names of their own");
      }
    }
  }
  return choose_platform(fitting, platform);
}

Result<std::vector<std::string>> names_in_layout(LayoutFiles& files) {
  std::vector<Descriptor> index = TRY(read_layout_index(files));
  std::vector<std::string> names;
  for (const Descriptor& entry : index) {
    std::string name = name_of_entry(entry);
    if (!is_passed_over(entry) && std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

Result<FileImage> extract_layout(LayoutFiles& files,
                                 const std::string& wanted,
                                 const std::string& name,
                                 const Platform& platform) {
  std::vector<Descriptor> index = TRY(read_layout_index(files));
  FileImage out;
  Descriptor entry = TRY(choose_entry(index, wanted, platform));
  out.name = name_of_entry(entry);
  ManifestDocument document;
  for (int indexes = 1;; ++indexes) {
    std::string text = TRY(read_layout_document(files, entry));
    document = TRY(parse_manifest(text, entry.media_type));
    if (!document.is_index) {
      break;
    }
    if (indexes == kMaxIndexes) {
      return Error(Code::DataLoss, "its index leads to another index again and again");
    }
    out.index_digest = entry.digest;
    entry = TRY(choose_platform(document.entries, platform));
  }
  out.manifest_digest = entry.digest;
  out.image_id = document.manifest.config.digest;
  const PullProgressSink nobody;
  ProgressMeter meter(nobody, {});
  auto open = [&files](const Digest& digest) { return open_layout_blob(files, digest); };
  std::optional<Extracted> artifact =
      TRY(extract_artifact(open, document.manifest, name, platform, meter));
  if (artifact.has_value()) {
    out.image_id = out.manifest_digest;  // its config is the same for all artifacts
    out.extracted = std::move(*artifact);
    return out;
  }
  std::string config_text = TRY(read_layout_document(files, document.manifest.config));
  ImageConfig config = TRY(parse_image_config(config_text));
  out.extracted = TRY(read_layers(files, document.manifest, config, name, platform));
  return out;
}

}  // namespace bpfman::image
