// SPDX-License-Identifier: Apache-2.0
// Who does something, for the ledger.
#pragma once

#include <cstdint>
#include <optional>

namespace bpfman {

struct Actor {
  std::int64_t pid = 0;
  std::uint32_t uid = 0;
  std::optional<std::uint32_t> login_uid;  // who logged in, through sudo and su
  bool operator==(const Actor&) const = default;
};

// Whom this thread acts for, or who this process is.
Actor this_actor();

// The login uid of a process; nullopt where nobody logged in, or where it cannot be read.
std::optional<std::uint32_t> find_login_uid(std::int64_t pid);

// What this thread does while it lives, it does for somebody else: a client of the daemon. Thread
// rules: one object a thread at a time; other threads are not concerned.
class ActingFor {
 public:
  explicit ActingFor(const Actor& actor);
  ActingFor(const ActingFor&) = delete;
  ActingFor& operator=(const ActingFor&) = delete;
  ~ActingFor();

 private:
  Actor actor_;
};

}  // namespace bpfman
