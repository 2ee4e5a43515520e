// SPDX-License-Identifier: Apache-2.0
// The verbs of the trust root. Updating it is the only thing about trust that uses a network.
#include <sys/stat.h>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/manager/trust_root_files.h"
#include "bpfman/model/registry_policy.h"
#include "bpfman/net/http.h"
#include "bpfman/trust/trusted_root.h"

namespace bpfman {
namespace {

constexpr const char* kPublicMirror = "https://tuf-repo-cdn.sigstore.dev";
constexpr const char* kBuiltInRoot = "sigstore";
constexpr const char* kTarget = "trusted_root.json";
constexpr std::int64_t kFileTimeoutMs = 60'000;  // for one file, whatever its pace

class HttpMirror final : public trust::TufSource {
 public:
  HttpMirror(std::string base, const Interrupts* interrupts)
      : base_(std::move(base)), interrupts_(interrupts) {}

  Result<std::optional<Bytes>> fetch(const std::string& path, std::size_t limit) override {
    net::HttpRequest request;
    request.url = base_ + "/" + path;
    request.follow_redirects = true;
    request.total_timeout_ms = kFileTimeoutMs;
    request.body_limit = limit;
    request.interrupts = interrupts_;
    net::HttpResponse response = TRY(client_.send(request));
    // Object stores that may not be listed say 403 for what is not there.
    if (response.status == 404 || response.status == 403 || response.status == 410) {
      return std::optional<Bytes>();
    }
    if (response.status != 200) {
      return Error(Code::Unavailable,
                   request.url + ": HTTP status " + std::to_string(response.status));
    }
    ByteView body = as_bytes(response.body);
    return std::optional(Bytes(body.begin(), body.end()));
  }

 private:
  std::string base_;
  const Interrupts* interrupts_;
  net::HttpClient client_;
};

class DirectoryMirror final : public trust::TufSource {
 public:
  explicit DirectoryMirror(std::string base) : base_(std::move(base)) {}

  Result<std::optional<Bytes>> fetch(const std::string& path, std::size_t limit) override {
    return read_config_file(join_path(base_, path), limit);
  }

