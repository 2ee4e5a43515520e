// SPDX-License-Identifier: Apache-2.0
// Which local container runtimes there are for this user on this host, in look-up order.
// Source: docs/images.md, "Where bpfman looks".
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/model/container_runtime.h"

namespace bpfman::container {

// Where to look; the defaults are the host's. Tests and configuration set others.
struct RuntimeOptions {
  // Empty: found as Docker's command line does (DOCKER_HOST, context, default socket), then the
  // rootless sockets of this user and of the user behind sudo. Not empty: exactly these
  // "unix:///path" addresses.
  std::vector<std::string> docker_hosts;
  // Empty: root's (or this user's) store by storage.conf, then that of the user behind sudo. Not
  // empty: exactly these graph roots.
  std::vector<std::string> storage_roots;
  // Empty: CONTAINERD_ADDRESS, or the sockets of containerd, k3s, k0s and microk8s that there are.
  // Not empty: exactly these, "unix:///path" or "/path".
  std::vector<std::string> containerd_addresses;
  // Directories of those addresses, read while nobody answers there; the n-th belongs to the n-th.
  std::vector<std::string> containerd_roots;
  // Where images are looked for in containerd, in this order. Empty: the usual namespaces.
  std::vector<std::string> containerd_namespaces;
  // Where CRI-O's own configuration is.
  std::string crio_directory = "/etc/crio";
  bool docker = true;
  bool containers_storage = true;
  bool containerd = true;
};

// Docker engines first, then Podman of this user, then of the user behind sudo, then containerd.
// Makes no connection and reads no store yet: that is done when a runtime is asked.
std::vector<std::unique_ptr<ContainerRuntime>> make_runtimes(const Environment& environment,
                                                             const RuntimeOptions& options);

// One Docker engine. `host`: "unix:///var/run/docker.sock", "tcp://host:port". `data_root`: where
// its overlay2 store is read while the daemon is down; "" when that is not known.
std::unique_ptr<ContainerRuntime> make_docker_runtime(std::string name,
                                                      std::string host,
                                                      std::string data_root);

// Loads a tar that `docker save` or bpfman wrote into the first Docker engine that can be used;
// its name, for a person. Unavailable: none can (each is named).
Result<std::string> load_into_docker(const Environment& environment,
                                     const RuntimeOptions& options,
                                     ByteView tar);

// An image of an OCI layout in memory.
struct LayoutImage {
  std::string name;                           // complete: "docker.io/library/x:dev"
  Digest target;                              // of its manifest or index
  const std::map<std::string, Bytes>& files;  // by their paths in the layout
};

// Puts an image into the first containerd whose daemon answers, into `space` ("": that of
// CONTAINERD_NAMESPACE, else "default"); where it went, for a person. It is kept as `ctr images
// import` would keep it, but not unpacked. Errors: Unavailable (none can: each is named),
// InvalidArgument (no complete image).
Result<std::string> load_into_containerd(const Environment& environment,
                                         const RuntimeOptions& options,
                                         std::string space,
                                         const LayoutImage& image);

// What short names mean in a containers-storage.
struct ShortNames {
  std::vector<std::string> search_registries;  // unqualified-search-registries
  std::map<std::string, std::string> aliases;  // short name -> full name, without tags
};

// One containers-storage. `options` is what storage.conf says for it.
struct StorageOptions {
  std::string graph_root;               // "/var/lib/containers/storage"
  std::string driver;                   // "" : the <driver>-images directory that exists
  std::string image_store;              // "" : none
  std::vector<std::string> additional;  // additionalimagestores
  ShortNames names;
};

std::unique_ptr<ContainerRuntime> make_storage_runtime(std::string name, StorageOptions options);

// One containerd.
struct ContainerdOptions {
  std::string name;    // "containerd", "containerd (k3s)"
  std::string socket;  // a path; "" when no daemon runs
  std::string root;    // "/var/lib/containerd", read while the daemon is down; "" when not known
  // Whose it is, if not this process's user's or root's: `root` is in their home and no link is
  // followed on the way there; of the directories that their daemon names only those in `root` are
  // read.
  std::optional<UserAccount> owner;
  std::vector<std::string> namespaces;  // looked into, in this order; empty: the usual ones
  std::string first_namespace;          // looked into before the usual ones; "" for none
};

std::unique_ptr<ContainerRuntime> make_containerd_runtime(ContainerdOptions options);

}  // namespace bpfman::container
