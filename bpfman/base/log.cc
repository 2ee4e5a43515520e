// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/log.h"

#include <array>
#include <chrono>
#include <map>
#include <optional>

#include <unistd.h>

#include "bpfman/base/text.h"

namespace bpfman::log {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"error", "warn", "info", "debug", "trace"};

struct Settings {
  Level base = Level::Warn;
  std::map<std::string, Level, std::less<>> components;
};

// The one process-wide setting: every room logs, and none should have to carry a logger to do so.
Settings& settings() {
  static Settings value;
  return value;
}

std::optional<Level> parse_level(std::string_view word) {
  if (word == "warning") {
    word = "warn";
  }
  if (word == "err") {
    word = "error";
  }
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == word) {
      return static_cast<Level>(i);
    }
  }
  return std::nullopt;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out.push_back(' ');
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace

Result<void> configure(std::string_view spec) {
  Settings parsed;
  bool first = true;
  for (const std::string& raw : split(spec, ',')) {
    std::string_view word = trim(raw);
    std::size_t equals = word.find('=');
    std::string_view level_word = equals == std::string_view::npos ? word : word.substr(equals + 1);
    std::optional<Level> level = parse_level(to_lower(level_word));
    if (!level.has_value() || equals == 0 || (equals == std::string_view::npos && !first)) {
      return Error(Code::InvalidArgument, "invalid log specification \"" + std::string(spec) + "\"")
          .with_hint(
              "write a level (error, warn, info, debug, trace), then ROOM=LEVEL, as in "
              "warn,kernel=debug");
    }
    if (equals == std::string_view::npos) {
      parsed.base = *level;
    } else {
      parsed.components.emplace(std::string(trim(word.substr(0, equals))), *level);
    }
    first = false;
  }
  settings() = std::move(parsed);
  return {};
}

bool enabled(Level level, std::string_view component) {
  const Settings& present = settings();
  auto found = present.components.find(component);
  return level <= (found == present.components.end() ? present.base : found->second);
}

void write(Level level,
           std::string_view component,
           std::string_view message,
           std::initializer_list<Field> fields) {
  if (!enabled(level, component)) {
    return;
  }
  std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
  std::string_view name = kNames[static_cast<std::size_t>(level)];
  std::string line;
  if (::isatty(STDERR_FILENO) == 1) {
    line = format_utc(now) + " " + std::string(name) + " " + std::string(component) + ": " +
           std::string(message);
    for (const Field& field : fields) {
      line += " " + std::string(field.key) + "=" + field.value;
    }
  } else {
    line = "{\"time\":" + quote(format_utc(now)) + ",\"level\":" + quote(name) +
           ",\"component\":" + quote(component) + ",\"message\":" + quote(message);
    for (const Field& field : fields) {
      line += "," + quote(field.key) + ":" + quote(field.value);
    }
    line += "}";
  }
  line += "\n";
  // One write(2), so that lines of several threads do not mix. A log line that cannot be written is
  // lost.
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace bpfman::log
