// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/holders.h"

#include <deque>
#include <set>
#include <vector>

#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/mount_info.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kMaxPins = 2000;
constexpr std::size_t kMaxSmallFile = std::size_t{64} * 1024;

// The best holder of each kind that was seen.
struct Found {
  std::string of_link;
  std::string of_program;
};

std::string small_file(const std::string& path) {
  Result<Bytes> text = read_file(path, kMaxSmallFile);
  return text.ok() ? std::string(as_text(*text)) : std::string();
}

void scan_process(const std::string& process, const HolderQuery& query, Found& found) {
  Result<std::vector<std::string>> fds = list_directory("/proc/" + process + "/fd");
  if (!fds.ok()) {
    return;  // gone, or not ours to see
  }
  for (const std::string& fd : *fds) {
    Result<std::string> target = read_link("/proc/" + process + "/fd/" + fd);
    if (!target.ok() || !target->starts_with("anon_inode:") ||
        target->find("bpf") == std::string::npos) {
      continue;
    }
    std::string info = small_file("/proc/" + process + "/fdinfo/" + fd);
    std::optional<std::uint64_t> link = fdinfo_number(info, "link_id");
    std::optional<std::uint64_t> program = fdinfo_number(info, "prog_id");
    std::string who;
    who.append(trim(small_file("/proc/" + process + "/comm")));
    who.append(" (pid ").append(process).append(")");
    if (query.link && link == query.link->value()) {
      found.of_link = who;
    } else if (!link && program == query.program.value()) {
      found.of_program = who;
    }
  }
}

void scan_processes(const HolderQuery& query, Found& found) {
  Result<std::vector<std::string>> names = list_directory("/proc");
  if (!names.ok()) {
    return;
  }
  for (const std::string& name : *names) {
    if (!found.of_link.empty()) {
      return;
    }
    if (parse_unsigned(name)) {
      scan_process(name, query, found);
    }
  }
}

void look_at_pin(const std::string& path, const HolderQuery& query, Found& found) {
  Result<UniqueFd> fd = open_pin(path);
  if (!fd.ok()) {
    return;
  }
  Result<std::optional<ObjectKind>> kind = object_kind(fd->get());
  if (!kind.ok() || !*kind) {
    return;
  }
  if (**kind == ObjectKind::Link && query.link) {
    Result<KernelLink> link = link_info(fd->get());
    if (link.ok() && link->id == *query.link) {
      found.of_link = "pinned at " + path;
    }
  } else if (**kind == ObjectKind::Program) {
    Result<ProgramId> program = program_id(fd->get());
    if (program.ok() && *program == query.program && found.of_program.empty()) {
      found.of_program = "pinned at " + path;
    }
  }
}

void scan_bpffs(const std::string& root,
                const HolderQuery& query,
                std::size_t& left,
                Found& found) {
  std::deque<std::string> directories = {root};
  while (!directories.empty() && left > 0 && found.of_link.empty()) {
    std::string directory = std::move(directories.front());
    directories.pop_front();
    Result<std::vector<std::string>> names = list_directory(directory);
    if (!names.ok()) {
      continue;
    }
    for (const std::string& name : *names) {
      if (left == 0) {
        return;
      }
      --left;
      std::string path = join_path(directory, name);
      struct stat info = {};
      if (::lstat(path.c_str(), &info) != 0) {
        continue;
      }
      if (S_ISDIR(info.st_mode)) {
        directories.push_back(path);
      } else if (S_ISREG(info.st_mode)) {
        look_at_pin(path, query, found);
      }
    }
  }
}

void scan_pins(const HolderQuery& query, Found& found) {
  Result<std::vector<Mount>> mounts = read_mounts("/proc/self");
  if (!mounts.ok()) {
    return;
  }
  std::set<std::uint64_t> seen;
  std::size_t left = kMaxPins;
  for (const Mount& mount : *mounts) {
    if (mount.type == "bpf" && seen.insert(mount.device).second && found.of_link.empty()) {
      scan_bpffs(mount.point, query, left, found);
    }
  }
}

}  // namespace

std::string find_holder(const HolderQuery& query) {
  Found found;
  scan_pins(query, found);
  if (found.of_link.empty()) {
    scan_processes(query, found);
  }
  return found.of_link.empty() ? found.of_program : found.of_link;
}

std::optional<std::uint64_t> fdinfo_number(std::string_view text, std::string_view key) {
  for (const std::string& line : split(text, '\n')) {
    std::size_t colon = line.find(':');
    if (colon != std::string::npos && std::string_view(line).substr(0, colon) == key) {
      return parse_unsigned(trim(std::string_view(line).substr(colon + 1)));
    }
  }
  return std::nullopt;
}

}  // namespace bpfman::kernel
