// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "bpfman/base/text.h"
#include "bpfman/image/mirrors.h"
#include "bpfman/image/oci_layout.h"
#include "bpfman/image/registry_layers.h"
#include "bpfman/image/signature_finder.h"

namespace bpfman::image {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kBundleType = "application/vnd.dev.sigstore.bundle";
constexpr std::string_view kSimpleSigningType = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";
constexpr std::string_view kPredicate = "dev.sigstore.bundle.predicateType";
constexpr std::size_t kMaxReferrers = 64;

// Where documents are: a repository, or a layout.
class Place {
 public:
  Place() = default;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  virtual ~Place() = default;

  // NotFound: there is none of that name.
  virtual Result<ManifestDocument> manifest(const std::string& tag,
                                            const std::optional<Digest>& digest) = 0;
  virtual Result<std::vector<Descriptor>> referrers(const Digest& subject) = 0;
  virtual Result<std::string> document(const Descriptor& descriptor) = 0;
  virtual std::string name() const = 0;
};

class Repository final : public Place {
 public:
  explicit Repository(RegistryClient& client) : client_(client) {}

  Result<ManifestDocument> manifest(const std::string& tag,
                                    const std::optional<Digest>& digest) override {
    Digest found;
    return fetch_manifest(client_, digest.has_value() ? digest->text() : tag, digest, found);
  }

  Result<std::vector<Descriptor>> referrers(const Digest& subject) override {
    net::HttpResponse response = TRY(client_.referrers(subject));
    ManifestDocument document = TRY(parse_manifest(response.body, ""));
    if (!document.is_index) {
      return Error(Code::DataLoss, "the referrers of " + subject.text() + " are no index");
    }
    return std::move(document.entries);
  }

  Result<std::string> document(const Descriptor& descriptor) override {
    return read_document(client_, descriptor);
  }

  std::string name() const override {
    return client_.target().registry + "/" + client_.target().repository;
  }

 private:
  RegistryClient& client_;
};

class Layout final : public Place {
 public:
  Layout(LayoutFiles& files, std::vector<Descriptor> index)
      : files_(files), index_(std::move(index)) {}

  Result<ManifestDocument> manifest(const std::string& tag,
                                    const std::optional<Digest>& digest) override {
    for (const Descriptor& entry : index_) {
      if (digest.has_value() ? entry.digest == *digest : is_tagged(entry, tag)) {
        return read(entry);
      }
    }
    if (digest.has_value()) {
      for (const Descriptor& entry : nested_) {
        if (entry.digest == *digest) {
          return read(entry);
        }
      }
    }
    return Error(Code::NotFound, "nothing of that name in the layout");
  }

  Result<std::vector<Descriptor>> referrers(const Digest&) override {
    std::vector<Descriptor> out;
    for (const Descriptor& entry : index_) {
      if (entry.artifact_type.starts_with(kBundleType)) {
        out.push_back(entry);
      }
    }
    return out;
  }

  Result<std::string> document(const Descriptor& descriptor) override {
    return read_layout_document(files_, descriptor);
  }

  std::string name() const override { return "the layout"; }

 private:
  // `cosign save` writes no tags but what the one image's entries are.
  static bool is_tagged(const Descriptor& entry, const std::string& tag) {
    std::string name = name_of_entry(entry);
    auto kind = entry.annotations.find("kind");
    bool saved = kind != entry.annotations.end() && kind->second == "dev.cosignproject.cosign/sigs";
    return name == tag || name.ends_with(":" + tag) || (saved && tag.ends_with(".sig"));
  }

  Result<ManifestDocument> read(const Descriptor& entry) {
    std::string text = TRY(read_layout_document(files_, entry));
    ManifestDocument document = TRY(parse_manifest(text, entry.media_type));
    nested_.insert(nested_.end(), document.entries.begin(), document.entries.end());
    return document;
  }

  LayoutFiles& files_;
  std::vector<Descriptor> index_;
  std::vector<Descriptor> nested_;
};

bool is_missing(const Error& error) {
  return error.code() == Code::NotFound;
}

std::string tag_of(const Digest& subject) {
  return std::string(subject.algorithm()) + "-" + std::string(subject.hex());
}

}  // namespace

std::string signature_tag(const Digest& subject) {
  return tag_of(subject) + ".sig";
}

