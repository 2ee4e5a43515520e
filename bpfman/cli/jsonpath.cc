// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/jsonpath.h"

#include <array>

#include "bpfman/base/text.h"

namespace bpfman::cli::jsonpath {
namespace {

constexpr std::size_t kMaxLength = 65'536;
constexpr int kMaxDepth = 32;  // of loops and filters in each other

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Template> run() {
    if (text_.size() > kMaxLength) {
      return wrong("the template is longer than 65536 characters");
    }
    Template out;
    if (text_.find('{') == std::string_view::npos) {
      Path path = TRY(path_of_expression());
      TRY(end_of("the path"));
      out.parts.emplace_back(std::move(path));
      return out;
    }
    TRY(parts(out.parts, false));
    return out;
  }

 private:
  Error wrong(const std::string& what) const {
    return Error(Code::InvalidArgument,
                 "jsonpath: " + what + ", at character " + std::to_string(at_ + 1))
        .with_hint("as in -o 'jsonpath={.programs[*].name}'");
  }

  bool done() const { return at_ >= text_.size(); }

  char now() const { return done() ? '\0' : text_[at_]; }

  bool take(std::string_view word) {
    if (text_.substr(at_).starts_with(word)) {
      at_ += word.size();
      return true;
    }
    return false;
  }

  void skip_blanks() {
    while (now() == ' ' || now() == '\t') {
      ++at_;
    }
  }

  Result<void> expect(std::string_view word) {
    skip_blanks();
    return take(word) ? Result<void>() : wrong("\"" + std::string(word) + "\" is missing");
  }

  Result<void> end_of(const std::string& what) {
    skip_blanks();
    return done() ? Result<void>()
                  : wrong("unexpected \"" + std::string(1, now()) + "\" in " + what);
  }

  // Up to the end of the text, or behind "{end}" of a loop.
  Result<void> parts(std::vector<Part>& into, bool in_loop) {
    while (!done()) {
      std::size_t brace = std::min(text_.find('{', at_), text_.size());
      if (brace > at_) {
        into.emplace_back(Text{std::string(text_.substr(at_, brace - at_))});
        at_ = brace;
        continue;
      }
      ++at_;
      skip_blanks();
      if (is_word("end")) {
        TRY(expect("}"));
        return in_loop ? Result<void>() : wrong("{end} without {range}");
      }
      TRY(expression(into));
    }
    return in_loop ? Result<void>(wrong("{range} without {end}")) : Result<void>();
  }

  // Takes a whole word.
  bool is_word(std::string_view word) {
    std::string_view rest = text_.substr(at_);
    bool found =
        rest.starts_with(word) && (rest.size() == word.size() || !is_name(rest[word.size()]));
    at_ += found ? word.size() : 0;
    return found;
  }

  // Behind "{", up to behind "}".
  Result<void> expression(std::vector<Part>& into) {
    if (now() == '"' || now() == '\'') {
      std::string text = TRY(quoted());
      into.emplace_back(Text{std::move(text)});
      return expect("}");
    }
    if (is_word("range")) {
      return loop(into);
    }
    Path path = TRY(path_of_expression());
    into.emplace_back(std::move(path));
    return expect("}");
  }

  Result<void> loop(std::vector<Part>& into) {
    if (++depth_ > kMaxDepth) {
      return wrong("too many loops in each other");
    }
    skip_blanks();
    auto made = std::make_shared<Loop>();
    made->over = TRY(path_of_expression());
    TRY(expect("}"));
    TRY(parts(made->body, true));
    --depth_;
    into.emplace_back(std::move(made));
    return {};
  }

  Result<Path> path_of_expression() {
    Path path;
    skip_blanks();
    if (take("$")) {
      path.from_root = true;
    } else {
      take("@");
    }
    for (;;) {
      if (take("..")) {
        path.steps.emplace_back(Descend());
        if (now() != '[') {
          TRY(named(path));
        }
      } else if (take(".")) {
        if (now() == '[' || is_over()) {
          continue;  // "." is the value itself
        }
        TRY(named(path));
      } else if (take("[")) {
        TRY(bracket(path));
      } else if (path.steps.empty() && is_name(now())) {
        TRY(named(path));  // "name" for ".name"
      } else {
        return path;
      }
    }
  }

  // Whether the path ends here.
  bool is_over() const {
    return done() || std::string_view("} \t)=!<>").find(now()) != std::string_view::npos;
  }

  Result<void> named(Path& path) {
    if (take("*")) {
      path.steps.emplace_back(All());
      return {};
    }
    std::size_t from = at_;
    std::string name;
    while (!done() && (is_name(now()) || now() == '\\')) {
      if (now() == '\\' && ++at_ == text_.size()) {
        return wrong("nothing behind \\");
      }
      name += text_[at_++];
    }
    if (at_ == from) {
      return wrong("a name is missing");
    }
    path.steps.emplace_back(Child{std::move(name)});
    return {};
  }

