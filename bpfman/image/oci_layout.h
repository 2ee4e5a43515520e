// SPDX-License-Identifier: Apache-2.0
// Reading an image out of an OCI layout: index -> (nested index ->) manifest -> config and layers,
// each blob hashed against the digest that named it. Source: OCI image-spec v1.1, image-layout.md,
// image-index.md; names as skopeo, Podman and Docker write them.
#pragma once

#include <string>
#include <vector>

#include "bpfman/image/extract.h"
#include "bpfman/image/layout_files.h"
#include "bpfman/image/oci.h"

namespace bpfman::image {

// An image out of a file or directory.
struct FileImage {
  Extracted extracted;
  std::string name;        // that it has in there; "" for none
  Digest image_id;         // config digest
  Digest manifest_digest;  // empty in a docker-archive
  Digest index_digest;     // of an index that led to it, other than the layout's own
  std::vector<SignatureDocument> signatures;  // as found
  std::string signature_note;                 // why they could not be looked for
};

// What an index entry is called: its annotation io.containerd.image.name (a complete name), else
// org.opencontainers.image.ref.name; "" for none.
std::string name_of_entry(const Descriptor& entry);

// The entry of `index` that `wanted` names ("": the only one; several without names of their own
// are one image's platforms). Attestations and artifacts are passed over. NotFound, InvalidArgument
// list what there is.
Result<Descriptor> choose_entry(const std::vector<Descriptor>& index,
                                const std::string& wanted,
                                const Platform& platform);

// The entries of index.json. InvalidArgument when it is no layout, DataLoss.
Result<std::vector<Descriptor>> read_layout_index(LayoutFiles& files);
// A blob, not hashed; DataLoss when it is not there.
Result<std::unique_ptr<ByteSource>> open_layout_blob(LayoutFiles& files, const Digest& digest);
// A blob of at most `limit` bytes, hashed against its descriptor. ResourceExhausted, DataLoss.
Result<Bytes> read_layout_blob(LayoutFiles& files, const Descriptor& descriptor, std::size_t limit);

// A document, so hashed.
Result<std::string> read_layout_document(LayoutFiles& files, const Descriptor& descriptor);

// The names of the images in a layout, in order; "" for one without a name.
Result<std::vector<std::string>> names_in_layout(LayoutFiles& files);

// Errors: NotFound, InvalidArgument (as above; no eBPF object), DataLoss (a blob is absent, or is
// not what its digest and size say; an index that leads nowhere), ResourceExhausted.
Result<FileImage> extract_layout(LayoutFiles& files,
                                 const std::string& wanted,
                                 const std::string& name,
                                 const Platform& platform);

}  // namespace bpfman::image
