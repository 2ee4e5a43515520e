// SPDX-License-Identifier: Apache-2.0
// What a pull or push says about itself while it goes on: for people who wait.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace bpfman {

struct PullProgress {
  enum class Phase { Begin, Going, End };
  enum class Direction { Pull, Push };
  Phase phase = Phase::Begin;
  std::string image;        // the full reference
  std::string registry;     // whom it is pulled from or pushed to
  std::uint64_t done = 0;   // bytes of layers that arrived
  std::uint64_t total = 0;  // of all layers; not all of them may be needed
  Direction direction = Direction::Pull;
};

using PullProgressSink = std::function<void(const PullProgress&)>;

}  // namespace bpfman
