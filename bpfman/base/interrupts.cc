// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/interrupts.h"

#include <atomic>

namespace bpfman {
namespace {

// What a signal handler may touch must be a global.
std::atomic<int> caught = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not take a lock");

void on_signal(int number) {
  caught.store(number);
}

}  // namespace

Interrupts::Watch::Watch(const Interrupts* interrupts) : active_(interrupts != nullptr) {
  if (!active_) {
    return;
  }
  struct sigaction action = {};
  action.sa_handler = &on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &old_int_);
  ::sigaction(SIGTERM, &action, &old_term_);
  // What was ignored (nohup, a job in the background) stays ignored.
  if (old_int_.sa_handler == SIG_IGN) {
    ::sigaction(SIGINT, &old_int_, nullptr);
  }
  if (old_term_.sa_handler == SIG_IGN) {
    ::sigaction(SIGTERM, &old_term_, nullptr);
  }
}

Interrupts::Watch::~Watch() {
  if (active_) {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
  }
}

bool Interrupts::requested() const {
  return caught.load(std::memory_order_relaxed) != 0;
}

Error Interrupts::error(const std::string& what) const {
  const char* name = caught.load() == SIGTERM ? "SIGTERM" : "SIGINT";
  return Error(Code::Cancelled, what + ": interrupted (" + name + ")");
}

}  // namespace bpfman