namespace {

// The list of the registry, else the one that cosign keeps under a tag.
Result<std::vector<Descriptor>> list_referrers(Place& place, const Digest& subject) {
  Result<std::vector<Descriptor>> listed = place.referrers(subject);
  if (!listed.ok() && !is_missing(listed.error())) {
    return listed;
  }
  if (listed.ok() && !listed->empty()) {
    return listed;
  }
  Result<ManifestDocument> tagged = place.manifest(tag_of(subject), std::nullopt);
  if (!tagged.ok()) {
    return is_missing(tagged.error()) ? Result<std::vector<Descriptor>>(std::vector<Descriptor>())
                                      : Result<std::vector<Descriptor>>(tagged.error());
  }
  return std::move(tagged->entries);
}

Result<void> check_number(std::size_t count) {
  if (count > kMaxSignatures) {
    return Error(Code::ResourceExhausted,
                 "the image has more than " + std::to_string(kMaxSignatures) + " signatures");
  }
  return {};
}

// cosign has written entries with the type of an empty config, so those are looked into as well.
bool may_be_bundle(const Descriptor& entry) {
  return entry.artifact_type.empty() || entry.artifact_type == kEmptyType ||
         entry.artifact_type.starts_with(kBundleType);
}

// A referrer that signs an image, and the blob that holds its bundle.
struct BundleReferrer {
  Descriptor entry;
  Descriptor bundle;
};

Result<std::vector<BundleReferrer>> list_bundles(Place& place, const Digest& subject) {
  std::vector<Descriptor> referrers = TRY(list_referrers(place, subject));
  if (referrers.size() > kMaxReferrers) {
    return Error(Code::ResourceExhausted,
                 subject.text() + " has more than " + std::to_string(kMaxReferrers) + " referrers");
  }
  std::vector<BundleReferrer> out;
  for (const Descriptor& entry : referrers) {
    if (!may_be_bundle(entry)) {
      continue;
    }
    ManifestDocument document = TRY(place.manifest("", entry.digest));
    const Manifest& manifest = document.manifest;
    if (document.is_index || manifest.layers.size() != 1 ||
        !manifest.layers.front().media_type.starts_with(kBundleType)) {
      continue;
    }
    auto predicate = manifest.annotations.find(std::string(kPredicate));
    if (predicate == manifest.annotations.end() || predicate->second == kImagePredicate) {
      out.push_back(BundleReferrer{.entry = entry, .bundle = manifest.layers.front()});
    }
  }
  return out;
}

Result<void> add_bundles(Place& place, const Digest& subject, std::vector<SignatureDocument>& out) {
  std::vector<BundleReferrer> referrers = TRY(list_bundles(place, subject));
  for (const BundleReferrer& referrer : referrers) {
    if (referrer.bundle.size > kSignatureLimit) {
      return Error(Code::ResourceExhausted, "a signature of more than 256 KiB");
    }
    std::string bundle = TRY(place.document(referrer.bundle));
    out.push_back(SignatureDocument{.format = SignatureFormat::Bundle,
                                    .document = std::move(bundle),
                                    .location = place.name() + "@" + referrer.entry.digest.text()});
    TRY(check_number(out.size()));
  }
  return {};
}

Result<void> add_classic(Place& place, const Digest& subject, std::vector<SignatureDocument>& out) {
  std::string tag = signature_tag(subject);
  Result<ManifestDocument> document = place.manifest(tag, std::nullopt);
  if (!document.ok()) {
    return is_missing(document.error()) ? Result<void>() : Result<void>(document.error());
  }
  for (const Descriptor& layer : document->manifest.layers) {
    if (layer.media_type != kSimpleSigningType) {
      continue;
    }
    if (layer.size > kSignatureLimit) {
      return Error(Code::ResourceExhausted, "a signature of more than 256 KiB");
    }
    std::string payload = TRY(place.document(layer));
    Json attachment = {{"mimeType", layer.media_type},
                       {"payload", encode_base64(as_bytes(payload))},
                       {"annotations", layer.annotations}};
    out.push_back(SignatureDocument{
        .format = SignatureFormat::SimpleSigning,
        .document = attachment.dump(-1, ' ', false, Json::error_handler_t::replace),
        .location = place.name() + ":" + tag});
    TRY(check_number(out.size()));
  }
  return {};
}

Result<std::vector<SignatureDocument>> find(Place& place, const std::vector<Digest>& subjects) {
  std::vector<SignatureDocument> out;
  for (const Digest& subject : subjects) {
    if (!subject.empty()) {
      TRY(add_bundles(place, subject, out));
      TRY(add_classic(place, subject, out));
    }
  }
  return out;
}

Result<RemoteSignatures> fetch_from(RegistryClient& client,
                                    const ImageReference& reference,
                                    const Digest& image_id,
                                    const Platform& platform) {
  ChosenManifest chosen = TRY(fetch_chosen_manifest(client, reference, platform));
  const Digest& there = chosen.manifest.config.digest;
  // An artifact is known by its manifest.
  if (there != image_id && chosen.digest != image_id) {
    return Error(Code::FailedPrecondition,
                 reference.normal_form() + " is another image in the registry (sha256:" +
                     there.short_hex() + ") than here (sha256:" + image_id.short_hex() + ")");
  }
  RemoteSignatures out{
      .documents = {}, .manifest_digest = chosen.digest, .index_digest = chosen.index_digest};
  out.documents = TRY(find_signatures(client, {out.manifest_digest, out.index_digest}));
  return out;
}

}  // namespace

Result<std::vector<SignatureDocument>> find_signatures(RegistryClient& client,
                                                       const std::vector<Digest>& subjects) {
  Repository place(client);
  return find(place, subjects).with_context("look for signatures in " + place.name());
}

Result<std::vector<SignatureDocument>> find_signatures(LayoutFiles& files,
                                                       const std::vector<Digest>& subjects) {
  std::vector<Descriptor> index = TRY(read_layout_index(files));
  Layout place(files, std::move(index));
  return find(place, subjects).with_context("look for signatures");
}

Result<std::vector<Descriptor>> list_signature_bundles(RegistryClient& client,
                                                       const Digest& subject) {
  Repository place(client);
  std::vector<BundleReferrer> referrers =
      TRY(list_bundles(place, subject).with_context("look for signatures in " + place.name()));
  std::vector<Descriptor> out;
  for (BundleReferrer& referrer : referrers) {
    out.push_back(std::move(referrer.entry));
  }
  return out;
}

Result<RemoteSignatures> fetch_signatures(const ImageReference& reference,
                                          const Digest& image_id,
                                          const PullContext& context,
                                          const Platform& platform) {
  std::vector<std::string> passed_over;
  return ask_places(reference, context, passed_over, [&](RegistryClient& client) {
    return fetch_from(client, reference, image_id, platform);
  });
}

}  // namespace bpfman::image
