// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/signature_check.h"

#include <algorithm>

#include "bpfman/trust/certificate.h"
#include "bpfman/trust/signed_material.h"
#include "bpfman/trust/transparency.h"

namespace bpfman::trust {
namespace {

Error signature_refused(const std::string& why) {
  return Error(Code::PermissionDenied, why);
}

bool counts(const std::vector<std::string>& signed_by, const std::string& signer) {
  return std::find(signed_by.begin(), signed_by.end(), signer) != signed_by.end();
}

// Which of the wanted digests the signature is about.
Result<Digest> find_subject(const SignedMaterial& material, const SignedThing& thing) {
  for (const Digest& subject : material.subjects) {
    if (std::find(thing.digests.begin(), thing.digests.end(), subject) != thing.digests.end()) {
      return subject;
    }
  }
  return signature_refused("it is about " +
                           (material.subjects.empty() ? std::string("nothing that is checked here")
                                                      : material.subjects.front().text()) +
                           ", not about this image");
}

}  // namespace

Result<SignatureChecker> SignatureChecker::make(const TrustPolicy& policy) {
  std::optional<TrustedRoot> root;
  bool identities =
      std::any_of(policy.signers.begin(), policy.signers.end(), [](const Signer& one) {
        return std::holds_alternative<IdentitySigner>(one.who);
      });
  if (identities && !policy.trusted_root.empty()) {
    root = TRY(parse_trusted_root(policy.trusted_root).with_context(policy.trusted_root_path));
  }
  return make(policy.signers, std::move(root), policy.path);
}

Result<SignatureChecker> SignatureChecker::make(const std::vector<Signer>& signers,
                                                std::optional<TrustedRoot> root,
                                                const std::string& where) {
  SignatureChecker out;
  for (const Signer& signer : signers) {
    if (const auto* key = std::get_if<KeySigner>(&signer.who)) {
      PublicKey parsed = TRY(PublicKey::from_pem(key->pem).with_context(
          where + ": signer " + signer.name + (key->path.empty() ? "" : " (" + key->path + ")")));
      out.keys_.push_back(
          KeyOf{.signer = signer.name, .key = std::move(parsed), .logged = key->logged});
    } else {
      out.identities_.push_back(
          IdentityOf{.signer = signer.name, .identity = std::get<IdentitySigner>(signer.who)});
    }
  }
  out.root_ = std::move(root);
  return out;
}

std::vector<SignatureFinding> SignatureChecker::check(
    const std::vector<SignatureDocument>& documents,
    const std::vector<std::string>& signed_by,
    const SignedThing& thing,
    std::string_view predicate) const {
  std::vector<SignatureFinding> out;
  for (const SignatureDocument& document : documents) {
    Result<SignedMaterial> material = take_apart(document);
    if (material.ok() && material->kind == ContentKind::Envelope &&
        material->predicate_type != predicate) {
      continue;
    }
    Result<SignatureFinding> finding = material.ok()
                                           ? check_one(std::move(*material), signed_by, thing)
                                           : Result<SignatureFinding>(material.error());
    if (finding.ok()) {
      out.push_back(std::move(*finding));
    } else {
      out.push_back(SignatureFinding{.why = finding.error().message()});
    }
    out.back().location = document.location;
  }
  return out;
}

Result<SignatureFinding> SignatureChecker::check_one(SignedMaterial material,
                                                     const std::vector<std::string>& signed_by,
                                                     const SignedThing& thing) const {
  Digest subject;
  if (material.kind == ContentKind::Blob) {
    material.message.assign(thing.bytes.begin(), thing.bytes.end());
    subject = Digest::sha256_of(thing.bytes);
  } else {
    subject = TRY(find_subject(material, thing));
  }
  SignatureFinding out = TRY(material.certificate.empty() ? check_keys(material, signed_by)
                                                          : check_certificate(material, signed_by));
  out.subject = subject;
  out.reference = material.reference;
  return out;
}

// Which key to take is the policy's word, never the document's hint.
Result<SignatureFinding> SignatureChecker::check_keys(
    const SignedMaterial& material, const std::vector<std::string>& signed_by) const {
  for (const KeyOf& one : keys_) {
    if (counts(signed_by, one.signer) && one.key.verifies(material.message, material.signature)) {
      if (one.logged) {
        TRY(check_log(material, one.key));
      }
      return SignatureFinding{.signer = one.signer, .who = "key " + one.key.fingerprint()};
    }
  }
  return signature_refused("it is by none of the keys that count here");
}

// When it was logged does not matter: a key has no end.
Result<void> SignatureChecker::check_log(SignedMaterial material, const PublicKey& key) const {
  material.key = key.der();
  Witness witness = root_.has_value() ? examine(material, *root_) : Witness();
  if (!witness.logged) {
    return signature_refused(
        "it is by the right key, and in none of the logs that it has to be in" +
        (witness.why.empty() ? "" : ": " + witness.why));
  }
  return {};
}

Result<SignatureFinding> SignatureChecker::check_certificate(
    const SignedMaterial& material, const std::vector<std::string>& signed_by) const {
  Certificate certificate = TRY(Certificate::from_der(material.certificate));
  std::string identity = TRY(certificate.identity());
  std::string issuer = TRY(certificate.issuer());
  std::string who = identity + " (" + issuer + ")";
  auto wanted = std::find_if(identities_.begin(), identities_.end(), [&](const IdentityOf& one) {
    return counts(signed_by, one.signer) && one.identity.identity.fits(identity) &&
           one.identity.issuer.fits(issuer);
  });
  if (wanted == identities_.end()) {
    return signature_refused("it is by " + who + ", who is none of the signers that count here");
  }
  if (!root_.has_value()) {
    return signature_refused("it is by " + who +
                             ", and there is no trust root to check that against");
  }
  if (!certificate.key().verifies(material.message, material.signature)) {
    return signature_refused("its certificate is of " + who + ", its signature is not");
  }
  Witness witness = examine(material, *root_);
  if (!witness.logged && !root_->logs.empty()) {
    return signature_refused("it is in no log of the trust root" +
                             (witness.why.empty() ? "" : ": " + witness.why));
  }
  if (witness.times.empty() && !witness.why.empty()) {
    return signature_refused(witness.why);
  }
  TRY(certificate.check(*root_, witness.times, material.intermediates));
  return SignatureFinding{
      .signer = wanted->signer, .who = std::move(who), .signed_at = witness.times.front()};
}

}  // namespace bpfman::trust
