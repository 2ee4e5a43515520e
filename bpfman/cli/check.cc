// SPDX-License-Identifier: Apache-2.0
// bpfman check image|file ... [xdp ...]
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/load_flags.h"

namespace bpfman::cli {
namespace {

// " (25.0 %)"
std::string share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) {
    return "";
  }
  std::uint64_t tenths = part * 1000 / whole;
  return " (" + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %)";
}

std::string number(std::uint32_t value) {
  return value == 0 ? "" : std::to_string(value);
}

void print_checks(std::ostream& out, const CheckReply& reply) {
  Table table({"PROGRAM", "TYPE", "SECTION", "LOADS", "INSTRUCTIONS", "STATES", "JITED"});
  for (const ProgramCheck& check : reply.programs) {
    const LoadFigures figures = check.figures.value_or(LoadFigures());
    std::string instructions = number(figures.verified_instructions);
    table.add({check.program.name,
               std::string(to_string(check.program.type)),
               check.program.section,
               check.figures.has_value() ? "yes" : "no",
               instructions.empty()
                   ? ""
                   : instructions + share(figures.verified_instructions, figures.instruction_limit),
               number(figures.peak_states),
               figures.jited_bytes == 0 ? "" : format_bytes(figures.jited_bytes)});
  }
  table.print(out);
}

// One error for all that would not do, with the first one's status.
Result<void> outcome(const CheckReply& reply) {
  std::size_t bad = 0;
  std::optional<Code> code;
  for (const ProgramCheck& check : reply.programs) {
    if (check.error.has_value()) {
      ++bad;
      code = code.value_or(check.error->code());
    }
  }
  if (bad > 0) {
    return Error(*code,
                 std::to_string(bad) + " of " + std::to_string(reply.programs.size()) +
                     (reply.programs.size() == 1 ? " program" : " programs") +
                     " would not load here");
  }
  if (reply.attach_error.has_value()) {
    return Error(*reply.attach_error).with_context("it would load, and not attach");
  }
  return {};
}

Result<void> run_check(Session& session, const LoadFlags& flags, const LoadSpec& spec) {
  Format format = TRY(flags.output.format());
  CheckReply reply = TRY(session.api().check(spec));
  print_warnings(session.err(), reply.warnings);
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_checks(session.out(), reply);
  }
  for (const ProgramCheck& check : reply.programs) {
    if (check.error.has_value()) {
      print_error(session.err(), *check.error, session.verbose());
    }
  }
  return outcome(reply);
}

}  // namespace

void add_check(Tree& tree) {
  CLI::App* check = tree.add(&tree.root,
                             "check",
                             "Whether programs would load and attach here, and how complex they "
                             "are; nothing stays");
  auto image = std::make_shared<LoadFlags>();
  CLI::App* app = tree.add(check,
                           "image",
                           "Programs of a container image",
                           "bpfman check image my-ebpf-prog:dev xdp --iface eth0");
  add_image_source_flags(app, *image);
  add_program_flags(tree, app, *image);
  tree.verbs.push_back({app,
                        NeedsRoot::Yes,
                        [image](Session& session) -> Result<void> {
                          LoadSpec spec = TRY(image_spec(session, *image, "check"));
                          return run_check(session, *image, spec);
                        },
                        ReadsConfig::Yes});
  auto file = std::make_shared<LoadFlags>();
  app = tree.add(check, "file", "Programs of an object file", "bpfman check file pass.bpf.o");
  add_file_source_flags(app, *file);
  add_program_flags(tree, app, *file);
  tree.verbs.push_back({app, NeedsRoot::Yes, [file](Session& session) -> Result<void> {
                          LoadSpec spec = TRY(file_spec(*file, "check"));
                          return run_check(session, *file, spec);
                        }});
}

}  // namespace bpfman::cli
