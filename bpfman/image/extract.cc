// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/extract.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/image/artifact.h"
#include "bpfman/image/layer_blobs.h"
#include "bpfman/image/picker.h"
#include "bpfman/image/progress_meter.h"
#include "bpfman/image/streams.h"
#include "bpfman/image/tar_reader.h"
#include "bpfman/image/tar_split.h"
#include "bpfman/model/ebpf_labels.h"

namespace bpfman::image {
namespace {

// Rebuilding costs the layer's own size; above this a layer is taken as it lies there.
constexpr std::uint64_t kMaxRebuilt = std::uint64_t{512} << 20;

// What the image says about itself: by its verified config, or by the daemon's word.
struct Facts {
  std::vector<Digest> diff_ids;
  std::map<std::string, std::string> labels;
  EbpfLabels ebpf;
  Platform platform;
  bool proved = false;  // the config's hash is the image id
};

Result<Facts> facts_of(const ImageDescription& description) {
  Facts out;
  if (description.config_json.empty()) {
    out.diff_ids = description.diff_ids;
    out.labels = description.labels;
    out.platform = description.platform;
  } else {
    ImageConfig config = TRY(parse_image_config(description.config_json));
    out.diff_ids = std::move(config.diff_ids);
    out.labels = std::move(config.labels);
    out.platform = config.platform;
    out.proved = true;
  }
  out.ebpf = TRY(parse_ebpf_labels(out.labels));
  return out;
}

// ---- directories --------------------------------------------------------------------------------

struct Proved {
  Bytes bytes;
  Verification verification = Verification::Daemon;
};

class DirectoryImage {
 public:
  DirectoryImage(std::vector<LayerDirectory> layers, const Facts& facts)
      : layers_(std::move(layers)), facts_(facts) {}

  Result<std::vector<LayerListing>> list(Depth depth) const {
    std::vector<LayerListing> listings(layers_.size());
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      // Where a directory shows all layers up to its own, only the top one is worth looking at.
      if (!layers_[i].merged || i + 1 == layers_.size()) {
        listings[i] = TRY(list_directory_layer(layers_[i], depth));
      }
    }
    return listings;
  }

  Result<Proved> read(const ObjectFile& file) const {
    if (!layers_[file.layer].merged) {
      return read_from(file.layer, file.path);
    }
    // The layer that brought the file is the topmost whose recipe mentions it. One without a recipe
    // may have brought another file of this name than the layers below it.
    for (std::size_t i = layers_.size(); i-- > 0;) {
      if (!layers_[i].tar_split.valid()) {
        break;
      }
      SplitRecipe recipe = TRY(read_split_recipe(layers_[i].tar_split.get()));
      if (recipe.mentions(file.path)) {
        return rebuild(i, recipe, file.path);
      }
    }
    return take_as_is(layers_.back(), file.path);
  }

 private:
  Result<Proved> read_from(std::size_t index, const std::string& path) const {
    const LayerDirectory& layer = layers_[index];
    if (layer.tar_split.valid()) {
      SplitRecipe recipe = TRY(read_split_recipe(layer.tar_split.get()));
      return rebuild(index, recipe, path);
    }
    Proved file = TRY(take_as_is(layer, path));
    return layer.blob.has_value() && layer.blob->size <= kMaxRebuilt
               ? prove_by_blob(index, path, file)
               : std::move(file);
  }

  // The file of a directory against the layer as it was sent, if that is still there.
  Result<Proved> prove_by_blob(std::size_t index, const std::string& path, Proved& file) const {
    const LayerDirectory& layer = layers_[index];
    Result<LayerObjects> objects = read_layer_blob(*layer.blob, facts_.diff_ids[index]);
    if (!objects.ok() && objects.error().code() == Code::NotFound) {
      return std::move(file);
    }
    LayerObjects sent = TRY(std::move(objects));
    auto found = sent.content.find(path);
    if (found == sent.content.end() || found->second != file.bytes) {
      return Error(Code::DataLoss,
                   "file " + path + " at " + layer.path + " is not the one of its layer")
          .with_hint(
              "the store is damaged or was changed by hand: remove the image and import it "
              "again");
    }
    file.verification = facts_.proved ? Verification::Content : Verification::Daemon;
    return std::move(file);
  }

