// SPDX-License-Identifier: Apache-2.0
// Certificates of a Fulcio: whom they name, and whether they lead to a trusted root. Source:
// sigstore/fulcio docs/oid-info.md; RFC 5280; RFC 6962 section 3 (embedded SCTs). Not for other
// rooms.
#pragma once

#include <memory>

#include "bpfman/trust/trusted_root.h"

struct x509_st;

namespace bpfman::trust {

// DER of the first certificate of a PEM text.
Result<Bytes> certificate_from_pem(const std::string& pem);

// The certificates of a PEM text, at most `limit`; what is no certificate ends it.
std::vector<Bytes> certificates_from_pem(const std::string& pem, std::size_t limit);

class Certificate {
 public:
  static Result<Certificate> from_der(ByteView der);

  PublicKey key() const;
  // The one subject alternative name: an e-mail address, a URI, or Fulcio's own "other name".
  // InvalidArgument when there is none, or several.
  Result<std::string> identity() const;
  // Who said so (OIDC). InvalidArgument when it does not tell.
  Result<std::string> issuer() const;

  // Leads to one of the root's authorities at each of `times` (unix seconds, at least one), is made
  // for signing code, and was shown to a certificate log, if the root knows any. `intermediates`
  // may be part of the way; nothing is trusted for being one. PermissionDenied says what is
  // missing.
  Result<void> check(const TrustedRoot& root,
                     const std::vector<std::int64_t>& times,
                     const std::vector<Bytes>& intermediates = {}) const;

 private:
  explicit Certificate(std::shared_ptr<x509_st> certificate)
      : certificate_(std::move(certificate)) {}

  std::shared_ptr<x509_st> certificate_;
};

}  // namespace bpfman::trust
