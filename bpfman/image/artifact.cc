// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/artifact.h"

#include <algorithm>
#include <array>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/image/layers.h"
#include "bpfman/image/picker.h"
#include "bpfman/image/streams.h"
#include "bpfman/model/bpf_elf.h"
#include "bpfman/model/ebpf_labels.h"

namespace bpfman::image {
namespace {

constexpr std::array<std::string_view, 4> kObjectTypes = {
    "application/vnd.gadget.ebpf.program.v1+binary",
    "application/ebpf.oci.image.program.v1+binary",
    "application/vnd.bpfman.bytecode.v1+binary",
    "application/vnd.bpfman.bytecode.v1"};

constexpr std::string_view kWasmMagic("\0asm", 4);

bool is_wasm(std::string_view type) {
  return type.find("wasm") != std::string_view::npos;
}

Error wasm_error(const std::string& name, const std::string& type) {
  return Error(Code::Unimplemented,
               name + " is a WebAssembly module (" + type +
                   "), as eunomia-bpf's ecli packages programs, not an eBPF object file")
      .with_hint(
          "publish the compiled object itself: docker build with COPY prog.bpf.o /, or "
          "oras push NAME prog.bpf.o");
}

bool is_image(const Manifest& manifest) {
  const std::string& config = manifest.config.media_type;
  return config.empty() || config == "application/vnd.oci.image.config.v1+json" ||
         config == "application/vnd.docker.container.image.v1+json" || manifest.layers.empty() ||
         std::any_of(manifest.layers.begin(), manifest.layers.end(), [](const Descriptor& layer) {
           return layer.media_type.starts_with("application/vnd.oci.image.layer.") ||
                  layer.media_type.starts_with("application/vnd.docker.image.rootfs.");
         });
}

// Which route the answer names.
std::string packaging_of(const Manifest& manifest) {
  if (manifest.artifact_type.starts_with("application/vnd.gadget.") ||
      manifest.config.media_type.starts_with("application/vnd.gadget.")) {
    return "Inspektor Gadget";
  }
  if (manifest.config.media_type.starts_with("application/ebpf.oci.")) {
    return "BumbleBee";
  }
  return "artifact";
}

std::string title_of(const Descriptor& layer) {
  auto title = layer.annotations.find("org.opencontainers.image.title");
  return title == layer.annotations.end() ? std::string() : base_name(title->second);
}

std::string file_name_of(const Descriptor& layer) {
  std::string title = title_of(layer);
  return title.empty() ? "program.o" : title;
}

// Layers that are, or by their name may be, bare objects.
std::vector<Descriptor> object_layers(const Manifest& manifest) {
  std::vector<Descriptor> typed;
  std::vector<Descriptor> named;
  for (const Descriptor& layer : manifest.layers) {
    if (std::find(kObjectTypes.begin(), kObjectTypes.end(), layer.media_type) !=
        kObjectTypes.end()) {
      typed.push_back(layer);
    } else if (layer.media_type == "application/octet-stream" || title_of(layer).ends_with(".o")) {
      named.push_back(layer);
    }
  }
  return typed.empty() ? named : typed;
}

Result<Bytes> read_object(const OpenBlob& open, const Descriptor& layer) {
  const std::string name = "blob " + layer.digest.text();
  if (layer.size > kObjectLimit) {
    return Error(Code::ResourceExhausted, name + " is larger than 16 MiB");
  }
  TRY(check_algorithm(layer.digest));
  std::unique_ptr<ByteSource> source = TRY(open(layer.digest));
  std::unique_ptr<ByteSource> limited = make_limited_source(*source, layer.size);
  Bytes bytes = TRY(read_all(*limited, kObjectLimit).with_context(name));
  if (bytes.size() != layer.size || Digest::sha256_of(bytes) != layer.digest) {
    return Error(Code::DataLoss, name + " does not match its digest");
  }
  return bytes;
}

}  // namespace

Result<std::optional<Extracted>> extract_artifact(const OpenBlob& open,
                                                  const Manifest& manifest,
                                                  const std::string& name,
                                                  const Platform& platform,
                                                  ProgressMeter& meter) {
  if (is_image(manifest)) {
    return std::optional<Extracted>();
  }
  std::vector<Descriptor> layers = object_layers(manifest);
  if (layers.empty()) {
    const std::string& type = manifest.layers.front().media_type;
    if (is_wasm(type) || is_wasm(manifest.config.media_type)) {
      return wasm_error(name, type);
    }
    // Types that we do not know: perhaps an image of an unusual kind.
    return std::optional<Extracted>();
  }
  Extracted out{.labels = manifest.annotations,
                .verification = Verification::Content,
                .route = packaging_of(manifest)};
  out.ebpf = TRY(parse_ebpf_labels(manifest.annotations));
  std::uint64_t total = 0;
  for (const Descriptor& layer : layers) {
    total += std::min<std::uint64_t>(layer.size, kObjectLimit);
  }
  if (total > kObjectsLimit) {
    return Error(Code::ResourceExhausted,
                 "the object files of " + name + " are larger than 64 MiB together");
  }
  meter.begin(total);
  std::vector<ObjectFile> candidates;
  std::vector<Bytes> contents;
  for (const Descriptor& layer : layers) {
    Bytes bytes = TRY(read_object(open, layer));
    Result<BpfElf> elf = parse_bpf_elf(bytes);
    if (as_text(bytes).starts_with(kWasmMagic) && layers.size() == 1) {
      return wasm_error(name, layer.media_type);
    }
    if (!elf.ok() && layers.size() == 1) {
      return std::move(elf).error().with_context(name + ": " + file_name_of(layer));
    }
    if (elf.ok()) {
      candidates.push_back(ObjectFile{.path = file_name_of(layer), .layer = contents.size()});
      contents.push_back(std::move(bytes));
    }
  }
  meter.end();
  if (candidates.empty()) {
    return Error(Code::InvalidArgument, "image " + name + " holds no eBPF object file");
  }
  auto content_of = [&contents](const ObjectFile& file) -> Result<Bytes> {
    return contents[file.layer];
  };
  ObjectFile chosen = TRY(pick_object(candidates, out.ebpf, platform, content_of));
  out.bytes = std::move(contents[chosen.layer]);
  out.file_name = chosen.path;
  return std::optional(std::move(out));
}

}  // namespace bpfman::image
