// SPDX-License-Identifier: Apache-2.0
// Members are sorted by nlohmann's default object, so equal values are equal texts.
#include <nlohmann/json.hpp>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/image/image_writer.h"
#include "bpfman/image/tar_writer.h"

namespace bpfman::image {
namespace {

using Json = nlohmann::json;

constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar";

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json descriptor(const char* type, const Digest& digest, std::size_t size) {
  Json json;
  json["mediaType"] = type;
  json["digest"] = digest.text();
  json["size"] = size;
  return json;
}

Json platform_json(const Platform& platform) {
  Json json;
  json["os"] = platform.os;
  json["architecture"] = platform.architecture;
  if (!platform.variant.empty()) {
    json["variant"] = platform.variant;
  }
  return json;
}

std::string config_json(const NewImage& image,
                        const PlatformObject& object,
                        const Digest& diff_id) {
  std::string created = format_utc(image.created);
  Json json = platform_json(object.platform);
  json["created"] = created;
  json["config"] = Json::object();
  json["config"]["Labels"] = object.labels;
  json["rootfs"]["type"] = "layers";
  json["rootfs"]["diff_ids"] = Json::array({diff_id.text()});
  Json step;
  step["created"] = created;
  step["created_by"] = "bpfman: COPY " + object.file_name + " /";
  json["history"] = Json::array({step});
  return dump(json);
}

Bytes bytes_of(std::string_view text) {
  ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

}  // namespace

std::string LayoutWriter::put_blob(ByteView content, Digest& digest) {
  digest = Digest::sha256_of(content);
  std::string path = "blobs/sha256/" + std::string(digest.hex());
  blobs_[path] = Bytes(content.begin(), content.end());
  return path;
}

Result<std::string> LayoutWriter::add_platform(const NewImage& image,
                                               const PlatformObject& object,
                                               MadePlatform& made,
                                               Made::Part& part) {
  Bytes layer = TRY(write_tar({{object.file_name, object.bytes}}, image.created));
  Digest layer_digest;
  part.platform = object.platform;
  part.layer_path = put_blob(layer, layer_digest);
  std::string config = config_json(image, object, layer_digest);
  made.platform = object.platform;
  part.config_path = put_blob(as_bytes(config), made.image_id);
  Json json;
  json["schemaVersion"] = 2;
  json["mediaType"] = kManifestType;
  json["config"] = descriptor(kConfigType, made.image_id, config.size());
  json["layers"] = Json::array({descriptor(kLayerType, layer_digest, layer.size())});
  std::string manifest = dump(json);
  put_blob(as_bytes(manifest), made.manifest_digest);
  Json out = descriptor(kManifestType, made.manifest_digest, manifest.size());
  out["platform"] = platform_json(object.platform);
  return dump(out);
}

Result<MadeImage> LayoutWriter::add(const NewImage& image) {
  if (image.objects.empty()) {
    return Error(Code::InvalidArgument, "an image needs an object file");
  }
  MadeImage out{.name = image.name};
  Made made{.name = image.name};
  Json entries = Json::array();
  for (const PlatformObject& object : image.objects) {
    MadePlatform& platform = out.platforms.emplace_back();
    Made::Part& part = made.parts.emplace_back();
    std::string text = TRY(add_platform(image, object, platform, part));
    entries.push_back(Json::parse(text));
  }
  Json top = entries.front();
  out.digest = out.platforms.front().manifest_digest;
  if (entries.size() > 1) {
    Json json;
    json["schemaVersion"] = 2;
    json["mediaType"] = kIndexType;
    json["manifests"] = entries;
    std::string index = dump(json);
    put_blob(as_bytes(index), out.digest);
    top = descriptor(kIndexType, out.digest, index.size());
  }
  if (!image.name.empty()) {
    top["annotations"]["org.opencontainers.image.ref.name"] = image.name;
    top["annotations"]["io.containerd.image.name"] = image.name;
  }
  made.descriptor = dump(top);
  images_.push_back(std::move(made));
  return out;
}

std::map<std::string, Bytes> LayoutWriter::files(const Platform& platform) const {
  std::map<std::string, Bytes> out = blobs_;
  Json index;
  index["schemaVersion"] = 2;
  index["mediaType"] = kIndexType;
  index["manifests"] = Json::array();
  Json saved = Json::array();
  for (const Made& image : images_) {
    index["manifests"].push_back(Json::parse(image.descriptor));
    const Made::Part* part = &image.parts.front();
    for (const Made::Part& candidate : image.parts) {
      if (candidate.platform.architecture == platform.architecture) {
        part = &candidate;
        break;
      }
    }
    Json entry;
    entry["Config"] = part->config_path;
    entry["Layers"] = Json::array({part->layer_path});
    entry["RepoTags"] = image.name.empty() ? Json(nullptr) : Json::array({image.name});
    saved.push_back(std::move(entry));
  }
  out["index.json"] = bytes_of(dump(index));
  out["manifest.json"] = bytes_of(dump(saved));
  out["oci-layout"] = bytes_of(R"({"imageLayoutVersion":"1.0.0"})");
  return out;
}

Result<Bytes> LayoutWriter::tar(const Platform& platform) const {
  // The time of the entries says nothing about the images.
  return write_tar(files(platform), 0);
}

}  // namespace bpfman::image
