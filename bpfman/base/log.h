// SPDX-License-Identifier: Apache-2.0
// Structured log lines on stderr: `2026-11-24T10:52:01Z debug kernel: loaded program=12 name=pass`
// for a person, one JSON object a line otherwise. Libraries return errors and do not log them; what
// is logged is progress of plan steps (debug), clean-up that failed (warn) and roll-back that
// failed (error). Thread safe. Levels are set once, by main.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "bpfman/base/result.h"

namespace bpfman::log {

enum class Level { Error, Warn, Info, Debug, Trace };

struct Field {
  std::string_view key;
  std::string value;
};

// "info", "warn,kernel=debug,store=trace": the base level first, then rooms. InvalidArgument names
// the bad word.
Result<void> configure(std::string_view spec);

bool enabled(Level level, std::string_view component);
void write(Level level,
           std::string_view component,
           std::string_view message,
           std::initializer_list<Field> fields = {});

}  // namespace bpfman::log