  Result<Proved> rebuild(std::size_t index,
                         const SplitRecipe& recipe,
                         const std::string& path) const {
    const LayerDirectory& layer = layers_[index];
    if (recipe.stream_bytes > kMaxRebuilt) {
      return take_as_is(layer, path);
    }
    const Digest& expected = facts_.diff_ids[index];
    std::unique_ptr<ByteSource> tar = make_split_source(recipe, layer.directory.get());
    HashingSource hashing(*tar);
    Result<LayerObjects> objects = read_tar_layer(hashing);
    Result<void> drained = hashing.drain();
    if (drained.ok() && hashing.finish() != expected) {
      return Error(Code::DataLoss,
                   "layer " + expected.text() + " at " + layer.path + " does not match its digest")
          .with_hint(
              "the store is damaged or was changed by hand: remove the image and build or pull it "
              "again");
    }
    if (!objects.ok()) {
      return std::move(objects).error().with_context(layer.path);
    }
    TRY(std::move(drained).with_context(layer.path));
    auto found = objects->content.find(path);
    if (found == objects->content.end()) {
      return Error(Code::DataLoss,
                   "file " + path + " at " + layer.path + " is not part of its layer")
          .with_hint("somebody put it there by hand: remove the image and build or pull it again");
    }
    return Proved{std::move(found->second),
                  facts_.proved ? Verification::Content : Verification::Daemon};
  }

  static Result<Proved> take_as_is(const LayerDirectory& layer, const std::string& path) {
    UniqueFd file =
        TRY(open_beneath(layer.directory.get(), path, O_RDONLY).with_context(layer.path));
    struct stat info = {};
    if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
      return Error(Code::DataLoss, layer.path + "/" + path + " is no regular file");
    }
    Bytes bytes = TRY(read_fd(file.get(), kObjectLimit, layer.path + "/" + path));
    return Proved{std::move(bytes), Verification::Daemon};
  }

  std::vector<LayerDirectory> layers_;
  const Facts& facts_;
};

std::vector<ObjectFile> in_root(const std::vector<ObjectFile>& files) {
  std::vector<ObjectFile> out;
  for (const ObjectFile& file : files) {
    if (file.path.find('/') == std::string::npos) {
      out.push_back(file);
    }
  }
  return out;
}

Result<Extracted> from_directories(std::vector<LayerDirectory> layers,
                                   const Facts& facts,
                                   const std::string& name,
                                   const Platform& platform) {
  if (layers.size() != facts.diff_ids.size()) {
    return Error(Code::DataLoss,
                 "the layers of image " + name + " are not those that its config lists");
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].claimed_diff_id.empty() && layers[i].claimed_diff_id != facts.diff_ids[i]) {
      return Error(Code::DataLoss,
                   "layer " + layers[i].path + " is not the one that the config of image " + name +
                       " lists");
    }
  }
  DirectoryImage image(std::move(layers), facts);
  std::vector<LayerListing> listings = TRY(image.list(Depth::Root));
  std::vector<ObjectFile> candidates = in_root(merge_layers(listings));
  if (candidates.empty()) {
    listings = TRY(image.list(Depth::All));
    candidates = merge_layers(listings);
  }
  if (candidates.empty()) {
    return no_object(name, listings);
  }
  std::map<ObjectFile, Proved> read;
  auto read_object = [&](const ObjectFile& file) -> Result<Bytes> {
    Proved proved = TRY(image.read(file));
    Bytes copy = proved.bytes;
    read[file] = std::move(proved);
    return copy;
  };
  ObjectFile chosen = TRY(pick_object(candidates, facts.ebpf, platform, read_object));
  if (!read.contains(chosen)) {
    TRY(read_object(chosen));
  }
  Proved& proved = read[chosen];
  return Extracted{.bytes = std::move(proved.bytes),
                   .file_name = chosen.path,
                   .verification = proved.verification};
}

// ---- blobs --------------------------------------------------------------------------------------

// Layers up to `limit` are read.
Result<Extracted> from_blobs(LocalImage& image,
                             const Facts& facts,
                             const std::string& name,
                             const Platform& platform,
                             std::uint64_t limit) {
  std::vector<LayerBlob> blobs = TRY(image.open_blobs());
  if (blobs.size() != facts.diff_ids.size()) {
    return Error(Code::DataLoss,
                 "the layers of image " + name + " are not those that its config lists");
  }
  BlobObject object =
      TRY(extract_from_blobs(blobs, facts.diff_ids, facts.ebpf, name, platform, limit));
  return Extracted{.bytes = std::move(object.bytes),
                   .file_name = std::move(object.path),
                   .verification = facts.proved ? Verification::Content : Verification::Daemon,
                   .route = "content"};
}

// ---- layers -------------------------------------------------------------------------------------

// By layers that the store makes anew.
Result<Extracted> from_remade(LocalImage& image,
                              const Facts& facts,
                              const std::string& name,
                              const Platform& platform) {
  std::vector<LayerBlob> blobs = TRY(image.open_remade());
  std::vector<Digest> unknown(blobs.size());
  BlobObject object =
      TRY(extract_from_blobs(blobs, unknown, facts.ebpf, name, platform, kLargestBlob));
  return Extracted{.bytes = std::move(object.bytes),
                   .file_name = std::move(object.path),
                   .verification = Verification::Daemon,
                   .route = "diff"};
}

