// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/mount_info.h"

#include <algorithm>
#include <set>

#include <sys/sysmacros.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kMaxTable = 64U << 20;

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

// The kernel writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      out.push_back(static_cast<char>(value));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

std::vector<Mount> parse_mount_info(std::string_view text) {
  // 36 35 98:0 /root /point options optional-fields... - type source super-options
  std::vector<Mount> mounts;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> fields = split(line, ' ');
    auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || dash == fields.end() || dash + 1 == fields.end()) {
      continue;
    }
    std::vector<std::string> device = split(fields[2], ':');
    std::optional<std::uint64_t> id = parse_unsigned(fields[0]);
    std::optional<std::uint64_t> major = parse_unsigned(device[0]);
    std::optional<std::uint64_t> minor = parse_unsigned(device.size() == 2 ? device[1] : "");
    if (!id || !major || !minor) {
      continue;
    }
    mounts.push_back(
        Mount{.id = *id,
              .device = ::makedev(static_cast<unsigned>(*major), static_cast<unsigned>(*minor)),
              .point = unescape(fields[4]),
              .type = *(dash + 1)});
  }
  return mounts;
}

Result<std::vector<Mount>> read_mounts(const std::string& process) {
  Bytes text = TRY(read_file(process + "/mountinfo", kMaxTable));
  return parse_mount_info(as_text(text));
}

bool same_mount_namespace(const std::vector<Mount>& left, const std::vector<Mount>& right) {
  std::set<std::uint64_t> ids;
  for (const Mount& mount : left) {
    ids.insert(mount.id);
  }
  return std::any_of(
      right.begin(), right.end(), [&](const Mount& mount) { return ids.contains(mount.id); });
}

}  // namespace bpfman::kernel
