// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/interface_selector.h"

#include <algorithm>

#include "bpfman/base/text.h"

namespace bpfman {
namespace {

constexpr std::string_view kAll = "all";
constexpr std::string_view kPhysical = "all-physical";

bool meets(const std::string& term, const InterfaceFacts& interface) {
  if (term == kAll) {
    return !interface.loopback;
  }
  if (term == kPhysical) {
    return !interface.loopback && interface.kind.empty();
  }
  return fits_pattern(term, interface.name);
}

bool meets_any(const std::vector<std::string>& terms, const InterfaceFacts& interface) {
  return std::any_of(
      terms.begin(), terms.end(), [&](const std::string& term) { return meets(term, interface); });
}

}  // namespace

bool InterfaceSelector::is_one(std::string_view text) {
  return text == kAll || text == kPhysical || text.find_first_of("*?,!") != std::string_view::npos;
}

Result<InterfaceSelector> InterfaceSelector::parse(std::string_view text) {
  InterfaceSelector selector;
  for (const std::string& term : split(text, ',')) {
    bool negative = term.starts_with('!');
    std::string name = negative ? term.substr(1) : term;
    if (name.empty()) {
      return Error(Code::InvalidArgument,
                   "interfaces \"" + std::string(text) + "\": a name or pattern is missing")
          .with_hint("as in --iface 'eth*,!eth0'");
    }
    (negative ? selector.unwanted_ : selector.wanted_).push_back(std::move(name));
  }
  if (selector.wanted_.empty()) {
    return Error(Code::InvalidArgument,
                 "interfaces \"" + std::string(text) + "\": says only which ones are not meant")
        .with_hint("all others: --iface 'all," + std::string(text) + "'");
  }
  return selector;
}

bool InterfaceSelector::selects(const InterfaceFacts& interface) const {
  return meets_any(wanted_, interface) && !meets_any(unwanted_, interface);
}

std::vector<InterfaceFacts> InterfaceSelector::among(
    const std::vector<InterfaceFacts>& interfaces) const {
  std::vector<InterfaceFacts> out;
  std::copy_if(interfaces.begin(),
               interfaces.end(),
               std::back_inserter(out),
               [&](const InterfaceFacts& one) { return selects(one); });
  return out;
}

}  // namespace bpfman
