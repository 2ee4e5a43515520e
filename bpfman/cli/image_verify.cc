// SPDX-License-Identifier: Apache-2.0
// bpfman image verify: stored bytecode against its records and the policy; or one image, wherever
// it is, against signers that flags name.
#include <algorithm>
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"
#include "bpfman/manager/trust_gate.h"

namespace bpfman::cli {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

struct VerifyFlags {
  std::vector<std::string> images;
  OutputFlag output;
  std::vector<std::string> keys;
  std::string identity;
  std::string identity_regexp;
  std::string issuer;
  std::string issuer_regexp;
  std::string trusted_root;
  bool allow_unsigned = false;
  bool signatures = false;
  std::string auth;

  bool names_signers() const {
    return !keys.empty() || !identity.empty() || !identity_regexp.empty() || !issuer.empty() ||
           !issuer_regexp.empty();
  }
};

std::string trust_of(const VerifiedBytecode& entry) {
  return entry.refused.empty() ? "allowed" : "refused";
}

void print_table(std::ostream& out, const std::vector<VerifiedBytecode>& entries, bool wide) {
  std::vector<std::string> header = {"BYTECODE", "STATE", "TRUST", "IMAGES", "PROGRAMS"};
  if (wide) {
    header.insert(header.end(), {"SIZE", "DETAIL"});
  }
  Table table(header);
  for (const VerifiedBytecode& entry : entries) {
    std::vector<std::string> row = {wide ? entry.digest.text() : entry.digest.short_hex(),
                                    std::string(to_string(entry.state)),
                                    trust_of(entry),
                                    join(entry.references, ", "),
                                    join(entry.programs, ", ")};
    if (wide) {
      row.push_back(entry.size == 0 ? "" : format_bytes(entry.size));
      row.push_back(entry.detail);
    }
    table.add(std::move(row));
  }
  table.print(out);
}

Result<void> say_what_is_bad(const std::vector<VerifiedBytecode>& entries) {
  std::vector<std::string> bad;
  std::vector<std::string> refused;
  for (const VerifiedBytecode& entry : entries) {
    if (entry.state != BlobState::Whole) {
      bad.push_back("sha256:" + entry.digest.short_hex() + " is " +
                    std::string(to_string(entry.state)) + " (" +
                    join(entry.references.empty() ? entry.programs : entry.references, ", ") + ")");
    }
    for (const auto& [reference, reason] : entry.refused) {
      refused.push_back(reason);
    }
  }
  if (!bad.empty()) {
    return Error(Code::DataLoss, "stored bytecode does not match the records: " + join(bad, "; "))
        .with_hint("bpfman image pull IMAGE --pull-policy Always writes it anew");
  }
  if (!refused.empty()) {
    return Error(Code::PermissionDenied, join(refused, "; "))
        .with_hint("such images are not loaded any more; programs that are loaded stay");
  }
  return {};
}

Result<void> verify_store(Session& session, const VerifyFlags& flags) {
  Format format = TRY(flags.output.format());
  std::vector<VerifiedBytecode> entries = TRY(session.api().verify_images(flags.images));
  if (format == Format::Json) {
    session.out() << json_of_verified(entries);
  } else {
    print_table(session.out(), entries, format == Format::Wide);
  }
  return say_what_is_bad(entries);
}

Result<TextPattern> pattern_of(const std::string& exact,
                               const std::string& regexp,
                               const std::string& flag) {
  if (exact.empty() == regexp.empty()) {
    return Error(Code::InvalidArgument,
                 "a certificate is told by its identity and its issuer: give " + flag + " or " +
                     flag + "-regexp")
        .with_hint(
            "bpfman image verify IMAGE --certificate-identity dev@example.com "
            "--certificate-oidc-issuer https://accounts.google.com");
  }
  return TextPattern{.text = exact.empty() ? regexp : exact, .is_regexp = exact.empty()};
}

// The flags as a policy of one rule.
Result<TrustPolicy> policy_of(const VerifyFlags& flags, const Layout& layout) {
  TrustPolicy policy;
  policy.path = "the command line";
  TrustRule rule{.name = "flags",
                 .demand = flags.allow_unsigned ? TrustDemand::SignedOrNot : TrustDemand::Signed};
  for (const std::string& key : flags.keys) {
    policy.signers.push_back(Signer{.name = key, .who = KeySigner{.path = key}});
  }
  bool keyless = !flags.identity.empty() || !flags.identity_regexp.empty() ||
                 !flags.issuer.empty() || !flags.issuer_regexp.empty();
  if (keyless) {
    TextPattern identity =
        TRY(pattern_of(flags.identity, flags.identity_regexp, "--certificate-identity"));
    TextPattern issuer =
        TRY(pattern_of(flags.issuer, flags.issuer_regexp, "--certificate-oidc-issuer"));
    policy.signers.push_back(Signer{.name = "certificate",
                                    .who = IdentitySigner{.identity = identity, .issuer = issuer}});
    policy.trusted_root_path =
        flags.trusted_root.empty() ? layout.trusted_root() : flags.trusted_root;
  }
  for (const Signer& signer : policy.signers) {
    rule.signed_by.push_back(signer.name);
  }
  policy.rules.push_back(std::move(rule));
  TRY(read_policy_files(policy, ""));
  return policy;
}

void print_judgement(Session& session, const std::string& image, const JudgeImageReply& reply) {
  bool is_signed = std::any_of(reply.signatures.begin(),
                               reply.signatures.end(),
                               [](const SignatureFinding& one) { return one.good(); });
  session.out() << "Image " << printable(image) << ": "
                << (is_signed ? "signature verified" : "unsigned image accepted by policy") << "\n";
  Lines lines = {{"decision", reply.trust},
                 {"source", source_line(reply.record.provenance)},
                 {"bytecode", reply.record.bytecode.text()}};
  for (const SignatureFinding& finding : reply.signatures) {
    std::string text = finding.good() ? "by " + finding.who : "not counted: " + finding.why;
    if (finding.signed_at != 0) {
      text += ", " + format_utc(finding.signed_at);
    }
    lines.emplace_back("signature", text);
  }
  print_block(session.out(), lines, 2);
}

Result<void> verify_signatures(Session& session, const VerifyFlags& flags) {
  if (flags.images.size() != 1) {
    return missing("one IMAGE", "bpfman image verify my-ebpf-prog:v1 --key cosign.pub");
  }
  if (flags.allow_unsigned && !flags.names_signers()) {
    return Error(Code::InvalidArgument, "--allow-unsigned says something beside signers only")
        .with_hint(
            "name them: --key FILE, or --certificate-identity and "
            "--certificate-oidc-issuer");
  }
  Format format = TRY(flags.output.format());
  std::optional<TrustPolicy> policy;
  if (flags.names_signers()) {
    policy = TRY(policy_of(flags, session.layout()));
  }
  ImageSource source{.reference = flags.images.front(),
                     .registry_auth = registry_auth(flags.auth, session.context())};
  JudgeImageReply reply = TRY(session.api().judge_image(source, policy));
  print_warnings(session.err(), reply.warnings);
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else if (reply.allowed) {
    print_judgement(session, flags.images.front(), reply);
  }
  if (!reply.allowed) {
    return Error(Code::PermissionDenied, reply.reason);
  }
  return {};
}

Result<void> run_verify(Session& session, const VerifyFlags& flags) {
  bool asks_for_signatures = flags.names_signers() || flags.allow_unsigned || flags.signatures;
  return asks_for_signatures ? verify_signatures(session, flags) : verify_store(session, flags);
}

void add_signer_flags(CLI::App* app, VerifyFlags& flags) {
  app->add_option("--key", flags.keys, "Public key (PEM) that must have signed; may repeat")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app->add_option("--certificate-identity", flags.identity, "Identity in a Fulcio certificate")
      ->type_name("TEXT");
  app->add_option("--certificate-identity-regexp",
                  flags.identity_regexp,
                  "The same as an extended regular expression for the whole of it")
      ->type_name("EXPR");
  app->add_option("--certificate-oidc-issuer", flags.issuer, "Who vouches for the identity")
      ->type_name("URL");
  app->add_option("--certificate-oidc-issuer-regexp",
                  flags.issuer_regexp,
                  "The same as an extended regular expression for the whole of it")
      ->type_name("EXPR");
  app->add_option("--trusted-root",
                  flags.trusted_root,
                  "Whom certificates and logs are checked against (default: "
                  "/etc/bpfman/trusted_root.json)")
      ->type_name("FILE");
  app->add_flag("--allow-unsigned", flags.allow_unsigned, "An image without a signature is fine");
  app->add_flag(
      "--signatures", flags.signatures, "Look for signatures and decide as policy.toml says");
}

}  // namespace

void add_image_verify(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* app = tree.add(image,
                           "verify",
                           "Hash stored bytecode again and compare it with the records and the "
                           "policy (exit status 11: damaged, 5: refused); or check the "
                           "signatures of one image",
                           "bpfman image verify\n"
                           "  bpfman image verify my-ebpf-prog:dev\n"
                           "  bpfman image verify registry.example/prog:v1 --key cosign.pub");
  app->add_option("IMAGE", flags->images, "Names or ids of images (default: all bytecode)")
      ->type_name("");
  add_signer_flags(app, *flags);
  app->add_option("-r,--registry-auth",
                  flags->auth,
                  "Base64 of user:password for the registry (BPFMAN_REGISTRY_AUTH)")
      ->type_name("BASE64");
  add_output(app, flags->output);
  tree.verbs.push_back({app,
                        NeedsRoot::Yes,
                        [flags](Session& session) { return run_verify(session, *flags); },
                        ReadsConfig::Yes});
}

}  // namespace bpfman::cli
