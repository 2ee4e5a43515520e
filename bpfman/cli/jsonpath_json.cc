// SPDX-License-Identifier: Apache-2.0
// Templates applied to JSON.
#include <algorithm>

#include "bpfman/base/overload.h"
#include "bpfman/cli/json_parts.h"
#include "bpfman/cli/jsonpath.h"

namespace bpfman::cli::jsonpath {
namespace {

using namespace parts;

using Found = std::vector<const Json*>;

constexpr std::size_t kMostValues = 1'000'000;

class Evaluation {
 public:
  explicit Evaluation(const Json& root) : root_(root) {}

  // Whether there was more to look at than anybody means: loops in loops over "..".
  bool gave_up() const { return left_ == 0; }

  std::string text_of(const std::vector<Part>& parts, const Json& at) const {
    std::string out;
    for (const Part& part : parts) {
      std::visit(Overload{[&](const Text& text) { out += text.text; },
                          [&](const Path& path) { out += text_of(path, at); },
                          [&](const std::shared_ptr<const Loop>& loop) {
                            for (const Json* one : find(loop->over, at)) {
                              out += text_of(loop->body, *one);
                            }
                          }},
                 part);
    }
    return out;
  }

 private:
  std::string text_of(const Path& path, const Json& at) const {
    std::string out;
    for (const Json* one : find(path, at)) {
      out += out.empty() ? "" : " ";
      out += one->is_string() ? one->get_ref<const std::string&>()
                              : one->dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    return out;
  }

  Found find(const Path& path, const Json& at) const {
    Found found = {path.from_root ? &root_ : &at};
    for (const Step& step : path.steps) {
      Found next;
      for (const Json* one : found) {
        std::visit(Overload{[&](const Child& child) { take_child(child, *one, next); },
                            [&](const All&) { take_all(*one, next); },
                            [&](const Descend&) { take_everything(*one, next); },
                            [&](const Indices& indices) { take_indices(indices, *one, next); },
                            [&](const Slice& slice) { take_slice(slice, *one, next); },
                            [&](const std::shared_ptr<const Filter>& filter) {
                              take_if(*filter, *one, next);
                            }},
                   step);
        if (next.size() >= left_) {
          left_ = 0;
          return {};
        }
      }
      left_ -= next.size();
      found = std::move(next);
    }
    return found;
  }

  static void take_child(const Child& child, const Json& at, Found& into) {
    if (!at.is_object()) {
      return;
    }
    auto member = at.find(child.name);
    if (member != at.end()) {
      into.push_back(&*member);
    }
  }

  static void take_all(const Json& at, Found& into) {
    if (at.is_structured()) {
      for (const Json& one : at) {
        into.push_back(&one);
      }
    }
  }

  static void take_everything(const Json& at, Found& into) {
    into.push_back(&at);
    if (at.is_structured()) {
      for (const Json& one : at) {
        take_everything(one, into);
      }
    }
  }

  static void take_indices(const Indices& indices, const Json& at, Found& into) {
    auto size = at.is_array() ? static_cast<std::int64_t>(at.size()) : 0;
    for (std::int64_t index : indices.at) {
      index += index < 0 ? size : 0;
      if (index >= 0 && index < size) {
        into.push_back(&at[static_cast<std::size_t>(index)]);
      }
    }
  }

  static void take_slice(const Slice& slice, const Json& at, Found& into) {
    auto size = at.is_array() ? static_cast<std::int64_t>(at.size()) : 0;
    auto bound = [&](std::int64_t value) {
      value += value < 0 ? size : 0;
      return std::clamp<std::int64_t>(value, 0, size);
    };
    std::int64_t end = bound(slice.to.value_or(size));
    for (std::int64_t i = bound(slice.from.value_or(0)); i < end; i += slice.step) {
      into.push_back(&at[static_cast<std::size_t>(i)]);
    }
  }

  void take_if(const Filter& filter, const Json& at, Found& into) const {
    if (!at.is_structured()) {
      return;
    }
    for (const Json& one : at) {
      if (holds(filter, one)) {
        into.push_back(&one);
      }
    }
  }

  bool holds(const Filter& filter, const Json& at) const {
    std::optional<Json> left = value_of(filter.left, at);
    if (filter.comparison == Comparison::IsThere) {
      return left.has_value() && !left->is_null() && *left != false;
    }
    std::optional<Json> right = value_of(filter.right, at);
    if (!left.has_value() || !right.has_value()) {
      return false;
    }
    if (filter.comparison == Comparison::Equal || filter.comparison == Comparison::NotEqual) {
      return (*left == *right) == (filter.comparison == Comparison::Equal);
    }
    bool comparable =
        (left->is_number() && right->is_number()) || (left->is_string() && right->is_string());
    return comparable && compared(*left, filter.comparison, *right);
  }

  static bool compared(const Json& left, Comparison comparison, const Json& right) {
    switch (comparison) {
      case Comparison::Less:
        return left < right;
      case Comparison::LessOrEqual:
        return !(right < left);
      case Comparison::Greater:
        return right < left;
      case Comparison::GreaterOrEqual:
        return !(left < right);
      case Comparison::IsThere:
      case Comparison::Equal:
      case Comparison::NotEqual:
        break;
    }
    return false;
  }

  std::optional<Json> value_of(const Operand& operand, const Json& at) const {
    if (const auto* literal = std::get_if<Literal>(&operand)) {
      Json value = Json::parse(literal->json, nullptr, false);
      return value.is_discarded() ? std::nullopt : std::optional(std::move(value));
    }
    Found found = find(std::get<Path>(operand), at);
    return found.empty() ? std::nullopt : std::optional(*found.front());
  }

  const Json& root_;
  mutable std::size_t left_ = kMostValues;
};

}  // namespace

Result<std::string> apply(const Template& made, std::string_view json) {
  Json document = Json::parse(json, nullptr, false);
  if (document.is_discarded()) {
    return Error(Code::DataLoss, "jsonpath: the output is no JSON document");
  }
  Evaluation evaluation(document);
  std::string out = evaluation.text_of(made.parts, document);
  if (evaluation.gave_up()) {
    return Error(Code::ResourceExhausted,
                 "jsonpath: the template looks at more than a million values");
  }
  return out;
}

}  // namespace bpfman::cli::jsonpath
