// SPDX-License-Identifier: Apache-2.0
// ContainerRuntime: one local image store (a Docker engine, a containers-storage directory), seen
// from image/. Implemented in container/. An object is used by one thread at a time.
//
// The runtime finds an image and opens its parts; what is inside (config, layers, tar-split, ELF)
// is judged by image/, which has one reader, one verifier and one picker for all of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/image.h"
#include "bpfman/model/image_reference.h"

namespace bpfman {

// A row of `bpfman image sources`.
struct RuntimeStatus {
  SourceKind kind = SourceKind::Docker;
  std::string name;      // "docker", "docker (user alice)", "podman", "podman (user alice)"
  std::string location;  // "unix:///run/docker.sock", "/var/lib/containers/storage"
  std::string version;   // "20.10.24"; "" when the store does not tell
  std::string driver;    // "overlay2", "overlay", "vfs", "containerd"; "" when unknown
  bool present = false;  // something is there at all
  bool usable = false;
  std::string reason;  // why not usable (or a remark when it is), for a person
  bool operator==(const RuntimeStatus&) const = default;
};

// One layer as it was sent: a tar, mostly compressed.
struct LayerBlob {
  Digest digest;  // of the blob, as the manifest has it; empty: made when it is opened
  std::uint64_t size = 0;
  std::string media_type;
  // NotFound: the store has thrown the blob away.
  std::function<Result<std::unique_ptr<ByteSource>>()> open;
};

// One layer as a directory of files on this host.
struct LayerDirectory {
  UniqueFd directory;
  std::string path;  // for messages
  UniqueFd
      tar_split;  // the store's tar-split recipe (gzip over JSON lines); invalid when there is none
  Digest claimed_diff_id;  // what the store's books say; empty when they do not
  // True (vfs) when the directory holds this layer *and all below it* merged: only the top one is
  // listed then, and whiteouts do not occur.
  bool merged = false;
  // Where there is no recipe: the layer as it was sent, if the store may still have it.
  std::optional<LayerBlob> blob;
};

struct ImageDescription {
  std::string canonical_name;  // the store's own complete name
  Digest image_id;             // config digest as the store names it
  Digest manifest_digest;      // empty when the store keeps no manifest
  // The raw image config. The implementation has checked that its hash is image_id; empty when the
  // store does not show it (API only), then the four fields below hold what the daemon says.
  std::string config_json;
  // Of an artifact, which has no image config: its raw manifest, whose hash is manifest_digest and
  // image_id. The fields below say nothing then.
  std::string artifact_manifest;
  std::map<std::string, std::string> labels;
  std::vector<Digest> diff_ids;  // bottom first
  Platform platform;
};

// Signatures that a store keeps beside an image; nothing of them has been checked.
struct StoredSignatures {
  std::vector<SignatureDocument> documents;
  // What they may be about: a manifest in the store whose config is the image, and an index that
  // has it. Both are proved by their hashes; empty when there are no documents for them.
  Digest manifest_digest;
  Digest index_digest;
  std::size_t unchecked = 0;  // signatures of kinds that nobody here can check (GPG)
};

class LocalImage {
 public:
  LocalImage() = default;
  LocalImage(const LocalImage&) = delete;
  LocalImage& operator=(const LocalImage&) = delete;
  virtual ~LocalImage() = default;

  virtual const ImageDescription& description() const = 0;
  // "overlay2", "overlay", "vfs", "view": what reading its directories is called; "archive" when
  // there are no directories.
  virtual std::string route() const = 0;

  // A blob of an artifact, not hashed. Unimplemented where it is none.
  virtual Result<std::unique_ptr<ByteSource>> open_artifact_blob(const Digest& digest) {
    return Error(Code::Unimplemented, "no artifact, so no blob " + digest.text());
  }

  // DataLoss: they are damaged. ResourceExhausted: too many, or too long.
  virtual Result<StoredSignatures> read_signatures() { return StoredSignatures(); }

  // The layers as they were sent, bottom first. Unimplemented: this store does not keep them.
  virtual Result<std::vector<LayerBlob>> open_blobs() {
    return Error(Code::Unimplemented, "the store does not keep layers as they were sent");
  }

  // Layers bottom first. Unimplemented: this store has no readable directories here (remote, other
  // driver, other mount namespace): take the next route. NotFound: something vanished while
  // reading: resolve again. DataLoss: books contradict each other.
  virtual Result<std::vector<LayerDirectory>> open_layers() = 0;

  // Layers that the store makes anew, each when it is opened, bottom first: without a digest (the
  // store's word is taken), `size` is what the store thinks of it unpacked. Unimplemented: it has
  // no such call.
  virtual Result<std::vector<LayerBlob>> open_remade() {
    return Error(Code::Unimplemented, "the store does not make layers anew");
  }

  // A tar stream with the one file PATH (absolute in the image), by create + archive + delete.
  // Unimplemented where the store has no such call; NotFound when the image has no such file.
  virtual Result<std::unique_ptr<ByteSource>> open_file_archive(const std::string& path) = 0;
  // The whole image as `docker save` gives it. Unimplemented where there is none.
  virtual Result<std::unique_ptr<ByteSource>> open_image_archive() = 0;
};

class ContainerRuntime {
 public:
  ContainerRuntime() = default;
  ContainerRuntime(const ContainerRuntime&) = delete;
  ContainerRuntime& operator=(const ContainerRuntime&) = delete;
  virtual ~ContainerRuntime() = default;

  virtual SourceKind kind() const = 0;
  virtual std::string name() const = 0;      // as RuntimeStatus::name
  virtual std::string location() const = 0;  // as RuntimeStatus::location

  // Costs at most a few hundred ms, whatever state the runtime is in.
  virtual RuntimeStatus probe() = 0;

  // The image that `reference` means in this store now. nullptr: a clean "not found" (or no such
  // runtime here at all), the only answer on which the look-up may go on elsewhere without a word;
  // `why_missing` then says why, for a person
  // ("not installed: no socket at ...", "no image named docker.io/library/x:dev").
  // Errors: Unavailable (the socket is there but nobody answers, or nonsense comes back),
  // PermissionDenied, DataLoss.
  struct Answer {
    std::unique_ptr<LocalImage> image;
    std::string why_missing;
  };

  virtual Result<Answer> find(const ImageReference& reference) = 0;
};

}  // namespace bpfman
