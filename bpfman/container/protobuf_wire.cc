// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/protobuf_wire.h"

namespace bpfman::container {
namespace {

constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kEight = 1;
constexpr std::uint32_t kBytes = 2;
constexpr std::uint32_t kFour = 5;
constexpr std::uint64_t kLargestField = (std::uint64_t{1} << 29) - 1;

}  // namespace

void ProtobufWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    encoded_.push_back(static_cast<char>(0x80U | (value & 0x7fU)));
    value >>= 7;
  }
  encoded_.push_back(static_cast<char>(value));
}

ProtobufWriter& ProtobufWriter::text(std::uint32_t field, std::string_view value) {
  return value.empty() ? *this : message(field, value);
}

ProtobufWriter& ProtobufWriter::number(std::uint32_t field, std::uint64_t value) {
  if (value != 0) {
    varint(std::uint64_t{field} << 3 | kVarint);
    varint(value);
  }
  return *this;
}

ProtobufWriter& ProtobufWriter::message(std::uint32_t field, std::string_view encoded) {
  varint(std::uint64_t{field} << 3 | kBytes);
  varint(encoded.size());
  encoded_.append(encoded);
  return *this;
}

ProtobufWriter& ProtobufWriter::map_entry(std::uint32_t field,
                                          std::string_view key,
                                          std::string_view value) {
  return message(field, ProtobufWriter().text(1, key).text(2, value).encoded());
}

bool ProtobufReader::varint(std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) {
      return false;
    }
    auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (shift == 63 && byte > 1) {
      return false;  // more than 64 bits
    }
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) {
      return true;
    }
  }
  return false;
}

bool ProtobufReader::take(std::uint64_t size, std::string_view& bytes) {
  if (size > rest_.size()) {
    return false;
  }
  bytes = rest_.substr(0, size);
  rest_.remove_prefix(bytes.size());
  return true;
}

bool ProtobufReader::next(ProtobufField& field) {
  if (rest_.empty() || failed_) {
    return false;
  }
  field = ProtobufField{};
  std::uint64_t tag = 0;
  bool good = varint(tag) && (tag >> 3) >= 1 && (tag >> 3) <= kLargestField;
  field.number = static_cast<std::uint32_t>(tag >> 3);
  std::uint64_t size = 0;
  std::string_view fixed;  // times and the like, which nobody here asks for
  switch (tag & 7U) {
    case kVarint:
      good = good && varint(field.value);
      break;
    case kEight:
      good = good && take(8, fixed);
      break;
    case kBytes:
      field.is_bytes = true;
      good = good && varint(size) && take(size, field.bytes);
      break;
    case kFour:
      good = good && take(4, fixed);
      break;
    default:
      good = false;
  }
  failed_ = !good;
  return good;
}

std::string_view protobuf_text(std::string_view message, std::uint32_t field) {
  ProtobufReader reader(message);
  ProtobufField one;
  std::string_view found;
  while (reader.next(one)) {
    if (one.number == field && one.is_bytes) {
      found = one.bytes;
    }
  }
  return reader.failed() ? std::string_view() : found;
}

}  // namespace bpfman::container
