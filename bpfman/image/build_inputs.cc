// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/build_inputs.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include <elf.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/model/bpf_elf.h"

namespace bpfman::image {
namespace {

enum class Order { Little, Big };

struct Target {
  std::string_view argument;
  std::string_view architecture;  // Go's
  Order order;
  std::array<std::string_view, 2> words;
};

// Source: upstream's build arguments; cilium/ebpf, cmd/bpf2go, targets.
constexpr std::array<Target, 13> kTargets = {{
    {"BC_386_EL", "386", Order::Little, {"386", ""}},
    {"BC_AMD64_EL", "amd64", Order::Little, {"x86", "amd64"}},
    {"BC_ARM_EL", "arm", Order::Little, {"arm", ""}},
    {"BC_ARM64_EL", "arm64", Order::Little, {"arm64", "aarch64"}},
    {"BC_LOONG64_EL", "loong64", Order::Little, {"loongarch", "loong64"}},
    {"BC_MIPS_EB", "mips", Order::Big, {"mips", ""}},
    {"BC_MIPS64_EB", "mips64", Order::Big, {"mips64", ""}},
    {"BC_MIPS64LE_EL", "mips64le", Order::Little, {"mips64le", ""}},
    {"BC_MIPSLE_EL", "mipsle", Order::Little, {"mipsle", ""}},
    {"BC_PPC64_EB", "ppc64", Order::Big, {"powerpc", "ppc64"}},
    {"BC_PPC64LE_EL", "ppc64le", Order::Little, {"powerpc", "ppc64le"}},
    {"BC_RISCV64_EL", "riscv64", Order::Little, {"riscv", "riscv64"}},
    {"BC_S390X_EB", "s390x", Order::Big, {"s390", "s390x"}},
}};

std::set<std::string> words_of(const std::string& path) {
  std::set<std::string> words;
  std::string word;
  for (char c : to_lower(base_name(path)) + ".") {
    if (c == '_' || c == '-' || c == '.') {
      words.insert(std::move(word));
      word.clear();
    } else {
      word.push_back(c);
    }
  }
  return words;
}

// A file with what its name and its header say.
struct Sorted {
  const BuildInput* input;
  Order order;
  const Target* target = nullptr;  // nullptr: its name names no architecture
  bool names_order = false;
};

Result<Sorted> sort_input(const BuildInput& input) {
  if (!looks_like_bpf_elf(input.bytes)) {
    return Error(Code::InvalidArgument, input.path + " is no eBPF object file")
        .with_hint("compile it with clang -target bpf -O2 -g -c");
  }
  bool little = std::to_integer<unsigned>(input.bytes[EI_DATA]) == ELFDATA2LSB;
  Sorted out{.input = &input, .order = little ? Order::Little : Order::Big};
  std::set<std::string> words = words_of(input.path);
  bool el = words.contains("bpfel");
  bool eb = words.contains("bpfeb");
  out.names_order = el || eb;
  if ((el && !little) || (eb && little)) {
    return Error(Code::InvalidArgument,
                 input.path + " is " + (little ? "little" : "big") +
                     "-endian, but its name says otherwise")
        .with_hint("compile it with clang -target " + std::string(el ? "bpfel" : "bpfeb"));
  }
  // An architecture is only named beside a byte order: "arm" may be a word like any other.
  for (const Target& target : kTargets) {
    bool named = std::any_of(target.words.begin(), target.words.end(), [&](std::string_view word) {
      return !word.empty() && words.contains(std::string(word));
    });
    if (out.names_order && named && target.order == out.order) {
      out.target = &target;
      break;
    }
  }
  return out;
}

Error twice(const std::string& platform, const std::string& one, const std::string& other) {
  return Error(Code::InvalidArgument, one + " and " + other + " are both for " + platform)
      .with_hint("an image holds one object file for each platform: name the ones that are meant");
}

Result<std::vector<Sorted>> sort_inputs(const std::vector<BuildInput>& inputs) {
  std::vector<Sorted> out;
  for (const BuildInput& input : inputs) {
    Sorted sorted = TRY(sort_input(input));
    if (!sorted.names_order && inputs.size() > 1) {
      return Error(Code::InvalidArgument,
                   "the name of " + input.path + " does not say what it is for")
          .with_hint(
              "several objects are told apart by names like bpf2go's: prog_x86_bpfel.o, "
              "prog_arm64_bpfel.o, prog_bpfeb.o");
    }
    out.push_back(sorted);
  }
  if (out.empty()) {
    return Error(Code::InvalidArgument, "there is no eBPF object file to make an image of");
  }
  return out;
}

}  // namespace

Result<std::vector<BuildArgument>> build_arguments(const std::vector<BuildInput>& inputs,
                                                   const Platform& host) {
  std::vector<Sorted> sorted = TRY(sort_inputs(inputs));
  std::map<std::string, BuildArgument> out;
  for (const Sorted& file : sorted) {
    BuildArgument argument{.name = "BYTECODE_FILE", .path = file.input->path, .platform = host};
    if (file.target != nullptr) {
      argument.name = file.target->argument;
      argument.platform = Platform{.architecture = std::string(file.target->architecture)};
    } else if (sorted.size() > 1) {
      continue;  // for whatever has none of its own: there is no argument for that
    }
    std::string name = argument.name;
    auto [entry, added] = out.emplace(name, argument);
    if (!added) {
      return twice(to_string(argument.platform), entry->second.path, argument.path);
    }
  }
  if (out.empty()) {
    return Error(Code::InvalidArgument, "no name of these files names an architecture")
        .with_hint(
            "give one file with --bytecode, or let bpf2go make them for -target amd64,arm64");
  }
  std::vector<BuildArgument> list;
  for (auto& [name, argument] : out) {
    list.push_back(std::move(argument));
  }
  return list;
}

Result<std::vector<PlatformObject>> platform_objects(const std::vector<BuildInput>& inputs,
                                                     const Platform& host) {
  std::vector<Sorted> sorted = TRY(sort_inputs(inputs));
  std::map<std::string, const BuildInput*> by_architecture;
  auto take = [&](const std::string& architecture, const BuildInput* input) -> Result<void> {
    auto [entry, added] = by_architecture.emplace(architecture, input);
    if (!added) {
      return twice("linux/" + architecture, entry->second->path, input->path);
    }
    return {};
  };
  for (const Sorted& file : sorted) {
    if (file.target != nullptr) {
      TRY(take(std::string(file.target->architecture), file.input));
    }
  }
  std::set<std::string> own;
  for (const auto& [architecture, input] : by_architecture) {
    own.insert(architecture);
  }
  for (const Sorted& file : sorted) {
    if (file.target == nullptr && !file.names_order) {
      TRY(take(host.architecture, file.input));
    }
    for (const Target& target : kTargets) {
      std::string architecture(target.architecture);
      if (file.target == nullptr && file.names_order && target.order == file.order &&
          !own.contains(architecture)) {
        TRY(take(architecture, file.input));
      }
    }
  }
  std::vector<PlatformObject> out;
  for (const auto& [architecture, input] : by_architecture) {
    out.push_back(PlatformObject{.platform = Platform{.architecture = architecture},
                                 .file_name = base_name(input->path),
                                 .bytes = input->bytes});
  }
  return out;
}

}  // namespace bpfman::image
