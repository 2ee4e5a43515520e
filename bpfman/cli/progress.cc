// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/progress.h"

#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/output.h"

namespace bpfman::cli {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(300);
constexpr auto kFrame = std::chrono::milliseconds(100);
constexpr auto kLine = std::chrono::milliseconds(1000);

}  // namespace

Result<ProgressMode> parse_progress_mode(const std::string& text) {
  if (text == "auto") {
    return ProgressMode::Auto;
  }
  if (text == "plain") {
    return ProgressMode::Plain;
  }
  if (text == "json") {
    return ProgressMode::Json;
  }
  if (text == "quiet") {
    return ProgressMode::Quiet;
  }
  return Error(Code::InvalidArgument, "--progress \"" + text + "\" is unknown")
      .with_hint("one of auto, plain, json, quiet");
}

ProgressPrinter::~ProgressPrinter() {
  if (drawn_) {
    err_ << '\n' << std::flush;
  }
}

void ProgressPrinter::show(const PullProgress& progress, Clock::time_point now) {
  if (mode_ == ProgressMode::Quiet) {
    return;
  }
  switch (progress.phase) {
    case PullProgress::Phase::Begin:
      begin(progress, now);
      break;
    case PullProgress::Phase::Going:
      go_on(progress, now);
      break;
    case PullProgress::Phase::End:
      end(progress, now);
      break;
  }
}

void ProgressPrinter::begin(const PullProgress& progress, Clock::time_point now) {
  begun_ = now;
  shown_ = now;
  if (mode_ == ProgressMode::Json) {
    err_ << json_of(progress) << std::flush;
    return;
  }
  if (drawn_) {
    err_ << '\n';
    drawn_ = false;
  }
  const bool push = progress.direction == PullProgress::Direction::Push;
  err_ << (push ? "pushing " : "pulling ") << printable(progress.image)
       << (push ? " to " : " from ") << printable(progress.registry) << '\n'
       << std::flush;
}

void ProgressPrinter::go_on(const PullProgress& progress, Clock::time_point now) {
  if (now - begun_ < kPatience) {
    return;
  }
  if (mode_ == ProgressMode::Auto) {
    if (terminal_ && (!drawn_ || now - shown_ >= kFrame)) {
      shown_ = now;
      draw(amount(progress, now));
    }
    return;
  }
  if (now - shown_ < kLine) {
    return;
  }
  shown_ = now;
  if (mode_ == ProgressMode::Json) {
    err_ << json_of(progress) << std::flush;
  } else {
    err_ << amount(progress, now) << '\n' << std::flush;
  }
}

void ProgressPrinter::end(const PullProgress& progress, Clock::time_point now) {
  if (mode_ == ProgressMode::Json) {
    err_ << json_of(progress) << std::flush;
  } else if (mode_ == ProgressMode::Plain) {
    err_ << amount(progress, now) << '\n' << std::flush;
  } else if (drawn_) {
    draw(amount(progress, now));
    err_ << '\n' << std::flush;
    drawn_ = false;
  }
}

std::string ProgressPrinter::amount(const PullProgress& progress, Clock::time_point now) const {
  std::string text = format_bytes(progress.done) + " of " + format_bytes(progress.total);
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - begun_).count();
  if (ms > 0) {
    text += ", " + format_bytes(progress.done * 1000 / static_cast<std::uint64_t>(ms)) + "/s";
  }
  return text;
}

void ProgressPrinter::draw(const std::string& text) {
  err_ << '\r' << text << "\x1b[K" << std::flush;
  drawn_ = true;
}

}  // namespace bpfman::cli
