// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/map_dump.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/btf_handle.h"
#include "bpfman/kernel/btf_value.h"

namespace bpfman::kernel {
namespace {

// Newer than the headers we build with. Source: include/uapi/linux/bpf.h.
constexpr std::uint32_t kCgroupStorageNew = 32;  // BPF_MAP_TYPE_CGRP_STORAGE, kernel 6.2
constexpr std::uint32_t kArena = 33;             // kernel 6.9
constexpr std::uint32_t kInstructionArray = 34;  // kernel 6.18

// The kernel's own number for "not supported", which some map kinds let out.
constexpr int kEnotsupp = 524;

std::size_t rounded(std::size_t size) {
  return (size + 7) & ~std::size_t{7};
}

// Maps whose value, as user space reads it, is the id of a program or a map, whatever their BTF
// says.
bool holds_ids(const KernelMap& map) {
  return map.type_number == BPF_MAP_TYPE_PROG_ARRAY ||
         map.type_number == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
         map.type_number == BPF_MAP_TYPE_HASH_OF_MAPS;
}

// Maps whose key is an index.
bool is_indexed(const KernelMap& map) {
  switch (map.type_number) {
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_PROG_ARRAY:
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_CPUMAP:
    case BPF_MAP_TYPE_SOCKMAP:
    case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
    case BPF_MAP_TYPE_STACK_TRACE:
      return true;
    default:
      return false;
  }
}

TypedValue number(ByteView bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return TypedValue{std::uint64_t{value}};
}

TypedValue raw(ByteView bytes) {
  return TypedValue{Bytes(bytes.begin(), bytes.end())};
}

// Turns the bytes of one entry into values.
class EntryReader {
 public:
  EntryReader(const MapFacts& facts, const ::btf* types, std::size_t cpus)
      : facts_(facts), types_(types), cpus_(cpus) {}

  MapEntry read(ByteView key, ByteView value) const {
    MapEntry entry;
    entry.key = read_key(key);
    if (!is_per_cpu(facts_.map)) {
      entry.values.push_back(read_value(value));
      return entry;
    }
    std::size_t slot = rounded(facts_.map.value_size);
    for (std::size_t cpu = 0; cpu < cpus_; ++cpu) {
      entry.values.push_back(read_value(value.subspan(cpu * slot, facts_.map.value_size)));
    }
    return entry;
  }

 private:
  TypedValue read_key(ByteView key) const {
    if (types_ != nullptr && facts_.key_type_id != 0) {
      return read_typed_value(types_, facts_.key_type_id, key);
    }
    return is_indexed(facts_.map) && key.size() == 4 ? number(key) : raw(key);
  }

  TypedValue read_value(ByteView value) const {
    if (holds_ids(facts_.map)) {
      return number(value);
    }
    return types_ != nullptr && facts_.value_type_id != 0
               ? read_typed_value(types_, facts_.value_type_id, value)
               : raw(value);
  }

