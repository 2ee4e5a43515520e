// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/progress_meter.h"

namespace bpfman::image {
namespace {

class MeteredSource final : public ByteSource {
 public:
  MeteredSource(std::unique_ptr<ByteSource> inner, ProgressMeter& meter)
      : inner_(std::move(inner)), meter_(meter) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::size_t count = TRY(inner_->read(buffer));
    meter_.add(count);
    return count;
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  ProgressMeter& meter_;
};

}  // namespace

void ProgressMeter::begin(std::uint64_t total) {
  state_.total = total;
  say(PullProgress::Phase::Going);
}

void ProgressMeter::add(std::uint64_t bytes) {
  state_.done += bytes;
  say(PullProgress::Phase::Going);
}

void ProgressMeter::end() {
  say(PullProgress::Phase::End);
}

void ProgressMeter::say(PullProgress::Phase phase) {
  state_.phase = phase;
  if (sink_) {
    sink_(state_);
  }
}

std::unique_ptr<ByteSource> make_metered_source(std::unique_ptr<ByteSource> inner,
                                                ProgressMeter& meter) {
  return std::make_unique<MeteredSource>(std::move(inner), meter);
}

}  // namespace bpfman::image
