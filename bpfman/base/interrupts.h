// SPDX-License-Identifier: Apache-2.0
// Interrupts: Ctrl-C (SIGINT) and SIGTERM as a flag that waiting code looks at, so that a long wait
// ends with an error like any other and everything half done is cleaned up. Signals belong to the
// process: main makes the one object and passes it down; without one nothing changes. Only while a
// Watch lives the signals are caught; otherwise they end the process as ever.
#pragma once

#include <csignal>
#include <optional>
#include <string>

#include "bpfman/base/error.h"

namespace bpfman {

class Interrupts {
 public:
  // Catches both signals, and gives them back at the end of the scope. The second signal ends the
  // process at once. Watches may stand in one another.
  class Watch {
   public:
    // nullptr: nothing is caught.
    explicit Watch(const Interrupts* interrupts);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

   private:
    bool active_;
    struct sigaction old_int_ = {};
    struct sigaction old_term_ = {};
  };

  // True from the first signal on.
  bool requested() const;
  // "WHAT: interrupted (SIGINT)", code Cancelled.
  Error error(const std::string& what) const;
};

}  // namespace bpfman
