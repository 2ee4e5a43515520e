// SPDX-License-Identifier: Apache-2.0
// TypedValue: bytes of a map key or value, read by their BTF type into a tree that can be printed
// as text or JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/model/records.h"

namespace bpfman {

struct TypedValue;
struct TypedMember;

// Members in declaration order. An anonymous struct or union inside is flattened into its parent.
struct TypedStruct {
  std::vector<TypedMember> members;
  bool operator==(const TypedStruct&) const;
};

struct TypedArray {
  std::vector<TypedValue> elements;
  bool operator==(const TypedArray&) const;
};

// Text: char arrays up to their NUL. Raw bytes: what has no type.
struct TypedValue {
  std::variant<std::uint64_t,
               std::int64_t,
               bool,
               double,
               std::string,
               Bytes,
               TypedStruct,
               TypedArray>
      value;
  bool operator==(const TypedValue&) const = default;
};

struct TypedMember {
  std::string name;
  TypedValue value;
  bool operator==(const TypedMember&) const = default;
};

// "{packets: 5, bytes: 420}", "[1, 2]", "0x0a0b" for raw bytes.
std::string to_text(const TypedValue& value);

// Integers added up member by member (modulo 2^64); nullopt where there is anything but integers,
// or where the shapes differ. What a person wants of a per-CPU counter.
std::optional<TypedValue> sum(const std::vector<TypedValue>& values);

struct MapEntry {
  TypedValue key;
  // One value; for a per-CPU map one for each possible CPU, in CPU order.
  std::vector<TypedValue> values;
};

struct MapDump {
  KernelMap map;
  std::string name;  // the whole name where we know it
  bool per_cpu = false;
  bool typed = false;  // false: no BTF, the entries are raw bytes
  std::vector<MapEntry> entries;
  bool truncated = false;  // the limit of entries was reached
};

}  // namespace bpfman
