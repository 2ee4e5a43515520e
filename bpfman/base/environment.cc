// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/environment.h"

#include <cerrno>
#include <cstdio>
#include <vector>

#include <pwd.h>
#include <unistd.h>

#include "bpfman/base/text.h"

namespace bpfman {

std::optional<std::string> Environment::get(std::string_view name) const {
  auto found = variables.find(name);
  if (found == variables.end() || found->second.empty()) {
    return std::nullopt;
  }
  return found->second;
}

namespace {

UserAccount account_of(const passwd& entry) {
  return UserAccount{
      .uid = entry.pw_uid, .gid = entry.pw_gid, .name = entry.pw_name, .home = entry.pw_dir};
}

// Nearly every account is in this file; the name service behind getpwuid_r asks a daemon first.
std::optional<UserAccount> find_local_account(std::uint32_t uid) {
  std::FILE* file = std::fopen("/etc/passwd", "re");
  if (file == nullptr) {
    return std::nullopt;
  }
  std::optional<UserAccount> found;
  std::vector<char> buffer(4096);
  passwd entry = {};
  passwd* next = nullptr;
  while (!found && ::fgetpwent_r(file, &entry, buffer.data(), buffer.size(), &next) == 0) {
    if (entry.pw_uid == uid) {
      found = account_of(entry);
    }
  }
  std::fclose(file);
  return found;
}

}  // namespace

std::optional<UserAccount> find_account(std::uint32_t uid) {
  if (std::optional<UserAccount> local = find_local_account(uid); local.has_value()) {
    return local;
  }
  constexpr std::size_t kLargest = std::size_t{1} << 20;
  std::vector<char> buffer(4096);
  passwd entry = {};
  passwd* found = nullptr;
  int os = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  while (os == ERANGE && buffer.size() < kLargest) {
    buffer.resize(buffer.size() * 4);
    os = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  }
  if (os != 0 || found == nullptr) {
    return std::nullopt;
  }
  return account_of(entry);
}

Environment read_environment() {
  Environment out;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    std::string_view text = *variable;
    std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      out.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  out.effective_uid = ::geteuid();
  out.user = find_account(out.effective_uid)
                 .value_or(UserAccount{.uid = out.effective_uid,
                                       .gid = ::getegid(),
                                       .name = std::to_string(out.effective_uid),
                                       .home = out.get("HOME").value_or("/")});
  std::optional<std::string> sudo_uid = out.get("SUDO_UID");
  if (out.effective_uid == 0 && sudo_uid.has_value()) {
    std::optional<std::uint64_t> uid = parse_unsigned(*sudo_uid);
    if (uid.has_value() && *uid != 0 && *uid <= UINT32_MAX) {
      out.invoking_user = find_account(static_cast<std::uint32_t>(*uid));
    }
  }
  return out;
}

}  // namespace bpfman
