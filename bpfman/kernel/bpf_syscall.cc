// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_syscall.h"

#include <cerrno>

#include <linux/bpf.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpf_call.h"

namespace bpfman::kernel {
namespace {

struct IdAttributes {
  std::uint32_t id = 0;
  std::uint32_t next_id = 0;
  std::uint32_t open_flags = 0;
};

struct PinAttributes {
  std::uint64_t path = 0;
  std::uint32_t fd = 0;
  std::uint32_t file_flags = 0;
};

struct InfoAttributes {
  std::uint32_t fd = 0;
  std::uint32_t size = 0;
  std::uint64_t info = 0;
};

struct LinkCreateAttributes {
  std::uint32_t program = 0;
  std::uint32_t target = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t flags = 0;
};

struct StatisticsAttributes {
  std::uint32_t type = 0;
};

struct LinkAttributes {
  std::uint32_t link = 0;
};

bpf_cmd next_id_command(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::Program:
      return BPF_PROG_GET_NEXT_ID;
    case ObjectKind::Map:
      return BPF_MAP_GET_NEXT_ID;
    case ObjectKind::Link:
      return BPF_LINK_GET_NEXT_ID;
    case ObjectKind::Btf:
      return BPF_BTF_GET_NEXT_ID;
  }
  return BPF_PROG_GET_NEXT_ID;
}

bpf_cmd open_command(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::Program:
      return BPF_PROG_GET_FD_BY_ID;
    case ObjectKind::Map:
      return BPF_MAP_GET_FD_BY_ID;
    case ObjectKind::Link:
      return BPF_LINK_GET_FD_BY_ID;
    case ObjectKind::Btf:
      return BPF_BTF_GET_FD_BY_ID;
  }
  return BPF_PROG_GET_FD_BY_ID;
}

std::string describe(ObjectKind kind, std::uint32_t id) {
  return std::string(to_string(kind)) + " " + std::to_string(id);
}

Result<std::optional<UniqueFd>> open_with_flags(ObjectKind kind,
                                                std::uint32_t id,
                                                std::uint32_t flags) {
  IdAttributes attributes{.id = id, .open_flags = flags};
  long fd = call_bpf(open_command(kind), attributes);
  if (fd >= 0) {
    return std::optional(UniqueFd::adopt(static_cast<int>(fd)));
  }
  if (errno == ENOENT || errno == EAGAIN) {  // EAGAIN: a link that is just being made
    return std::optional<UniqueFd>();
  }
  return os_error(errno, "open " + describe(kind, id));
}

}  // namespace

std::string_view to_string(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::Program:
      return "program";
    case ObjectKind::Map:
      return "map";
    case ObjectKind::Link:
      return "link";
    case ObjectKind::Btf:
      return "BTF";
  }
  return "object";
}

Result<std::optional<std::uint32_t>> next_object_id(ObjectKind kind, std::uint32_t after) {
  IdAttributes attributes{.id = after};
  if (call_bpf(next_id_command(kind), attributes) == 0) {
    return std::optional(attributes.next_id);
  }
  if (errno == ENOENT) {
    return std::optional<std::uint32_t>();
  }
  return os_error(errno, "list the kernel's " + std::string(to_string(kind)) + " ids");
}

Result<std::optional<UniqueFd>> open_object(ObjectKind kind, std::uint32_t id) {
  return open_with_flags(kind, id, 0);
}

Result<std::optional<UniqueFd>> open_map_read_only(MapId id) {
  return open_with_flags(ObjectKind::Map, id.value(), BPF_F_RDONLY);
}

Result<std::optional<ObjectKind>> object_kind(int fd) {
  std::string name = TRY(read_link("/proc/self/fd/" + std::to_string(fd)));
  if (name.find("bpf-prog") != std::string::npos) {
    return std::optional(ObjectKind::Program);
  }
  if (name.find("bpf-map") != std::string::npos) {
    return std::optional(ObjectKind::Map);
  }
  if (name.find("bpf_link") != std::string::npos || name.find("bpf-link") != std::string::npos) {
    return std::optional(ObjectKind::Link);
  }
  return std::optional<ObjectKind>();
}

Result<UniqueFd> open_pin(const std::string& path) {
  PinAttributes attributes{.path = address(path.c_str())};
  long fd = call_bpf(BPF_OBJ_GET, attributes);
  if (fd < 0) {
    return os_error(errno, "open pin " + path);
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<void> create_pin(int fd, const std::string& path) {
  PinAttributes attributes{.path = address(path.c_str()), .fd = static_cast<std::uint32_t>(fd)};
  if (call_bpf(BPF_OBJ_PIN, attributes) != 0) {
    return os_error(errno, "pin " + path);
  }
  return {};
}

Result<void> read_object_info(int fd, void* info, std::uint32_t size) {
  InfoAttributes attributes{
      .fd = static_cast<std::uint32_t>(fd), .size = size, .info = address(info)};
  if (call_bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) != 0) {
    return os_error(errno, "read what the kernel knows of a bpf object");
  }
  return {};
}

Result<UniqueFd> enable_run_time_statistics() {
  StatisticsAttributes attributes{.type = BPF_STATS_RUN_TIME};
  long fd = call_bpf(BPF_ENABLE_STATS, attributes);
  if (fd < 0) {
    return os_error(errno, "switch on the kernel's statistics of eBPF programs");
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<UniqueFd> create_xdp_link(int program, Ifindex ifindex, std::uint32_t flags) {
  LinkCreateAttributes attributes{.program = static_cast<std::uint32_t>(program),
                                  .target = ifindex.value(),
                                  .attach_type = BPF_XDP,
                                  .flags = flags};
  long fd = call_bpf(BPF_LINK_CREATE, attributes);
  if (fd < 0) {
    return os_error(errno, "create an XDP link");
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<void> detach_link_fd(int link) {
  LinkAttributes attributes{.link = static_cast<std::uint32_t>(link)};
  if (call_bpf(BPF_LINK_DETACH, attributes) != 0) {
    return os_error(errno, "detach the link");
  }
  return {};
}

Result<std::optional<Bytes>> next_map_key(int map, ByteView previous, std::size_t key_size) {
  Bytes next(key_size);
  ElementAttributes attributes{.map = static_cast<std::uint32_t>(map),
                               .key = previous.empty() ? 0 : address(previous.data()),
                               .value = address(next.data())};
  if (call_bpf(BPF_MAP_GET_NEXT_KEY, attributes) == 0) {
    return std::optional(std::move(next));
  }
  if (errno == ENOENT) {
    return std::optional<Bytes>();
  }
  return os_error(errno, "read the next key");
}

Result<bool> lookup_map_element(int map, ByteView key, std::span<std::byte> value) {
  ElementAttributes attributes{.map = static_cast<std::uint32_t>(map),
                               .key = address(key.data()),
                               .value = address(value.data())};
  if (call_bpf(BPF_MAP_LOOKUP_ELEM, attributes) == 0) {
    return true;
  }
  if (errno == ENOENT) {
    return false;
  }
  return os_error(errno, "read an element");
}

}  // namespace bpfman::kernel
