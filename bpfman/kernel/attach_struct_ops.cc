// SPDX-License-Identifier: Apache-2.0
// struct_ops: a map that loading filled with programs is registered by a link. Which map has a
// program is asked of the kernel: looked up, its value has the ids of the programs where their
// addresses were.
// Source: kernel/bpf/bpf_struct_ops.c.
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <linux/bpf.h>

#include "bpfman/kernel/attach_kinds.h"
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/features.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

bool value_has(ByteView value, ProgramId program) {
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= value.size();
       at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, value.data() + at, sizeof word);
    if (word == program.value()) {
      return true;
    }
  }
  return false;
}

Result<bool> map_has(int map, const KernelMap& facts, ProgramId program) {
  Bytes key(sizeof(std::uint32_t), std::byte{0});
  Bytes value(facts.value_size);
  bool there = TRY(lookup_map_element(map, key, value));
  return there && value_has(value, program);
}

// An invalid descriptor when there is none.
Result<UniqueFd> find_map_of(ProgramId program) {
  std::uint32_t last = 0;
  for (;;) {
    std::optional<std::uint32_t> id = TRY(next_object_id(ObjectKind::Map, last));
    if (!id) {
      return UniqueFd();
    }
    last = *id;
    std::optional<UniqueFd> map = TRY(open_object(ObjectKind::Map, last));
    if (!map) {
      continue;
    }
    MapFacts facts = TRY(read_map_facts(map->get()));
    if (facts.map.type_number != BPF_MAP_TYPE_STRUCT_OPS) {
      continue;
    }
    bool found = TRY(map_has(map->get(), facts.map, program));
    if (found) {
      return *std::move(map);
    }
  }
}

}  // namespace

Result<UniqueFd> attach_struct_ops(const Attaching& what, const FixedTarget& target) {
  ProgramId id = TRY(program_id(what.program));
  UniqueFd map = TRY(find_map_of(id));
  if (!map.valid()) {
    return Error(
        Code::NotFound,
        fmt::format("no struct_ops map has program {}; it may have been unloaded", id.value()));
  }
  Result<UniqueFd> link = create_plain_link(map.get(), 0, kAttachStructOps);
  if (link.ok()) {
    return link;
  }
  switch (link.error().os()) {
    case EEXIST:
      return Error(Code::AlreadyExists,
                   "\"" + target.function + "\" is registered already, or one of its name is",
                   EEXIST);
    case EBUSY:
      return Error(Code::AlreadyExists, "the kernel takes one of its kind, and has one", EBUSY);
    case EOPNOTSUPP:
      return missing_feature(
          "links for this kind of struct_ops", "6.4", "the kernel says so", EOPNOTSUPP);
    default:
      return link;
  }
}

}  // namespace bpfman::kernel
