// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include <nlohmann/json.hpp>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "bpfman/base/sha256.h"
#include "bpfman/base/text.h"
#include "bpfman/trust/openssl_handles.h"
#include "bpfman/trust/tuf_test_repository.h"

namespace bpfman::trust {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kEd25519Size = 32;
constexpr std::size_t kP256PointSize = 65;

KeyPtr generate(TestKeyKind kind) {
  switch (kind) {
    case TestKeyKind::Ed25519:
      return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    case TestKeyKind::Rsa:
      return KeyPtr(EVP_RSA_gen(2048));
    case TestKeyKind::P384:
      return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
    case TestKeyKind::P256:
    case TestKeyKind::P256ByName:
    case TestKeyKind::P256Hex:
    case TestKeyKind::Unknown:
    case TestKeyKind::NotWhatItIs:
      break;
  }
  return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

std::string sign(EVP_PKEY* key, TestKeyKind kind, const std::string& message) {
  const EVP_MD* hash = kind == TestKeyKind::Ed25519 ? nullptr : EVP_sha256();
  if (kind == TestKeyKind::P384) {
    hash = EVP_sha384();
  }
  DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  if (EVP_DigestSignInit(context.get(), &parameters, hash, nullptr, key) != 1 ||
      (kind == TestKeyKind::Rsa &&
       EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1)) {
    throw std::runtime_error("cannot sign");
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  std::size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size());
  std::vector<unsigned char> out(size);
  if (EVP_DigestSign(context.get(), out.data(), &size, bytes, message.size()) != 1) {
    throw std::runtime_error("cannot sign");
  }
  out.resize(size);
  return to_hex(std::as_bytes(std::span(out)));
}

std::string pem_of(EVP_PKEY* key) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), key);
  char* data = nullptr;
  auto size = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &data));
  return {data, size};
}

// The last bytes of the SubjectPublicKeyInfo are the bare key.
std::string hex_of(EVP_PKEY* key, std::size_t size) {
  Bytes der = PublicKey(key).der();
  return to_hex(ByteView(der).last(size));
}

Json public_json(EVP_PKEY* key, TestKeyKind kind) {
  auto make = [](const char* type, const char* scheme, const std::string& text) {
    return Json{{"keytype", type}, {"scheme", scheme}, {"keyval", {{"public", text}}}};
  };
  switch (kind) {
    case TestKeyKind::Ed25519:
      return make("ed25519", "ed25519", hex_of(key, kEd25519Size));
    case TestKeyKind::Rsa:
      return make("rsa", "rsassa-pss-sha256", pem_of(key));
    case TestKeyKind::P384:
      return make("ecdsa", "ecdsa-sha2-nistp384", pem_of(key));
    case TestKeyKind::P256ByName:
      return make("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", pem_of(key));
    case TestKeyKind::P256Hex:
      return make("ecdsa", "ecdsa-sha2-nistp256", hex_of(key, kP256PointSize));
    case TestKeyKind::Unknown:
      return make("ml-dsa", "ml-dsa-44", pem_of(key));
    case TestKeyKind::NotWhatItIs:
      return make("ecdsa", "ecdsa-sha2-nistp256", "not a key");
    case TestKeyKind::P256:
      break;
  }
  return make("ecdsa", "ecdsa-sha2-nistp256", pem_of(key));
}

std::string id_of(const std::string& name) {
  return to_hex(sha256(as_bytes(name)));
}

std::string sha512_of(const std::string& text) {
  std::array<unsigned char, 64> out{};
  EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha512(), nullptr);
  return to_hex(std::as_bytes(std::span(out)));
}

Json content_of(const TufTestRepository& repository, TufRole name) {
  const TestRole& role = repository.role(name);
  return Json{{"_type", to_string(name)},
              {"spec_version", repository.specification},
              {"version", role.version},
              {"expires", format_utc(role.expires)}};
}

Json file_json(std::uint64_t version, const std::string& text, bool digests) {
  Json out = {{"version", version}};
  if (digests) {
    out["length"] = text.size();
    out["hashes"] = {{"sha256", to_hex(sha256(as_bytes(text)))}, {"md5", "passed over"}};
  }
  return out;
}

}  // namespace

struct TufTestRepository::Keys {
  std::map<std::string, KeyPtr> made;

  EVP_PKEY* get(const TufTestRepository& repository, const std::string& name) {
    auto same = repository.same_as.find(name);
    const std::string& key = same == repository.same_as.end() ? name : same->second;
    auto found = made.find(key);
    if (found == made.end()) {
      found = made.emplace(key, generate(kind(repository, key))).first;
    }
    return found->second.get();
  }

