// SPDX-License-Identifier: Apache-2.0
// BTF that the kernel holds, parsed by libbpf and owned.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bpfman/base/result.h"

struct btf;

namespace bpfman::kernel {

struct BtfFree {
  void operator()(::btf* types) const;
};

using BtfPtr = std::unique_ptr<::btf, BtfFree>;

// NotFound when there is no BTF with this id (any more).
Result<BtfPtr> load_kernel_btf(std::uint32_t id);

// Name of a function, variable or type; "" when there is none.
std::string btf_type_name(const ::btf* types, std::uint32_t type_id);

// The map whose name begins with `short_name`, from the section of map definitions: the kernel
// keeps 15 bytes of a map's name, its BTF the whole. "" unless exactly one fits.
std::string whole_map_name(const ::btf* types, std::string_view short_name);

}  // namespace bpfman::kernel
