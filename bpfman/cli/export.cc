// SPDX-License-Identifier: Apache-2.0
// bpfman export [APPLICATION...]
#include <ostream>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"
#include "bpfman/model/application_document.h"

namespace bpfman::cli {
namespace {

struct ExportFlags {
  std::vector<std::string> names;
  std::string file;
};

std::string comment(const std::string& note) {
  std::string out;
  for (const std::string& line : split(printable(note), '\n')) {
    out += "# " + line + "\n";
  }
  return out;
}

// Documents one after another; what could not be one is told on stderr, and counted.
Result<std::string> text_of(Session& session, const ExportReply& reply, std::size_t& failed) {
  std::string out;
  for (const plan::ExportedApplication& one : reply.applications) {
    if (one.error.has_value()) {
      ++failed;
      if (reply.applications.size() > 1) {
        print_error(session.err(), *one.error, session.verbose());
      }
      continue;
    }
    out += out.empty() ? "" : "---\n";
    for (const std::string& note : one.notes) {
      out += comment(note);
    }
    out += TRY(emit_yaml(document_of(one.wanted)).with_context("application " + one.name));
    print_warnings(session.err(), one.notes);
  }
  return out;
}

Result<void> run_export(Session& session, const ExportFlags& flags) {
  ExportReply reply = TRY(session.api().export_applications(flags.names));
  std::size_t failed = 0;
  std::string text = TRY(text_of(session, reply, failed));
  if (flags.file.empty() || flags.file == "-") {
    session.out() << text;
  } else if (failed == 0) {
    // Variables may be secrets.
    TRY(write_file_atomic(flags.file, as_bytes(text), 0600));
  }
  if (failed == 0) {
    return {};
  }
  if (reply.applications.size() == 1) {
    return *reply.applications.front().error;
  }
  Error error(Code::Unimplemented,
              std::to_string(failed) + " of " + std::to_string(reply.applications.size()) +
                  " applications cannot be written as documents");
  return flags.file.empty() || flags.file == "-"
             ? std::move(error)
             : std::move(error).with_hint(flags.file + " was not written; name the others");
}

}  // namespace

void add_export(Tree& tree) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* app = tree.add(&tree.root,
                           "export",
                           "Print applications as the documents from which bpfman apply makes them",
                           "bpfman export my-ebpf-prog -o my-ebpf-prog.yaml");
  app->add_option("APPLICATION", flags->names, "Applications: NAME or KIND/NAME (default: all)")
      ->type_name("");
  app->add_option("-o,--output", flags->file, "The file to write, or - (default: standard output)")
      ->type_name("FILE");
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_export(session, *flags); }});
}

}  // namespace bpfman::cli
