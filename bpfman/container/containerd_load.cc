// SPDX-License-Identifier: Apache-2.0
// Images into containerd: Content.Write for each blob, children first, under a lease; then the
// name. Source: containerd api/services/{content,images}/v1; docs/garbage-collection.md (labels).
#include "bpfman/container/containerd_load.h"

#include <algorithm>

#include "bpfman/base/scope_exit.h"
#include "bpfman/container/containerd_daemon.h"
#include "bpfman/container/storage_books.h"
#include "bpfman/model/blob_path.h"

namespace bpfman::container {
namespace {

constexpr const char* kWrite = "containerd.services.content.v1.Content/Write";
constexpr const char* kUpdateContent = "containerd.services.content.v1.Content/Update";
constexpr const char* kCreate = "containerd.services.images.v1.Images/Create";
constexpr const char* kUpdate = "containerd.services.images.v1.Images/Update";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr int kMaxDepth = 2;
constexpr std::size_t kPiece = std::size_t{1} << 20;
// What Content.Write is to do.
constexpr std::uint64_t kActionWrite = 1;
constexpr std::uint64_t kActionCommit = 2;

class ImportPlan {
 public:
  explicit ImportPlan(const std::map<std::string, Bytes>& files) : files_(files) {}

  // Adds a document and all that it names, the latter first.
  Result<bool> add_document(const Digest& digest, int depth) {
    ByteView content = TRY(find(digest));
    ManifestPointer pointer = TRY(parse_manifest_pointer(as_text(content), host_platform()));
    std::map<std::string, std::string> labels;
    auto keep = [&labels](const std::string& what, const Digest& child) {
      labels["containerd.io/gc.ref.content." + what] = child.text();
    };
    for (std::size_t i = 0; i < pointer.entries.size(); ++i) {
      if (depth == kMaxDepth) {
        return Error(Code::InvalidArgument, "an index leads to another one");
      }
      TRY(add_document(pointer.entries[i], depth + 1));
      keep("m." + std::to_string(i), pointer.entries[i]);
    }
    if (!pointer.is_index) {
      TRY(add_blob(pointer.config, {}));
      keep("config", pointer.config);
    }
    for (std::size_t i = 0; i < pointer.layers.size(); ++i) {
      TRY(add_blob(pointer.layers[i].digest, {}));
      keep("l." + std::to_string(i), pointer.layers[i].digest);
    }
    TRY(add_blob(digest, std::move(labels)));
    return pointer.is_index;
  }

  std::vector<ContainerdImport::Blob> take() { return std::move(blobs_); }

 private:
  Result<ByteView> find(const Digest& digest) const {
    auto file = files_.find(blob_path(digest));
    if (file == files_.end()) {
      return Error(Code::InvalidArgument, "blob " + digest.text() + " is not there");
    }
    return ByteView(file->second);
  }

  Result<void> add_blob(const Digest& digest, std::map<std::string, std::string> labels) {
    ByteView content = TRY(find(digest));
    blobs_.push_back(ContainerdImport::Blob{digest, content, std::move(labels)});
    return {};
  }

