// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"
#include "bpfman/cli/reshape.h"

namespace bpfman::cli {
namespace {

Error bad_value(const std::string& flag, const std::string& value, const std::string& hint) {
  return Error(Code::InvalidArgument, "invalid value \"" + value + "\" for " + flag)
      .with_hint(hint);
}

}  // namespace

bool Tree::typed(const std::string& word) const {
  return std::find(words.begin(), words.end(), word) != words.end();
}

CLI::App* Tree::add(CLI::App* parent,
                    const std::string& name,
                    const std::string& description,
                    const std::string& example) {
  CLI::App* app = parent->add_subcommand(name, description);
  app->fallthrough();
  app->allow_extras();
  if (!example.empty()) {
    app->footer("Example:\n  " + example);
  }
  return app;
}

CLI::Option* add_list_option(CLI::App* app,
                             const std::string& flag,
                             std::vector<std::string>& into,
                             const std::string& text) {
  // One value an occurrence, so that a positional may follow.
  return app->add_option(flag, into, text)->allow_extra_args(false)->take_all();
}

std::vector<std::string> split_lists(const std::vector<std::string>& values) {
  std::vector<std::string> out;
  for (const std::string& value : values) {
    for (std::string& part : split(value, ',')) {
      // "\," keeps a comma.
      if (!out.empty() && out.back().ends_with('\\')) {
        out.back().back() = ',';
        out.back() += part;
      } else {
        out.push_back(std::move(part));
      }
    }
  }
  return out;
}

Result<Format> OutputFlag::format() const {
  if (text == "table" || text == "text") {
    return Format::Table;
  }
  if (text == "wide") {
    return Format::Wide;
  }
  std::optional<Form> form = TRY(parse_form(text));
  if (text == "json" || form.has_value()) {
    return Format::Json;
  }
  return bad_value("--output", text, "one of table, wide, json, yaml, name, jsonpath=TEMPLATE");
}

void add_output(CLI::App* app, OutputFlag& flag) {
  app->add_option("-o,--output",
                  flag.text,
                  "How to print: table, wide, json, yaml, name or jsonpath=TEMPLATE "
                  "(default: table)")
      ->type_name(kFormat);
}

Result<std::map<std::string, std::string>> parse_metadata(const std::vector<std::string>& values) {
  std::map<std::string, std::string> out;
  for (const std::string& pair : split_lists(values)) {
    std::size_t equals = pair.find('=');
    std::string key(trim(pair.substr(0, equals)));
    if (equals == std::string::npos || key.empty()) {
      return bad_value("--metadata", pair, "write KEY=VALUE");
    }
    out[key] = pair.substr(equals + 1);
  }
  return out;
}

Result<std::map<std::string, Bytes>> parse_globals(const std::vector<std::string>& values) {
  std::map<std::string, Bytes> out;
  for (const std::string& pair : split_lists(values)) {
    std::size_t equals = pair.find('=');
    std::optional<Bytes> bytes = equals == std::string::npos
                                     ? std::nullopt
                                     : parse_hex(std::string_view(pair).substr(equals + 1));
    if (!bytes.has_value() || equals == 0) {
      return bad_value(
          "--global",
          pair,
          "write NAME=HEX with two digits a byte, in the byte order of this host, as in "
          "limit=0a000000");
    }
    out[pair.substr(0, equals)] = std::move(*bytes);
  }
  return out;
}

Result<std::vector<Setting>> parse_settings(const std::vector<std::string>& values) {
  std::vector<Setting> out;
  for (const std::string& pair : values) {
    std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return bad_value("--set", pair, "write NAME=VALUE, as in --set limit=10");
    }
    out.push_back(Setting{pair.substr(0, equals), pair.substr(equals + 1)});
  }
  return out;
}

