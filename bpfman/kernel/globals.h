// SPDX-License-Identifier: Apache-2.0
// Global variables of an object that is open but not loaded: found by BTF in the .data, .rodata and
// .bss sections and given new first values.
// Source: BTF_KIND_DATASEC in Documentation/bpf/btf.rst.
#pragma once

#include <map>
#include <string>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"

struct bpf_object;

namespace bpfman::kernel {

struct Variable {
  std::string section;
  std::uint32_t offset = 0;  // in the section
  std::uint32_t size = 0;
  std::uint32_t type_id = 0;  // in the object's BTF
};

using Variables = std::map<std::string, Variable>;

// None without BTF.
Variables find_variables(const ::bpf_object* object);
// What a data section begins with. InvalidArgument: it has no bytes.
Result<Bytes> initial_value(const ::bpf_object* object, const std::string& section);
// Lists those there are; hints name the nearest.
Error unknown_variable(const std::string& name, const ::bpf_object* object);

// InvalidArgument: a name that is no global variable (the message lists those there are, hints name
// the nearest), or a value that has not exactly the variable's length. Nothing is set then.
Result<void> set_globals(::bpf_object* object, const std::map<std::string, Bytes>& globals);

}  // namespace bpfman::kernel
