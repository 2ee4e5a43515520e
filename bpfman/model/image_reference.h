// SPDX-License-Identifier: Apache-2.0
// ImageReference: what a user types to name an image, taken apart, and how each kind of store
// spells it. Source: github.com/distribution/reference grammar; containers/image short names;
// docs/images.md.
//
// Normal form: if the first component has no '.', no ':' and is not "localhost", it is preceded by
// "docker.io/"; on docker.io a single component gets "library/"; neither tag nor digest means
// ":latest". With name:tag@digest the digest decides.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/digest.h"

namespace bpfman {

// "docker://", "docker-daemon:", "containers-storage:", "containerd:" in front of a reference
// choose one source and bypass guessing. Behind the last one may stand one of the namespaces that
// everybody uses, as in "containerd:k8s.io/NAME"; others are told apart in the store itself.
// "oci:DIR[:NAME]", "oci-archive:FILE[:NAME]" and "docker-archive:FILE[:NAME]" name an image in a
// directory or file instead; DIR and FILE end at the first colon.
enum class Transport {
  Any,
  Registry,
  DockerDaemon,
  ContainersStorage,
  Containerd,
  OciLayout,
  OciArchive,
  DockerArchive
};
// "oci:", "docker-daemon:", ...; "" for Any.
std::string_view prefix_of(Transport transport);

class ImageReference {
 public:
  // InvalidArgument says which part is wrong ("upper-case letter in repository name", ...).
  static Result<ImageReference> parse(std::string_view text);

  // As typed, without the transport; of a file with it.
  const std::string& typed() const { return typed_; }

  Transport transport() const { return transport_; }

  // Of "containerd:NAMESPACE/NAME"; "" for any.
  const std::string& containerd_namespace() const { return containerd_namespace_; }

  // True when `typed` can only be an image id: "sha256:<64 hex>" or 64 hex digits. A shorter run
  // of 12..63 hex digits *may* be an id too: see may_be_id().
  bool is_id() const { return is_id_; }

  bool may_be_id() const;
  // The hexadecimal digits of such an id (12..64).
  std::string id_hex() const;

  // An image in a directory or file of this host, by its path (as typed) and the name that it has
  // in there ("" for the only one). Then the parts below are meaningless.
  bool is_file() const;

  const std::string& path() const { return path_; }

  const std::string& name_inside() const { return name_inside_; }

  // The same image by another path (an absolute one).
  ImageReference with_path(std::string path) const;

  // Parts of the normal form; meaningless when is_id().
  const std::string& registry() const {
    return registry_;
  }  // "docker.io", "localhost", "quay.io:443"

  const std::string& repository() const { return repository_; }  // "library/my-ebpf-prog"

  const std::string& tag() const { return tag_; }  // "" when only a digest was given

  const std::optional<Digest>& digest() const { return digest_; }

  // True when no registry was typed: the name may mean several things.
  bool is_short() const { return short_; }

  // "docker.io/library/my-ebpf-prog:dev", or "...@sha256:..." when there is a digest. For an id:
  // "sha256:...".
  std::string normal_form() const;
  // Docker's familiar form: normal form without "docker.io/" and "library/".
  std::string familiar_form() const;
  // Names to look for in a containers-storage, in order: for a short name aliases are not
  // considered here; localhost/NAME, each of `search_registries`/NAME, docker.io/[library/]NAME;
  // for a complete name only itself.
  std::vector<std::string> containers_storage_names(
      const std::vector<std::string>& search_registries) const;
  // "my-ebpf-prog": last component of the repository; the default application name.
  std::string short_name() const;

  bool operator==(const ImageReference&) const = default;

 private:
  std::string typed_;
  Transport transport_ = Transport::Any;
  std::string containerd_namespace_;
  bool is_id_ = false;
  bool short_ = false;
  std::string registry_;
  std::string repository_;
  std::string tag_;
  std::optional<Digest> digest_;
  std::string path_;
  std::string name_inside_;
};

}  // namespace bpfman
