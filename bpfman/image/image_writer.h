// SPDX-License-Identifier: Apache-2.0
// Making images of eBPF objects: one layer with the object in its root, a config with labels, a
// manifest; several platforms under an index. The same input makes the same bytes. Source: OCI
// image-spec v1.1; docs/images.md, "Files".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/model/image.h"

namespace bpfman::image {

// An object for one platform.
struct PlatformObject {
  Platform platform;
  std::string file_name;  // in the root of the image
  Bytes bytes;
  std::map<std::string, std::string> labels;
};

// What is to be made: one image under `name` ("" for none), with one object a platform.
struct NewImage {
  std::string name;
  std::vector<PlatformObject> objects;
  std::int64_t created = 0;  // unix seconds; reproducible builds set SOURCE_DATE_EPOCH or 0
};

// The digests of what was made.
struct MadePlatform {
  Platform platform;
  Digest image_id;
  Digest manifest_digest;
  bool operator==(const MadePlatform&) const = default;
};

struct MadeImage {
  std::string name;
  std::vector<MadePlatform> platforms;
  Digest digest;  // of the manifest, or of the index over several
};

// An OCI layout in memory.
class LayoutWriter {
 public:
  // InvalidArgument: no object, a file name that does not fit. REQUIRES: no platform twice.
  Result<MadeImage> add(const NewImage& image);

  // The files of the layout by their paths. A manifest.json for `docker load` is among them; of an
  // image of several platforms it names that of `platform`, else the first.
  std::map<std::string, Bytes> files(const Platform& platform) const;
  // The same as a tar.
  Result<Bytes> tar(const Platform& platform) const;

 private:
  struct Made {
    std::string name;
    std::string descriptor;  // JSON, of the index of the layout

    struct Part {
      Platform platform;
      std::string config_path;
      std::string layer_path;
    };

    std::vector<Part> parts;
  };

  std::string put_blob(ByteView content, Digest& digest);
  Result<std::string> add_platform(const NewImage& image,
                                   const PlatformObject& object,
                                   MadePlatform& made,
                                   Made::Part& part);

  std::map<std::string, Bytes> blobs_;
  std::vector<Made> images_;
};

}  // namespace bpfman::image
