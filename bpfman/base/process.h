// SPDX-License-Identifier: Apache-2.0
// Running another program and collecting what it says. No shell is involved.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman {

struct ProcessOutput {
  int status = 0;  // exit status; 128 + signal when killed by one
  std::string out;
  std::string err;
};

struct ProcessRequest {
  std::vector<std::string> arguments;  // [0] is looked up in PATH
  std::vector<std::string>
      environment;                   // added to (or replacing names of) this process's variables
  std::string directory;             // empty: the present one
  std::int64_t timeout_ms = 60'000;  // then SIGKILL and an Unavailable error; 0: none
};

Result<ProcessOutput> run_process(const ProcessRequest& request);

}  // namespace bpfman
