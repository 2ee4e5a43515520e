// SPDX-License-Identifier: Apache-2.0
// Values of the noun-verb grammar, with upstream's words for what is wrong with them.
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/upstream.h"

namespace bpfman::cli::upstream {
namespace {

bool needs_function(ProgramType type) {
  return type == ProgramType::Fentry || type == ProgramType::Fexit || type == ProgramType::Lsm;
}

std::string name_of(const CLI::Option& option) {
  return option.get_single_name();
}

}  // namespace

std::string usage_of(const std::vector<CLI::App*>& path) {
  std::vector<std::string> names;
  for (const CLI::App* app : path) {
    names.push_back(app->get_name());
  }
  std::string title = join(names, " ");
  std::string usage = "Usage: " + title;
  CLI::App& last = *path.back();
  for (const CLI::Option* option : last.get_options()) {
    if (option->get_positional()) {
      usage += " <" + name_of(*option) + ">";
      usage += option->get_items_expected_max() > 1 ? " ..." : "";
    }
  }
  if (!last.get_subcommands([](CLI::App*) { return true; }).empty()) {
    usage += " <command>";
  }
  return usage + " [flags]\nRun \"" + title + " --help\" for more information.\n";
}

Result<std::uint32_t> parse_program_id(const std::string& text) {
  std::optional<std::uint64_t> id = parse_unsigned(text);
  if (!id.has_value() || *id > UINT32_MAX) {
    return Error(Code::InvalidArgument, "invalid program ID \"" + text + "\"")
        .with_hint("a decimal number, as bpfman program list shows it");
  }
  return static_cast<std::uint32_t>(*id);
}

Result<std::uint64_t> parse_link_id(const std::string& text) {
  std::optional<std::uint64_t> id = parse_unsigned(text);
  if (!id.has_value()) {
    return Error(Code::InvalidArgument, "invalid link ID \"" + text + "\"")
        .with_hint("a decimal number, as bpfman link list shows it");
  }
  return *id;
}

Error missing_word(const std::string& word) {
  return {Code::InvalidArgument, "expected \"<" + word + ">\""};
}

Error missing_flag(const std::string& flag) {
  return {Code::InvalidArgument, "missing flags: " + flag};
}

Result<void> Output::check() const {
  if (text == "text" || text == "json") {
    return {};
  }
  return Error(Code::InvalidArgument,
               "--output must be one of \"text\",\"json\" but got \"" + text + "\"");
}

void add_output(CLI::App* app, Output& output) {
  app->add_option("-o,--output", output.text, "text or json (default: text)")->type_name("FORMAT");
}

Result<std::vector<ProgramChoice>> parse_programs(const std::vector<std::string>& values) {
  std::vector<ProgramChoice> out;
  for (const std::string& text : split_lists(values)) {
    ProgramChoice choice = TRY(parse_program_choice(text));
    if (needs_function(*choice.type) && choice.attach_function.empty()) {
      return Error(Code::InvalidArgument,
                   "invalid value \"" + text + "\" for --programs: " +
                       std::string(to_string(*choice.type)) + " requires attach function")
          .with_hint("write " + text + ":FUNCTION");
    }
    out.push_back(std::move(choice));
  }
  if (out.empty()) {
    return missing_flag("--programs=TYPE:NAME[:FUNC],...");
  }
  return out;
}

Result<std::map<std::string, Bytes>> parse_globals(std::vector<std::string> values) {
  values = split_lists(values);
  for (std::string& pair : values) {
    std::size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      continue;
    }
    std::string prefix = pair.substr(equals + 1, 2);
    if (prefix == "0x" || prefix == "0X") {
      pair.erase(equals + 1, 2);
    }
  }
  return cli::parse_globals(values);
}

Result<std::vector<ProgramType>> parse_types(const std::vector<std::string>& values) {
  std::vector<ProgramType> out;
  for (const std::string& word : split_lists(values)) {
    std::optional<ProgramType> type = parse_program_type(to_lower(word));
    if (!type.has_value()) {
      return Error(Code::InvalidArgument,
                   "unknown type \"" + word + "\" (valid: " + program_type_names() + ")");
    }
    out.push_back(*type);
  }
  return out;
}

void add_verb(Tree& tree,
              CLI::App* app,
              std::function<Result<void>()> parse,
              std::function<Result<void>(Session&)> run,
              ReadsConfig reads_config) {
  tree.verbs.push_back({app, NeedsRoot::Yes, std::move(run), reads_config, std::move(parse)});
}

void Batch::note(std::uint64_t id, const Result<void>& done) {
  ++all_;
  if (done.ok()) {
    return;
  }
  ++failed_;
  session_.err() << noun_ << ' ' << id << ": " << printable(done.error().message()) << '\n';
  for (const std::string& hint : done.error().hints()) {
    session_.err() << "hint: " << printable(hint) << '\n';
  }
}

Result<void> Batch::result() const {
  if (failed_ == 0) {
    return {};
  }
  return Error(Code::Internal,
               std::to_string(failed_) + " of " + std::to_string(all_) + " " + noun_ +
                   "(s) failed to " + act_);
}

Result<void> unload(Session& session, std::uint32_t id, Dependants dependants) {
  Api& api = session.api();
  if (dependants == Dependants::Too) {
    ProgramDetails details = TRY(api.describe_program(std::to_string(id)));
    for (ProgramId user : details.map_users) {
      if (user.value() != id && details.program.record.has_value() &&
          details.program.record->map_owner.value() == 0) {
        TRY(api.unload({std::to_string(user.value())}, DryRun::No));
      }
    }
  }
  TRY(api.unload({std::to_string(id)}, DryRun::No));
  return {};
}

}  // namespace bpfman::cli::upstream
