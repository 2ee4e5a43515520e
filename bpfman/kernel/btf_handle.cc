// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/btf_handle.h"

#include <cerrno>

#include <bpf/btf.h>

#include "bpfman/kernel/libbpf_messages.h"

namespace bpfman::kernel {

void BtfFree::operator()(::btf* types) const {
  btf__free(types);
}

Result<BtfPtr> load_kernel_btf(std::uint32_t id) {
  LibbpfMessages messages;
  BtfPtr types(btf__load_from_kernel_by_id(id));
  if (types == nullptr) {
    return os_error(errno, "read BTF " + std::to_string(id));
  }
  return types;
}

std::string btf_type_name(const ::btf* types, std::uint32_t type_id) {
  const btf_type* type = btf__type_by_id(types, type_id);
  const char* name = type == nullptr ? nullptr : btf__name_by_offset(types, type->name_off);
  return name == nullptr ? std::string() : std::string(name);
}

std::string whole_map_name(const ::btf* types, std::string_view short_name) {
  std::int32_t section = btf__find_by_name_kind(types, ".maps", BTF_KIND_DATASEC);
  if (section <= 0) {
    return {};
  }
  const btf_type* definitions = btf__type_by_id(types, static_cast<std::uint32_t>(section));
  std::string found;
  for (std::uint32_t index = 0; index < btf_vlen(definitions); ++index) {
    std::string name = btf_type_name(types, btf_var_secinfos(definitions)[index].type);
    if (!name.starts_with(short_name)) {
      continue;
    }
    if (!found.empty()) {
      return {};
    }
    found = std::move(name);
  }
  return found;
}

}  // namespace bpfman::kernel
