// SPDX-License-Identifier: Apache-2.0
// How a pull shows itself on stderr: what is pulled and from where, at once; then, for those who
// wait longer than 300 ms, how far it is.
#pragma once

#include <chrono>
#include <iosfwd>
#include <optional>
#include <string>

#include "bpfman/base/result.h"
#include "bpfman/model/pull_progress.h"

namespace bpfman::cli {

// One line.
std::string json_of(const PullProgress& progress);

enum class ProgressMode {
  Auto,   // one line, drawn again and again on a terminal; else the first line only
  Plain,  // lines, at most one a second
  Json,   // an object a line
  Quiet,  // nothing
};

// InvalidArgument with what there is.
Result<ProgressMode> parse_progress_mode(const std::string& text);

class ProgressPrinter {
 public:
  using Clock = std::chrono::steady_clock;

  // `err` outlives it.
  ProgressPrinter(std::ostream& err, ProgressMode mode, bool terminal)
      : err_(err), mode_(mode), terminal_(terminal) {}

  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;
  // Leaves the cursor at the begin of a line.
  ~ProgressPrinter();

  void show(const PullProgress& progress, Clock::time_point now);

 private:
  void begin(const PullProgress& progress, Clock::time_point now);
  void go_on(const PullProgress& progress, Clock::time_point now);
  void end(const PullProgress& progress, Clock::time_point now);
  std::string amount(const PullProgress& progress, Clock::time_point now) const;
  void draw(const std::string& text);

  std::ostream& err_;
  ProgressMode mode_;
  bool terminal_;
  Clock::time_point begun_;
  Clock::time_point shown_;
  bool drawn_ = false;  // an unfinished line is on the terminal
};

}  // namespace bpfman::cli
