// SPDX-License-Identifier: Apache-2.0
// Running another program and collecting what it says. No shell is involved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman {

struct ProcessOutput {
  int status = 0;  // exit status; 128 + signal when killed by one
  std::string out;
  std::string err;
};

// Whom a child runs as. Only root may choose another than itself.
struct ProcessUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct ProcessRequest {
  std::vector<std::string> arguments;  // [0] is looked up in PATH
  std::vector<std::string>
      environment;                     // added to (or replacing names of) this process's variables
  bool only_this_environment = false;  // the child gets `environment` and nothing else
  std::optional<ProcessUser> user;     // with no other groups than this one
  std::string input;                   // its stdin, at most 4096 bytes; else it reads /dev/null
  std::size_t output_limit = 0;        // of stdout and stderr each: ResourceExhausted; 0: none
  std::string directory;               // empty: the present one
  std::int64_t timeout_ms = 60'000;    // then SIGKILL and an Unavailable error; 0: none
};

Result<ProcessOutput> run_process(const ProcessRequest& request);

}  // namespace bpfman
