// SPDX-License-Identifier: Apache-2.0
// What the tests of this room build images from: tars with their tar-split recipes, compressed
// streams, eBPF objects, documents, and an image of a runtime that does as it is told.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/file.h"
#include "bpfman/model/container_runtime.h"
#include "bpfman/model/digest.h"
#include "bpfman/model/image.h"

namespace bpfman::image {

Bytes bytes_of(std::string_view text);
std::string text_of(const Bytes& bytes);

// An eBPF object for this host with these functions in section "xdp"; another `salt` is another
// program of the same size.
Bytes make_object(const std::vector<std::string>& functions, unsigned salt = 0);

// The fields of one tar header; what is not set is as tar(1) would write it.
struct TarFields {
  std::string name;
  char type = '0';
  std::uint64_t size = 0;
  std::string link;
  std::string prefix;
  std::optional<std::string> size_field;  // these 12 bytes instead of `size`
  std::string magic = {"ustar\00000", 8};
  unsigned major = 0;
  unsigned minor = 0;
};

// A header block with the right checksum.
std::string tar_header(const TarFields& fields);
// "LENGTH KEY=VALUE\n"
std::string pax_record(const std::string& key, const std::string& value);

// Writes a layer in three forms at once: the tar, the recipe that a store keeps of it, and the
// files of its directory.
class LayerWriter {
 public:
  LayerWriter& file(const std::string& name, const Bytes& data);
  LayerWriter& file(const std::string& name, std::string_view data);
  LayerWriter& directory(const std::string& name);
  LayerWriter& symlink(const std::string& name, const std::string& target);
  LayerWriter& hardlink(const std::string& name, const std::string& target);
  // Any header, with data (padded) behind it.
  LayerWriter& entry(const TarFields& fields, std::string_view data = "");

  // The archive with its end.
  Bytes tar() const;
  Digest diff_id() const;
  // The recipe as JSON lines, not compressed.
  std::string recipe() const;
  // Makes `path` the layer's directory.
  void unpack(const std::string& path) const;

 private:
  struct File {
    std::string name;
    char type;
    std::string data;  // of a link: its target
  };

  void note_file(const std::string& name, std::uint64_t size);

  std::string tar_;
  std::string pending_;  // raw bytes that are in no line of the recipe yet
  std::string recipe_;
  std::vector<File> files_;
};

Bytes gzip(ByteView bytes);
Bytes zstd(ByteView bytes);

// The bytes in pieces of at most `piece`; then the end, or the error.
std::unique_ptr<ByteSource> make_source(Bytes bytes,
                                        std::size_t piece = 1 << 20,
                                        std::optional<Error> error = std::nullopt);

using Labels = std::map<std::string, std::string>;

std::string json_text(std::string_view text);
std::string make_config(const std::vector<Digest>& diff_ids,
                        const Labels& labels = {},
                        const Platform& platform = host_platform());
// `more`: further members, as in ",\"platform\":{...}".
std::string make_descriptor(std::string_view media_type,
                            ByteView content,
                            const std::string& more = "");
std::string make_manifest(const std::string& config, const std::vector<Bytes>& layers);
std::string make_index(const std::vector<std::string>& descriptors);
std::string platform_member(const Platform& platform);

// A layer in a directory below `parent`, opened as a store would give it.
struct LayerOptions {
  bool recipe = true;
  bool merged = false;
  std::optional<Digest> claimed;  // default: the true diff id
};

LayerDirectory make_layer_directory(const std::string& path,
                                    const LayerWriter& layer,
                                    const LayerOptions& options = {});

// An image of a runtime. Routes that are not set are Unimplemented; `asked` tells which were tried.
class FakeImage final : public LocalImage {
 public:
  ImageDescription about;
  std::function<Result<std::vector<LayerBlob>>()> blobs;
  std::function<Result<std::vector<LayerDirectory>>()> layers;
  std::function<Result<std::vector<LayerBlob>>()> remade;
  std::function<Result<std::unique_ptr<ByteSource>>(const std::string& path)> file;
  std::function<Result<std::unique_ptr<ByteSource>>()> archive;
  std::vector<std::string> asked;

  const ImageDescription& description() const override { return about; }

  std::string route() const override { return "overlay2"; }

  Result<std::vector<LayerBlob>> open_blobs() override;
  Result<std::vector<LayerDirectory>> open_layers() override;

  Result<std::vector<LayerBlob>> open_remade() override {
    return remade ? remade() : LocalImage::open_remade();
  }

  Result<std::unique_ptr<ByteSource>> open_file_archive(const std::string& path) override;
  Result<std::unique_ptr<ByteSource>> open_image_archive() override;
};

// Its description: the config, whose hash is the image id.
ImageDescription describe(const std::string& config);

}  // namespace bpfman::image
