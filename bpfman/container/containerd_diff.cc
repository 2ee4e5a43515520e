// SPDX-License-Identifier: Apache-2.0
// The last resort with containerd: its layers are thrown away, and the directories of its snapshots
// are not to be read here (another mount namespace, another snapshotter). The daemon can read them,
// and writes the difference between a layer's snapshot and its parent's as a new blob.
#include "bpfman/base/scope_exit.h"
#include "bpfman/container/containerd_daemon.h"
#include "bpfman/container/overlay_store.h"

namespace bpfman::container {
namespace {

constexpr const char* kDiff = "containerd.services.diff.v1.Diff/Diff";
constexpr const char* kUsage = "containerd.services.snapshots.v1.Snapshots/Usage";
constexpr const char* kPlainLayer = "application/vnd.oci.image.layer.v1.tar";

// {1 type, 2 source, 4 options[]}
void add_mounts(const std::vector<ContainerdMount>& mounts,
                std::uint32_t field,
                ProtobufWriter& into) {
  for (const ContainerdMount& mount : mounts) {
    ProtobufWriter one;
    one.text(1, mount.type).text(2, mount.source);
    for (const std::string& option : mount.options) {
      one.text(4, option);
    }
    into.message(field, one.encoded());
  }
}

// {3 Descriptor {1 media_type, 2 digest, 3 size}}
Result<Digest> read_descriptor(std::string_view reply) {
  std::string_view descriptor = protobuf_text(reply, 3);
  std::optional<Digest> digest = Digest::parse(protobuf_text(descriptor, 2));
  if (!digest.has_value() || protobuf_text(descriptor, 1) != kPlainLayer) {
    return Error(Code::Unavailable, "containerd answers Diff/Diff with something unreadable");
  }
  return *digest;
}

// What was made stays while it is read.
class KeptSource final : public ByteSource {
 public:
  KeptSource(std::shared_ptr<void> keeper, std::unique_ptr<ByteSource> source)
      : keeper_(std::move(keeper)), source_(std::move(source)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override { return source_->read(buffer); }

 private:
  std::shared_ptr<void> keeper_;
  std::unique_ptr<ByteSource> source_;
};

}  // namespace

Result<std::uint64_t> ContainerdDaemon::snapshot_size(const Scope& scope,
                                                      const std::string& snapshotter,
                                                      const std::string& key) {
  // {1 snapshotter, 2 key} -> {1 size, 2 inodes}
  Result<std::string> reply =
      call(kUsage, ProtobufWriter().text(1, snapshotter).text(2, key), scope);
  if (!reply.ok() && reply.error().code() == Code::NotFound) {
    return Error(Code::Unimplemented,
                 "the image is not unpacked in containerd's snapshotter " + snapshotter);
  }
  std::string message = TRY(std::move(reply));
  ProtobufReader reader(message);
  ProtobufField field;
  std::uint64_t size = 0;
  while (reader.next(field)) {
    size = field.number == 1 && !field.is_bytes ? field.value : size;
  }
  return size;
}

Result<std::unique_ptr<ByteSource>> ContainerdDaemon::remake(const std::string& space,
                                                             const std::string& snapshotter,
                                                             const std::string& chain,
                                                             const std::string& parent) {
  Scope scope = TRY(make_lease(space));
  // The lease keeps the new blob, which goes with it.
  std::shared_ptr<void> lease(nullptr, [this, scope](void*) { drop_lease(scope); });
  std::string key = scope.lease;
  std::string parent_key = scope.lease + ".parent";
  std::vector<ContainerdMount> right = TRY(view(scope, snapshotter, key, chain));
  ScopeExit end_right([&] { drop_view(scope, snapshotter, key); });
  std::vector<ContainerdMount> left = TRY(view(scope, snapshotter, parent_key, parent));
  ScopeExit end_left([&] { drop_view(scope, snapshotter, parent_key); });
  // {1 left Mount[], 2 right Mount[], 3 media_type, 4 ref}
  ProtobufWriter request;
  add_mounts(left, 1, request);
  add_mounts(right, 2, request);
  request.text(3, kPlainLayer).text(4, scope.lease);
  std::string reply = TRY(call(kDiff, request, scope));
  Digest digest = TRY(read_descriptor(reply));
  std::unique_ptr<ByteSource> source = TRY(open_blob(space, digest));
  return std::unique_ptr<ByteSource>(
      std::make_unique<KeptSource>(std::move(lease), std::move(source)));
}

Result<std::vector<LayerBlob>> ContainerdDaemon::open_remade(const std::string& space,
                                                             const Digest& config,
                                                             const std::vector<Digest>& diff_ids) {
  if (diff_ids.empty()) {
    return Error(Code::Unimplemented, "the image has no layers");
  }
  std::vector<Digest> chains = chain_ids(diff_ids);
  std::string snapshotter = TRY(snapshotter_of(space, config, chains.back()));
  std::vector<LayerBlob> blobs;
  std::string parent;
  for (const Digest& chain : chains) {
    LayerBlob& blob = blobs.emplace_back();
    blob.size = TRY(snapshot_size(Scope{space, ""}, snapshotter, chain.text()));
    blob.open = [this, space, snapshotter, chain = chain.text(), parent] {
      return remake(space, snapshotter, chain, parent);
    };
    parent = chain.text();
  }
  return blobs;
}

}  // namespace bpfman::container
