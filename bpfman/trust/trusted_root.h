// SPDX-License-Identifier: Apache-2.0
// TrustedRoot: whom a Sigstore's certificates, logs and timestamps are checked against, from a
// file. Source: sigstore/protobuf-specs, sigstore_trustroot.proto (trustedroot+json;version=0.1,
// 0.2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/trust/public_key.h"

namespace bpfman::trust {

// Unix seconds; an open end is nullopt.
struct Validity {
  std::int64_t start = 0;
  std::optional<std::int64_t> end;

  bool covers(std::int64_t time) const {
    return time >= start && (!end.has_value() || time <= *end);
  }
};

// Certificates as DER, from the one that signs to the root.
struct CertificateAuthority {
  std::string name;
  std::vector<Bytes> chain;
  Validity valid;
};

// A transparency log: Rekor, or one of certificates.
struct Log {
  std::string url;
  Bytes id;
  PublicKey key;
  Validity valid;
};

struct TrustedRoot {
  std::vector<CertificateAuthority> authorities;
  std::vector<CertificateAuthority> timestamp_authorities;
  std::vector<Log> logs;
  std::vector<Log> certificate_logs;
};

inline constexpr std::size_t kTrustedRootLimit = std::size_t{1} << 20;

// InvalidArgument: no trusted root, or one that holds nobody.
Result<TrustedRoot> parse_trusted_root(std::string_view text);

// A root of one authority (PEM certificates; "" for none) and the logs with these keys (PEM).
// InvalidArgument: no certificate in there, or no key. trusted_root.cc
Result<TrustedRoot> make_trusted_root(const std::string& authority,
                                      const std::vector<std::string>& log_keys);

// "2021-03-07T03:20:29Z", with or without a fraction; nullopt on anything else.
std::optional<std::int64_t> parse_utc(std::string_view text);

}  // namespace bpfman::trust