  const MapFacts& facts_;
  const ::btf* types_;
  std::size_t cpus_;
};

Error explain_read_error(Error error, const KernelMap& map) {
  if (error.os() == EOPNOTSUPP || error.os() == kEnotsupp) {
    return Error(Code::Unimplemented,
                 "the kernel does not let user space read maps of type " + map.type,
                 error.os());
  }
  if (error.os() == EPERM) {
    return Error(Code::PermissionDenied, "user space may not read this map", EPERM);
  }
  return error;
}

Result<void> read_entries(int fd,
                          const KernelMap& map,
                          const EntryReader& reader,
                          std::size_t cpus,
                          std::size_t limit,
                          MapDump& dump) {
  std::set<Bytes> seen;
  Bytes value(copied_value_size(map, cpus));
  Bytes key;
  for (;;) {
    std::optional<Bytes> next = TRY(next_map_key(fd, key, map.key_size));
    if (!next) {
      return {};
    }
    key = *std::move(next);
    if (!seen.insert(key).second || dump.entries.size() == limit) {
      dump.truncated = true;
      return {};
    }
    bool there = TRY(lookup_map_element(fd, key, value));
    if (there) {
      dump.entries.push_back(reader.read(key, value));
    }
  }
}

// nullptr when the map has none; then the dump is raw.
BtfPtr types_of(const MapFacts& facts) {
  if (facts.btf_id == 0) {
    return nullptr;
  }
  Result<BtfPtr> types = load_kernel_btf(facts.btf_id);
  return types.ok() ? *std::move(types) : nullptr;
}

std::string display_name(const KernelMap& map, const ::btf* types) {
  bool cut = map.name.size() == BPF_OBJ_NAME_LEN - 1;
  std::string whole = cut && types != nullptr ? whole_map_name(types, map.name) : std::string();
  return whole.empty() ? map.name : whole;
}

Result<MapDump> dump(MapId id, std::size_t limit) {
  std::optional<UniqueFd> fd = TRY(open_map_read_only(id));
  if (!fd) {
    return Error(Code::NotFound, "there is no such map", ENOENT);
  }
  MapFacts facts = TRY(read_map_facts(fd->get()));
  std::string_view reason = unreadable_reason(facts.map);
  if (!reason.empty()) {
    return Error(Code::Unimplemented,
                 fmt::format("a map of type {} cannot be read: {}", facts.map.type, reason));
  }
  std::size_t cpus = TRY(possible_cpus());
  BtfPtr types = types_of(facts);
  MapDump out;
  out.map = facts.map;
  out.name = display_name(facts.map, types.get());
  out.per_cpu = is_per_cpu(facts.map);
  out.typed = types != nullptr && facts.value_type_id != 0;
  EntryReader reader(facts, types.get(), cpus);
  Result<void> done = read_entries(fd->get(), facts.map, reader, cpus, limit, out);
  if (!done.ok()) {
    return explain_read_error(std::move(done).error(), facts.map);
  }
  return out;
}

}  // namespace

Result<std::size_t> possible_cpus() {
  int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) {
    return os_error(-cpus, "count the possible CPUs");
  }
  return static_cast<std::size_t>(cpus);
}

bool is_per_cpu(const KernelMap& map) {
  return map.type_number == BPF_MAP_TYPE_PERCPU_HASH ||
         map.type_number == BPF_MAP_TYPE_PERCPU_ARRAY ||
         map.type_number == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

std::size_t copied_value_size(const KernelMap& map, std::size_t cpus) {
  if (is_per_cpu(map)) {
    return rounded(map.value_size) * cpus;
  }
  return holds_ids(map) ? sizeof(std::uint32_t) : map.value_size;
}

std::string_view unreadable_reason(const KernelMap& map) {
  switch (map.type_number) {
    case BPF_MAP_TYPE_RINGBUF:
    case BPF_MAP_TYPE_USER_RINGBUF:
    case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
      return "it is a channel, its contents go to whoever reads it";
    case BPF_MAP_TYPE_QUEUE:
    case BPF_MAP_TYPE_STACK:
      return "reading takes elements out of it";
    case BPF_MAP_TYPE_SOCKMAP:
    case BPF_MAP_TYPE_SOCKHASH:
    case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
      return map.value_size == 8 ? "" : "socket cookies need values of 8 bytes";
    case BPF_MAP_TYPE_BLOOM_FILTER:
      return "it only answers whether it may hold a value";
    case BPF_MAP_TYPE_SK_STORAGE:
    case BPF_MAP_TYPE_INODE_STORAGE:
    case BPF_MAP_TYPE_TASK_STORAGE:
    case BPF_MAP_TYPE_CGROUP_STORAGE:
    case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
    case kCgroupStorageNew:
      return "its values belong to sockets, tasks, inodes or cgroups and have no list of keys";
    case kArena:
      return "it is memory that has no elements";
    case kInstructionArray:
      return "it holds instruction offsets for the kernel alone";
    default:
      return {};
  }
}

Result<MapDump> dump_map(MapId id, std::size_t limit) {
  return dump(id, limit).with_context("read map " + std::to_string(id.value()));
}

}  // namespace bpfman::kernel