  // Behind "[", up to behind "]".
  Result<void> bracket(Path& path) {
    skip_blanks();
    if (take("*")) {
      path.steps.emplace_back(All());
    } else if (take("?(")) {
      TRY(filter(path));
    } else if (now() == '"' || now() == '\'') {
      std::string name = TRY(quoted());
      path.steps.emplace_back(Child{std::move(name)});
    } else {
      TRY(numbers(path));
    }
    return expect("]");
  }

  Result<std::optional<std::int64_t>> number() {
    skip_blanks();
    std::size_t from = at_;
    bool negative = take("-");
    std::size_t digits = at_;
    while (now() >= '0' && now() <= '9') {
      ++at_;
    }
    if (at_ == from) {
      return std::optional<std::int64_t>();
    }
    std::optional<std::uint64_t> value = parse_unsigned(text_.substr(digits, at_ - digits));
    constexpr std::uint64_t kMost = 1U << 31U;
    if (!value.has_value() || *value > kMost) {
      return wrong("no number that an array has");
    }
    auto signed_value = static_cast<std::int64_t>(*value);
    skip_blanks();
    return std::optional(negative ? -signed_value : signed_value);
  }

  Result<void> numbers(Path& path) {
    std::optional<std::int64_t> first = TRY(number());
    if (take(":")) {
      Slice slice{.from = first};
      slice.to = TRY(number());
      if (take(":")) {
        std::optional<std::int64_t> step = TRY(number());
        slice.step = step.value_or(1);
      }
      if (slice.step < 1) {
        return wrong("a step below 1");
      }
      path.steps.emplace_back(slice);
      return {};
    }
    Indices indices;
    while (first.has_value()) {
      indices.at.push_back(*first);
      if (!take(",")) {
        path.steps.emplace_back(std::move(indices));
        return {};
      }
      first = TRY(number());
    }
    return wrong("a number, * or ?( is missing");
  }

  // Behind "?(", up to behind ")".
  Result<void> filter(Path& path) {
    if (++depth_ > kMaxDepth) {
      return wrong("too many filters in each other");
    }
    auto made = std::make_shared<Filter>();
    made->left = TRY(operand());
    skip_blanks();
    made->comparison = comparison();
    if (made->comparison != Comparison::IsThere) {
      made->right = TRY(operand());
    }
    TRY(expect(")"));
    --depth_;
    path.steps.emplace_back(std::move(made));
    return {};
  }

  Comparison comparison() {
    constexpr std::array<std::pair<std::string_view, Comparison>, 6> kAll = {
        {{"==", Comparison::Equal},
         {"!=", Comparison::NotEqual},
         {"<=", Comparison::LessOrEqual},
         {">=", Comparison::GreaterOrEqual},
         {"<", Comparison::Less},
         {">", Comparison::Greater}}};
    for (const auto& [word, value] : kAll) {
      if (take(word)) {
        return value;
      }
    }
    return Comparison::IsThere;
  }

  Result<Operand> operand() {
    skip_blanks();
    if (now() == '"' || now() == '\'') {
      std::string text = TRY(quoted());
      return Operand(Literal{json_string(text)});
    }
    for (std::string_view word : {"true", "false", "null"}) {
      if (is_word(word)) {
        return Operand(Literal{std::string(word)});
      }
    }
    if (now() == '-' || (now() >= '0' && now() <= '9')) {
      std::size_t from = at_;
      while (is_name(now()) || now() == '.') {
        ++at_;
      }
      return Operand(Literal{std::string(text_.substr(from, at_ - from))});
    }
    std::size_t from = at_;
    Path path = TRY(path_of_expression());
    if (at_ == from) {
      return wrong("a value is missing");
    }
    return Operand(std::move(path));
  }

  static std::string json_string(const std::string& text) {
    std::string out = "\"";
    constexpr char kFirstPrintable = 0x20;
    for (char c : text) {
      if (c == '"' || c == '\\') {
        out += '\\';
      }
      if (c >= 0 && c < kFirstPrintable) {
        constexpr std::string_view kHex = "0123456789abcdef";
        constexpr unsigned kNibble = 4;
        constexpr unsigned kMask = 15;
        auto value = static_cast<unsigned char>(c);
        out += "\\u00";
        out += kHex[value >> kNibble];
        out += kHex[value & kMask];
      } else {
        out += c;
      }
    }
    return out + "\"";
  }

  // At a quotation mark, up to behind its pair.
  Result<std::string> quoted() {
    const char mark = text_[at_++];
    std::string out;
    while (!done() && now() != mark) {
      if (now() != '\\') {
        out += text_[at_++];
        continue;
      }
      if (++at_ == text_.size()) {
        break;
      }
      char c = text_[at_++];
      out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    }
    if (done()) {
      return wrong("a string without an end");
    }
    ++at_;
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<Template> parse(std::string_view text) {
  return Parser(text).run();
}

}  // namespace bpfman::cli::jsonpath
