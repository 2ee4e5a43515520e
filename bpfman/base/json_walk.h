// SPDX-License-Identifier: Apache-2.0
// What a tree of values no longer shows of a JSON text (RFC 8259): where it is wrong, a member that
// stands twice in one object (one thing to one reader and another to the next), and nesting that
// would cost a reader far more than the bytes that are sent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bpfman {

struct JsonProblem {
  enum class Kind { None, Malformed, TooDeep, Twice };
  Kind kind = Kind::None;
  std::string name;      // Twice: of the member
  std::size_t line = 1;  // Malformed: where, both from 1; the column in bytes
  std::size_t column = 1;
  char at = '\0';  // Malformed: the character there, when it can be seen
};

// The first problem. Its time is that of the text, with the logarithm of the members of one object.
JsonProblem walk_json(std::string_view text, std::size_t max_depth);

}  // namespace bpfman
