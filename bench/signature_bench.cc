// SPDX-License-Identifier: Apache-2.0
// signature_bench KIND POLICY-FILE DOCUMENT SUBJECT [ITERATIONS]: checks one Sigstore bundle again
// and again and prints the median and the 99th percentile in microseconds as a JSON object. KIND is
// "key" (POLICY-FILE is a public key) or "keyless" (it is a trust root; the identity is anybody's).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/trust/signature_check.h"

namespace bpfman {
namespace {

Result<std::string> text_of(const std::string& path) {
  Bytes bytes = TRY(read_file(path, std::size_t{1} << 20));
  return std::string(as_text(bytes));
}

Result<void> run(const std::vector<std::string>& words) {
  if (words.size() < 4) {
    return Error(Code::InvalidArgument,
                 "usage: signature_bench KIND POLICY-FILE DOCUMENT SUBJECT [ITERATIONS]");
  }
  bool keyless = words[0] == "keyless";
  std::string material = TRY(text_of(words[1]));
  SignatureDocument document;
  document.document = TRY(text_of(words[2]));
  std::optional<Digest> subject = Digest::parse(words[3]);
  std::uint64_t iterations = words.size() > 4 ? parse_unsigned(words[4]).value_or(300) : 300;
  if (!subject.has_value() || iterations == 0) {
    return Error(Code::InvalidArgument, "SUBJECT is no digest, or ITERATIONS no number");
  }
  TrustPolicy policy;
  TextPattern anybody{.text = ".*", .is_regexp = true};
  if (keyless) {
    policy.trusted_root = material;
    policy.signers = {Signer{"s", IdentitySigner{.identity = anybody, .issuer = anybody}}};
  } else {
    policy.signers = {Signer{"s", KeySigner{.path = "", .pem = material}}};
  }
  std::string_view predicate =
      keyless ? "https://cosign.sigstore.dev/attestation/v1" : kImagePredicate;
  std::vector<double> times;
  for (std::uint64_t i = 0; i < iterations; ++i) {
    auto begin = std::chrono::steady_clock::now();
    // As a command does: the policy's keys and root are parsed for it.
    trust::SignatureChecker checker = TRY(trust::SignatureChecker::make(policy));
    std::vector<SignatureFinding> findings = checker.check(
        {document}, {"s"}, trust::SignedThing{.digests = {*subject}, .bytes = {}}, predicate);
    std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
    if (findings.size() != 1 || !findings.front().good()) {
      return Error(Code::PermissionDenied,
                   findings.empty() ? "no signature" : findings.front().why);
    }
    times.push_back(time.count());
  }
  std::sort(times.begin(), times.end());
  fmt::print("{{\"p50_us\": {:.1f}, \"p99_us\": {:.1f}}}\n",
             times[times.size() / 2],
             times[times.size() * 99 / 100]);
  return {};
}

}  // namespace
}  // namespace bpfman

int main(int argc, char** argv) {
  bpfman::Result<void> done = bpfman::run({argv + 1, argv + argc});
  if (!done.ok()) {
    fmt::print(stderr, "signature_bench: {}\n", done.error().message());
    return 1;
  }
  return 0;
}
