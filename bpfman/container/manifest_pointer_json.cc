// SPDX-License-Identifier: Apache-2.0
// Source: OCI image-spec manifest.md and image-index.md; Docker's schema 2 has the same members.
#include <nlohmann/json.hpp>

#include "bpfman/container/storage_books.h"

namespace bpfman::container {
namespace {

using Json = nlohmann::json;

std::string text_member(const Json& json, const char* name) {
  auto member = json.find(name);
  return member != json.end() && member->is_string() ? member->get<std::string>() : std::string();
}

Platform platform_of(const Json& entry) {
  auto platform = entry.find("platform");
  if (platform == entry.end() || !platform->is_object()) {
    return Platform{.os = "", .architecture = "", .variant = ""};
  }
  return Platform{.os = text_member(*platform, "os"),
                  .architecture = text_member(*platform, "architecture"),
                  .variant = text_member(*platform, "variant")};
}

Result<ManifestPointer> parse_index(const Json& manifests, const Platform& wanted) {
  ManifestPointer out;
  out.is_index = true;
  for (const Json& entry : manifests) {
    std::optional<Digest> digest =
        entry.is_object() ? Digest::parse(text_member(entry, "digest")) : std::nullopt;
    if (!digest.has_value()) {
      return Error(Code::DataLoss, "an index has an entry without a digest");
    }
    Platform platform = platform_of(entry);
    bool fits =
        platform.os == wanted.os && platform.architecture == wanted.architecture &&
        (wanted.variant.empty() || platform.variant.empty() || platform.variant == wanted.variant);
    if (fits && out.platform_entry.empty()) {
      out.platform_entry = *digest;
    }
    if (!platform.os.empty()) {
      out.offered.push_back(to_string(platform));
    }
  }
  return out;
}

}  // namespace

Result<ManifestPointer> parse_manifest_pointer(std::string_view text, const Platform& platform) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    return Error(Code::DataLoss, "the manifest is no JSON object");
  }
  auto manifests = json.find("manifests");
  auto config = json.find("config");
  bool is_index = manifests != json.end() && manifests->is_array();
  bool is_image = config != json.end() && config->is_object();
  if (is_index == is_image) {
    return Error(Code::DataLoss,
                 is_index ? "the manifest has both \"config\" and \"manifests\""
                          : "the manifest has neither \"config\" nor \"manifests\"");
  }
  if (is_index) {
    return parse_index(*manifests, platform);
  }
  std::optional<Digest> digest = Digest::parse(text_member(*config, "digest"));
  if (!digest.has_value()) {
    return Error(Code::DataLoss, "the manifest's config has no digest");
  }
  ManifestPointer out;
  out.config = *digest;
  return out;
}

}  // namespace bpfman::container