 private:
  std::string base_;
};

Error bad_mirror(const std::string& url, const std::string& why) {
  return Error(Code::InvalidArgument, "the mirror \"" + url + "\" " + why)
      .with_hint("bpfman image trust-root update --mirror https://tuf.example --root root.json");
}

// Plain HTTP would let everybody on the way hold back what is new.
Result<std::string> parse_mirror(const std::string& url) {
  for (char c : url) {
    if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '?' || c == '#' || c == '@') {
      return bad_mirror(url, "is no URL of a directory");
    }
  }
  std::size_t scheme = url.find("://");
  std::string host = scheme == std::string::npos
                         ? std::string()
                         : url.substr(scheme + 3, url.find('/', scheme + 3) - scheme - 3);
  if (host.empty()) {
    return bad_mirror(url, "is no URL");
  }
  if (!url.starts_with("https://") &&
      !(url.starts_with("http://") && is_loopback_authority(host))) {
    return bad_mirror(url, "must be https:// (http:// on loopback only)");
  }
  return url.substr(0, url.find_last_not_of('/') + 1);
}

// Where an update begins.
struct Beginning {
  trust::TufState state;
  Digest initial_root;
  bool anew = false;  // in another root than the one that was trusted
};

Result<std::string> read_root_file(const std::string& path) {
  std::optional<Bytes> bytes = TRY(read_config_file(path, trust::kTufRootLimit));
  if (!bytes.has_value()) {
    return Error(Code::NotFound, "--root: " + path + " does not exist");
  }
  std::string text(as_text(*bytes));
  Result<trust::TufRoot> root = trust::parse_tuf_root(text);
  if (!root.ok()) {
    return std::move(root)
        .error()
        .with_code(Code::InvalidArgument)
        .with_context("--root " + path)
        .with_hint(
            "it is the root.json of a TUF repository, of any version, that came here on a "
            "way that is trusted");
  }
  return text;
}

Result<Beginning> choose_beginning(const TrustRootSpec& spec,
                                   const TrustRootRecord& record,
                                   trust::TufState kept) {
  std::string root;
  Result<trust::TufRoot> trusted = trust::parse_tuf_root(kept.root);
  if (!kept.root.empty() && !trusted.ok()) {
    if (spec.root.empty()) {
      return std::move(trusted)
          .error()
          .with_context("the root that is trusted so far")
          .with_hint("begin anew: --root sigstore, or --mirror URL --root FILE");
    }
    kept = trust::TufState();
  }
  if (spec.root.empty() && !kept.root.empty()) {
    return Beginning{.state = std::move(kept), .initial_root = record.initial_root};
  }
  if (spec.root.empty() || spec.root == kBuiltInRoot) {
    root = std::string(trust::sigstore_tuf_root());
  } else {
    root = TRY(read_root_file(spec.root));
  }
  Digest digest = Digest::sha256_of(as_bytes(root));
  if (!kept.root.empty() && (digest == record.initial_root || root == kept.root)) {
    return Beginning{.state = std::move(kept), .initial_root = record.initial_root};
  }
  return Beginning{
      .state = trust::TufState{.root = std::move(root)}, .initial_root = digest, .anew = true};
}

// The mirror belongs to the root: one that was named for another root is not asked.
Result<std::string> choose_mirror(const TrustRootSpec& spec,
                                  const TrustRootRecord& record,
                                  const Beginning& beginning) {
  if (!spec.mirror.empty()) {
    return parse_mirror(spec.mirror);
  }
  bool of_sigstore = spec.root.empty() || spec.root == kBuiltInRoot;
  if (beginning.anew && !of_sigstore) {
    return Error(Code::InvalidArgument,
                 "--root names another root than the one that is trusted so far; its mirror is "
                 "missing")
        .with_hint("bpfman image trust-root update --mirror https://tuf.example --root " +
                   spec.root);
  }
  return beginning.anew || record.mirror.empty() ? kPublicMirror : record.mirror;
}

// What to do about a failure is told by where the files came from. `former` is the mirror of
// before.
Error explained(Error error,
                const TrustRootSpec& spec,
                const std::string& origin,
                const std::string& former) {
  Code code = error.code();
  Error out = std::move(error).with_context(origin);
  if (code == Code::Unavailable && spec.from.empty()) {
    return std::move(out).with_hint(
        "without a network: bpfman image trust-root update --from FILE, with a trusted_root.json "
        "of elsewhere");
  }
  bool refused =
      code == Code::PermissionDenied || code == Code::FailedPrecondition || code == Code::NotFound;
  if (refused && spec.root.empty() && origin != former && origin != kPublicMirror) {
    return std::move(out).with_hint(
        "if this is the repository of another Sigstore than the one that is trusted so far, name "
        "its root: --root FILE");
  }
  return out;
}

Result<Bytes> update_by_tuf(const TrustRootSpec& spec,
                            const Layout& layout,
                            const Interrupts* interrupts,
                            TrustRootRecord& record) {
  trust::TufState kept = TRY(read_tuf_state(layout));
  Beginning beginning = TRY(choose_beginning(spec, record, kept));
  std::unique_ptr<trust::TufSource> source;
  std::string origin = spec.from;
  std::string former = record.mirror;
  if (spec.from.empty()) {
    origin = TRY(choose_mirror(spec, record, beginning));
    record.mirror = origin;
    source = std::make_unique<HttpMirror>(origin, interrupts);
  } else {
    origin = TRY(absolute_path(spec.from));
    source = std::make_unique<DirectoryMirror>(origin);
  }
  Interrupts::Watch watch(interrupts);
  Result<trust::TufTarget> target =
      trust::update_tuf(beginning.state, *source, kTarget, unix_now());
  // A failure keeps the steps that were good, unless they lead away from what was trusted.
  if (target.ok() || !beginning.anew) {
    TRY(write_tuf_state(layout, kept, beginning.state));
  }
  if (!target.ok()) {
    return explained(std::move(target).error(), spec, origin, former);
  }
  record.initial_root = beginning.initial_root;
  record.origin = origin;
  record.root_version = target->root_version;
  record.expires = target->expires;
  return std::move(target->bytes);
}

Result<Bytes> read_from_file(const std::string& path, TrustRootRecord& record) {
  std::optional<Bytes> bytes = TRY(read_config_file(path, trust::kTrustedRootLimit));
  if (!bytes.has_value()) {
    return Error(Code::NotFound, "--from: " + path + " does not exist");
  }
  record.origin = TRY(absolute_path(path));
  record.root_version = 0;
  record.expires = 0;
  return std::move(*bytes);
}

Result<bool> is_directory(const std::string& path) {
  std::optional<struct ::stat> info = TRY(stat_path(path));
  return info.has_value() && S_ISDIR(info->st_mode);
}

std::vector<std::string> names_of(const std::vector<trust::CertificateAuthority>& list) {
  std::vector<std::string> out;
  for (const trust::CertificateAuthority& entry : list) {
    out.push_back(entry.name.empty() ? "unnamed" : entry.name);
  }
  return out;
}

std::vector<std::string> names_of(const std::vector<trust::Log>& list) {
  std::vector<std::string> out;
  for (const trust::Log& entry : list) {
    out.push_back(entry.url.empty() ? "unnamed" : entry.url);
  }
  return out;
}

void read_names(std::string_view text, TrustRootView& view) {
  Result<trust::TrustedRoot> root = trust::parse_trusted_root(text);
  if (!root.ok()) {
    view.damage = root.error().message();
    return;
  }
  view.authorities = names_of(root->authorities);
  view.timestamp_authorities = names_of(root->timestamp_authorities);
  view.logs = names_of(root->logs);
  view.certificate_logs = names_of(root->certificate_logs);
}

// A policy that names another file does not see what is done here.
void warn_of_policy(const Layout& layout, TrustRootView& view) {
  Result<std::optional<Bytes>> bytes = read_config_file(layout.policy());
  if (!bytes.ok() || !bytes->has_value()) {
    return;
  }
  Result<TomlDocument> policy = parse_toml(as_text(**bytes), layout.policy());
  std::string named = policy.ok() ? policy->get("trusted_root").value_or("") : "";
  if (!named.empty() && named != layout.trusted_root()) {
    view.warnings.push_back(layout.policy() +
                            " names another trust root, which is not changed: " + named);
  }
}

Result<TrustRootView> view_of(const Layout& layout) {
  TrustRootRecord record = TRY(read_trust_root_record(layout));
  TrustRootView view{.path = layout.trusted_root()};
  std::optional<Bytes> bytes = TRY(read_config_file(view.path, trust::kTrustedRootLimit));
  if (bytes.has_value()) {
    view.digest = Digest::sha256_of(*bytes);
    view.is_ours = view.digest == record.installed;
    read_names(as_text(*bytes), view);
  }
  if (view.is_ours) {
    view.origin = record.origin;
    view.updated_at = record.updated_at;
    view.root_version = record.root_version;
    view.expires = record.expires;
  }
  warn_of_policy(layout, view);
  return view;
}

}  // namespace

