// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/map_contents.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include <fmt/format.h>
#include <linux/bpf.h>

#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/map_dump.h"
#include "bpfman/kernel/map_info.h"

namespace bpfman::kernel {
namespace {

constexpr std::string_view kMagic = "bpfman map 1\n";
constexpr std::size_t kLimit = std::size_t{64} << 20;

struct Header {
  std::array<std::uint32_t, 5> shape = {};  // type, key size, value size, max entries, CPUs
  std::uint64_t entries = 0;
};

constexpr std::size_t kHeaderSize = kMagic.size() + sizeof(Header::shape) + sizeof(Header::entries);

bool can_be_kept(const KernelMap& map) {
  switch (map.type_number) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_LPM_TRIE:
      return true;
    default:
      return false;
  }
}

Header header_of(const KernelMap& map, std::size_t cpus) {
  return Header{.shape = {map.type_number,
                          map.key_size,
                          map.value_size,
                          map.max_entries,
                          is_per_cpu(map) ? static_cast<std::uint32_t>(cpus) : 0}};
}

void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_header(Bytes& out, const Header& header) {
  std::memcpy(out.data(), kMagic.data(), kMagic.size());
  std::memcpy(out.data() + kMagic.size(), header.shape.data(), sizeof header.shape);
  std::memcpy(
      out.data() + kMagic.size() + sizeof header.shape, &header.entries, sizeof header.entries);
}

std::optional<Header> read_header(ByteView contents) {
  if (contents.size() < kHeaderSize || !as_text(contents).starts_with(kMagic)) {
    return std::nullopt;
  }
  Header header;
  std::memcpy(header.shape.data(), contents.data() + kMagic.size(), sizeof header.shape);
  std::memcpy(&header.entries,
              contents.data() + kMagic.size() + sizeof header.shape,
              sizeof header.entries);
  return header;
}

Error not_kept(const KernelMap& map) {
  return Error(Code::Unimplemented,
               fmt::format("the contents of a map of type {} cannot be kept", map.type))
      .with_hint("those of hashes, arrays and tries can");
}

Result<Bytes> read_all(MapId id) {
  std::optional<UniqueFd> fd = TRY(open_map_read_only(id));
  if (!fd) {
    return Error(Code::NotFound, "there is no such map", ENOENT);
  }
  MapFacts facts = TRY(read_map_facts(fd->get()));
  const KernelMap& map = facts.map;
  if (!can_be_kept(map)) {
    return not_kept(map);
  }
  std::size_t cpus = TRY(possible_cpus());
  Header header = header_of(map, cpus);
  Bytes out(kHeaderSize);
  Bytes value(copied_value_size(map, cpus));
  Bytes key;
  std::set<Bytes> seen;  // the kernel starts over when the last key vanishes
  while (true) {
    std::optional<Bytes> next = TRY(next_map_key(fd->get(), key, map.key_size));
    if (!next || !seen.insert(*next).second) {
      break;
    }
    key = *std::move(next);
    bool there = TRY(lookup_map_element(fd->get(), key, value));
    if (!there) {
      continue;
    }
    if (out.size() + key.size() + value.size() > kLimit) {
      return Error(Code::ResourceExhausted, "it holds more than 64 MiB");
    }
    append(out, key);
    append(out, value);
    ++header.entries;
  }
  put_header(out, header);
  return out;
}

Error another_shape(const Header& kept, const Header& present) {
  return Error(Code::FailedPrecondition,
               fmt::format("its contents were kept from another shape (type, key, value, entries, "
                           "CPUs): {}, now {}",
                           fmt::join(kept.shape, "/"),
                           fmt::join(present.shape, "/")));
}

Result<void> fill(const std::string& pin, ByteView contents) {
  UniqueFd fd = TRY(open_pin(pin));
  MapFacts facts = TRY(read_map_facts(fd.get()));
  std::size_t cpus = TRY(possible_cpus());
  std::optional<Header> kept = read_header(contents);
  Header present = header_of(facts.map, cpus);
  if (!kept.has_value()) {
    return Error(Code::DataLoss, "what was kept of it is damaged");
  }
  constexpr std::size_t kCpus = 4;
  std::uint32_t kept_cpus = kept->shape[kCpus];
  Header same = *kept;
  same.shape[kCpus] = present.shape[kCpus];
  if (same.shape != present.shape || kept_cpus > present.shape[kCpus]) {
    return another_shape(*kept, present);
  }
  std::size_t key_size = facts.map.key_size;
  std::size_t value_size = copied_value_size(facts.map, kept_cpus);
  ByteView rest = contents.subspan(kHeaderSize);
  if (key_size + value_size == 0 || rest.size() % (key_size + value_size) != 0 ||
      rest.size() / (key_size + value_size) != kept->entries) {
    return Error(Code::DataLoss, "what was kept of it is damaged");
  }
  // CPUs that have come since begin with zeros.
  Bytes value(copied_value_size(facts.map, cpus));
  for (; !rest.empty(); rest = rest.subspan(key_size + value_size)) {
    std::memcpy(value.data(), rest.data() + key_size, value_size);
    TRY(update_map_element(fd.get(), rest.first(key_size), value));
  }
  return {};
}

}  // namespace

Result<Bytes> read_map_contents(MapId id) {
  return read_all(id).with_context("read map " + std::to_string(id.value()));
}

Result<void> fill_map(const std::string& pin, ByteView contents) {
  return fill(pin, contents).with_context("fill the map pinned at " + pin);
}

}  // namespace bpfman::kernel
