// SPDX-License-Identifier: Apache-2.0
// Environment: who runs this process, and with which variables, as a plain value made once in main
// and passed down, so that tests can say "sudo from uid 1000" and nothing else reads getenv.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace bpfman {

struct UserAccount {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string name;
  std::string home;
  bool operator==(const UserAccount&) const = default;
};

struct Environment {
  std::map<std::string, std::string, std::less<>> variables;
  std::uint32_t effective_uid = 0;
  // The account of effective_uid. Its home comes from the account database, not from $HOME.
  UserAccount user;
  // Set when effective_uid is 0 and SUDO_UID names another account: the person behind sudo.
  std::optional<UserAccount> invoking_user;

  // nullopt when unset or empty.
  std::optional<std::string> get(std::string_view name) const;
};

// Reads environ, geteuid and the account database.
Environment read_environment();

// The account with this uid, or nullopt.
std::optional<UserAccount> find_account(std::uint32_t uid);

}  // namespace bpfman
