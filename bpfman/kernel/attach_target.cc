// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/attach_target.h"

#include <array>
#include <cerrno>
#include <utility>

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "bpfman/kernel/kernel_symbols.h"
#include "bpfman/kernel/libbpf_messages.h"

namespace bpfman::kernel {

std::optional<std::string_view> btf_prefix(ProgramType type) {
  constexpr std::array kPrefixes = {std::pair(ProgramType::Fentry, std::string_view("")),
                                    std::pair(ProgramType::Fexit, std::string_view("")),
                                    std::pair(ProgramType::FmodRet, std::string_view("")),
                                    std::pair(ProgramType::Lsm, std::string_view("bpf_lsm_")),
                                    std::pair(ProgramType::LsmCgroup, std::string_view("bpf_lsm_")),
                                    std::pair(ProgramType::TpBtf, std::string_view("btf_trace_")),
                                    std::pair(ProgramType::Iter, std::string_view("bpf_iter_"))};
  for (const auto& [known, prefix] : kPrefixes) {
    if (known == type) {
      return prefix;
    }
  }
  return std::nullopt;
}

Error no_such_target(ProgramType type, const std::string& target) {
  std::string what = type == ProgramType::TpBtf       ? "tracepoint"
                     : type == ProgramType::Iter      ? "iterator"
                     : btf_prefix(type) == "bpf_lsm_" ? "LSM hook"
                                                      : "function";
  Error error(
      Code::NotFound,
      fmt::format("the kernel has no {} \"{}\" for {} programs", what, target, to_string(type)),
      ESRCH);
  return with_btf_suggestions(std::move(error), btf_prefix(type).value_or(""), target);
}

Result<void> trace_program(::bpf_program* tracer,
                           int program,
                           const std::string& function,
                           const std::string& pin) {
  int failed = 0;
  std::string said;
  {
    LibbpfMessages messages;
    failed = bpf_program__set_attach_target(tracer, program, function.c_str());
    said = messages.first_line();
  }
  if (failed == -ENOENT || failed == -ESRCH) {
    return Error(Code::NotFound,
                 fmt::format("the program pinned at {} has no function \"{}\"", pin, function),
                 -failed)
        .with_hint("its functions: bpftool prog dump xlated pinned " + pin);
  }
  if (failed != 0) {
    return Error(
               Code::FailedPrecondition,
               fmt::format("the functions of the program pinned at {} are not known: it was loaded "
                           "without BTF{}",
                           pin,
                           said.empty() ? "" : " (" + said + ")"),
               -failed)
        .with_hint("compile that program with clang -g");
  }
  return {};
}

}  // namespace bpfman::kernel
