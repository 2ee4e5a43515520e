// SPDX-License-Identifier: Apache-2.0
// The manifest.json of `docker save` is read here; what it names is read as an engine's export is.
// Source: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
#include <algorithm>

#include <nlohmann/json.hpp>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/image/image_file.h"
#include "bpfman/image/signature_finder.h"
#include "bpfman/image/streams.h"
#include "bpfman/image/tar_reader.h"

namespace bpfman::image {
namespace {

constexpr std::uint64_t kArchiveLimit = std::uint64_t{16} << 30;
constexpr std::size_t kMaxEntries = 20'000;
constexpr std::size_t kMaxImages = 1000;

// A tar, compressed or not, read from its beginning.
class ArchiveStream {
 public:
  static Result<ArchiveStream> open(const std::string& path) {
    UniqueFd file = TRY(open_image_file(path));
    std::unique_ptr<ByteSource> raw = make_fd_source(std::move(file), path);
    std::unique_ptr<ByteSource> plain = TRY(make_inflating_source(*raw, kArchiveLimit));
    return ArchiveStream(std::move(raw), std::move(plain));
  }

  ByteSource& source() { return *plain_; }

 private:
  ArchiveStream(std::unique_ptr<ByteSource> raw, std::unique_ptr<ByteSource> plain)
      : raw_(std::move(raw)), plain_(std::move(plain)) {}

