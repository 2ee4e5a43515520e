// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/containerd_daemon.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <sys/random.h>

#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/base/scope_exit.h"
#include "bpfman/base/sha256.h"
#include "bpfman/base/text.h"
#include "bpfman/container/overlay_store.h"
#include "bpfman/container/regular_file.h"

namespace bpfman::container {
namespace {

constexpr const char* kImages = "containerd.services.images.v1.Images/";
constexpr const char* kContent = "containerd.services.content.v1.Content/";
constexpr const char* kSnapshots = "containerd.services.snapshots.v1.Snapshots/";
constexpr const char* kLeases = "containerd.services.leases.v1.Leases/";
constexpr const char* kNamespaces = "containerd.services.namespaces.v1.Namespaces/";
constexpr const char* kVersion = "containerd.services.version.v1.Version/Version";

// Ours are told by this; what a killed bpfman left expires by itself.
constexpr std::string_view kLeasePrefix = "io.bpfman.";
constexpr const char* kExpire = "containerd.io/gc.expire";
constexpr std::int64_t kLeaseSeconds = 300;
constexpr std::size_t kMaxListed = 100'000;
constexpr std::size_t kMaxSwept = 100;

Error nonsense(const std::string& what) {
  return Error(Code::Unavailable, "containerd answers " + what + " with something unreadable");
}

// Calls `each` with every message in that field.
template <typename Each>
bool for_messages(std::string_view message, std::uint32_t field, Each each) {
  ProtobufReader reader(message);
  ProtobufField one;
  std::size_t count = 0;
  while (reader.next(one)) {
    if (one.number == field && one.is_bytes) {
      if (++count > kMaxListed) {
        return false;
      }
      each(one.bytes);
    }
  }
  return !reader.failed();
}

// Value of a map field at `key`; "" when it is not there.
std::string map_value(std::string_view message, std::uint32_t field, std::string_view key) {
  std::string found;
  for_messages(message, field, [&](std::string_view entry) {
    if (protobuf_text(entry, 1) == key) {
      found = protobuf_text(entry, 2);
    }
  });
  return found;
}

// Image {1 name, 3 target Descriptor {1 media_type, 2 digest, 3 size}}
std::optional<ContainerdName> read_image(std::string_view image) {
  std::optional<Digest> digest = Digest::parse(protobuf_text(protobuf_text(image, 3), 2));
  std::string name(protobuf_text(image, 1));
  if (name.empty() || !digest.has_value()) {
    return std::nullopt;
  }
  return ContainerdName{std::move(name), *digest};
}

// Content.Read streams {1 offset, 2 data}.
class BlobSource final : public ByteSource {
 public:
  BlobSource(std::unique_ptr<GrpcStream> stream, std::string first)
      : stream_(std::move(stream)), message_(std::move(first)) {
    data_ = protobuf_text(message_, 2);
  }

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    while (data_.empty() && !ended_) {
      std::optional<std::string> message = TRY(stream_->next());
      ended_ = !message.has_value();
      message_ = std::move(message).value_or("");
      data_ = protobuf_text(message_, 2);
      if (!ended_ && data_.empty()) {
        return nonsense("Content/Read");
      }
    }
    std::string_view part = data_.substr(0, buffer.size());
    std::copy(part.begin(), part.end(), reinterpret_cast<char*>(buffer.data()));
    data_.remove_prefix(part.size());
    return part.size();
  }

 private:
  std::unique_ptr<GrpcStream> stream_;
  std::string message_;
  std::string_view data_;
  bool ended_ = false;
};

std::string random_id() {
  std::array<std::byte, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::int64_t now = std::time(nullptr);
    std::copy_n(reinterpret_cast<const std::byte*>(&now), sizeof now, bytes.begin());
  }
  return std::string(kLeasePrefix) + to_hex(bytes);
}

}  // namespace

std::string socket_path(const std::string& address) {
  constexpr std::string_view kScheme = "unix://";
  return address.starts_with(kScheme) ? address.substr(kScheme.size()) : address;
}

std::vector<std::string> layer_directories(const std::vector<ContainerdMount>& mounts) {
  if (mounts.size() != 1) {
    return {};
  }
  const ContainerdMount& mount = mounts.front();
  if (mount.type == "bind") {
    return {mount.source};
  }
  std::vector<std::string> out;
  for (const std::string& option : mount.options) {
    if (mount.type == "overlay" && option.starts_with("lowerdir=")) {
      out = split(option.substr(option.find('=') + 1), ':');
    }
  }
  return out;
}

std::shared_ptr<ContainerdDaemon> make_containerd_daemon(std::string socket, std::string below) {
  return std::make_shared<ContainerdDaemon>(std::move(socket), std::move(below));
}

Result<UniqueFd> ContainerdDaemon::open_layer_directory(const std::string& path) const {
  if (below_.empty()) {
    return open_directory(path);
  }
  if (!path.starts_with(below_ + "/")) {
    return Error(Code::PermissionDenied, path + " is not in " + below_);
  }
  UniqueFd tree = TRY(open_directory(below_));
  return open_directory_beneath(tree.get(), below_, path.substr(below_.size() + 1));
}

