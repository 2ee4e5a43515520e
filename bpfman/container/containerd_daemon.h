// SPDX-License-Identifier: Apache-2.0
// ContainerdDaemon: the few calls of containerd's API that bpfman makes. Source:
// github.com/containerd/containerd/api/services, the same in 1.6 and 2.x; field numbers stand where
// they are used.
#pragma once

#include <functional>
#include <map>

#include "bpfman/container/containerd_store.h"
#include "bpfman/container/grpc_channel.h"
#include "bpfman/container/protobuf_wire.h"

namespace bpfman::container {

// A mount as a snapshotter describes it.
struct ContainerdMount {
  std::string type;
  std::string source;
  std::vector<std::string> options;
};

// Directories of layers, top first, out of a read-only view's mounts; empty when they are none.
std::vector<std::string> layer_directories(const std::vector<ContainerdMount>& mounts);

// An image that is to be put into containerd.
struct ContainerdImport {
  struct Blob {
    Digest digest;
    ByteView content;
    std::map<std::string, std::string> labels;  // what it keeps alive (containerd.io/gc.ref...)
  };

  std::string name;         // complete
  std::vector<Blob> blobs;  // children before what names them
  Digest target;
  std::string media_type;  // of the target
  std::uint64_t size = 0;  // of the target
};

class ContainerdDaemon final : public ContainerdStore {
 public:
  ContainerdDaemon(std::string socket, std::string below)
      : channel_(std::move(socket)), below_(std::move(below)) {}

  Result<std::string> version();

  Result<std::vector<std::string>> namespaces() override;
  Result<std::optional<ContainerdName>> find_name(const std::string& space,
                                                  const std::string& name) override;
  Result<std::vector<ContainerdName>> find_ids(const std::string& space,
                                               const std::string& hex) override;
  Result<std::unique_ptr<ByteSource>> open_blob(const std::string& space,
                                                const Digest& digest) override;
  // Through a read-only view, which is gone when this returns: the directories stay as long as the
  // image does.
  Result<std::vector<LayerDirectory>> open_layers(const std::string& space,
                                                  const Digest& config,
                                                  const std::vector<Digest>& diff_ids) override;

  // Diff between views of a layer's snapshot and of its parent, under a lease that ends with what
  // was opened. containerd_diff.cc
  Result<std::vector<LayerBlob>> open_remade(const std::string& space,
                                             const Digest& config,
                                             const std::vector<Digest>& diff_ids) override;

  // Puts blobs and a name into a namespace, so that containerd keeps them. containerd_load.cc
  Result<void> put_image(const std::string& space, const ContainerdImport& image);

  std::string directory_route() const override { return "view"; }

 private:
  struct Scope {
    std::string space;
    std::string lease;  // "" for none
  };

  // The message of the reply. NotFound only when the daemon says so.
  Result<std::string> call(const std::string& method,
                           const ProtobufWriter& message,
                           const Scope& scope);
  // A directory that a view names.
  Result<UniqueFd> open_layer_directory(const std::string& path) const;
  // As call(), for what must happen on the way out: a failure is logged.
  void clean_up(const std::string& method, const ProtobufWriter& message, const Scope& scope);
  // A lease of ours, which protects what is made under it.
  Result<Scope> make_lease(const std::string& space);
  void drop_lease(const Scope& scope);
  void drop_view(const Scope& scope, const std::string& snapshotter, const std::string& key);
  Result<std::string> snapshotter_of(const std::string& space,
                                     const Digest& config,
                                     const Digest& chain);
  Result<std::vector<ContainerdMount>> view(const Scope& scope,
                                            const std::string& snapshotter,
                                            const std::string& key,
                                            const std::string& parent);
  void sweep(const std::string& space);
  Result<std::uint64_t> snapshot_size(const Scope& scope,
                                      const std::string& snapshotter,
                                      const std::string& key);
  Result<std::unique_ptr<ByteSource>> remake(const std::string& space,
                                             const std::string& snapshotter,
                                             const std::string& chain,
                                             const std::string& parent);
  Result<void> put_blob(const Scope& scope, const ContainerdImport::Blob& blob);

  GrpcChannel channel_;
  std::string below_;  // "" for anywhere
  bool swept_ = false;
};

}  // namespace bpfman::container
