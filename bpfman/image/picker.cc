// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/picker.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/image/tar_reader.h"
#include "bpfman/model/bpf_elf.h"

namespace bpfman::image {
namespace {

// Words in the names that bpf2go gives to object files. Source: cilium/ebpf, bpf2go targets.
struct Word {
  std::string_view word;
  std::string_view architecture;  // Go's
};

constexpr std::array<Word, 22> kWords = {
    {{"x86", "amd64"},         {"x86", "386"},         {"amd64", "amd64"},
     {"386", "386"},           {"arm64", "arm64"},     {"aarch64", "arm64"},
     {"arm", "arm"},           {"powerpc", "ppc64le"}, {"powerpc", "ppc64"},
     {"ppc64le", "ppc64le"},   {"ppc64", "ppc64"},     {"riscv", "riscv64"},
     {"riscv64", "riscv64"},   {"s390", "s390x"},      {"s390x", "s390x"},
     {"loongarch", "loong64"}, {"loong64", "loong64"}, {"mips", "mipsle"},
     {"mips", "mips64le"},     {"mips", "mips"},       {"mipsle", "mipsle"},
     {"mips64le", "mips64le"}}};

// What a name says about the host it is meant for.
enum class Fit { Foreign, Silent, ByteOrder, Architecture };

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

Fit fit_of(const std::string& path, const std::string& architecture) {
  bool little = std::endian::native == std::endian::little;
  bool order = false;
  bool own = false;
  bool other = false;
  for (const std::string& word : name_words(path)) {
    if (word == (little ? "bpfeb" : "bpfel")) {
      return Fit::Foreign;
    }
    order = order || word == (little ? "bpfel" : "bpfeb");
    for (const Word& known : kWords) {
      if (known.word == word) {
        own = own || known.architecture == architecture;
        other = other || known.architecture != architecture;
      }
    }
  }
  if (own) {
    return Fit::Architecture;
  }
  if (other) {
    return Fit::Foreign;
  }
  return order ? Fit::ByteOrder : Fit::Silent;
}

// Those whose names name this architecture, else those that name its byte order.
std::vector<ObjectFile> fitting_names(const std::vector<ObjectFile>& candidates,
                                      const Platform& platform) {
  for (Fit wanted : {Fit::Architecture, Fit::ByteOrder}) {
    std::vector<ObjectFile> fitting;
    std::copy_if(candidates.begin(),
                 candidates.end(),
                 std::back_inserter(fitting),
                 [&](const ObjectFile& candidate) {
                   return fit_of(candidate.path, platform.architecture) == wanted;
                 });
    if (!fitting.empty()) {
      return fitting;
    }
  }
  return {};
}

// Those that the label means: the path itself, else those of that name.
std::vector<ObjectFile> named(const std::vector<ObjectFile>& candidates, const std::string& label) {
  std::vector<ObjectFile> out;
  std::string path = normalise_tar_name(label).value_or("");
  for (const ObjectFile& candidate : candidates) {
    if (candidate.path == path) {
      return {candidate};
    }
    if (base_name(candidate.path) == base_name(label)) {
      out.push_back(candidate);
    }
  }
  return out;
}

}  // namespace

Result<ObjectFile> pick_object(const std::vector<ObjectFile>& all,
                               const EbpfLabels& labels,
                               const Platform& platform,
                               const ReadObject& read) {
  std::vector<ObjectFile> candidates;
  if (!labels.file_name.empty()) {
    candidates = named(all, labels.file_name);
  }
  if (candidates.empty()) {
    candidates = all;
  }
  if (candidates.size() == 1) {
    return candidates.front();
  }
  std::vector<ObjectFile> fitting;
  if (!labels.programs.empty()) {
    for (const ObjectFile& candidate : candidates) {
      Bytes bytes = TRY(read(candidate));
      Result<BpfElf> elf = parse_bpf_elf(bytes);
      bool complete =
          elf.ok() &&
          std::all_of(labels.programs.begin(), labels.programs.end(), [&elf](const auto& program) {
            return elf->find_program(program.first) != nullptr;
          });
      if (complete) {
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
      .with_hint("say which one in the image: LABEL io.ebpf.filename=" + candidates.front().path);
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
