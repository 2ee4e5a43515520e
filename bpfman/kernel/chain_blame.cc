// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/chain_blame.h"

#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

// Where the blocks of the members begin: they stand one behind another at the end.
std::optional<std::string> member_at(const chain::FusedSpec& spec,
                                     const chain::Image& image,
                                     std::size_t instruction) {
  std::size_t end = image.instructions.size();
  for (auto member = spec.members.rbegin(); member != spec.members.rend(); ++member) {
    std::size_t begin = end - member->instructions.size();
    if (instruction >= begin && instruction < end) {
      return member->name;
    }
    end = begin;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> last_instruction(std::string_view log) {
  std::size_t end = log.size();
  while (end > 0) {
    std::size_t newline = log.rfind('\n', end - 1);
    std::size_t start = newline == log.npos ? 0 : newline + 1;
    std::string_view line = log.substr(start, end - start);
    std::size_t digits = line.find_first_not_of("0123456789");
    if (digits != line.npos && digits > 0 && line.substr(digits).starts_with(": (")) {
      return parse_unsigned(line.substr(0, digits));
    }
    end = newline == log.npos ? 0 : newline;
  }
  return std::nullopt;
}

Error blame_member(Error error, const chain::FusedSpec& spec, const chain::Image& image) {
  const auto* log = std::get_if<VerifierLog>(&error.detail());
  if (log == nullptr || log->tail.empty()) {
    return error;
  }
  // Found when all code has been gone through, so the log's last instruction says nothing.
  if (log->tail.back().find("stack size") != std::string::npos) {
    return std::move(error).with_hint(
        "on this kernel a member of a joined program has 480 bytes of stack, not 512");
  }
  std::optional<std::size_t> at = last_instruction(log->full);
  std::optional<std::string> name = at ? member_at(spec, image, *at) : std::nullopt;
  if (name) {
    error = std::move(error).with_context("member " + *name);
  }
  return error;
}

}  // namespace bpfman::kernel
