// SPDX-License-Identifier: Apache-2.0
// tar-split: the recipe by which a container store gives back the exact tar of a layer from the
// layer's directory.
//
// gzip over JSON objects, one a line, in stream order:
//   {"type":2,"payload":BASE64}                    these bytes of the tar (headers, padding)
//   {"type":1,"name":NAME,"size":N}                here come the N bytes of file NAME ("name_raw":
//   base64, if no UTF-8;
//                                                  size absent: nothing to insert)
// Names are not covered by the layer's hash, the stream is: so a file is taken out of the rebuilt
// stream by its tar header, never by the recipe's word. Source: github.com/vbatts/tar-split,
// measured on Docker 20-28 and Podman 4-5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"

namespace bpfman::image {

struct SplitEntry {
  bool is_file = false;
  Bytes raw;               // of type 2
  std::string name;        // of type 1, as the recipe has it
  std::uint64_t size = 0;  // of type 1
};

// One line. DataLoss when it is none of the two.
Result<SplitEntry> parse_split_line(std::string_view line);

struct SplitRecipe {
  std::vector<SplitEntry> entries;
  std::uint64_t stream_bytes = 0;  // of the tar
  // Whether the layer has an entry of this (normalised) name, be it a hard link without bytes of
  // its own: a hint where to look, not a proof.
  bool mentions(const std::string& name) const;
};

// The whole recipe out of an open file (compressed). ResourceExhausted above 64 MiB of text or a
// million entries.
Result<SplitRecipe> read_split_recipe(int fd);

// The tar, rebuilt while it is read. `recipe` and `directory` outlive it. Errors while reading:
// NotFound (a file vanished), DataLoss (a file is shorter than the recipe says, or is none).
std::unique_ptr<ByteSource> make_split_source(const SplitRecipe& recipe, int directory);

}  // namespace bpfman::image