Result<std::string> ContainerdDaemon::call(const std::string& method,
                                           const ProtobufWriter& message,
                                           const Scope& scope) {
  GrpcMetadata metadata;
  if (!scope.space.empty()) {
    metadata.emplace_back("containerd-namespace", scope.space);
  }
  if (!scope.lease.empty()) {
    metadata.emplace_back("containerd-lease", scope.lease);
  }
  GrpcChannel::Reply reply = TRY(channel_.call(method, message.encoded(), metadata));
  if (!reply.status.ok()) {
    return reply.status.to_error(method);
  }
  return std::move(reply.message);
}

void ContainerdDaemon::clean_up(const std::string& method,
                                const ProtobufWriter& message,
                                const Scope& scope) {
  Result<std::string> done = call(method, message, scope);
  if (!done.ok() && done.error().code() != Code::NotFound) {
    log::write(log::Level::Warn, "container", done.error().message());
  }
}

Result<std::string> ContainerdDaemon::version() {
  // {1 version, 2 revision}
  std::string reply = TRY(call(kVersion, ProtobufWriter(), {}));
  return std::string(protobuf_text(reply, 1));
}

Result<std::vector<std::string>> ContainerdDaemon::namespaces() {
  // {1 filter} -> {1 Namespace[] {1 name, 2 labels}}
  std::string reply = TRY(call(std::string(kNamespaces) + "List", ProtobufWriter(), {}));
  std::vector<std::string> names;
  bool good = for_messages(
      reply, 1, [&](std::string_view space) { names.emplace_back(protobuf_text(space, 1)); });
  if (!good) {
    return nonsense("Namespaces/List");
  }
  return names;
}

Result<std::optional<ContainerdName>> ContainerdDaemon::find_name(const std::string& space,
                                                                  const std::string& name) {
  // {1 name} -> {1 Image}
  GrpcChannel::Reply reply = TRY(channel_.call(std::string(kImages) + "Get",
                                               ProtobufWriter().text(1, name).encoded(),
                                               {{"containerd-namespace", space}}));
  if (reply.status.code == kGrpcNotFound) {
    return std::optional<ContainerdName>();
  }
  if (!reply.status.ok()) {
    return reply.status.to_error("Images/Get " + name);
  }
  std::optional<ContainerdName> image = read_image(protobuf_text(reply.message, 1));
  if (!image.has_value() || image->name != name) {
    return nonsense("Images/Get");
  }
  return image;
}

Result<std::vector<ContainerdName>> ContainerdDaemon::find_ids(const std::string& space,
                                                               const std::string& hex) {
  // {1 filters[]} -> {1 Image[]}; an image that fits any of the filters is listed.
  ProtobufWriter filters;
  filters.text(1, "target.digest~=\"^sha256:" + hex + "\"");
  filters.text(1, "name~=\"^sha256:" + hex + "\"");
  std::string reply = TRY(call(std::string(kImages) + "List", filters, Scope{space, ""}));
  std::vector<ContainerdName> found;
  bool readable = true;
  bool good = for_messages(reply, 1, [&](std::string_view image) {
    std::optional<ContainerdName> one = read_image(image);
    readable = readable && one.has_value();
    if (one.has_value()) {
      found.push_back(std::move(*one));
    }
  });
  if (!good || !readable) {
    return nonsense("Images/List");
  }
  return found;
}

Result<std::unique_ptr<ByteSource>> ContainerdDaemon::open_blob(const std::string& space,
                                                                const Digest& digest) {
  // {1 digest, 2 offset, 3 size}
  std::unique_ptr<GrpcStream> stream =
      TRY(channel_.open(std::string(kContent) + "Read",
                        ProtobufWriter().text(1, digest.text()).encoded(),
                        {{"containerd-namespace", space}}));
  if (stream->early_status().has_value() && !stream->early_status()->ok()) {
    return stream->early_status()->to_error("read blob " + digest.text());
  }
  std::optional<std::string> first = TRY(stream->next());
  return std::unique_ptr<ByteSource>(
      std::make_unique<BlobSource>(std::move(stream), std::move(first).value_or("")));
}

// ---- views --------------------------------------------------------------------------------------

Result<std::string> ContainerdDaemon::snapshotter_of(const std::string& space,
                                                     const Digest& config,
                                                     const Digest& chain) {
  // {1 digest} -> {1 Info {1 digest, 2 size, 5 labels}}
  std::string info = TRY(call(
      std::string(kContent) + "Info", ProtobufWriter().text(1, config.text()), Scope{space, ""}));
  std::string name;
  for_messages(protobuf_text(info, 1), 5, [&](std::string_view label) {
    std::string_view key = protobuf_text(label, 1);
    if (key.starts_with(kSnapshotLabel) && protobuf_text(label, 2) == chain.text()) {
      name = key.substr(kSnapshotLabel.size());
    }
  });
  return name.empty() ? "overlayfs" : name;
}

