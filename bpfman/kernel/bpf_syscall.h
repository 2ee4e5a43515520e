// SPDX-License-Identifier: Apache-2.0
// bpf(2), one small function a command, without libbpf: objects by id and by pin, their info
// blocks, XDP links, map elements. Each says the kernel that added it. The kernel takes attributes
// of any size: bytes that are missing count as zero, so every command has a struct of its own that
// is no longer than it needs.
// Errors: by errno, which stays readable through Error::os().
// Source: include/uapi/linux/bpf.h, kernel/bpf/syscall.c.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/ids.h"

namespace bpfman::kernel {

enum class ObjectKind { Program, Map, Link, Btf };

// "program", "map", "link", "BTF": for messages.
std::string_view to_string(ObjectKind kind);

// The smallest id above `after`; nullopt at the end. Kernel: 4.13, BTF 5.1, links 5.8.
Result<std::optional<std::uint32_t>> next_object_id(ObjectKind kind, std::uint32_t after);

// nullopt when there is no such object (any more).
// Kernel: 4.13, BTF 4.18, links 5.8.
Result<std::optional<UniqueFd>> open_object(ObjectKind kind, std::uint32_t id);
// A map that may be read only. Kernel: 4.15.
Result<std::optional<UniqueFd>> open_map_read_only(MapId id);

// What a descriptor of the bpf family is, from its name in /proc/self/fd; nullopt when it is none
// of these.
Result<std::optional<ObjectKind>> object_kind(int fd);

// NotFound when nothing is pinned there. Kernel: 4.4.
Result<UniqueFd> open_pin(const std::string& path);
// Kernel: 4.4. A name may not contain a dot.
Result<void> create_pin(int fd, const std::string& path);

// Fills `size` bytes at `info` (one of the structs bpf_prog_info, bpf_map_info, bpf_link_info,
// bpf_btf_info). Fields that the kernel does not know stay as they were. Kernel: 4.13.
Result<void> read_object_info(int fd, void* info, std::uint32_t size);

// BPF_ENABLE_STATS of run times, until it is closed. Kernel: 5.8.
Result<UniqueFd> enable_run_time_statistics();

// BPF_LINK_CREATE for XDP in the network namespace of the calling thread. `flags` are XDP_FLAGS_*.
// Kernel: 5.9.
Result<UniqueFd> create_xdp_link(int program, Ifindex ifindex, std::uint32_t flags);
// BPF_LINK_DETACH: frees the hook at once; the link object stays until its last reference goes.
// Kernel: 5.9.
Result<void> detach_link_fd(int link);

// The key behind `previous` (empty: the first one); nullopt at the end. Kernel: 3.18, empty
// `previous` 4.12.
Result<std::optional<Bytes>> next_map_key(int map, ByteView previous, std::size_t key_size);
// false when the element is not there (any more). Kernel: 3.18.
Result<bool> lookup_map_element(int map, ByteView key, std::span<std::byte> value);

}  // namespace bpfman::kernel
