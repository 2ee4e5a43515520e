// SPDX-License-Identifier: Apache-2.0
#include <set>

#include <nlohmann/json.hpp>

#include "bpfman/image/bundle.h"
#include "bpfman/image/layout_files.h"
#include "bpfman/image/mirrors.h"
#include "bpfman/image/oci.h"
#include "bpfman/image/registry_layers.h"
#include "bpfman/image/signature_finder.h"
#include "bpfman/image/tar_writer.h"

namespace bpfman::image {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kName = "org.opencontainers.image.ref.name";

Bytes bytes_of(std::string_view text) {
  ByteView view = as_bytes(text);
  return Bytes(view.begin(), view.end());
}

bool is_missing(const Error& error) {
  return error.code() == Code::NotFound;
}

}  // namespace

// One image out of one repository.
class BundleCopy {
 public:
  BundleCopy(BundleWriter& writer, RegistryClient& client) : writer_(writer), client_(client) {}

  Result<void> copy(const std::string& name,
                    const std::string& wanted,
                    BundleWriter::Added& added) {
    Digest digest;
    ManifestDocument document = TRY(copy_manifest(wanted, {{kName, name}}, "", digest));
    added.name = name;
    added.digest = digest;
    std::vector<Digest> subjects = {digest};
    for (const Descriptor& entry : document.entries) {
      if (!is_attestation(entry)) {
        Digest child;
        TRY(copy_manifest(entry.digest.text(), {}, kNested, child));
        subjects.push_back(child);
      }
    }
    for (const Digest& subject : subjects) {
      TRY(copy_signatures(subject, added));
    }
    return {};
  }

 private:
  static constexpr const char* kNested = "nested";  // named by an index already

  // A manifest or index with all that it names but other manifests. `role` is the artifact type of
  // its entry, "" for none, kNested for no entry at all.
  Result<ManifestDocument> copy_manifest(const std::string& wanted,
                                         const std::map<std::string, std::string>& annotations,
                                         const std::string& role,
                                         Digest& digest) {
    net::HttpResponse response = TRY(client_.manifest(wanted));
    digest = Digest::sha256_of(as_bytes(response.body));
    std::optional<Digest> expected = Digest::parse(wanted);
    if (expected.has_value() && *expected != digest) {
      return Error(Code::DataLoss, "manifest " + wanted + " does not match its digest");
    }
    std::string type = response.header("content-type");
    ManifestDocument document = TRY(parse_manifest(response.body, type));
    TRY(put(digest, bytes_of(response.body)));
    if (!document.is_index) {
      TRY(copy_blob(document.manifest.config));
      for (const Descriptor& layer : document.manifest.layers) {
        TRY(copy_blob(layer));
      }
    }
    if (role != kNested && entered_.insert(digest.text()).second) {
      Json entry = {{"mediaType", type}, {"digest", digest.text()}, {"size", response.body.size()}};
      if (!role.empty()) {
        entry["artifactType"] = role;
      }
      if (!annotations.empty()) {
        entry["annotations"] = annotations;
      }
      writer_.entries_.push_back(entry.dump());
    }
    return document;
  }

  Result<void> copy_blob(const Descriptor& blob) {
    if (writer_.blobs_.contains(blob_path(blob.digest))) {
      return {};
    }
    TRY(check_algorithm(blob.digest));
    if (blob.size > kBundleLimit) {
      return too_large();
    }
    std::unique_ptr<ByteSource> source = TRY(client_.blob(blob.digest));
    Bytes bytes = TRY(read_all(*source, blob.size).with_context("blob " + blob.digest.text()));
    if (bytes.size() != blob.size || Digest::sha256_of(bytes) != blob.digest) {
      return Error(Code::DataLoss, "blob " + blob.digest.text() + " does not match its digest");
    }
    return put(blob.digest, std::move(bytes));
  }

  Result<void> put(const Digest& digest, Bytes bytes) {
    std::string path = blob_path(digest);
    if (writer_.blobs_.contains(path)) {
      return {};
    }
    writer_.size_ += bytes.size();
    if (writer_.size_ > kBundleLimit) {
      return too_large();
    }
    writer_.blobs_[path] = std::move(bytes);
    return {};
  }

  static Error too_large() {
    return Error(Code::ResourceExhausted, "the images are larger than 256 MiB together")
        .with_hint("skopeo copy and cosign save copy such images");
  }

  Result<void> copy_signatures(const Digest& subject, BundleWriter::Added& added) {
    std::vector<Descriptor> bundles = TRY(list_signature_bundles(client_, subject));
    for (const Descriptor& entry : bundles) {
      Digest digest;
      TRY(copy_manifest(entry.digest.text(), {}, std::string(kBundleArtifact), digest));
      ++added.signatures;
    }
    std::string tag = signature_tag(subject);
    Digest digest;
    Result<ManifestDocument> classic = copy_manifest(tag, {{kName, tag}}, "", digest);
    if (!classic.ok() && !is_missing(classic.error())) {
      return std::move(classic).error();
    }
    added.signatures += classic.ok() ? classic->manifest.layers.size() : 0;
    return {};
  }

  BundleWriter& writer_;
  RegistryClient& client_;
  std::set<std::string> entered_;
};

Result<BundleWriter::Added> BundleWriter::add(const ImageReference& reference,
                                              const PullContext& context) {
  std::string wanted =
      reference.digest().has_value() ? reference.digest()->text() : reference.tag();
  std::vector<std::string> passed_over;
  // The registry itself, or the first mirror that has all of it.
  auto ask = [&](RegistryClient& client) -> Result<Added> {
    BundleWriter attempt = *this;
    Added added;
    TRY(BundleCopy(attempt, client).copy(reference.normal_form(), wanted, added));
    added.warnings = client.warnings();
    *this = std::move(attempt);
    return added;
  };
  Added added =
      TRY(ask_places(reference, context, passed_over, ask).with_context(reference.normal_form()));
  added.warnings.insert(added.warnings.end(), passed_over.begin(), passed_over.end());
  return added;
}

Result<Bytes> BundleWriter::tar() const {
  std::map<std::string, Bytes> files = blobs_;
  Json index = {{"schemaVersion", 2},
                {"mediaType", "application/vnd.oci.image.index.v1+json"},
                {"manifests", Json::array()}};
  for (const std::string& entry : entries_) {
    index["manifests"].push_back(Json::parse(entry));
  }
  files["index.json"] = bytes_of(index.dump());
  files["oci-layout"] = bytes_of(R"({"imageLayoutVersion":"1.0.0"})");
  return write_tar(files, 0);
}

}  // namespace bpfman::image
