// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/fused.h"

#include <algorithm>
#include <optional>
#include <set>

#include "bpfman/chain/chain_writer.h"
#include "bpfman/chain/counters.h"
#include "bpfman/chain/splice.h"

namespace bpfman::chain {
namespace {

constexpr unsigned kCall = BPF_JMP | BPF_CALL;

// A member on its way into the image.
struct Part {
  std::vector<std::uint32_t> starts;  // of its functions
  std::vector<Label> functions;
  std::optional<Body> body;  // of one that is spliced
};

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

Result<std::vector<Part>> find_parts(const FusedSpec& spec, Assembler& code) {
  std::vector<Part> parts;
  for (const FusedMember& member : spec.members) {
    Part part;
    Result<std::vector<std::uint32_t>> found = function_starts(member.instructions);
    part.starts = TRY(std::move(found).with_context(member.name));
    for (std::size_t number = 0; number < part.starts.size(); ++number) {
      part.functions.push_back(code.new_label());
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

void choose_bodies(const FusedSpec& spec, std::vector<Part>& parts, FusedImage& made) {
  if (spec.joining == Joining::Called || spec.timing) {
    return;
  }
  std::size_t left = kMaxSplicedInstructions;
  for (std::size_t at = 0; at < parts.size(); ++at) {
    const FusedMember& member = spec.members[at];
    Result<Body> body = find_body(member.instructions, parts[at].starts);
    if (!body.ok()) {
      made.called.push_back(member.name + ": " + body.error().message());
    } else if (body->instructions.size() > left) {
      made.called.push_back(member.name + ": others before it are long");
    } else {
      left -= body->instructions.size();
      parts[at].body = *body;
      ++made.spliced;
    }
  }
}

void write_main(const FusedSpec& spec,
                const std::vector<Part>& parts,
                bool splices,
                ChainWriter& writer) {
  if (splices) {
    std::uint32_t stack = 0;
    for (const Part& part : parts) {
      stack = std::max(stack, part.body ? part.body->stack : 0);
    }
    writer.make_room(stack);
  }
  writer.write_start(spec.maps.counters);
  for (std::size_t at = 0; at < parts.size(); ++at) {
    const Part& part = parts[at];
    Label next = writer.code().new_label();
    // As in a dispatcher, where a stub says so.
    std::uint32_t mask = spec.members[at].proceed_on | std::uint32_t{1} << kContinueBit;
    MemberCall call{.slot = static_cast<unsigned>(at),
                    .function = part.functions.front(),
                    .next = next,
                    .mask = mask};
    if (part.body) {
      std::map<std::int64_t, Label> functions;
      for (std::size_t number = 0; number < part.starts.size(); ++number) {
        functions.emplace(part.starts[number], part.functions[number]);
      }
      writer.write_body(call, part.body->instructions, functions);
    } else {
      writer.write_call(call);
    }
    writer.code().place(next);
  }
  writer.write_end(spec.exhausted);
}

// What is behind the main function, and the names of all.
void write_functions(const FusedSpec& spec,
                     const std::vector<Part>& parts,
                     std::string_view name,
                     Assembler& code,
                     Image& image) {
  BtfBuilder btf;
  std::uint32_t prototype = add_entry_prototype(btf, spec.hook);
  image.functions.push_back({0, btf.add_function(name, prototype, Linkage::Global)});
  for (std::size_t at = 0; at < parts.size(); ++at) {
    const FusedMember& member = spec.members[at];
    const Part& part = parts[at];
    for (std::size_t number = part.body ? 1 : 0; number < part.starts.size(); ++number) {
      std::size_t start = part.starts[number];
      std::size_t end =
          number + 1 < part.starts.size() ? part.starts[number + 1] : member.instructions.size();
      code.place(part.functions[number]);
      code.append(member.instructions.subspan(start, end - start));
      std::uint32_t type =
          btf.add_function(function_name(member, number), prototype, Linkage::Static);
      image.functions.push_back({code.position(part.functions[number]), type});
    }
  }
  image.btf = btf.bytes();
}

}  // namespace

Result<std::vector<std::uint32_t>> function_starts(std::span<const Instruction> instructions) {
  std::set<std::uint32_t> starts = {0};
  for (std::size_t at = 0; at < instructions.size(); ++at) {
    const Instruction& one = instructions[at];
    if (one.code == kCall && one.src_reg == BPF_PSEUDO_KFUNC_CALL && one.off != 0) {
      return Error(Code::Unimplemented, "it calls functions of kernel modules");
    }
    if (refers_to_function(one)) {
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

Result<FusedImage> make_fused(const FusedSpec& spec) {
  if (spec.members.size() > kMaxMembers) {
    return Error(Code::ResourceExhausted,
                 "a chain has at most " + std::to_string(kMaxMembers) + " members");
  }
  ChainWriter writer(spec.hook, spec.timing);
  std::vector<Part> parts = TRY(find_parts(spec, writer.code()));
  FusedImage made;
  choose_bodies(spec, parts, made);
  write_main(spec, parts, made.spliced > 0, writer);
  std::string_view name = made.spliced > 0 ? kSplicedName : kFusedName;
  write_functions(spec, parts, name, writer.code(), made.image);
  made.image.instructions = std::move(writer.code()).finish();
  TRY(check_size(spec, made.image));
  return made;
}

}  // namespace bpfman::chain
