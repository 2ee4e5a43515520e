// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/lock_holder.h"

#include <algorithm>
#include <ctime>

#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// Only what can be nothing but a verb.
bool is_plain(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '-';
  }) && word.front() != '-';
}

}  // namespace

std::string command_words(std::string_view cmdline) {
  std::vector<std::string> words = split(cmdline, '\0');
  if (words.front().empty()) {
    return "";
  }
  std::string out = words.front().substr(words.front().rfind('/') + 1);
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].starts_with("-")) {
      // --flag=value, or a value that follows.
      i += words[i].find('=') == std::string::npos ? 1U : 0U;
      continue;
    }
    return is_plain(words[i]) ? out + " " + words[i] : out;
  }
  return out;
}

std::string describe_lock_holder(int fd) {
  constexpr std::size_t kLongestPid = 64;
  constexpr std::size_t kLongestCommand = std::size_t{64} << 10;
  Bytes holder = read_fd(fd, kLongestPid, "lock").value_or({});
  std::string pid(as_text(holder).substr(0, as_text(holder).find('\n')));
  if (!parse_unsigned(pid).has_value()) {
    return "";
  }
  std::string out = "held by pid " + pid;
  Result<Bytes> cmdline = read_file("/proc/" + pid + "/cmdline", kLongestCommand);
  std::string command = cmdline.ok() ? command_words(as_text(*cmdline)) : std::string();
  if (!command.empty()) {
    out += " (" + command + ")";
  }
  struct ::stat info{};
  if (::fstat(fd, &info) == 0) {  // the holder wrote its pid when it got the lock
    out +=
        " for " + std::to_string(std::max<std::int64_t>(0, ::time(nullptr) - info.st_mtime)) + " s";
  }
  return out;
}

}  // namespace bpfman
