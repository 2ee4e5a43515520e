// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include "bpfman/base/json_walk.h"

namespace bpfman {
namespace {

using Json = nlohmann::json;

// Stops at the first thing that is wrong.
class Walk final : public nlohmann::json_sax<Json> {
 public:
  Walk(std::string_view text, std::size_t max_depth) : text_(text), max_depth_(max_depth) {}

  JsonProblem take() && { return std::move(problem_); }

  bool null() override { return true; }

  bool boolean(bool /*value*/) override { return true; }

  bool number_integer(number_integer_t /*value*/) override { return true; }

  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }

  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }

  bool string(string_t& /*value*/) override { return true; }

  bool binary(binary_t& /*value*/) override { return true; }

  bool start_object(std::size_t /*size*/) override { return enter(); }

  bool end_object() override { return leave(); }

  bool start_array(std::size_t /*size*/) override { return enter(); }

  bool end_array() override { return leave(); }

  bool key(string_t& name) override {
    if (!open_.back().insert(name).second) {
      problem_ = {.kind = JsonProblem::Kind::Twice, .name = name};
      return false;
    }
    return true;
  }

  bool parse_error(std::size_t position,
                   const std::string& /*token*/,
                   const Json::exception& /*error*/) override {
    if (problem_.kind != JsonProblem::Kind::None) {
      return false;
    }
    std::string_view before = text_.substr(0, position == 0 ? 0 : position - 1);
    std::size_t start = before.rfind('\n');
    problem_.kind = JsonProblem::Kind::Malformed;
    problem_.line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    problem_.column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
    if (position > 0 && position <= text_.size() && text_[position - 1] > ' ') {
      problem_.at = text_[position - 1];
    }
    return false;
  }

 private:
  bool enter() {
    open_.emplace_back();
    if (open_.size() > max_depth_) {
      problem_.kind = JsonProblem::Kind::TooDeep;
      return false;
    }
    return true;
  }

  bool leave() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  std::size_t max_depth_;
  std::vector<std::set<std::string>> open_;
  JsonProblem problem_;
};

}  // namespace

JsonProblem walk_json(std::string_view text, std::size_t max_depth) {
  Walk walk(text, max_depth);
  Json::sax_parse(text, &walk);
  return std::move(walk).take();
}

}  // namespace bpfman
