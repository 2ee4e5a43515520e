// SPDX-License-Identifier: Apache-2.0
// containerd's directory, read while its daemon is down: a private format, so never while it
// answers.
//
//   io.containerd.metadata.v1.bolt/meta.db
//     v1/NAMESPACE/images/NAME/target: digest, mediatype, size
//     v1/NAMESPACE/snapshots/SNAPSHOTTER/CHAIN ID: name (of the snapshotter's own)
//   io.containerd.content.v1.content/blobs/sha256/HEX
//   io.containerd.snapshotter.v1.overlayfs/metadata.db
//     v1/snapshots/NAME: id (varint N)
//   io.containerd.snapshotter.v1.overlayfs/snapshots/N/fs
//
// Source: github.com/containerd/containerd metadata/buckets.go (which says "image" for "target"),
// snapshots/storage/bolt.go; measured on 1.6.
#include <fcntl.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/container/bolt_reader.h"
#include "bpfman/container/containerd_store.h"
#include "bpfman/container/overlay_store.h"
#include "bpfman/container/protobuf_wire.h"
#include "bpfman/container/regular_file.h"

namespace bpfman::container {
namespace {

constexpr const char* kBooks = "io.containerd.metadata.v1.bolt/meta.db";
constexpr const char* kBlobs = "io.containerd.content.v1.content/blobs/sha256/";
constexpr const char* kOverlay = "io.containerd.snapshotter.v1.overlayfs/";
constexpr int kTries = 3;

class DirectoryStore final : public ContainerdStore {
 public:
  DirectoryStore(std::string root, UniqueFd directory)
      : root_(std::move(root)), directory_(std::move(directory)) {}

  Result<std::vector<std::string>> namespaces() override;
  Result<std::optional<ContainerdName>> find_name(const std::string& space,
                                                  const std::string& name) override;
  Result<std::vector<ContainerdName>> find_ids(const std::string& space,
                                               const std::string& hex) override;
  Result<std::unique_ptr<ByteSource>> open_blob(const std::string& space,
                                                const Digest& digest) override;
  Result<std::vector<LayerDirectory>> open_layers(const std::string& space,
                                                  const Digest& config,
                                                  const std::vector<Digest>& diff_ids) override;

  std::string directory_route() const override { return "overlayfs"; }

 private:
  Result<BoltReader> open_database(const std::string& path) const;
  // What `look` finds in a database, looked for again if somebody wrote into it meanwhile.
  template <typename Look>
  auto settled(const std::string& path, Look look) const
      -> decltype(look(std::declval<const BoltReader&>()));

