// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/fused.h"

#include <set>

#include "bpfman/chain/chain_writer.h"
#include "bpfman/chain/counters.h"

namespace bpfman::chain {
namespace {

constexpr unsigned kCall = BPF_JMP | BPF_CALL;

std::string function_name(const FusedMember& member, std::size_t number) {
  return number == 0 ? member.name : member.name + "_" + std::to_string(number);
}

Error too_many(const std::string& what, std::size_t count, std::size_t limit) {
  return Error(Code::ResourceExhausted,
               "the members together have " + std::to_string(count) + " " + what +
                   ", and one program of the kernel at most " + std::to_string(limit));
}

Result<void> check_size(const FusedSpec& spec, const Image& image) {
  if (image.functions.size() > kMaxFunctions) {
    return too_many("functions", image.functions.size(), kMaxFunctions);
  }
  if (image.instructions.size() > kMaxInstructions) {
    return too_many("instructions", image.instructions.size(), kMaxInstructions);
  }
  return spec.members.empty() ? Error(Code::InvalidArgument, "a chain without members")
                              : Result<void>();
}

}  // namespace

Result<std::vector<std::uint32_t>> function_starts(std::span<const Instruction> instructions) {
  std::set<std::uint32_t> starts = {0};
  for (std::size_t at = 0; at < instructions.size(); ++at) {
    const Instruction& one = instructions[at];
    if (one.code == kCall && one.src_reg == BPF_PSEUDO_KFUNC_CALL && one.off != 0) {
      return Error(Code::Unimplemented, "it calls functions of kernel modules");
    }
    bool is_call = one.code == kCall && one.src_reg == BPF_PSEUDO_CALL;
    bool is_callback = one.code == kSpecialLoad && one.src_reg == BPF_PSEUDO_FUNC;
    if (is_call || is_callback) {
      std::int64_t target = static_cast<std::int64_t>(at) + 1 + one.imm;
      if (target < 0 || target >= static_cast<std::int64_t>(instructions.size())) {
        return Error(Code::InvalidArgument, "it calls a function outside of itself");
      }
      starts.insert(static_cast<std::uint32_t>(target));
    }
    if (one.code == kSpecialLoad) {
      ++at;
    }
  }
  return std::vector<std::uint32_t>(starts.begin(), starts.end());
}

Result<Image> make_fused(const FusedSpec& spec) {
  if (spec.members.size() > kMaxMembers) {
    return Error(Code::ResourceExhausted,
                 "a chain has at most " + std::to_string(kMaxMembers) + " members");
  }
  ChainWriter writer(spec.hook, spec.timing);
  Assembler& code = writer.code();
  std::vector<Label> functions;
  writer.write_start(spec.maps.counters);
  for (const FusedMember& member : spec.members) {
    functions.push_back(code.new_label());
    Label next = code.new_label();
    // As in a dispatcher, where a stub says so.
    std::uint32_t mask = member.proceed_on | std::uint32_t{1} << kContinueBit;
    writer.write_call({.slot = static_cast<unsigned>(functions.size() - 1),
                       .function = functions.back(),
                       .next = next,
                       .mask = mask});
    code.place(next);
  }
  writer.write_end(spec.exhausted);

  Image image;
  BtfBuilder btf;
  std::uint32_t prototype = add_entry_prototype(btf, spec.hook);
  image.functions.push_back({0, btf.add_function("bpfman_chain", prototype, Linkage::Global)});
  for (std::size_t at = 0; at < spec.members.size(); ++at) {
    const FusedMember& member = spec.members[at];
    code.place(functions[at]);
    code.append(member.instructions);
    Result<std::vector<std::uint32_t>> found = function_starts(member.instructions);
    std::vector<std::uint32_t> starts = TRY(std::move(found).with_context(member.name));
    for (std::size_t number = 0; number < starts.size(); ++number) {
      std::uint32_t type =
          btf.add_function(function_name(member, number), prototype, Linkage::Static);
      image.functions.push_back({code.position(functions[at]) + starts[number], type});
    }
  }
  image.btf = btf.bytes();
  image.instructions = std::move(code).finish();
  TRY(check_size(spec, image));
  return image;
}

}  // namespace bpfman::chain
