// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/certificate.h"

#include <algorithm>
#include <array>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "bpfman/base/sha256.h"
#include "bpfman/base/text.h"
#include "bpfman/trust/openssl_handles.h"

namespace bpfman::trust {
namespace {

constexpr const char* kIssuerV1 = "1.3.6.1.4.1.57264.1.1";  // the bare text
constexpr const char* kIssuerV2 = "1.3.6.1.4.1.57264.1.8";  // a DER UTF8String
constexpr const char* kOtherName = "1.3.6.1.4.1.57264.1.7";

Error certificate_refused(const std::string& why) {
  return Error(Code::PermissionDenied, why);
}

X509Ptr parse_certificate(ByteView der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* end = at + der.size();
  X509Ptr out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  return at == end ? std::move(out) : nullptr;
}

ByteView view_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const std::byte*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::optional<Bytes> extension(X509* certificate, const char* oid) {
  std::unique_ptr<ASN1_OBJECT, FreeWith<&ASN1_OBJECT_free>> object(OBJ_txt2obj(oid, 1));
  int at = X509_get_ext_by_OBJ(certificate, object.get(), -1);
  if (at < 0 || X509_get_ext_by_OBJ(certificate, object.get(), at) >= 0) {
    return std::nullopt;  // none, or two that may disagree
  }
  ByteView value = view_of(X509_EXTENSION_get_data(X509_get_ext(certificate, at)));
  return Bytes(value.begin(), value.end());
}

// A DER UTF8String and nothing behind it.
std::optional<std::string> utf8_of(ByteView der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* end = at + der.size();
  std::unique_ptr<ASN1_UTF8STRING, FreeWith<&ASN1_UTF8STRING_free>> text(
      d2i_ASN1_UTF8STRING(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (text == nullptr || at != end) {
    return std::nullopt;
  }
  return std::string(as_text(view_of(text.get())));
}

std::optional<std::string> name_of(const GENERAL_NAME* name) {
  if (name->type == GEN_EMAIL || name->type == GEN_URI) {
    return std::string(as_text(view_of(name->d.ia5)));
  }
  if (name->type != GEN_OTHERNAME) {
    return std::nullopt;
  }
  std::array<char, 80> oid{};
  OBJ_obj2txt(oid.data(), static_cast<int>(oid.size()), name->d.otherName->type_id, 1);
  const ASN1_TYPE* value = name->d.otherName->value;
  if (std::string_view(oid.data()) != kOtherName || value == nullptr ||
      value->type != V_ASN1_UTF8STRING) {
    return std::nullopt;
  }
  return std::string(as_text(view_of(value->value.utf8string)));
}

// Every certificate of the file is trusted as it stands, so the nearest one ends the path.
StorePtr store_of(const CertificateAuthority& authority, std::int64_t time) {
  StorePtr store(X509_STORE_new());
  for (const Bytes& der : authority.chain) {
    X509Ptr certificate = parse_certificate(der);
    if (certificate == nullptr || X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
      return nullptr;
    }
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_get0_param(store.get());
  X509_VERIFY_PARAM_set_time(parameters, time);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

// Who has signed `certificate`, should it lead to `authority` at `time`; else null and why not.
X509Ptr find_issuer(X509* certificate,
                    const std::vector<Bytes>& intermediates,
                    const CertificateAuthority& authority,
                    std::int64_t time,
                    std::string& why) {
  StorePtr store = store_of(authority, time);
  StoreContextPtr context(X509_STORE_CTX_new());
  CertificateListPtr untrusted(sk_X509_new_null());
  for (const Bytes& der : intermediates) {
    X509Ptr one = parse_certificate(der);
    if (one != nullptr && sk_X509_push(untrusted.get(), one.get()) > 0) {
      X509_up_ref(one.get());  // the list has one, too
    }
  }
  if (store == nullptr || context == nullptr ||
      X509_STORE_CTX_init(context.get(), store.get(), certificate, untrusted.get()) != 1) {
    why = "a certificate of the trust root is damaged";
    ERR_clear_error();
    return nullptr;
  }
  int status = X509_verify_cert(context.get());
  ERR_clear_error();
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
  if (status != 1 || sk_X509_num(chain) < 2) {
    why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
    return nullptr;
  }
  X509* issuer = sk_X509_value(chain, 1);
  X509_up_ref(issuer);
  return X509Ptr(issuer);
}

void put_number(Bytes& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::byte>(value >> static_cast<unsigned>(shift) & 0xFFU));
  }
}

void put_bytes(Bytes& out, const unsigned char* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

// The certificate as its log has seen it: without the list of SCTs.
Bytes precertificate(X509* certificate) {
  X509Ptr copy(X509_dup(certificate));
  int at = X509_get_ext_by_NID(copy.get(), NID_ct_precert_scts, -1);
  if (at >= 0) {
    X509_EXTENSION_free(X509_delete_ext(copy.get(), at));
  }
  unsigned char* buffer = nullptr;
  int size = i2d_re_X509_tbs(copy.get(), &buffer);
  Bytes out;
  if (size > 0) {
    put_bytes(out, buffer, static_cast<std::size_t>(size));
  }
  OPENSSL_free(buffer);
  return out;
}

// RFC 6962 section 3.2: what a log signs of a precertificate.
Bytes sct_message(const SCT* sct, const Sha256Value& issuer_key, const Bytes& tbs) {
  Bytes out;
  put_number(out, 0, 1);  // v1
  put_number(out, 0, 1);  // certificate_timestamp
  put_number(out, SCT_get_timestamp(sct), 8);
  put_number(out, 1, 2);  // precert_entry
  out.insert(out.end(), issuer_key.begin(), issuer_key.end());
  put_number(out, tbs.size(), 3);
  out.insert(out.end(), tbs.begin(), tbs.end());
  unsigned char* extensions = nullptr;
  std::size_t size = SCT_get0_extensions(sct, &extensions);
  put_number(out, size, 2);
  put_bytes(out, extensions, size);
  return out;
}

bool sct_is_good(const SCT* sct, const std::vector<Log>& logs, X509* certificate, X509* issuer) {
  if (SCT_get_version(sct) != SCT_VERSION_V1) {
    return false;
  }
  unsigned char* id = nullptr;
  std::size_t id_size = SCT_get0_log_id(sct, &id);
  unsigned char* signature = nullptr;
  std::size_t signature_size = SCT_get0_signature(sct, &signature);
  auto time = static_cast<std::int64_t>(SCT_get_timestamp(sct) / 1000);
  Sha256Value issuer_key = sha256(PublicKey(X509_get0_pubkey(issuer)).der());
  Bytes message = sct_message(sct, issuer_key, precertificate(certificate));
  ByteView wanted(reinterpret_cast<const std::byte*>(id), id_size);
  ByteView proof(reinterpret_cast<const std::byte*>(signature), signature_size);
  return std::any_of(logs.begin(), logs.end(), [&](const Log& log) {
    return std::equal(log.id.begin(), log.id.end(), wanted.begin(), wanted.end()) &&
           log.valid.covers(time) && log.key.verifies(message, proof);
  });
}

Result<void> check_certificate_log(const std::vector<Log>& logs, X509* certificate, X509* issuer) {
  if (logs.empty()) {
    return {};
  }
  SctListPtr list(static_cast<STACK_OF(SCT)*>(
      X509_get_ext_d2i(certificate, NID_ct_precert_scts, nullptr, nullptr)));
  ERR_clear_error();
  for (int i = 0; list != nullptr && i < sk_SCT_num(list.get()) && i < 10; ++i) {
    if (sct_is_good(sk_SCT_value(list.get(), i), logs, certificate, issuer)) {
      return {};
    }
  }
  return certificate_refused("no certificate log of the trust root has seen the certificate");
}

}  // namespace

Result<Bytes> certificate_from_pem(const std::string& pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  unsigned char* buffer = nullptr;
  int size = certificate == nullptr ? 0 : i2d_X509(certificate.get(), &buffer);
  if (size <= 0) {
    return Error(Code::InvalidArgument, "the signature is damaged: its certificate is no PEM");
  }
  Bytes out;
  put_bytes(out, buffer, static_cast<std::size_t>(size));
  OPENSSL_free(buffer);
  return out;
}

std::vector<Bytes> certificates_from_pem(const std::string& pem, std::size_t limit) {
  std::vector<Bytes> out;
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (bio != nullptr && out.size() < limit) {
    X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    unsigned char* buffer = nullptr;
    int size = certificate == nullptr ? 0 : i2d_X509(certificate.get(), &buffer);
    if (size <= 0) {
      break;
    }
    put_bytes(out.emplace_back(), buffer, static_cast<std::size_t>(size));
    OPENSSL_free(buffer);
  }
  ERR_clear_error();
  return out;
}

Result<Certificate> Certificate::from_der(ByteView der) {
  X509Ptr certificate = parse_certificate(der);
  if (certificate == nullptr || X509_get0_pubkey(certificate.get()) == nullptr) {
    return Error(Code::InvalidArgument, "the signature is damaged: its certificate is no X.509");
  }
  return Certificate(std::shared_ptr<x509_st>(certificate.release(), X509_free));
}

PublicKey Certificate::key() const {
  return PublicKey(X509_get0_pubkey(certificate_.get()));
}

Result<std::string> Certificate::identity() const {
  std::unique_ptr<GENERAL_NAMES, FreeWith<&GENERAL_NAMES_free>> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  if (names == nullptr || sk_GENERAL_NAME_num(names.get()) != 1) {
    return Error(Code::InvalidArgument, "the certificate does not name exactly one identity");
  }
  std::optional<std::string> name = name_of(sk_GENERAL_NAME_value(names.get(), 0));
  if (!name.has_value() || name->empty() || name->find('\0') != std::string::npos) {
    return Error(Code::InvalidArgument, "the certificate names an identity of an unknown kind");
  }
  return std::move(*name);
}

Result<std::string> Certificate::issuer() const {
  std::optional<std::string> out;
  if (std::optional<Bytes> value = extension(certificate_.get(), kIssuerV2); value.has_value()) {
    out = utf8_of(*value);
  } else if (value = extension(certificate_.get(), kIssuerV1); value.has_value()) {
    out = std::string(as_text(*value));
  }
  if (!out.has_value() || out->empty() || out->find('\0') != std::string::npos) {
    return Error(Code::InvalidArgument,
                 "the certificate does not tell who vouches for its identity");
  }
  return std::move(*out);
}

Result<void> Certificate::check(const TrustedRoot& root,
                                const std::vector<std::int64_t>& times,
                                const std::vector<Bytes>& intermediates) const {
  X509* certificate = certificate_.get();
  if ((X509_get_extended_key_usage(certificate) & XKU_CODE_SIGN) == 0 ||
      (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0) {
    return certificate_refused("the certificate is not made for signing code");
  }
  if (times.empty()) {
    return certificate_refused("nothing proves when it was signed");
  }
  std::string why = "the trust root names no authority for that time";
  for (const CertificateAuthority& authority : root.authorities) {
    X509Ptr issuer;
    bool at_all_times = std::all_of(times.begin(), times.end(), [&](std::int64_t time) {
      if (!authority.valid.covers(time)) {
        return false;
      }
      issuer = find_issuer(certificate, intermediates, authority, time, why);
      return issuer != nullptr;
    });
    if (at_all_times) {
      return check_certificate_log(root.certificate_logs, certificate, issuer.get());
    }
  }
  return certificate_refused("the certificate does not lead to the trust root: " + why);
}

}  // namespace bpfman::trust
