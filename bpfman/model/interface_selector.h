// SPDX-License-Identifier: Apache-2.0
// Several interfaces by one text, as in --iface 'eth*,!eth0': terms with commas between them, each
// a pattern (* and ?), "all" (every one but the loopback) or "all-physical" (devices that no
// software makes up). A term behind ! takes away what the others mean, wherever it stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/ids.h"

namespace bpfman {

// A network interface, as far as a choice among several needs it.
struct InterfaceFacts {
  Ifindex ifindex;
  std::string name;
  std::string kind;  // of a device made by software: "veth", "bridge", ...; "" of hardware
  bool loopback = false;
  bool operator==(const InterfaceFacts&) const = default;
};

class InterfaceSelector {
 public:
  // Whether `text` means several interfaces; names of single ones cannot be told from it otherwise.
  static bool is_one(std::string_view text);
  // InvalidArgument: an empty term, or only such as take away.
  static Result<InterfaceSelector> parse(std::string_view text);

  bool selects(const InterfaceFacts& interface) const;
  // In the order in which they are given.
  std::vector<InterfaceFacts> among(const std::vector<InterfaceFacts>& interfaces) const;

 private:
  InterfaceSelector() = default;

  std::vector<std::string> wanted_;
  std::vector<std::string> unwanted_;
};

}  // namespace bpfman
