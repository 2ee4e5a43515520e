// SPDX-License-Identifier: Apache-2.0
// ProgressMeter: what a person sees of the bytes of a pull or push. Not for other rooms.
#pragma once

#include <memory>

#include "bpfman/base/bytes.h"
#include "bpfman/model/pull_progress.h"

namespace bpfman::image {

class ProgressMeter {
 public:
  // `sink` may be empty; it outlives the meter.
  ProgressMeter(const PullProgressSink& sink, PullProgress state)
      : sink_(sink), state_(std::move(state)) {}

  void begin(std::uint64_t total_bytes);
  void add(std::uint64_t bytes);
  void end();

 private:
  void say(PullProgress::Phase phase);

  const PullProgressSink& sink_;
  PullProgress state_;
};

// The same bytes, counted as they are read; the meter outlives it.
std::unique_ptr<ByteSource> make_metered_source(std::unique_ptr<ByteSource> inner,
                                                ProgressMeter& meter);

}  // namespace bpfman::image
