// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/json_fields.h"
#include "bpfman/base/sha256.h"
#include "bpfman/base/text.h"
#include "bpfman/trust/certificate.h"
#include "bpfman/trust/signed_material.h"

namespace bpfman::trust {
namespace {

constexpr std::string_view kInToto = "application/vnd.in-toto+json";
constexpr std::string_view kSimpleSigningType = "cosign container image signature";
constexpr std::size_t kMaxSubjects = 100;

Error broken(const std::string& why) {
  return Error(Code::InvalidArgument, "the signature is damaged: " + why);
}

// A number, or one in a string, as protobuf writes 64 bits.
Result<std::uint64_t> number_of(const Json& json, const char* name) {
  const Json& value = member(json, name);
  if (value.is_null()) {
    return std::uint64_t{0};
  }
  std::optional<std::uint64_t> number;
  if (value.is_number_unsigned()) {
    number = value.get<std::uint64_t>();
  } else if (value.is_string()) {
    number = parse_unsigned(value.get<std::string>());
  }
  if (!number.has_value() || *number > INT64_MAX) {
    return broken(std::string(name) + " is no number");
  }
  return *number;
}

Result<Bytes> base64_of(const Json& json, const char* name) {
  std::optional<Bytes> bytes = decode_base64(text_of(json, name));
  if (!bytes.has_value()) {
    return broken(std::string(name) + " is no base64");
  }
  return std::move(*bytes);
}

Result<Json> parse_object(std::string_view text, const std::string& what) {
  Json json = text.size() <= kSignatureLimit ? Json::parse(text, nullptr, false) : Json();
  if (!json.is_object()) {
    return broken(what + " is no JSON object");
  }
  return json;
}

// The elements of a list; nothing for an absent one.
Result<std::vector<const Json*>> list_of(const Json& json, const char* name, std::size_t most) {
  const Json& list = member(json, name);
  std::vector<const Json*> out;
  if (list.is_null()) {
    return out;
  }
  if (!list.is_array() || list.size() > most) {
    return broken(std::string(name) + " is no list of at most " + std::to_string(most));
  }
  for (const Json& item : list) {
    out.push_back(&item);
  }
  return out;
}

Result<InclusionProof> proof_of(const Json& json) {
  InclusionProof out;
  out.index = TRY(number_of(json, "logIndex"));
  out.tree_size = TRY(number_of(json, "treeSize"));
  out.root = TRY(base64_of(json, "rootHash"));
  std::vector<const Json*> hash_list = TRY(list_of(json, "hashes", kMaxProofHashes));
  for (const Json* hash : hash_list) {
    std::optional<Bytes> bytes =
        hash->is_string() ? decode_base64(hash->get<std::string>()) : std::nullopt;
    if (!bytes.has_value()) {
      return broken("hashes is no list of base64");
    }
    out.hashes.push_back(std::move(*bytes));
  }
  out.checkpoint = text_of(member(json, "checkpoint"), "envelope");
  return out;
}

Result<LogEntry> entry_of(const Json& json) {
  LogEntry out;
  out.index = TRY(number_of(json, "logIndex"));
  out.log_id = TRY(base64_of(member(json, "logId"), "keyId"));
  out.kind = text_of(member(json, "kindVersion"), "kind");
  out.version = text_of(member(json, "kindVersion"), "version");
  std::uint64_t time = TRY(number_of(json, "integratedTime"));
  out.integrated_time = static_cast<std::int64_t>(time);
  out.promise = TRY(base64_of(member(json, "inclusionPromise"), "signedEntryTimestamp"));
  if (member(json, "inclusionProof").is_object()) {
    out.proof = TRY(proof_of(member(json, "inclusionProof")));
  }
  out.body = TRY(base64_of(json, "canonicalizedBody"));
  return out;
}

// DSSE's PAE: "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload
Bytes pre_authentication_encoding(const std::string& type, ByteView payload) {
  std::string head = "DSSEv1 " + std::to_string(type.size()) + " " + type + " " +
                     std::to_string(payload.size()) + " ";
  ByteView bytes = as_bytes(head);
  Bytes out(bytes.begin(), bytes.end());
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

Result<void> read_envelope(const Json& envelope, SignedMaterial& out) {
  out.kind = ContentKind::Envelope;
  std::string type = text_of(envelope, "payloadType");
  if (type != kInToto) {
    return broken("the envelope holds \"" + type + "\", not an in-toto statement");
  }
  out.payload = TRY(base64_of(envelope, "payload"));
  out.message = pre_authentication_encoding(type, out.payload);
  std::vector<const Json*> signatures = TRY(list_of(envelope, "signatures", kMaxSignatures));
  if (signatures.size() != 1) {
    return broken("the envelope has " + std::to_string(signatures.size()) +
                  " signatures where Sigstore has one");
  }
  out.signature = TRY(base64_of(*signatures.front(), "sig"));
  Json statement = TRY(parse_object(as_text(out.payload), "the statement"));
  std::string statement_type = text_of(statement, "_type");
  if (statement_type != "https://in-toto.io/Statement/v1" &&
      statement_type != "https://in-toto.io/Statement/v0.1") {
    return broken("\"" + statement_type + "\" is no in-toto statement");
  }
  out.predicate_type = text_of(statement, "predicateType");
  std::vector<const Json*> subject_list = TRY(list_of(statement, "subject", kMaxSubjects));
  for (const Json* subject : subject_list) {
    std::optional<Digest> digest =
        Digest::from_sha256_hex(text_of(member(*subject, "digest"), "sha256"));
    if (digest.has_value()) {
      out.subjects.push_back(*digest);
    }
  }
  return {};
}

Result<void> read_message_signature(const Json& signature, SignedMaterial& out) {
  out.kind = ContentKind::Blob;
  out.signature = TRY(base64_of(signature, "signature"));
  const Json& digest = member(signature, "messageDigest");
  if (text_of(digest, "algorithm") == "SHA2_256") {
    Bytes hash = TRY(base64_of(digest, "digest"));
    std::optional<Digest> subject = Digest::from_sha256_hex(to_hex(hash));
    if (subject.has_value()) {
      out.subjects.push_back(*subject);
    }
  }
  return {};
}

Result<void> read_verification_material(const Json& material, SignedMaterial& out) {
  const Json& chain = member(material, "x509CertificateChain");
  if (member(material, "certificate").is_object()) {
    out.certificate = TRY(base64_of(member(material, "certificate"), "rawBytes"));
  } else if (chain.is_object()) {
    std::vector<const Json*> certificates = TRY(list_of(chain, "certificates", 10));
    if (certificates.empty()) {
      return broken("a chain without certificates");
    }
    out.certificate = TRY(base64_of(*certificates.front(), "rawBytes"));
  } else if (!member(material, "publicKey").is_object()) {
    return broken("it names neither a key nor a certificate");
  }
  std::vector<const Json*> entry_list = TRY(list_of(material, "tlogEntries", kMaxLogEntries));
  for (const Json* entry : entry_list) {
    LogEntry one = TRY(entry_of(*entry));
    out.entries.push_back(std::move(one));
  }
  const Json& times = member(material, "timestampVerificationData");
  std::vector<const Json*> timestamp_list =
      TRY(list_of(times, "rfc3161Timestamps", kMaxTimestamps));
  for (const Json* timestamp : timestamp_list) {
    Bytes response = TRY(base64_of(*timestamp, "signedTimestamp"));
    out.timestamps.push_back(std::move(response));
  }
  return {};
}

Result<SignedMaterial> take_bundle_apart(const std::string& text) {
  Json bundle = TRY(parse_object(text, "the bundle"));
  std::string type = text_of(bundle, "mediaType");
  if (!type.starts_with("application/vnd.dev.sigstore.bundle")) {
    return broken("\"" + type + "\" is no Sigstore bundle");
  }
  SignedMaterial out;
  TRY(read_verification_material(member(bundle, "verificationMaterial"), out));
  if (member(bundle, "dsseEnvelope").is_object()) {
    TRY(read_envelope(member(bundle, "dsseEnvelope"), out));
  } else if (member(bundle, "messageSignature").is_object()) {
    TRY(read_message_signature(member(bundle, "messageSignature"), out));
  } else {
    return broken("the bundle holds no signature");
  }
  return out;
}

// The annotation dev.sigstore.cosign/bundle: {"SignedEntryTimestamp", "Payload": {...}}.
Result<LogEntry> read_classic_entry(const std::string& text) {
  Json json = TRY(parse_object(text, "the log entry"));
  const Json& payload = member(json, "Payload");
  LogEntry out;
  out.promise = TRY(base64_of(json, "SignedEntryTimestamp"));
  out.index = TRY(number_of(payload, "logIndex"));
  std::uint64_t time = TRY(number_of(payload, "integratedTime"));
  out.integrated_time = static_cast<std::int64_t>(time);
  std::optional<Bytes> id = parse_hex(text_of(payload, "logID"));
  if (!id.has_value()) {
    return broken("logID is no hexadecimal number");
  }
  out.log_id = std::move(*id);
  out.body = TRY(base64_of(payload, "body"));
  Json body = TRY(parse_object(as_text(out.body), "the body of the log entry"));
  out.kind = text_of(body, "kind");
  out.version = text_of(body, "apiVersion");
  return out;
}

Result<void> read_payload(SignedMaterial& out) {
  Json payload = TRY(parse_object(as_text(out.message), "the payload"));
  const Json& critical = member(payload, "critical");
  if (text_of(critical, "type") != kSimpleSigningType) {
    return broken("its type is \"" + text_of(critical, "type") + "\", not \"" +
                  std::string(kSimpleSigningType) + "\"");
  }
  std::optional<Digest> digest =
      Digest::parse(text_of(member(critical, "image"), "docker-manifest-digest"));
  if (!digest.has_value()) {
    return broken("it names no manifest");
  }
  out.subjects.push_back(*digest);
  out.reference = text_of(member(critical, "identity"), "docker-reference");
  return {};
}

Result<SignedMaterial> take_simple_signing_apart(const std::string& text) {
  Json json = TRY(parse_object(text, "the attachment"));
  const Json& annotations = member(json, "annotations");
  SignedMaterial out;
  out.message = TRY(base64_of(json, "payload"));
  out.signature = TRY(base64_of(annotations, "dev.cosignproject.cosign/signature"));
  std::string certificate = text_of(annotations, "dev.sigstore.cosign/certificate");
  if (!certificate.empty()) {
    out.certificate = TRY(certificate_from_pem(certificate));
  }
  out.intermediates =
      certificates_from_pem(text_of(annotations, "dev.sigstore.cosign/chain"), kMaxIntermediates);
  std::string entry = text_of(annotations, "dev.sigstore.cosign/bundle");
  if (!entry.empty()) {
    LogEntry one = TRY(read_classic_entry(entry));
    out.entries.push_back(std::move(one));
  }
  std::string timestamp = text_of(annotations, "dev.sigstore.cosign/rfc3161timestamp");
  if (!timestamp.empty()) {
    Json wrapper = TRY(parse_object(timestamp, "the timestamp"));
    Bytes response = TRY(base64_of(wrapper, "SignedRFC3161Timestamp"));
    out.timestamps.push_back(std::move(response));
  }
  TRY(read_payload(out));
  return out;
}

}  // namespace

Result<SignedMaterial> take_apart(const SignatureDocument& document) {
  if (document.document.size() > kSignatureLimit) {
    return broken("it has more than 256 KiB");
  }
  SignedMaterial out = TRY(document.format == SignatureFormat::Bundle
                               ? take_bundle_apart(document.document)
                               : take_simple_signing_apart(document.document));
  if (out.signature.empty()) {
    return broken("it has no signature in it");
  }
  return out;
}

}  // namespace bpfman::trust