  const std::map<std::string, Bytes>& files_;
  std::vector<ContainerdImport::Blob> blobs_;
};

// {1 action, 2 ref, 3 total, 4 expected, 5 offset, 6 data, 7 labels}
std::vector<std::string> write_messages(const ContainerdImport::Blob& blob,
                                        const std::string& reference) {
  std::vector<std::string> messages;
  std::string_view content = as_text(blob.content);
  for (std::size_t offset = 0; offset == 0 || offset < content.size(); offset += kPiece) {
    std::string_view piece = content.substr(offset, kPiece);
    const bool last = offset + piece.size() == content.size();
    ProtobufWriter message;
    message.number(1, last ? kActionCommit : kActionWrite)
        .text(2, reference)
        .number(3, content.size())
        .text(4, blob.digest.text())
        .number(5, offset)
        .text(6, piece);
    for (const auto& [key, value] : blob.labels) {
      message.map_entry(7, key, value);
    }
    messages.push_back(message.encoded());
  }
  return messages;
}

}  // namespace

Result<ContainerdImport> plan_containerd_import(const LayoutImage& image) {
  ImportPlan plan(image.files);
  bool is_index = TRY(plan.add_document(image.target, 0).with_context("image " + image.name));
  ContainerdImport out{.name = image.name,
                       .blobs = plan.take(),
                       .target = image.target,
                       .media_type = is_index ? kIndexType : kManifestType};
  out.size = out.blobs.back().content.size();
  return out;
}

Result<void> ContainerdDaemon::put_blob(const Scope& scope, const ContainerdImport::Blob& blob) {
  const GrpcMetadata metadata = {{"containerd-namespace", scope.space},
                                 {"containerd-lease", scope.lease}};
  std::string reference = scope.lease + "." + std::string(blob.digest.hex());
  GrpcChannel::Reply reply =
      TRY(channel_.upload(kWrite, write_messages(blob, reference), metadata));
  const bool present = reply.status.code == kGrpcAlreadyExists;
  if (!reply.status.ok() && !present) {
    return reply.status.to_error("write blob " + blob.digest.text() + " to containerd");
  }
  if (!present || blob.labels.empty()) {
    return {};
  }
  // Whoever put it there need not have said what it keeps alive.
  // {1 Info {1 digest, 5 labels}, 2 FieldMask {1 paths[]}}
  ProtobufWriter info;
  ProtobufWriter mask;
  info.text(1, blob.digest.text());
  for (const auto& [key, value] : blob.labels) {
    info.map_entry(5, key, value);
    mask.text(1, "labels." + key);
  }
  TRY(call(kUpdateContent,
           ProtobufWriter().message(1, info.encoded()).message(2, mask.encoded()),
           scope));
  return {};
}

Result<void> ContainerdDaemon::put_image(const std::string& space, const ContainerdImport& image) {
  Scope scope = TRY(make_lease(space));
  ScopeExit end_lease([&] { drop_lease(scope); });
  for (const ContainerdImport::Blob& blob : image.blobs) {
    TRY(put_blob(scope, blob));
  }
  // Image {1 name, 2 labels, 3 target Descriptor {1 media_type, 2 digest, 3 size}}
  ProtobufWriter target;
  target.text(1, image.media_type).text(2, image.target.text()).number(3, image.size);
  ProtobufWriter record;
  record.text(1, image.name);
  if (space == "k8s.io") {
    record.map_entry(2, "io.cri-containerd.image", "managed");  // so that kubelet sees it
  }
  record.message(3, target.encoded());
  ProtobufWriter request = ProtobufWriter().message(1, record.encoded());
  Result<std::string> created = call(kCreate, request, scope);
  if (!created.ok() && created.error().code() == Code::AlreadyExists) {
    created = call(kUpdate, request, scope);
  }
  TRY(std::move(created));
  return {};
}

Result<std::string> load_into_containerd(const Environment& environment,
                                         const RuntimeOptions& options,
                                         std::string space,
                                         const LayoutImage& image) {
  if (space.empty()) {
    space = environment.get("CONTAINERD_NAMESPACE").value_or("default");
  }
  ContainerdImport planned = TRY(plan_containerd_import(image));
  Error none(Code::Unavailable, "no containerd can be used");
  for (const std::unique_ptr<ContainerRuntime>& runtime : make_runtimes(environment, options)) {
    if (runtime->kind() != SourceKind::Containerd) {
      continue;
    }
    // Only a daemon that answers takes something in; a directory beside it does not do.
    std::shared_ptr<ContainerdDaemon> daemon =
        make_containerd_daemon(socket_path(runtime->location()));
    std::string place = runtime->name() + " (" + runtime->location() + ")";
    Result<std::string> version = daemon->version();
    if (!version.ok()) {
      none = std::move(none).with_hint(place + ": " + version.error().message());
      continue;
    }
    TRY(daemon->put_image(space, planned).with_context(place));
    return place + ", namespace " + space;
  }
  return std::move(none).with_hint("start it, or name it with --containerd-address");
}

}  // namespace bpfman::container