  static TestKeyKind kind(const TufTestRepository& repository, const std::string& name) {
    auto found = repository.kinds.find(name);
    return found == repository.kinds.end() ? TestKeyKind::P256 : found->second;
  }

  std::string signed_file(const TufTestRepository& repository,
                          const TestRole& role,
                          const Json& signed_part) {
    std::string message = *canonical_json(signed_part.dump());
    Json signatures = Json::array();
    for (const std::string& name : role.signers) {
      signatures.push_back({{"keyid", id_of(name)},
                            {"sig", sign(get(repository, name), kind(repository, name), message)}});
    }
    return Json{{"signed", signed_part}, {"signatures", signatures}}.dump(1);
  }
};

TufTestRepository::TufTestRepository() : keys_(std::make_unique<Keys>()) {
  role(TufRole::Root) = TestRole{.keys = {"root"}, .signers = {"root"}};
}

TufTestRepository::~TufTestRepository() = default;

void TufTestRepository::publish_root() {
  Json document = content_of(*this, TufRole::Root);
  document["consistent_snapshot"] = consistent;
  document["keys"] = Json::object();
  document["roles"] = Json::object();
  for (TufRole name : {TufRole::Root, TufRole::Timestamp, TufRole::Snapshot, TufRole::Targets}) {
    Json ids = Json::array();
    for (const std::string& key : role(name).keys) {
      ids.push_back(id_of(key));
      document["keys"][id_of(key)] = public_json(keys_->get(*this, key), Keys::kind(*this, key));
    }
    document["roles"][to_string(name)] = {{"keyids", ids}, {"threshold", role(name).threshold}};
  }
  std::string path = std::to_string(role(TufRole::Root).version) + ".root.json";
  files[path] = keys_->signed_file(*this, role(TufRole::Root), document);
}

void TufTestRepository::rotate_root(const std::vector<std::string>& keys) {
  TestRole& root = role(TufRole::Root);
  ++root.version;
  root.signers = root.keys;
  root.signers.insert(root.signers.end(), keys.begin(), keys.end());
  root.keys = keys;
  publish_root();
}

std::string TufTestRepository::root() const {
  return files.at(std::to_string(role(TufRole::Root).version) + ".root.json");
}

void TufTestRepository::publish() {
  publish_root();
  std::string digest = sha512_only ? sha512_of(content) : to_hex(sha256(as_bytes(content)));
  files[std::string("targets/") + (consistent ? digest + "." : "") + kTestTarget] = content;
  Json targets = content_of(*this, TufRole::Targets);
  targets["targets"] = Json::object();
  if (lists_target) {
    targets["targets"][kTestTarget] = {{"length", content.size()},
                                       {"hashes", {{sha512_only ? "sha512" : "sha256", digest}}}};
  }
  if (delegates) {
    targets["delegations"] = {{"keys", Json::object()}, {"roles", {{{"name", "other"}}}}};
  }
  auto path = [&](TufRole name) {
    std::string file = std::string(to_string(name)) + ".json";
    return consistent ? std::to_string(role(name).version) + "." + file : file;
  };
  std::string targets_text = keys_->signed_file(*this, role(TufRole::Targets), targets);
  files[path(TufRole::Targets)] = targets_text;
  Json snapshot = content_of(*this, TufRole::Snapshot);
  snapshot["meta"]["targets.json"] = file_json(
      targets_version_said.value_or(role(TufRole::Targets).version), targets_text, digests);
  for (const auto& [name, version] : more_files) {
    snapshot["meta"][name] = {{"version", version}};
  }
  std::string snapshot_text = keys_->signed_file(*this, role(TufRole::Snapshot), snapshot);
  files[path(TufRole::Snapshot)] = snapshot_text;
  Json timestamp = content_of(*this, TufRole::Timestamp);
  timestamp["meta"]["snapshot.json"] = file_json(
      snapshot_version_said.value_or(role(TufRole::Snapshot).version), snapshot_text, digests);
  files["timestamp.json"] = keys_->signed_file(*this, role(TufRole::Timestamp), timestamp);
}

Result<std::optional<Bytes>> TufTestRepository::fetch(const std::string& path, std::size_t) {
  fetched.push_back(path);
  auto found = files.find(path);
  if (found == files.end()) {
    return std::optional<Bytes>();
  }
  ByteView view = as_bytes(found->second);
  return std::optional(Bytes(view.begin(), view.end()));
}

}  // namespace bpfman::trust
