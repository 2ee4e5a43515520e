// SPDX-License-Identifier: Apache-2.0
// Programs and links by the words that people write.
#include <fmt/core.h>

#include "bpfman/base/text.h"
#include "bpfman/plan/planners.h"

namespace bpfman::plan {

Result<ProgramRecord> find_program(std::string_view word, const Snapshot& snapshot) {
  std::vector<const ProgramRecord*> found;
  std::optional<std::uint64_t> number = parse_unsigned(word);
  for (const ProgramRecord& program : snapshot.programs) {
    bool fits = number.has_value() ? program.id.value() == *number
                                   : word == program.stable_name() || word == program.name;
    if (fits) {
      found.push_back(&program);
    }
  }
  if (number.has_value() && found.size() > 1) {
    // The same kernel id in two boots: the present one is meant.
    std::erase_if(
        found, [&](const ProgramRecord* program) { return program->boot_id != snapshot.boot_id; });
  }
  if (found.size() == 1) {
    return *found.front();
  }
  if (found.size() > 1) {
    std::vector<std::string> lines;
    for (const ProgramRecord* program : found) {
      lines.push_back(fmt::format("{} ({})", program->id.value(), program->stable_name()));
    }
    return Error(Code::InvalidArgument,
                 fmt::format("\"{}\" means several programs: {}", word, join(lines, ", ")))
        .with_hint("use the program id");
  }
  Error error(Code::NotFound, fmt::format("program {} does not exist", word));
  std::vector<std::string> names;
  for (const ProgramRecord& program : snapshot.programs) {
    names.push_back(number.has_value() ? to_string(program.id) : program.stable_name());
    names.push_back(program.name);
  }
  std::vector<std::string> near =
      number.has_value() ? std::vector<std::string>() : suggest(word, names);
  if (!near.empty()) {
    return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  return std::move(error).with_hint("bpfman list shows the programs");
}

Result<LinkRecord> find_link(std::string_view word, const Snapshot& snapshot) {
  std::optional<std::uint64_t> number = parse_unsigned(word);
  if (!number.has_value()) {
    return Error(Code::InvalidArgument, fmt::format("\"{}\" is no link id", word))
        .with_hint("a link id is a number; bpfman list links shows them");
  }
  for (const LinkRecord& link : snapshot.links) {
    if (link.id.value() == *number) {
      return link;
    }
  }
  return Error(Code::NotFound, fmt::format("link {} does not exist", word))
      .with_hint("bpfman list links shows the links");
}

Result<SelectorRecord> find_selector(std::string_view word, const Snapshot& snapshot) {
  std::optional<std::uint64_t> number = parse_unsigned(word);
  for (const SelectorRecord& selector : snapshot.selectors) {
    if (selector.id.value() == number) {
      return selector;
    }
  }
  return Error(number.has_value() ? Code::NotFound : Code::InvalidArgument,
               fmt::format("selector {} does not exist", word))
      .with_hint("bpfman list selectors shows them");
}

}  // namespace bpfman::plan
