// SPDX-License-Identifier: Apache-2.0
// The bodies of Rekor's entries. Source: sigstore/rekor pkg/types (hashedrekord 0.0.1, dsse 0.0.1,
// intoto 0.0.2), sigstore/rekor-tiles (hashedrekord and dsse 0.0.2).
#include "bpfman/base/json_fields.h"
#include "bpfman/base/sha256.h"
#include "bpfman/base/text.h"
#include "bpfman/trust/certificate.h"
#include "bpfman/trust/transparency.h"

namespace bpfman::trust {
namespace {

Error entry_refused(const std::string& why) {
  return Error(Code::PermissionDenied, "the log entry " + why);
}

Bytes base64_of(const Json& json) {
  return decode_base64(text_of(json)).value_or(Bytes());
}

const Json& only(const Json& list) {
  static const Json none;
  return list.is_array() && list.size() == 1 ? list.front() : none;
}

// What an entry of any kind says.
struct Claim {
  Bytes hash;  // sha256 of what was signed, or of an envelope's payload
  Bytes signature;
  Bytes certificate;  // DER
  Bytes key;          // SubjectPublicKeyInfo, where it is by a bare key
};

// base64 of PEM: a certificate, or a key.
void read_verifier(const Json& json, Claim& claim) {
  std::string pem(as_text(base64_of(json)));
  Result<Bytes> certificate = certificate_from_pem(pem);
  if (certificate.ok()) {
    claim.certificate = std::move(*certificate);
    return;
  }
  Result<PublicKey> key = PublicKey::from_pem(pem);
  claim.key = key.ok() ? key->der() : Bytes();
}

Bytes hash_of(const Json& json) {
  return text_of(member(json, "algorithm")) == "sha256"
             ? parse_hex(text_of(member(json, "value"))).value_or(Bytes())
             : Bytes();
}

Claim read_hashedrekord(const Json& spec) {
  const Json& signature = member(spec, "signature");
  Claim claim{.hash = hash_of(member(member(spec, "data"), "hash")),
              .signature = base64_of(member(signature, "content"))};
  read_verifier(member(member(signature, "publicKey"), "content"), claim);
  return claim;
}

Claim read_dsse(const Json& spec) {
  const Json& signature = only(member(spec, "signatures"));
  Claim claim{.hash = hash_of(member(spec, "payloadHash")),
              .signature = base64_of(member(signature, "signature"))};
  read_verifier(member(signature, "verifier"), claim);
  return claim;
}

// The signature of an intoto entry is base64 twice.
Claim read_intoto(const Json& spec) {
  const Json& content = member(spec, "content");
  const Json& signature = only(member(member(content, "envelope"), "signatures"));
  Bytes once = base64_of(member(signature, "sig"));
  Claim claim{.hash = hash_of(member(content, "payloadHash")),
              .signature = decode_base64(as_text(once)).value_or(Bytes())};
  read_verifier(member(signature, "publicKey"), claim);
  return claim;
}

// 0.0.2 of both kinds holds plain base64.
Claim read_second_version(const Json& spec, bool envelope) {
  const Json& body = member(spec, envelope ? "dsseV002" : "hashedRekordV002");
  const Json& hash = member(body, envelope ? "payloadHash" : "data");
  const Json& signature = envelope ? only(member(body, "signatures")) : member(body, "signature");
  const Json& verifier = member(signature, "verifier");
  return Claim{.hash = text_of(member(hash, "algorithm")) == "SHA2_256"
                           ? base64_of(member(hash, "digest"))
                           : Bytes(),
               .signature = base64_of(member(signature, "content")),
               .certificate = base64_of(member(member(verifier, "x509Certificate"), "rawBytes")),
               .key = base64_of(member(member(verifier, "publicKey"), "rawBytes"))};
}

}  // namespace

std::string promise_text(const LogEntry& entry) {
  return R"({"body":")" + encode_base64(entry.body) + R"(","integratedTime":)" +
         std::to_string(entry.integrated_time) + R"(,"logID":")" + to_hex(entry.log_id) +
         R"(","logIndex":)" + std::to_string(entry.index) + "}";
}

Result<void> check_entry_body(const LogEntry& entry, const SignedMaterial& material) {
  Json body = Json::parse(as_text(entry.body), nullptr, false);
  std::string kind = text_of(member(body, "kind"));
  std::string version = text_of(member(body, "apiVersion"));
  if (kind != entry.kind || version != entry.version) {
    return entry_refused("is not of the kind that it is said to be");
  }
  const Json& spec = member(body, "spec");
  const bool envelope = material.kind == ContentKind::Envelope;
  Claim claim;
  if (kind == "hashedrekord" && version == "0.0.1" && !envelope) {
    claim = read_hashedrekord(spec);
  } else if (kind == "dsse" && version == "0.0.1" && envelope) {
    claim = read_dsse(spec);
  } else if (kind == "intoto" && version == "0.0.2" && envelope) {
    claim = read_intoto(spec);
  } else if (version == "0.0.2" && kind == (envelope ? "dsse" : "hashedrekord")) {
    claim = read_second_version(spec, envelope);
  } else {
    return entry_refused("is of a kind that cannot be checked: " + kind + " " + version);
  }
  Sha256Value hash = sha256(envelope ? material.payload : material.message);
  if (!std::equal(hash.begin(), hash.end(), claim.hash.begin(), claim.hash.end())) {
    return entry_refused("is about other content");
  }
  if (claim.signature != material.signature) {
    return entry_refused("is about another signature");
  }
  if (material.certificate.empty() && (material.key.empty() || claim.key != material.key)) {
    return entry_refused("is about another key");
  }
  if (claim.certificate != material.certificate) {
    return entry_refused("is about another certificate");
  }
  return {};
}

}  // namespace bpfman::trust