Result<ProgramChoice> parse_program_choice(const std::string& text) {
  std::vector<std::string> parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 3 || parts[1].empty()) {
    return Error(Code::InvalidArgument,
                 "invalid value \"" + text + "\" for --programs: expected TYPE:NAME format")
        .with_hint("as in --programs xdp:pass");
  }
  ProgramChoice choice{.name = parts[1], .type = parse_program_type(parts[0])};
  if (!choice.type.has_value()) {
    return Error(Code::InvalidArgument,
                 "unknown type \"" + parts[0] + "\" (valid: " + program_type_names() + ")");
  }
  if (parts.size() == 3) {
    choice.attach_function = parts[2];
  }
  return choice;
}

Result<std::int64_t> parse_duration_ms(const std::string& flag,
                                       const std::string& text,
                                       const std::string& expected) {
  if (text == "0") {
    return std::int64_t{0};
  }
  std::int64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::size_t digits = rest.find_first_not_of("0123456789");
    std::optional<std::uint64_t> number = parse_unsigned(rest.substr(0, digits));
    if (digits == std::string_view::npos || !number.has_value() || *number > 1'000'000) {
      return bad_value(flag, text, expected);
    }
    rest.remove_prefix(digits);
    std::size_t letters = std::min(rest.find_first_of("0123456789"), rest.size());
    std::string_view unit = rest.substr(0, letters);
    std::int64_t factor = unit == "ms"  ? 1
                          : unit == "s" ? 1000
                          : unit == "m" ? 60'000
                          : unit == "h" ? 3'600'000
                          : unit == "d" ? 86'400'000
                                        : 0;
    if (factor == 0) {
      return bad_value(flag, text, expected);
    }
    total += static_cast<std::int64_t>(*number) * factor;
    rest.remove_prefix(letters);
  }
  if (text.empty()) {
    return bad_value(flag, text, expected);
  }
  return total;
}

void add_pull_policy(CLI::App* app, std::string& policy) {
  app->add_option("-p,--pull-policy",
                  policy,
                  "Always, IfNotPresent or Never (default: as configured, else IfNotPresent)")
      ->type_name("POLICY");
}

void add_from(CLI::App* app, std::vector<std::string>& from) {
  add_list_option(app,
                  "--from",
                  from,
                  "Look in these kinds of sources only, in this order: docker, podman, containerd, "
                  "registry; repeats")
      ->type_name("SOURCE,...");
}

Result<std::vector<SourceKind>> parse_from(const std::vector<std::string>& values) {
  if (values.empty()) {
    return std::vector<SourceKind>();
  }
  return parse_image_sources(split_lists(values)).with_context("--from");
}

void add_progress(CLI::App* app, std::string& mode) {
  app->add_option("--progress",
                  mode,
                  "How a pull from a registry shows itself: auto, plain, json or quiet "
                  "(default: auto)")
      ->type_name("MODE");
}

void add_push_flags(CLI::App* app, std::string& auth, std::string& progress) {
  app->add_option("-r,--registry-auth",
                  auth,
                  "Base64 of user:password for the registry (BPFMAN_REGISTRY_AUTH)")
      ->type_name("BASE64");
  app->add_option("--progress",
                  progress,
                  "How a push to a registry shows itself: auto, plain, json or quiet "
                  "(default: auto)")
      ->type_name("MODE");
}

Result<std::uint64_t> parse_size(const std::string& flag, const std::string& text) {
  std::optional<std::uint64_t> size = parse_bytes(text);
  return size.has_value() ? Result<std::uint64_t>(*size)
                          : bad_value(flag, text, "as in 500MB, 64MiB, 1G");
}

std::string registry_auth(const std::string& flag, const Context& context) {
  return flag.empty() ? context.environment.get("BPFMAN_REGISTRY_AUTH").value_or("") : flag;
}

Error missing(const std::string& what, const std::string& example) {
  return Error(Code::InvalidArgument, "missing " + what).with_hint("as in: bpfman " + example);
}

}  // namespace bpfman::cli
