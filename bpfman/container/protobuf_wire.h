// SPDX-License-Identifier: Apache-2.0
// The wire form of protobuf messages, as far as containerd's need it: numbers, texts and messages
// in messages. What a text means is the caller's business. Source:
// https://protobuf.dev/programming-guides/encoding/
//
//   field  = varint(number << 3 | kind) value
//   kind 0 varint, 1 eight bytes, 2 varint(length) bytes, 5 four bytes; 3 and 4 (groups) are
//   refused map    = a repeated message {1 key, 2 value}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bpfman::container {

class ProtobufWriter {
 public:
  // An empty text and a zero are left out, as protobuf 3 does.
  ProtobufWriter& text(std::uint32_t field, std::string_view value);
  ProtobufWriter& number(std::uint32_t field, std::uint64_t value);
  // A message, an entry of a repeated field: written also when it is empty.
  ProtobufWriter& message(std::uint32_t field, std::string_view encoded);
  ProtobufWriter& map_entry(std::uint32_t field, std::string_view key, std::string_view value);

  const std::string& encoded() const { return encoded_; }

 private:
  void varint(std::uint64_t value);

  std::string encoded_;
};

struct ProtobufField {
  std::uint32_t number = 0;
  bool is_bytes = false;
  std::uint64_t value = 0;  // of a number
  std::string_view bytes;   // of a text or message
};

// Walks a message in place. After the first error next() says false and failed() stays true:
// callers look once, at the end.
class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view message) : rest_(message) {}

  // False at the end of the message and after an error.
  bool next(ProtobufField& field);

  bool failed() const { return failed_; }

 private:
  bool varint(std::uint64_t& value);
  bool take(std::uint64_t size, std::string_view& bytes);

  std::string_view rest_;
  bool failed_ = false;
};

// The text in that field; of several the last, "" when there is none or the message is broken.
std::string_view protobuf_text(std::string_view message, std::uint32_t field);

}  // namespace bpfman::container
