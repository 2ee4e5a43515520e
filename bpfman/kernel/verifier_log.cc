// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/verifier_log.h"

#include <algorithm>
#include <array>

#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kTailLines = 2;

// How the lines begin that count things and explain nothing.
constexpr std::array<std::string_view, 6> kStatistics = {
    "processed ", "verification time ", "stack depth ", "insns_processed", "-- BEGIN ", "-- END "};

// "12: R1=ctx() R10=fp0", "from 4 to 7: R0=...", "; source line": where the verifier was, not what
// it disliked.
bool is_trace(std::string_view line) {
  if (line.starts_with(";") || (line.starts_with("from ") && line.find(": R") != line.npos)) {
    return true;
  }
  std::size_t digits = line.find_first_not_of("0123456789");
  return digits != 0 && digits != line.npos && line.substr(digits).starts_with(": R") &&
         line.find('=') != line.npos;
}

bool is_informative(std::string_view line) {
  return std::none_of(kStatistics.begin(),
                      kStatistics.end(),
                      [&](std::string_view start) { return line.starts_with(start); }) &&
         !is_trace(line);
}

}  // namespace

std::optional<std::string> extract_verifier_log(std::string_view libbpf_text) {
  constexpr std::string_view kBegin = "-- BEGIN PROG LOAD LOG --\n";
  constexpr std::string_view kEnd = "-- END PROG LOAD LOG --";
  std::size_t begin = libbpf_text.rfind(kBegin);
  if (begin == libbpf_text.npos) {
    return std::nullopt;
  }
  std::string_view log = libbpf_text.substr(begin + kBegin.size());
  return std::string(log.substr(0, log.find(kEnd)));
}

std::optional<VerifierStatistics> parse_verifier_statistics(std::string_view log) {
  std::size_t begin = log.rfind("processed ");
  if (begin == log.npos) {
    return std::nullopt;
  }
  std::string_view line = log.substr(begin, log.find('\n', begin) - begin);
  // Pairs in any order; newer kernels add some.
  auto after = [line](std::string_view word) {
    std::size_t at = line.find(word);
    std::string_view rest = at == line.npos ? std::string_view() : line.substr(at + word.size());
    std::optional<std::uint64_t> number =
        parse_unsigned(rest.substr(0, rest.find_first_not_of("0123456789")));
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(number.value_or(0), UINT32_MAX));
  };
  return VerifierStatistics{.instructions = after("processed "),
                            .limit = after("(limit "),
                            .total_states = after(" total_states "),
                            .peak_states = after(" peak_states ")};
}

VerifierLog summarize_verifier_log(std::string log) {
  VerifierLog summary;
  // Since 7.3 the kernel explains at length below its old message; the short message is the one to
  // show, the explanation is in the whole log.
  std::size_t explanation = log.find("\nVerification failed: ");
  std::size_t lines = 0;
  std::size_t end = log.size();
  while (end > 0) {
    std::size_t newline = log.rfind('\n', end - 1);
    std::size_t start = newline == std::string::npos ? 0 : newline + 1;
    std::string_view line = trim(std::string_view(log).substr(start, end - start));
    if (!line.empty()) {
      ++lines;
      if (start < explanation && summary.tail.size() < kTailLines && is_informative(line)) {
        summary.tail.emplace_back(line);
      }
    }
    end = newline == std::string::npos ? 0 : newline;
  }
  std::reverse(summary.tail.begin(), summary.tail.end());
  summary.omitted_lines = lines - summary.tail.size();
  summary.full = std::move(log);
  return summary;
}

}  // namespace bpfman::kernel
