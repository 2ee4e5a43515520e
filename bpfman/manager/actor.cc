// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/actor.h"

#include <limits>
#include <string>

#include <unistd.h>

#include "bpfman/base/check.h"
#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// Plans are run by the thread that has asked for them, through many hands; one a thread.
thread_local const Actor* acting_for = nullptr;

std::optional<std::uint32_t> read_login_uid(const std::string& process) {
  constexpr std::size_t kLongest = 16;
  Result<Bytes> text = read_file("/proc/" + process + "/loginuid", kLongest);
  std::optional<std::uint64_t> uid =
      text.ok() ? parse_unsigned(trim(as_text(*text))) : std::nullopt;
  if (!uid.has_value() || *uid >= std::numeric_limits<std::uint32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*uid);
}

}  // namespace

std::optional<std::uint32_t> find_login_uid(std::int64_t pid) {
  return read_login_uid(std::to_string(pid));
}

Actor this_actor() {
  if (acting_for != nullptr) {
    return *acting_for;
  }
  return Actor{.pid = ::getpid(), .uid = ::getuid(), .login_uid = read_login_uid("self")};
}

ActingFor::ActingFor(const Actor& actor) : actor_(actor) {
  BPFMAN_CHECK(acting_for == nullptr, "one client a thread");
  acting_for = &actor_;
}

ActingFor::~ActingFor() {
  acting_for = nullptr;
}

}  // namespace bpfman
