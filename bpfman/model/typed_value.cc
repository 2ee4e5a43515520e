// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/typed_value.h"

#include <fmt/core.h>

#include "bpfman/base/overload.h"
#include "bpfman/base/sha256.h"

namespace bpfman {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (code < 0x20 || code >= 0x7f) {
      out += fmt::format("\\x{:02x}", code);
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

// Each case: nullopt where `b` is not of the same alternative and shape.
std::optional<TypedValue> add(const TypedValue& a, const TypedValue& b);

std::optional<TypedValue> add(const TypedStruct& a, const TypedStruct& b) {
  if (a.members.size() != b.members.size()) {
    return std::nullopt;
  }
  TypedStruct out;
  for (std::size_t i = 0; i < a.members.size(); ++i) {
    std::optional<TypedValue> member = add(a.members[i].value, b.members[i].value);
    if (!member.has_value() || a.members[i].name != b.members[i].name) {
      return std::nullopt;
    }
    out.members.push_back({a.members[i].name, std::move(*member)});
  }
  return TypedValue{std::move(out)};
}

std::optional<TypedValue> add(const TypedArray& a, const TypedArray& b) {
  if (a.elements.size() != b.elements.size()) {
    return std::nullopt;
  }
  TypedArray out;
  for (std::size_t i = 0; i < a.elements.size(); ++i) {
    std::optional<TypedValue> element = add(a.elements[i], b.elements[i]);
    if (!element.has_value()) {
      return std::nullopt;
    }
    out.elements.push_back(std::move(*element));
  }
  return TypedValue{std::move(out)};
}

std::optional<TypedValue> add(const TypedValue& a, const TypedValue& b) {
  if (a.value.index() != b.value.index()) {
    return std::nullopt;
  }
  if (const auto* left = std::get_if<std::uint64_t>(&a.value)) {
    return TypedValue{*left + std::get<std::uint64_t>(b.value)};
  }
  if (const auto* left = std::get_if<std::int64_t>(&a.value)) {
    // By way of unsigned numbers, which may wrap.
    return TypedValue{
        static_cast<std::int64_t>(static_cast<std::uint64_t>(*left) +
                                  static_cast<std::uint64_t>(std::get<std::int64_t>(b.value)))};
  }
  if (const auto* left = std::get_if<TypedStruct>(&a.value)) {
    return add(*left, std::get<TypedStruct>(b.value));
  }
  if (const auto* left = std::get_if<TypedArray>(&a.value)) {
    return add(*left, std::get<TypedArray>(b.value));
  }
  return std::nullopt;
}

// Anything but integers in it makes a value that cannot be added, even to nothing.
std::optional<TypedValue> if_summable(const TypedValue& value) {
  return add(value, value).has_value() ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<TypedValue> sum(const std::vector<TypedValue>& values) {
  if (values.empty()) {
    return std::nullopt;
  }
  std::optional<TypedValue> total = if_summable(values.front());
  for (std::size_t i = 1; i < values.size() && total.has_value(); ++i) {
    total = add(*total, values[i]);
  }
  return total;
}

bool TypedStruct::operator==(const TypedStruct&) const = default;
bool TypedArray::operator==(const TypedArray&) const = default;

std::string to_text(const TypedValue& value) {
  return std::visit(Overload{
                        [](std::uint64_t number) { return std::to_string(number); },
                        [](std::int64_t number) { return std::to_string(number); },
                        [](bool flag) { return std::string(flag ? "true" : "false"); },
                        [](double number) { return fmt::format("{}", number); },
                        [](const std::string& text) { return quoted(text); },
                        [](const Bytes& bytes) { return "0x" + to_hex(bytes); },
                        [](const TypedStruct& members) {
                          std::string out = "{";
                          for (const auto& [name, member] : members.members) {
                            out += (out.size() > 1 ? ", " : "") + name + ": " + to_text(member);
                          }
                          return out + "}";
                        },
                        [](const TypedArray& array) {
                          std::string out = "[";
                          for (const TypedValue& element : array.elements) {
                            out += (out.size() > 1 ? ", " : "") + to_text(element);
                          }
                          return out + "]";
                        },
                    },
                    value.value);
}

}  // namespace bpfman