  std::unique_ptr<ByteSource> raw_;
  std::unique_ptr<ByteSource> plain_;
};

// One small file of the archive. NotFound when there is none.
Result<Bytes> read_entry(const std::string& path, const std::string& name) {
  ArchiveStream stream = TRY(ArchiveStream::open(path));
  TarReader reader(stream.source(), kMaxEntries);
  for (;;) {
    std::optional<TarEntry> entry = TRY(reader.next());
    if (!entry.has_value()) {
      return Error(Code::NotFound, "it holds no " + name);
    }
    if (entry->type == TarType::File && entry->name == name) {
      return reader.read_entry(kDocumentLimit).with_context(name);
    }
  }
}

struct SavedImage {
  std::string config;  // entry name
  std::vector<std::string> tags;
};

std::string text_of(const nlohmann::json& json, const char* name) {
  auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<std::vector<SavedImage>> read_saved(const std::string& path) {
  Result<Bytes> bytes = read_entry(path, "manifest.json");
  if (!bytes.ok()) {
    if (bytes.error().code() == Code::NotFound && path_exists(path)) {
      return Error(Code::InvalidArgument, "it is no docker save archive: it has no manifest.json")
          .with_hint("a tar of an OCI layout is named oci-archive:FILE");
    }
    return std::move(bytes).error();
  }
  nlohmann::json json = nlohmann::json::parse(as_text(*bytes), nullptr, false);
  if (!json.is_array() || json.size() > kMaxImages) {
    return Error(Code::DataLoss, "its manifest.json is no list of images");
  }
  std::vector<SavedImage> out;
  for (const nlohmann::json& item : json) {
    SavedImage image;
    if (item.is_object()) {
      image.config = normalise_tar_name(text_of(item, "Config")).value_or("");
      auto tags = item.find("RepoTags");
      if (tags != item.end() && tags->is_array()) {
        for (const nlohmann::json& tag : *tags) {
          image.tags.push_back(tag.is_string() ? tag.get<std::string>() : std::string());
        }
      }
    }
    if (image.config.empty()) {
      return Error(Code::DataLoss, "its manifest.json has an image without a config");
    }
    out.push_back(std::move(image));
  }
  return out;
}

bool is_tagged(const SavedImage& image, const std::string& wanted) {
  Result<ImageReference> meant = ImageReference::parse(wanted);
  return std::any_of(image.tags.begin(), image.tags.end(), [&](const std::string& tag) {
    Result<ImageReference> own = ImageReference::parse(tag);
    return tag == wanted || (own.ok() && meant.ok() && own->normal_form() == meant->normal_form());
  });
}

Result<SavedImage> choose_saved(const std::string& path, const std::string& wanted) {
  std::vector<SavedImage> images = TRY(read_saved(path));
  std::vector<std::string> tags;
  for (const SavedImage& image : images) {
    tags.insert(tags.end(), image.tags.begin(), image.tags.end());
    if (!wanted.empty() && is_tagged(image, wanted)) {
      return image;
    }
  }
  if (!wanted.empty() || images.empty()) {
    return Error(Code::NotFound,
                 "it holds no image \"" + wanted + "\"; it has " +
                     (tags.empty() ? std::string("none with a name") : join(tags, ", ")));
  }
  if (images.size() > 1) {
    return Error(Code::InvalidArgument, "it holds several images: " + join(tags, ", "))
        .with_hint("say which one behind the path, as in docker-archive:" + path + ":" +
                   (tags.empty() ? std::string("NAME") : tags.front()));
  }
  return images.front();
}

Result<FileImage> read_docker_archive(const std::string& path,
                                      const std::string& wanted,
                                      const Platform& platform) {
  SavedImage image = TRY(choose_saved(path, wanted));
  Bytes config = TRY(read_entry(path, image.config));
  FileImage out;
  out.image_id = Digest::sha256_of(config);
  out.name = !wanted.empty() || image.tags.empty() ? wanted : image.tags.front();
  ArchiveStream stream = TRY(ArchiveStream::open(path));
  out.extracted = TRY(extract_archive(stream.source(), out.image_id, path, platform));
  return out;
}

}  // namespace

Result<Transport> tell_format(const std::string& path) {
  Result<UniqueFd> file = open_image_file(path);
  if (!file.ok()) {
    bool directory =
        file.error().code() == Code::InvalidArgument && open_layout_directory(path).ok();
    if (directory) {
      return Transport::OciLayout;
    }
    return std::move(file).error();
  }
  // Newer engines write both forms into one file; then the one with more digests is read.
  Result<std::unique_ptr<LayoutFiles>> layout = open_layout_archive(path);
  if (layout.ok() && (*layout)->open("index.json").ok()) {
    return Transport::OciArchive;
  }
  return Transport::DockerArchive;
}

Result<std::vector<std::string>> names_in_file(Transport transport, const std::string& path) {
  if (transport == Transport::DockerArchive) {
    std::vector<SavedImage> images = TRY(read_saved(path).with_context(path));
    std::vector<std::string> names;
    for (SavedImage& image : images) {
      if (image.tags.empty()) {
        names.emplace_back();
      }
      std::move(image.tags.begin(), image.tags.end(), std::back_inserter(names));
    }
    return names;
  }
  std::unique_ptr<LayoutFiles> files = TRY(
      transport == Transport::OciLayout ? open_layout_directory(path) : open_layout_archive(path));
  return names_in_layout(*files).with_context(path);
}

Result<FileImage> read_image_file(Transport transport,
                                  const std::string& path,
                                  const std::string& wanted,
                                  const Platform& platform) {
  if (transport == Transport::DockerArchive) {
    FileImage out = TRY(read_docker_archive(path, wanted, platform).with_context(path));
    out.extracted.route = "docker-archive";
    return out;
  }
  bool directory = transport == Transport::OciLayout;
  std::unique_ptr<LayoutFiles> files =
      TRY(directory ? open_layout_directory(path) : open_layout_archive(path));
  FileImage out = TRY(extract_layout(*files, wanted, path, platform).with_context(path));
  std::string packaging = out.extracted.route.empty() ? "" : ", " + out.extracted.route;
  out.extracted.route = (directory ? "oci" : "oci-archive") + packaging;
  Result<std::vector<SignatureDocument>> signatures =
      find_signatures(*files, {out.manifest_digest, out.index_digest});
  if (signatures.ok()) {
    out.signatures = std::move(*signatures);
  } else {
    out.signature_note = signatures.error().message();
  }
  return out;
}

}  // namespace bpfman::image
