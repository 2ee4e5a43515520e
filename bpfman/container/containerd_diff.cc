// SPDX-License-Identifier: Apache-2.0
// The last resort with containerd: its layers are thrown away, and the directories of its snapshots
// are not to be read here (another mount namespace, another snapshotter). The daemon can read them,
// and writes the difference between an empty snapshot and the image as a new blob.
#include "bpfman/base/scope_exit.h"
#include "bpfman/container/containerd_daemon.h"
#include "bpfman/container/overlay_store.h"

namespace bpfman::container {
namespace {

constexpr const char* kDiff = "containerd.services.diff.v1.Diff/Diff";
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
Result<LayerBlob> read_descriptor(std::string_view reply) {
  std::string_view descriptor = protobuf_text(reply, 3);
  LayerBlob out;
  out.media_type = protobuf_text(descriptor, 1);
  std::optional<Digest> digest = Digest::parse(protobuf_text(descriptor, 2));
  ProtobufReader reader(descriptor);
  ProtobufField field;
  while (reader.next(field)) {
    if (field.number == 3 && !field.is_bytes) {
      out.size = field.value;
    }
  }
  if (!digest.has_value() || reader.failed() || out.media_type != kPlainLayer) {
    return Error(Code::Unavailable, "containerd answers Diff/Diff with something unreadable");
  }
  out.digest = *digest;
  return out;
}

}  // namespace

Result<LayerBlob> ContainerdDaemon::open_merged(const std::string& space,
                                                const Digest& config,
                                                const std::vector<Digest>& diff_ids) {
  if (diff_ids.empty()) {
    return Error(Code::Unimplemented, "the image has no layers");
  }
  std::string chain = chain_ids(diff_ids).back().text();
  std::string snapshotter = TRY(snapshotter_of(space, config, chain_ids(diff_ids).back()));
  Scope scope = TRY(make_lease(space));
  // Shared by the copies of the blob's `open`: the lease keeps the blob, which goes with it.
  std::shared_ptr<void> lease(nullptr, [this, scope](void*) { drop_lease(scope); });
  std::string top_key = scope.lease;
  std::string empty_key = scope.lease + ".empty";
  std::vector<ContainerdMount> top = TRY(view(scope, snapshotter, top_key, chain));
  ScopeExit end_top([&] { drop_view(scope, snapshotter, top_key); });
  std::vector<ContainerdMount> empty = TRY(view(scope, snapshotter, empty_key, ""));
  ScopeExit end_empty([&] { drop_view(scope, snapshotter, empty_key); });
  // {1 left Mount[], 2 right Mount[], 3 media_type, 4 ref}
  ProtobufWriter request;
  add_mounts(empty, 1, request);
  add_mounts(top, 2, request);
  request.text(3, kPlainLayer).text(4, scope.lease);
  std::string reply = TRY(call(kDiff, request, scope));
  LayerBlob blob = TRY(read_descriptor(reply));
  blob.open = [this, lease, space, digest = blob.digest] { return open_blob(space, digest); };
  return blob;
}

}  // namespace bpfman::container
