// SPDX-License-Identifier: Apache-2.0
#include <ctime>

#include <openssl/err.h>

#include "bpfman/trust/openssl_handles.h"
#include "bpfman/trust/transparency.h"

namespace bpfman::trust {
namespace {

Error timestamp_refused(const std::string& why) {
  return Error(Code::PermissionDenied, "the timestamp does not hold: " + why);
}

X509Ptr parse_certificate(ByteView der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

std::optional<std::int64_t> time_of(const TS_TST_INFO* info) {
  const ASN1_GENERALIZEDTIME* text = TS_TST_INFO_get_time(info);
  std::tm parts{};
  if (text == nullptr || ASN1_TIME_to_tm(text, &parts) != 1) {
    return std::nullopt;
  }
  return std::int64_t{::timegm(&parts)};
}

// The leaf of the chain may have signed, the others vouch for it.
bool leads_to(PKCS7* token,
              ByteView signature,
              const CertificateAuthority& authority,
              std::int64_t time) {
  X509_STORE* store = X509_STORE_new();
  STACK_OF(X509)* certificates = sk_X509_new_null();
  for (std::size_t i = 0; i < authority.chain.size(); ++i) {
    X509Ptr certificate = parse_certificate(authority.chain[i]);
    if (certificate == nullptr) {
      continue;
    }
    if (i == 0 && authority.chain.size() > 1) {
      sk_X509_push(certificates, certificate.release());
    } else {
      X509_STORE_add_cert(store, certificate.get());
    }
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_get0_param(store);
  X509_VERIFY_PARAM_set_time(parameters, time);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  TimestampContextPtr context(TS_VERIFY_CTX_new());
  TS_VERIFY_CTX_set_flags(context.get(), TS_VFY_VERSION | TS_VFY_DATA | TS_VFY_SIGNATURE);
  // Store, certificates and data belong to the context from here on.
  TS_VERIFY_CTX_set_store(context.get(), store);
  TS_VERIFY_CTX_set_certs(context.get(), certificates);
  TS_VERIFY_CTX_set_data(context.get(),
                         BIO_new_mem_buf(signature.data(), static_cast<int>(signature.size())));
  bool good = TS_RESP_verify_token(context.get(), token) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

Result<std::int64_t> check_timestamp(ByteView response,
                                     ByteView signature,
                                     const std::vector<CertificateAuthority>& authorities) {
  const auto* at = reinterpret_cast<const unsigned char*>(response.data());
  TimestampResponsePtr parsed(d2i_TS_RESP(nullptr, &at, static_cast<long>(response.size())));
  ERR_clear_error();
  PKCS7* token = parsed == nullptr ? nullptr : TS_RESP_get_token(parsed.get());
  TS_TST_INFO* info = parsed == nullptr ? nullptr : TS_RESP_get_tst_info(parsed.get());
  if (token == nullptr || info == nullptr) {
    return timestamp_refused("it is damaged");
  }
  std::optional<std::int64_t> time = time_of(info);
  if (!time.has_value()) {
    return timestamp_refused("it tells no time");
  }
  for (const CertificateAuthority& authority : authorities) {
    if (authority.valid.covers(*time) && leads_to(token, signature, authority, *time)) {
      return *time;
    }
  }
  return timestamp_refused(authorities.empty() ? "the trust root names no timestamp authority"
                                               : "no authority of the trust root has made it");
}

}  // namespace bpfman::trust
