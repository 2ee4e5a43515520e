// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/trusted_root.h"

#include "bpfman/base/sha256.h"
#include "bpfman/trust/certificate.h"

namespace bpfman::trust {
namespace {

constexpr std::size_t kMaxCertificates = 100;

}  // namespace

Result<TrustedRoot> make_trusted_root(const std::string& authority,
                                      const std::vector<std::string>& log_keys) {
  TrustedRoot out;
  if (!authority.empty()) {
    CertificateAuthority one{.chain = certificates_from_pem(authority, kMaxCertificates)};
    if (one.chain.empty()) {
      return Error(Code::InvalidArgument, "there is no certificate (PEM) in it");
    }
    out.authorities.push_back(std::move(one));
  }
  for (const std::string& pem : log_keys) {
    PublicKey key = TRY(PublicKey::from_pem(pem).with_context("the key of a log"));
    Sha256Value id = sha256(key.der());
    out.logs.push_back(Log{.id = Bytes(id.begin(), id.end()), .key = std::move(key)});
  }
  return out;
}

}  // namespace bpfman::trust
