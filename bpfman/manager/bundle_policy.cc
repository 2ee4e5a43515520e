// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/bundle_policy.h"

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/image/image_file.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/manager/trusted_file.h"
#include "bpfman/trust/signature_check.h"

namespace bpfman {
namespace {

std::string root_beside(const std::string& policy) {
  return join_path(parent_path(policy), "trusted_root.json");
}

// What stands in the way of `text` at `path`; nullopt: nothing, or the same.
Result<std::optional<Bytes>> other_content(const std::string& path, const std::string& text) {
  std::optional<Bytes> there = TRY(read_config_file(path));
  if (there.has_value() && as_text(*there) == text) {
    there.reset();
  }
  return there;
}

// Beside it, named by its digest: no copy replaces another one.
Result<std::string> keep_copy(const std::string& path, const Bytes& content) {
  std::string copy = path + "." + Digest::sha256_of(content).short_hex();
  TRY(write_file_atomic(copy, content, 0644));
  return copy;
}

// It is to need nothing of the host that it comes to, and it is to be one that can be used.
Result<void> check_policy(const image::BundlePolicy& policy, const std::string& path) {
  TomlDocument document = TRY(parse_toml(policy.text, path));
  TrustPolicy parsed = TRY(parse_trust_policy(document, path));
  bool names_files = !parsed.trusted_root_path.empty();
  for (const Signer& signer : parsed.signers) {
    const auto* key = std::get_if<KeySigner>(&signer.who);
    names_files = names_files || (key != nullptr && !key->path.empty());
  }
  if (names_files) {
    return Error(Code::InvalidArgument, "it names files of the host where it was made")
        .with_hint("bpfman image save --with-policy puts them into it");
  }
  parsed.trusted_root = policy.trusted_root;
  parsed.trusted_root_path = "its trust root";
  TRY(trust::SignatureChecker::make(parsed));
  return {};
}

}  // namespace

Result<image::BundlePolicy> policy_for_bundle(const std::string& path) {
  std::optional<std::string> text = TRY(read_trusted_file(path, kConfigFileLimit));
  if (!text.has_value()) {
    return Error(Code::NotFound, "there is no policy " + path)
        .with_hint("name one: --with-policy FILE");
  }
  TomlDocument document = TRY(parse_toml(*text, path));
  TrustPolicy policy = TRY(parse_trust_policy(document, path));
  if (policy.trusted_root_path.empty() && path_exists(root_beside(path))) {
    policy.trusted_root_path = root_beside(path);
  }
  TRY(read_policy_files(policy, *text));
  for (Signer& signer : policy.signers) {
    if (auto* key = std::get_if<KeySigner>(&signer.who)) {
      key->path.clear();
    }
  }
  policy.trusted_root_path.clear();
  image::BundlePolicy out{.text = to_toml(policy), .trusted_root = policy.trusted_root};
  TRY(check_policy(out, path));
  return out;
}

Result<std::optional<image::BundlePolicy>> policy_of_bundle(const std::string& path) {
  Transport transport = TRY(image::tell_format(path));
  if (transport == Transport::DockerArchive) {
    return std::optional<image::BundlePolicy>();
  }
  std::unique_ptr<image::LayoutFiles> files =
      TRY(transport == Transport::OciLayout ? image::open_layout_directory(path)
                                            : image::open_layout_archive(path));
  return image::read_bundle_policy(*files).with_context(path);
}

Digest digest_of(const image::BundlePolicy& policy) {
  return Digest::sha256_of(as_bytes(policy.text));
}

bool is_installed(const image::BundlePolicy& policy, const Layout& layout) {
  Result<std::optional<Bytes>> there = read_config_file(layout.policy());
  return there.ok() && there->has_value() && as_text(**there) == policy.text;
}

Result<InstallPolicyReply> install_bundle_policy(const image::BundlePolicy& policy,
                                                 const Layout& layout,
                                                 Replace replace,
                                                 DryRun dry_run) {
  InstallPolicyReply out{.path = layout.policy(), .digest = digest_of(policy)};
  TRY(check_policy(policy, out.path));
  std::string root = root_beside(out.path);
  std::optional<Bytes> old_policy = TRY(other_content(out.path, policy.text));
  std::optional<Bytes> old_root;
  if (!policy.trusted_root.empty()) {
    old_root = TRY(other_content(root, policy.trusted_root));
  }
  if ((old_policy.has_value() || old_root.has_value()) && replace == Replace::No) {
    return Error(Code::AlreadyExists,
                 "this host has another " + (old_policy.has_value() ? out.path : root) +
                     " than the bundle")
        .with_hint("--force replaces it and keeps a copy beside it");
  }
  if (dry_run == DryRun::Yes) {
    return out;
  }
  TRY(make_directories(parent_path(out.path), 0755));
  for (const auto& [path, content] :
       {std::pair(root, &old_root), std::pair(out.path, &old_policy)}) {
    if (content->has_value()) {
      std::string copy = TRY(keep_copy(path, **content));
      out.copies.push_back(std::move(copy));
    }
  }
  // The root first: a policy never stands there without what it needs.
  if (!policy.trusted_root.empty()) {
    TRY(write_file_atomic(root, as_bytes(policy.trusted_root), 0644));
  }
  TRY(write_file_atomic(out.path, as_bytes(policy.text), 0644));
  return out;
}

Result<InstallPolicyReply> Manager::install_policy(const std::string& path,
                                                   Replace replace,
                                                   DryRun dry_run) {
  std::string whole = TRY(absolute_path(path));
  std::optional<image::BundlePolicy> policy = TRY(policy_of_bundle(whole));
  if (!policy.has_value()) {
    return Error(Code::NotFound, whole + " brings no policy")
        .with_hint("bpfman image save docker://NAME -o FILE --with-policy puts one into a bundle");
  }
  InstallPolicyReply out = TRY(
      install_bundle_policy(*policy, impl_->options.layout, replace, dry_run).with_context(whole));
  impl_->trust_gate.reset();  // what is loaded next is judged by it
  return out;
}

}  // namespace bpfman
