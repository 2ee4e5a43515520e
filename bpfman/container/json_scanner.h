// SPDX-License-Identifier: Apache-2.0
// JsonScanner: walks a JSON text in place. The books of a container store are megabytes of which
// one record matters, so nothing is copied and what the caller skips is only checked for where it
// ends (strings, nesting), not for its grammar. After the first error every call fails and failed()
// stays true: callers look once, at the end. Source: RFC 8259.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bpfman::container {

// A string as it stands between its quotes; escapes are resolved only when somebody wants the text.
class RawString {
 public:
  RawString() = default;

  explicit RawString(std::string_view raw) : raw_(raw) {}

  std::string_view raw() const { return raw_; }

  // Whether the text is `other`.
  bool is(std::string_view other) const;
  // nullopt when an escape is malformed.
  std::optional<std::string> text() const;

 private:
  std::string_view raw_;
};

class JsonScanner {
 public:
  enum class Kind { Object, Array, String, Number, True, False, Null, Nothing };

  explicit JsonScanner(std::string_view text) : text_(text) {}

  // What the next value is; Nothing at the end of the text, at a closing bracket, and after an
  // error.
  Kind peek();

  bool failed() const { return failed_; }

  // Only white space is left.
  bool at_end();
  // Offset of the next value, for slicing the text.
  std::size_t offset();

  // Object: enter, then next_member() until it says false; each member's value must be read or
  // skipped.
  bool enter_object() { return enter('{'); }

  bool next_member(RawString& key);

  // Array: enter, then next_element() until it says false.
  bool enter_array() { return enter('['); }

  bool next_element();

  bool read_string(RawString& out);
  void skip_value();

 private:
  bool enter(char bracket);
  bool next(char closing);
  void skip_blanks();
  bool skip_string();
  bool fail();

  std::string_view text_;
  std::size_t at_ = 0;
  bool first_ = false;  // nothing of the container just entered has been seen
  bool failed_ = false;
};

}  // namespace bpfman::container