Result<std::vector<ContainerdMount>> ContainerdDaemon::view(const Scope& scope,
                                                            const std::string& snapshotter,
                                                            const std::string& key,
                                                            const std::string& parent) {
  // {1 snapshotter, 2 key, 3 parent} -> {1 Mount[] {1 type, 2 source, 3 target, 4 options[]}}
  Result<std::string> reply =
      call(std::string(kSnapshots) + "View",
           ProtobufWriter().text(1, snapshotter).text(2, key).text(3, parent),
           scope);
  if (!reply.ok() && reply.error().code() == Code::NotFound) {
    return Error(Code::Unimplemented,
                 "the image is not unpacked in containerd's snapshotter " + snapshotter);
  }
  std::string message = TRY(std::move(reply));
  std::vector<ContainerdMount> mounts;
  bool good = for_messages(message, 1, [&](std::string_view mount) {
    ContainerdMount& one = mounts.emplace_back();
    one.type = protobuf_text(mount, 1);
    one.source = protobuf_text(mount, 2);
    for_messages(mount, 4, [&one](std::string_view option) { one.options.emplace_back(option); });
  });
  if (!good) {
    return nonsense("Snapshots/View");
  }
  return mounts;
}

void ContainerdDaemon::sweep(const std::string& space) {
  if (std::exchange(swept_, true)) {
    return;
  }
  // {1 filters[]} -> {1 Lease[] {1 id, 2 created_at, 3 labels}}
  Scope scope{space, ""};
  Result<std::string> leases =
      call(std::string(kLeases) + "List", ProtobufWriter().text(1, "id~=\"^io.bpfman.\""), scope);
  if (!leases.ok()) {
    return;  // the lease that is made next says it better
  }
  std::string now = format_utc(std::time(nullptr));
  std::vector<std::string> expired;
  for_messages(*leases, 1, [&](std::string_view lease) {
    std::string_view id = protobuf_text(lease, 1);
    std::string expires = map_value(lease, 3, kExpire);
    // A younger one may belong to a bpfman that is reading now.
    if (id.starts_with(kLeasePrefix) && !expires.empty() && expires < now &&
        expired.size() < kMaxSwept) {
      expired.emplace_back(id);
    }
  });
  for (const std::string& id : expired) {
    clean_up(std::string(kLeases) + "Delete", ProtobufWriter().text(1, id).number(2, 1), scope);
  }
}

Result<ContainerdDaemon::Scope> ContainerdDaemon::make_lease(const std::string& space) {
  sweep(space);
  Scope scope{space, random_id()};
  ProtobufWriter lease;
  lease.text(1, scope.lease);
  lease.map_entry(3, kExpire, format_utc(std::time(nullptr) + kLeaseSeconds));
  TRY(call(std::string(kLeases) + "Create", lease, Scope{space, ""}));
  return scope;
}

void ContainerdDaemon::drop_lease(const Scope& scope) {
  clean_up(std::string(kLeases) + "Delete",
           ProtobufWriter().text(1, scope.lease),
           Scope{scope.space, ""});
}

void ContainerdDaemon::drop_view(const Scope& scope,
                                 const std::string& snapshotter,
                                 const std::string& key) {
  clean_up(std::string(kSnapshots) + "Remove",
           ProtobufWriter().text(1, snapshotter).text(2, key),
           scope);
}

Result<std::vector<LayerDirectory>> ContainerdDaemon::open_layers(
    const std::string& space, const Digest& config, const std::vector<Digest>& diff_ids) {
  if (diff_ids.empty()) {
    return Error(Code::Unimplemented, "the image has no layers");
  }
  Digest chain = chain_ids(diff_ids).back();
  std::string snapshotter = TRY(snapshotter_of(space, config, chain));
  Scope scope = TRY(make_lease(space));
  ScopeExit end_lease([&] { drop_lease(scope); });
  std::vector<ContainerdMount> mounts = TRY(view(scope, snapshotter, scope.lease, chain.text()));
  ScopeExit end_view([&] { drop_view(scope, snapshotter, scope.lease); });
  std::vector<std::string> paths = layer_directories(mounts);
  if (paths.size() != diff_ids.size()) {
    return Error(Code::Unimplemented,
                 "containerd's snapshotter " + snapshotter + " shows no layer directories");
  }
  std::vector<LayerDirectory> layers;
  for (std::size_t i = paths.size(); i-- > 0;) {
    LayerDirectory& layer = layers.emplace_back();
    layer.path = paths[i];
    Result<UniqueFd> directory = open_layer_directory(paths[i]);
    if (!directory.ok()) {
      return Error(Code::Unimplemented,
                   "the directories of containerd's snapshotter " + snapshotter +
                       " cannot be read here: " + directory.error().message());
    }
    layer.directory = std::move(*directory);
  }
  return layers;
}

}  // namespace bpfman::container
