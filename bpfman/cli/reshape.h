// SPDX-License-Identifier: Apache-2.0
// The forms of `-o` that are made of a command's JSON: yaml, name, jsonpath=TEMPLATE. The command
// prints JSON, and what it printed is made into the form at each flush: one document, or one a
// line.
#pragma once

#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>

#include "bpfman/cli/jsonpath.h"

namespace bpfman::cli {

struct AsYaml {};

// A line for each program, link, image, ...: what other commands take for it.
struct AsNames {};

using Form = std::variant<AsYaml, AsNames, jsonpath::Template>;

// What `-o TEXT` says; nullopt for other formats than these. InvalidArgument: a template that is
// none.
Result<std::optional<Form>> parse_form(std::string_view text);

// What is printed for one document. InvalidArgument: it holds nothing that has a name.
Result<std::string> reshape(const Form& form, std::string_view json);

// Takes JSON, gives the form of it to another stream.
class ReshapedStream : private std::stringbuf, public std::ostream {
 public:
  // Both outlive the stream.
  ReshapedStream(const Form& form, std::ostream& into);

  // The first thing that went wrong, such as output that holds no names.
  const Result<void>& state() const { return state_; }

 private:
  int sync() override;

  const Form& form_;
  std::ostream& into_;
  Result<void> state_;
};

}  // namespace bpfman::cli
