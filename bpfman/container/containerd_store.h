// SPDX-License-Identifier: Apache-2.0
// ContainerdStore: what containerd keeps, seen alike whether its daemon answers
// (containerd_daemon.cc) or its directory is read while the daemon is down (containerd_disk.cc).
// Everything is per namespace: "default" (ctr, nerdctl), "k8s.io" (kubelet, kind), "moby" (Docker),
// "buildkit". What is read is not believed here: containerd_image.cc hashes it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/environment.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/container_runtime.h"
#include "bpfman/model/digest.h"

namespace bpfman::container {

// An image by its name: what that means is a manifest or an index.
struct ContainerdName {
  std::string name;  // "docker.io/library/x:dev"
  Digest target;
  bool operator==(const ContainerdName&) const = default;
};

class ContainerdStore {
 public:
  ContainerdStore() = default;
  ContainerdStore(const ContainerdStore&) = delete;
  ContainerdStore& operator=(const ContainerdStore&) = delete;
  virtual ~ContainerdStore() = default;

  virtual Result<std::vector<std::string>> namespaces() = 0;
  // nullopt: no such name in this namespace.
  virtual Result<std::optional<ContainerdName>> find_name(const std::string& space,
                                                          const std::string& name) = 0;
  // Images whose target begins with "sha256:HEX", or that have such a name (kubelet gives them one
  // by their config).
  virtual Result<std::vector<ContainerdName>> find_ids(const std::string& space,
                                                       const std::string& hex) = 0;
  // NotFound: the blob is not there (any more).
  virtual Result<std::unique_ptr<ByteSource>> open_blob(const std::string& space,
                                                        const Digest& digest) = 0;
  // The unpacked layers of an image, bottom first, one for each diff id. Unimplemented: not
  // unpacked, or in no directories that can be read here.
  virtual Result<std::vector<LayerDirectory>> open_layers(const std::string& space,
                                                          const Digest& config,
                                                          const std::vector<Digest>& diff_ids) = 0;

  // The layers of an unpacked image, bottom first, each written anew by the store when it is opened
  // and kept while it is read. As LocalImage::open_remade(). Unimplemented: it has no such call, or
  // the image is not unpacked.
  virtual Result<std::vector<LayerBlob>> open_remade(const std::string& /*space*/,
                                                     const Digest& /*config*/,
                                                     const std::vector<Digest>& /*diff_ids*/) {
    return Error(Code::Unimplemented, "no daemon runs that could make layers anew");
  }

  // What reading those directories is called: "view", "overlayfs".
  virtual std::string directory_route() const = 0;
};

// The label of a config blob that says which snapshotter holds the image unpacked; followed by the
// snapshotter's name, its value is the chain id.
inline constexpr std::string_view kSnapshotLabel = "containerd.io/gc.ref.snapshot.";

// An image of a store. nullptr with a reason when `target` is an index without this host's
// platform. Errors: DataLoss (a blob is not what its digest says, or no manifest), NotFound (a
// document vanished), Unavailable.
Result<ContainerRuntime::Answer> open_containerd_image(std::shared_ptr<ContainerdStore> store,
                                                       const std::string& space,
                                                       const ContainerdName& name);

// Looks in these namespaces, in this order, by name and then by id.
Result<ContainerRuntime::Answer> find_containerd_image(
    const std::shared_ptr<ContainerdStore>& store,
    const std::vector<std::string>& spaces,
    const ImageReference& reference);

// The daemon behind a socket; makes no connection yet. Not empty: directories that the daemon names
// are read only `below` this one, without following links.
class ContainerdDaemon;
std::shared_ptr<ContainerdDaemon> make_containerd_daemon(std::string socket,
                                                         std::string below = "");

// "/run/x.sock" of "unix:///run/x.sock", or of itself.
std::string socket_path(const std::string& address);

// The directory of a daemon that is down. NotFound: there is no such store; PermissionDenied.
Result<std::shared_ptr<ContainerdStore>> open_containerd_directory(const std::string& root);
// One in the home of another user: no link is followed below the home, and it must be theirs or
// root's.
Result<std::shared_ptr<ContainerdStore>> open_containerd_directory_of(const UserAccount& owner,
                                                                      const std::string& root);

}  // namespace bpfman::container