  std::string root_;
  UniqueFd directory_;
};

Result<BoltReader> DirectoryStore::open_database(const std::string& path) const {
  UniqueFd file = TRY(open_regular_beneath(directory_.get(), root_, path));
  // Shared by the copies of one std::function.
  auto shared = std::make_shared<UniqueFd>(std::move(file));
  std::string name = join_path(root_, path);
  Result<BoltReader> reader = BoltReader::open(
      [shared, name](std::uint64_t offset, std::size_t size) -> Result<std::string> {
        std::string bytes(size, '\0');
        TRY(read_exact_at(shared->get(), std::as_writable_bytes(std::span(bytes)), offset, name));
        return bytes;
      });
  return std::move(reader).with_context(name);
}

template <typename Look>
auto DirectoryStore::settled(const std::string& path, Look look) const
    -> decltype(look(std::declval<const BoltReader&>())) {
  for (int i = 0; i < kTries; ++i) {
    BoltReader reader = TRY(open_database(path));
    auto found = look(reader);
    Result<bool> current = reader.is_current();
    if (current.ok() && *current) {
      return std::move(found).with_context(join_path(root_, path));
    }
  }
  return Error(Code::Aborted, join_path(root_, path) + " changes while it is read");
}

Result<std::vector<std::string>> DirectoryStore::namespaces() {
  return settled(kBooks, [](const BoltReader& books) -> Result<std::vector<std::string>> {
    std::optional<BoltReader::Bucket> all = TRY(books.find_path({"v1"}));
    if (!all.has_value()) {
      return std::vector<std::string>();
    }
    return books.bucket_names(*all);
  });
}

Result<std::optional<ContainerdName>> read_name(const BoltReader& books,
                                                const BoltReader::Bucket& images,
                                                const std::string& name) {
  std::optional<BoltReader::Bucket> image = TRY(books.find_bucket(images, name));
  if (!image.has_value()) {
    return std::optional<ContainerdName>();
  }
  std::optional<BoltReader::Bucket> target = TRY(books.find_bucket(*image, "target"));
  std::optional<std::string> text;
  if (target.has_value()) {
    text = TRY(books.find_value(*target, "digest"));
  }
  std::optional<Digest> digest = Digest::parse(text.value_or(""));
  if (!digest.has_value()) {
    return Error(Code::DataLoss, "image " + name + " has no digest");
  }
  return std::optional(ContainerdName{name, *digest});
}

Result<std::optional<ContainerdName>> DirectoryStore::find_name(const std::string& space,
                                                                const std::string& name) {
  return settled(kBooks, [&](const BoltReader& books) -> Result<std::optional<ContainerdName>> {
    std::optional<BoltReader::Bucket> images = TRY(books.find_path({"v1", space, "images"}));
    if (!images.has_value()) {
      return std::optional<ContainerdName>();
    }
    return read_name(books, *images, name);
  });
}

Result<std::vector<ContainerdName>> DirectoryStore::find_ids(const std::string& space,
                                                             const std::string& hex) {
  return settled(kBooks, [&](const BoltReader& books) -> Result<std::vector<ContainerdName>> {
    std::vector<ContainerdName> found;
    std::optional<BoltReader::Bucket> images = TRY(books.find_path({"v1", space, "images"}));
    if (!images.has_value()) {
      return found;
    }
    std::vector<std::string> names = TRY(books.bucket_names(*images));
    for (const std::string& name : names) {
      std::optional<ContainerdName> one = TRY(read_name(books, *images, name));
      if (one.has_value() && (one->target.text().starts_with("sha256:" + hex) ||
                              one->name.starts_with("sha256:" + hex))) {
        found.push_back(std::move(*one));
      }
    }
    return found;
  });
}

Result<std::unique_ptr<ByteSource>> DirectoryStore::open_blob(const std::string& space,
                                                              const Digest& digest) {
  static_cast<void>(space);  // what is in a blob is told by its digest
  if (digest.algorithm() != "sha256") {
    return Error(Code::Unimplemented, "digest " + digest.text() + " cannot be checked");
  }
  std::string path = kBlobs + std::string(digest.hex());
  UniqueFd file = TRY(open_regular_beneath(directory_.get(), root_, path));
  return make_fd_source(std::move(file), join_path(root_, path));
}

Result<std::uint64_t> overlay_number(const BoltReader& overlay, const std::string& name) {
  std::optional<BoltReader::Bucket> snapshot = TRY(overlay.find_path({"v1", "snapshots", name}));
  std::optional<std::string> id;
  if (snapshot.has_value()) {
    id = TRY(overlay.find_value(*snapshot, "id"));
  }
  // A varint, as the value of a protobuf field; the field's tag is put before it.
  std::string framed = std::string(1, '\x08') + id.value_or("");
  ProtobufReader reader(framed);
  ProtobufField number;
  if (!reader.next(number) || number.value == 0) {
    return Error(Code::Unimplemented, "snapshot " + name + " is not one of overlayfs");
  }
  return number.value;
}

Result<std::vector<LayerDirectory>> DirectoryStore::open_layers(
    const std::string& space, const Digest& config, const std::vector<Digest>& diff_ids) {
  static_cast<void>(config);
  std::vector<Digest> chain = chain_ids(diff_ids);
  using Names = std::vector<std::string>;
  Result<Names> known = settled(kBooks, [&](const BoltReader& books) -> Result<Names> {
    Names out;
    for (const Digest& id : chain) {
      std::optional<BoltReader::Bucket> snapshot =
          TRY(books.find_path({"v1", space, "snapshots", "overlayfs", id.text()}));
      std::optional<std::string> name;
      if (snapshot.has_value()) {
        name = TRY(books.find_value(*snapshot, "name"));
      }
      if (!name.has_value()) {
        return Error(Code::Unimplemented, "the image is not unpacked in overlayfs");
      }
      out.push_back(std::move(*name));
    }
    return out;
  });
  Names names = TRY(std::move(known));
  using Numbers = std::vector<std::uint64_t>;
  Result<Numbers> found = settled(std::string(kOverlay) + "metadata.db",
                                  [&](const BoltReader& overlay) -> Result<Numbers> {
                                    Numbers out;
                                    for (const std::string& name : names) {
                                      std::uint64_t number = TRY(overlay_number(overlay, name));
                                      out.push_back(number);
                                    }
                                    return out;
                                  });
  if (!found.ok() && found.error().code() == Code::NotFound) {
    return std::move(found).error().with_code(Code::Unimplemented);
  }
  Numbers numbers = TRY(std::move(found));
  std::vector<LayerDirectory> layers;
  for (std::uint64_t number : numbers) {
    std::string path = std::string(kOverlay) + "snapshots/" + std::to_string(number) + "/fs";
    LayerDirectory& layer = layers.emplace_back();
    layer.path = join_path(root_, path);
    layer.directory = TRY(open_directory_beneath(directory_.get(), root_, path));
  }
  return layers;
}

}  // namespace

Result<std::shared_ptr<ContainerdStore>> open_containerd_directory_of(const UserAccount& owner,
                                                                      const std::string& root) {
  std::string home = owner.home.ends_with('/') ? owner.home : owner.home + "/";
  if (!root.starts_with(home)) {
    return Error(Code::PermissionDenied, root + " is not in the home of user " + owner.name);
  }
  UniqueFd tree = TRY(open_directory(owner.home));
  UniqueFd directory =
      TRY(open_directory_beneath(tree.get(), owner.home, root.substr(home.size())));
  UniqueFd books = TRY(open_regular_beneath(directory.get(), root, kBooks));
  for (int file : {directory.get(), books.get()}) {
    struct stat info = {};
    if (::fstat(file, &info) != 0 || (info.st_uid != owner.uid && info.st_uid != 0)) {
      return Error(Code::PermissionDenied, root + " does not belong to user " + owner.name);
    }
  }
  return std::shared_ptr<ContainerdStore>(
      std::make_shared<DirectoryStore>(root, std::move(directory)));
}

Result<std::shared_ptr<ContainerdStore>> open_containerd_directory(const std::string& root) {
  UniqueFd directory = TRY(open_directory(root));
  UniqueFd books = TRY(open_regular_beneath(directory.get(), root, kBooks));
  return std::shared_ptr<ContainerdStore>(
      std::make_shared<DirectoryStore>(root, std::move(directory)));
}

}  // namespace bpfman::container
