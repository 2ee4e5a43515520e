// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/json_scanner.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace bpfman::container {
namespace {

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Four hexadecimal digits at `at`.
std::optional<std::uint32_t> code_unit(std::string_view text, std::size_t at) {
  if (text.size() < at + 4) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  std::from_chars_result result =
      std::from_chars(text.data() + at, text.data() + at + 4, value, 16);
  if (result.ec != std::errc() || result.ptr != text.data() + at + 4) {
    return std::nullopt;
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | (code >> 6));
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | (code >> 12));
    put(0x80U | ((code >> 6) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | (code >> 18));
    put(0x80U | ((code >> 12) & 0x3FU));
    put(0x80U | ((code >> 6) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

// The escape behind "\u" at `at`; moves `at` behind it. Half a surrogate pair alone is refused.
bool append_unicode(std::string& out, std::string_view raw, std::size_t& at) {
  std::optional<std::uint32_t> code = code_unit(raw, at);
  if (!code.has_value() || (*code >= 0xDC00 && *code < 0xE000)) {
    return false;
  }
  at += 4;
  if (*code >= 0xD800 && *code < 0xDC00) {
    if (raw.substr(at, 2) != "\\u") {
      return false;
    }
    std::optional<std::uint32_t> low = code_unit(raw, at + 2);
    if (!low.has_value() || *low < 0xDC00 || *low >= 0xE000) {
      return false;
    }
    at += 6;
    code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
  }
  append_utf8(out, *code);
  return true;
}

}  // namespace

bool RawString::is(std::string_view other) const {
  if (raw_.find('\\') == std::string_view::npos) {
    return raw_ == other;
  }
  std::optional<std::string> resolved = text();
  return resolved.has_value() && *resolved == other;
}

std::optional<std::string> RawString::text() const {
  static constexpr std::string_view kNames = "\"\\/bfnrt";
  static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  std::string out;
  std::size_t at = 0;
  for (;;) {
    std::size_t escape = raw_.find('\\', at);
    out.append(raw_.substr(at, escape - at));
    if (escape == std::string_view::npos) {
      return out;
    }
    if (escape + 1 == raw_.size()) {
      return std::nullopt;
    }
    char name = raw_[escape + 1];
    at = escape + 2;
    if (name == 'u') {
      if (!append_unicode(out, raw_, at)) {
        return std::nullopt;
      }
    } else if (std::size_t known = kNames.find(name); known != std::string_view::npos) {
      out.push_back(kValues[known]);
    } else {
      return std::nullopt;
    }
  }
}

bool JsonScanner::fail() {
  failed_ = true;
  at_ = text_.size();
  return false;
}

void JsonScanner::skip_blanks() {
  while (at_ < text_.size() && is_blank(text_[at_])) {
    ++at_;
  }
}

JsonScanner::Kind JsonScanner::peek() {
  skip_blanks();
  if (failed_ || at_ == text_.size()) {
    return Kind::Nothing;
  }
  switch (text_[at_]) {
    case '{':
      return Kind::Object;
    case '[':
      return Kind::Array;
    case '"':
      return Kind::String;
    case 't':
      return Kind::True;
    case 'f':
      return Kind::False;
    case 'n':
      return Kind::Null;
    default:
      return text_[at_] == '-' || (text_[at_] >= '0' && text_[at_] <= '9') ? Kind::Number
                                                                           : Kind::Nothing;
  }
}

bool JsonScanner::at_end() {
  skip_blanks();
  return at_ == text_.size();
}

std::size_t JsonScanner::offset() {
  skip_blanks();
  return at_;
}

bool JsonScanner::enter(char bracket) {
  skip_blanks();
  if (failed_ || at_ == text_.size() || text_[at_] != bracket) {
    return fail();
  }
  ++at_;
  first_ = true;
  return true;
}

// Moves to the next thing of a container; false behind its closing bracket.
bool JsonScanner::next(char closing) {
  skip_blanks();
  if (failed_ || at_ == text_.size()) {
    return fail();
  }
  bool first = first_;
  first_ = false;
  if (text_[at_] == closing) {
    ++at_;
    return false;
  }
  if (!first) {
    if (text_[at_] != ',') {
      return fail();
    }
    ++at_;
  }
  return true;
}

bool JsonScanner::next_element() {
  if (!next(']')) {
    return false;
  }
  return peek() != Kind::Nothing || fail();
}

bool JsonScanner::next_member(RawString& key) {
  if (!next('}') || !read_string(key)) {
    return false;
  }
  skip_blanks();
  if (at_ == text_.size() || text_[at_] != ':') {
    return fail();
  }
  ++at_;
  return peek() != Kind::Nothing || fail();
}

// From behind the opening quote to behind the closing one. A quote ends the string unless an odd
// number of backslashes stands before it, which is rare: memchr does nearly all the work.
bool JsonScanner::skip_string() {
  std::size_t begin = at_;
  for (;;) {
    std::size_t quote = text_.find('"', at_);
    if (quote == std::string_view::npos) {
      return fail();
    }
    std::size_t slashes = 0;
    while (quote - slashes > begin && text_[quote - slashes - 1] == '\\') {
      ++slashes;
    }
    at_ = quote + 1;
    if (slashes % 2 == 0) {
      return true;
    }
  }
}

bool JsonScanner::read_string(RawString& out) {
  skip_blanks();
  if (failed_ || at_ == text_.size() || text_[at_] != '"') {
    return fail();
  }
  std::size_t begin = ++at_;
  if (!skip_string()) {
    return false;
  }
  out = RawString(text_.substr(begin, at_ - 1 - begin));
  return true;
}

void JsonScanner::skip_value() {
  Kind kind = peek();
  if (kind == Kind::Nothing) {
    fail();
    return;
  }
  std::size_t depth = 0;
  if (kind == Kind::Object || kind == Kind::Array || kind == Kind::String) {
    do {
      if (at_ == text_.size()) {
        fail();
        return;
      }
      char c = text_[at_++];
      if (c == '"') {
        if (!skip_string()) {
          return;
        }
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        --depth;
      }
    } while (depth > 0);
    return;
  }
  // A number or a word: to the next thing that cannot belong to it.
  while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '}' && text_[at_] != ']' &&
         !is_blank(text_[at_])) {
    ++at_;
  }
}

}  // namespace bpfman::container
