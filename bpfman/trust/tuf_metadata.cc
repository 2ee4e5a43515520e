// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/tuf_metadata.h"

#include <set>

#include <openssl/evp.h>

#include "bpfman/base/sha256.h"

namespace bpfman::trust {
namespace {

std::string sha512_hex(ByteView bytes) {
  std::array<std::byte, 64> value{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(),
                 bytes.size(),
                 reinterpret_cast<unsigned char*>(value.data()),
                 &size,
                 EVP_sha512(),
                 nullptr) != 1 ||
      size != value.size()) {
    return {};
  }
  return to_hex(value);
}

Result<void> check_digest(const std::string& name,
                          const std::string& wanted,
                          const std::string& found) {
  if (!wanted.empty() && wanted != found) {
    return Error(Code::DataLoss, "its " + name + " is " + found + ", not " + wanted);
  }
  return {};
}

}  // namespace

std::string_view to_string(TufRole role) {
  switch (role) {
    case TufRole::Root:
      return "root";
    case TufRole::Timestamp:
      return "timestamp";
    case TufRole::Snapshot:
      return "snapshot";
    case TufRole::Targets:
      break;
  }
  return "targets";
}

// By the keys themselves: nothing keeps a root from naming one key twice, and ids are not always
// made of the key (those of the public Sigstore are not).
std::size_t count_signers(const TufDocument& document, const TufRoleKeys& role) {
  std::set<std::string> signers;
  for (const TufKey& key : role.keys) {
    if (!key.key.has_value()) {
      continue;
    }
    for (const TufSignature& signature : document.signatures) {
      if (signature.key_id == key.id &&
          key.key->verifies(as_bytes(document.message), signature.signature)) {
        signers.insert(key.key->fingerprint());
        break;
      }
    }
  }
  return signers.size();
}

Result<void> check_tuf_bytes(const TufFile& file, ByteView bytes) {
  if (file.length.has_value() && *file.length != bytes.size()) {
    return Error(
        Code::DataLoss,
        "it has " + std::to_string(bytes.size()) + " bytes, not " + std::to_string(*file.length));
  }
  TRY(check_digest("sha256", file.sha256, file.sha256.empty() ? "" : to_hex(sha256(bytes))));
  return check_digest("sha512", file.sha512, file.sha512.empty() ? "" : sha512_hex(bytes));
}

}  // namespace bpfman::trust