Result<UpdateTrustRootReply> Manager::update_trust_root(const TrustRootSpec& spec) {
  const Layout& layout = impl_->options.layout;
  bool from_file = false;
  if (!spec.from.empty()) {
    bool directory = TRY(is_directory(spec.from));
    from_file = !directory;
    if (!spec.mirror.empty() || (from_file && !spec.root.empty())) {
      return Error(Code::InvalidArgument,
                   "--from goes without --mirror, and a file without --root");
    }
  }
  TRY(make_directories(parent_path(layout.state_directory()), 0755));
  TRY(make_directories(layout.tuf_directory(), 0700));
  FileLock lock = TRY(
      FileLock::acquire(join_path(layout.tuf_directory(), "lock"), impl_->options.lock_timeout_ms));
  TrustRootRecord record = TRY(read_trust_root_record(layout));
  Bytes bytes = TRY(from_file ? read_from_file(spec.from, record)
                              : update_by_tuf(spec, layout, impl_->options.interrupts, record));
  TRY(trust::parse_trusted_root(as_text(bytes)).with_context(record.origin));
  record.updated_at = unix_now();
  InstalledTrustRoot installed = TRY(
      install_trust_root(layout, record, bytes, spec.force ? Foreign::Replace : Foreign::Refuse));
  TrustRootView view = TRY(view_of(layout));
  return UpdateTrustRootReply{
      .root = std::move(view), .changed = installed.changed, .copy = std::move(installed.copy)};
}

Result<TrustRootView> Manager::get_trust_root() {
  return view_of(impl_->options.layout);
}

}  // namespace bpfman
