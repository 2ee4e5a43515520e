// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/dispatcher.h"

#include "bpfman/base/check.h"
#include "bpfman/chain/chain_writer.h"
#include "bpfman/chain/counters.h"

namespace bpfman::chain {
namespace {

constexpr Reg kLive = Reg::R7;  // the bitmap
constexpr unsigned kWord = 32;  // bits that a constant reaches

// A result of the hook that has kContinueBit.
std::int32_t continue_result(HookKind hook) {
  return hook == HookKind::Xdp ? 31 : 30;
}

// Whether it pays before this slot to see if there are any more: dead slots cost a jump each.
bool looks_ahead(unsigned slot) {
  return slot == 1 || slot == 2 || (slot > 0 && slot % 4 == 0);
}

void write_look_ahead(ChainWriter& writer, unsigned slot) {
  Assembler& code = writer.code();
  code.copy(Reg::R1, kLive);
  if (slot % kWord != 0) {
    code.compute(Alu::ShiftRight, Reg::R1, static_cast<std::int32_t>(slot % kWord));
  }
  code.jump_if(Test::Equal, Reg::R1, 0, writer.exhausted());
}

// Tests are made on a copy of the bitmap. Otherwise the verifier learned bits of it, and kernels up
// to 6.1, for which all unknown numbers of a program with functions count, would go through every
// combination of them.
void write_slots(ChainWriter& writer, const std::vector<Label>& functions) {
  Assembler& code = writer.code();
  for (unsigned slot = 0; slot < functions.size(); ++slot) {
    if (slot == kWord) {
      code.compute(Alu::ShiftRight, kLive, static_cast<std::int32_t>(kWord));
    }
    if (looks_ahead(slot)) {
      write_look_ahead(writer, slot);
    }
    Label next = code.new_label();
    std::uint32_t bit = std::uint32_t{1} << slot % kWord;
    code.copy32(Reg::R1, kLive);
    code.compute32(Alu::And, Reg::R1, static_cast<std::int32_t>(bit));
    code.jump_if(Test::Equal, Reg::R1, 0, next);
    writer.write_call(
        {.slot = slot, .function = functions[slot], .next = next, .mask = std::nullopt});
    code.place(next);
  }
}

// Kernels that look whether an extension changes packets want the function that it replaces to do
// so, too: hence the call, which never happens. Source: bpf_check_attach_target() in
// kernel/bpf/verifier.c (6.13, and in stable kernels since 6.1.x).
void write_stub(Assembler& code, HookKind hook, Label here) {
  Label stays = code.new_label();
  code.place(here);
  code.jump_if(Test::NotEqual, Reg::R1, 0, stays);
  code.set(Reg::R2, 0);
  code.call_helper(hook == HookKind::Xdp ? std::int32_t{BPF_FUNC_xdp_adjust_head}
                                         : std::int32_t{BPF_FUNC_skb_pull_data});
  code.place(stays);
  code.set(Reg::R0, continue_result(hook));
  code.exit();
}

}  // namespace

std::uint32_t config_size(HookKind hook, unsigned slots) {
  return std::uint32_t{sizeof(ChainConfig)} + counters_size(hook, slots);
}

std::string slot_function(unsigned slot) {
  return "prog" + std::to_string(slot);
}

Dispatcher make_dispatcher(const DispatcherSpec& spec) {
  BPFMAN_CHECK(spec.slots > 0 && spec.slots <= kMaxMembers, "the bitmap has as many bits");
  ChainWriter writer(spec.hook, spec.timing);
  Assembler& code = writer.code();
  std::vector<Label> functions;
  for (unsigned slot = 0; slot < spec.slots; ++slot) {
    functions.push_back(code.new_label());
  }
  writer.write_start(spec.maps.counters);
  code.load_map_value(kConfig, spec.maps.config, 0);
  code.load(Width::Double, kLive, kConfig, 0);
  write_slots(writer, functions);
  writer.write_end(spec.exhausted);

  Dispatcher made;
  BtfBuilder btf;
  std::uint32_t prototype = add_entry_prototype(btf, spec.hook);
  made.image.functions.push_back({0, btf.add_function("bpfman_chain", prototype, Linkage::Global)});
  for (unsigned slot = 0; slot < spec.slots; ++slot) {
    write_stub(code, spec.hook, functions[slot]);
    std::uint32_t type = btf.add_function(slot_function(slot), prototype, Linkage::Global);
    made.slot_types.push_back(type);
    made.image.functions.push_back({code.position(functions[slot]), type});
  }
  made.image.btf = btf.bytes();
  made.image.instructions = std::move(code).finish();
  return made;
}

Image make_smallest_extension(HookKind hook) {
  Assembler code;
  code.set(Reg::R0, continue_result(hook));
  code.exit();
  BtfBuilder btf;
  std::uint32_t prototype = add_entry_prototype(btf, hook);
  Image image;
  image.functions.push_back({0, btf.add_function("bpfman_probe", prototype, Linkage::Global)});
  image.btf = btf.bytes();
  image.instructions = std::move(code).finish();
  return image;
}

}  // namespace bpfman::chain
