// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/picker.h"

#include <algorithm>
#include <array>
#include <bit>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/model/bpf_elf.h"

namespace bpfman::image {
namespace {

// Architecture words in the names that bpf2go gives to object files. Source: cilium/ebpf, bpf2go
// targets.
std::vector<std::string> words_of(const std::string& architecture) {
  if (architecture == "amd64") {
    return {"x86", "amd64"};
  }
  if (architecture == "ppc64le" || architecture == "ppc64") {
    return {"powerpc", architecture};
  }
  if (architecture == "riscv64") {
    return {"riscv", architecture};
  }
  if (architecture == "s390x") {
    return {"s390", architecture};
  }
  if (architecture == "loong64") {
    return {"loongarch", architecture};
  }
  return {architecture};
}

std::vector<std::string> name_words(const std::string& path) {
  std::vector<std::string> words;
  std::string word;
  for (char c : to_lower(base_name(path))) {
    if (c == '_' || c == '-' || c == '.') {
      words.push_back(std::move(word));
      word.clear();
    } else {
      word.push_back(c);
    }
  }
  words.push_back(std::move(word));
  return words;
}

std::vector<ObjectFile> fitting_names(const std::vector<ObjectFile>& candidates,
                                      const Platform& platform) {
  const char* order = std::endian::native == std::endian::little ? "bpfel" : "bpfeb";
  std::vector<std::string> architecture = words_of(platform.architecture);
  std::vector<ObjectFile> exact;
  std::vector<ObjectFile> any;
  for (const ObjectFile& candidate : candidates) {
    std::vector<std::string> words = name_words(candidate.path);
    auto has = [&words](const std::string& word) {
      return std::find(words.begin(), words.end(), word) != words.end();
    };
    if (!has(order)) {
      continue;
    }
    any.push_back(candidate);
    if (std::any_of(architecture.begin(), architecture.end(), has)) {
      exact.push_back(candidate);
    }
  }
  return exact.empty() ? any : exact;
}

}  // namespace

Result<ObjectFile> pick_object(const std::vector<ObjectFile>& candidates,
                               const EbpfLabels& labels,
                               const Platform& platform,
                               const ReadObject& read) {
  if (!labels.file_name.empty()) {
    for (const ObjectFile& candidate : candidates) {
      if (candidate.path == labels.file_name ||
          base_name(candidate.path) == base_name(labels.file_name)) {
        return candidate;
      }
    }
  }
  if (candidates.size() == 1) {
    return candidates.front();
  }
  std::vector<ObjectFile> fitting;
  if (!labels.programs.empty()) {
    for (const ObjectFile& candidate : candidates) {
      Bytes bytes = TRY(read(candidate));
      Result<BpfElf> elf = parse_bpf_elf(bytes);
      bool all =
          elf.ok() &&
          std::all_of(labels.programs.begin(), labels.programs.end(), [&elf](const auto& program) {
            return elf->find_program(program.first) != nullptr;
          });
      if (all) {
        fitting.push_back(candidate);
      }
    }
  }
  if (fitting.size() != 1) {
    fitting = fitting_names(fitting.empty() ? candidates : fitting, platform);
  }
  if (fitting.size() == 1) {
    return fitting.front();
  }
  std::vector<std::string> paths;
  for (const ObjectFile& candidate : candidates) {
    paths.push_back("/" + candidate.path);
  }
  return Error(Code::InvalidArgument,
               "the image holds several eBPF object files: " + join(paths, ", "))
      .with_hint("say which one in the image: LABEL io.ebpf.filename=" + base_name(paths.front()));
}

Error no_object(const std::string& image, const std::vector<LayerListing>& layers) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> seen;
  std::size_t count = 0;
  for (const LayerListing& layer : layers) {
    for (const std::string& name : layer.others) {
      if (++count <= kShown) {
        seen.push_back("/" + name);
      }
    }
  }
  std::string text = count == 0 ? "it is empty" : "it has " + join(seen, ", ");
  if (count > kShown) {
    text += " and " + std::to_string(count - kShown) + " more";
  }
  return Error(Code::InvalidArgument, "image " + image + " holds no eBPF object file: " + text)
      .with_hint(
          "copy the compiled object into its root directory: FROM scratch, then COPY prog.bpf.o /");
}

}  // namespace bpfman::image
