// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "bpfman/base/text.h"
#include "bpfman/trust/trust_test_support.h"

namespace bpfman::trust {
namespace {

using Json = nlohmann::json;

std::string blob(const Json& descriptor) {
  return test_file("layout/blobs/sha256/" + descriptor.at("digest").get<std::string>().substr(
                                                std::string("sha256:").size()));
}

Json entry(std::size_t which) {
  return Json::parse(test_file("layout/index.json")).at("manifests").at(which);
}

}  // namespace

std::string test_file(const std::string& name) {
  std::ifstream in(std::string(BPFMAN_SIGNATURES) + "/" + name, std::ios::binary);
  if (!in) {
    throw std::runtime_error("no file " + name);
  }
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Digest signed_manifest() {
  return *Digest::parse(entry(0).at("digest").get<std::string>());
}

std::vector<SignatureDocument> classic_documents() {
  std::vector<SignatureDocument> out;
  Json manifest = Json::parse(blob(entry(1)));
  for (const Json& layer : manifest.at("layers")) {
    Json document = {{"mimeType", layer.at("mediaType")},
                     {"payload", encode_base64(as_bytes(blob(layer)))},
                     {"annotations", layer.at("annotations")}};
    out.push_back(SignatureDocument{
        .format = SignatureFormat::SimpleSigning, .document = document.dump(), .location = "tag"});
  }
  return out;
}

std::vector<SignatureDocument> bundle_documents() {
  std::vector<SignatureDocument> out;
  Json index = Json::parse(blob(entry(2)));
  for (const Json& referrer : index.at("manifests")) {
    Json manifest = Json::parse(blob(referrer));
    out.push_back(SignatureDocument{.format = SignatureFormat::Bundle,
                                    .document = blob(manifest.at("layers").at(0)),
                                    .location = "referrer"});
  }
  return out;
}

SignatureDocument public_bundle(const std::string& name) {
  return SignatureDocument{.format = SignatureFormat::Bundle,
                           .document = test_file("public/" + name + ".sigstore.json"),
                           .location = name};
}

TrustPolicy policy_of_keys(const std::vector<std::string>& keys) {
  TrustPolicy out;
  out.path = "/etc/bpfman/policy.toml";
  for (const std::string& key : keys) {
    out.signers.push_back(Signer{.name = key, .who = KeySigner{.pem = test_file(key + ".pub")}});
  }
  return out;
}

TrustPolicy policy_of_identity(const std::string& identity, const std::string& issuer) {
  TrustPolicy out;
  out.path = "/etc/bpfman/policy.toml";
  out.trusted_root = test_file("public/trusted_root.json");
  out.signers.push_back(
      Signer{.name = "ci",
             .who = IdentitySigner{.identity = {.text = identity}, .issuer = {.text = issuer}}});
  return out;
}

std::string with_flipped_bit(std::string text, const std::string& name, std::size_t which) {
  std::size_t key = text.find("\"" + name + "\"");
  if (key == std::string::npos) {
    throw std::runtime_error("no member " + name);
  }
  std::size_t begin = text.find('"', text.find(':', key)) + 1;
  std::size_t end = text.find('"', begin);
  Bytes bytes = decode_base64(text.substr(begin, end - begin)).value();
  bytes[which % bytes.size()] ^= std::byte{1};
  return text.replace(begin, end - begin, encode_base64(bytes));
}

}  // namespace bpfman::trust