// By the layers in whatever form the store has them, the cheapest first. Unimplemented: it has none
// that can be read here.
Result<Extracted> from_layers(LocalImage& image,
                              const Facts& facts,
                              const std::string& name,
                              const Platform& platform) {
  Result<Extracted> found = from_blobs(image, facts, name, platform, kSmallBlob);
  if (found.ok() || found.error().code() != Code::Unimplemented) {
    return found;
  }
  Result<std::vector<LayerDirectory>> layers = image.open_layers();
  if (layers.ok()) {
    found = from_directories(std::move(*layers), facts, name, platform);
    if (found.ok()) {
      found->route = image.route();
    }
  } else if (layers.error().code() != Code::Unimplemented) {
    return std::move(layers).error().with_context("image " + name);
  } else {
    found = std::move(layers).error();
  }
  if (found.ok() || found.error().code() != Code::Unimplemented) {
    return found;
  }
  Result<Extracted> large = from_blobs(image, facts, name, platform, kLargestBlob);
  if (large.ok() || large.error().code() != Code::Unimplemented) {
    return large;
  }
  Result<Extracted> remade = from_remade(image, facts, name, platform);
  // Why the better route was left says more than that there is no worse one.
  bool none = !remade.ok() && remade.error().code() == Code::Unimplemented;
  return none ? std::move(found) : std::move(remade);
}

// ---- artifacts ----------------------------------------------------------------------------------

Result<Extracted> from_artifact(LocalImage& image,
                                const std::string& name,
                                const Platform& platform) {
  ManifestDocument document = TRY(parse_manifest(image.description().artifact_manifest, ""));
  if (document.is_index) {
    return Error(Code::Unimplemented, "artifact " + name + " is an index");
  }
  const PullProgressSink nobody;
  ProgressMeter meter(nobody, {});
  auto open = [&image](const Digest& digest) { return image.open_artifact_blob(digest); };
  std::optional<Extracted> found =
      TRY(extract_artifact(open, document.manifest, name, platform, meter));
  if (!found.has_value()) {
    return Error(Code::InvalidArgument, "artifact " + name + " holds no eBPF object file")
        .with_hint("podman artifact add NAME FILE.o makes one that does");
  }
  return std::move(*found);
}

// ---- one file -----------------------------------------------------------------------------------

Result<Extracted> from_file_archive(LocalImage& image, const std::string& file_name) {
  std::string path = normalise_tar_name(file_name).value_or("");
  if (path.empty()) {
    return Error(Code::NotFound, "label io.ebpf.filename names no file: " + file_name);
  }
  std::unique_ptr<ByteSource> stream = TRY(image.open_file_archive("/" + path));
  LayerObjects objects = TRY(read_tar_layer(*stream));
  if (objects.content.size() != 1) {
    return Error(Code::NotFound, "the image has no eBPF object " + file_name);
  }
  return Extracted{.bytes = std::move(objects.content.begin()->second),
                   .file_name = path,
                   .verification = Verification::Daemon,
                   .route = "archive"};
}

}  // namespace

Result<Extracted> extract_local(LocalImage& image,
                                const std::string& name,
                                const Platform& platform) {
  const ImageDescription& description = image.description();
  if (!description.artifact_manifest.empty()) {
    return from_artifact(image, name, platform);
  }
  Facts facts = TRY(facts_of(description).with_context("image " + name));
  auto finish = [&](Extracted extracted) {
    if (extracted.labels.empty()) {
      extracted.labels = facts.labels;
      extracted.ebpf = facts.ebpf;
    }
    if (extracted.platform.os.empty() || extracted.platform.architecture.empty()) {
      extracted.platform = facts.platform;
    }
    return extracted;
  };
  Result<Extracted> layers = from_layers(image, facts, name, platform);
  if (layers.ok()) {
    return finish(std::move(*layers));
  }
  if (layers.error().code() != Code::Unimplemented) {
    return layers;
  }
  if (!facts.ebpf.file_name.empty()) {
    Result<Extracted> found = from_file_archive(image, facts.ebpf.file_name);
    if (found.ok()) {
      return finish(std::move(*found));
    }
    if (found.error().code() != Code::Unimplemented && found.error().code() != Code::NotFound) {
      return found;
    }
  }
  Result<std::unique_ptr<ByteSource>> archive = image.open_image_archive();
  if (!archive.ok()) {
    // Why the better route was left says more than that there is no worse one.
    bool last = archive.error().code() == Code::Unimplemented;
    Error error = last ? std::move(layers).error() : std::move(archive).error();
    return std::move(error).with_context("image " + name);
  }
  Extracted found = TRY(extract_archive(**archive, description.image_id, name, platform));
  found.route = "export";
  return finish(std::move(found));
}

}  // namespace bpfman::image
