// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/signature.h"

namespace bpfman {

std::string_view to_string(SignatureFormat format) {
  switch (format) {
    case SignatureFormat::SimpleSigning:
      return "simplesigning";
    case SignatureFormat::Bundle:
      return "bundle";
  }
  return "bundle";
}

std::optional<SignatureFormat> parse_signature_format(std::string_view text) {
  for (SignatureFormat format : {SignatureFormat::SimpleSigning, SignatureFormat::Bundle}) {
    if (to_string(format) == text) {
      return format;
    }
  }
  return std::nullopt;
}

}  // namespace bpfman
