// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/typed_value.h"

#include <fmt/core.h>

#include "bpfman/base/sha256.h"

namespace bpfman {
namespace {

template <typename... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};

template <typename... Cases>
Overload(Cases...) -> Overload<Cases...>;

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

}  // namespace

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
