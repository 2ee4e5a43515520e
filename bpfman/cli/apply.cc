// SPDX-License-Identifier: Apache-2.0
// bpfman apply -f FILE, bpfman diff -f FILE, bpfman delete -f FILE|NAME
#include <algorithm>
#include <ostream>

#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

constexpr std::size_t kLargestDocument = std::size_t{4} << 20;

struct ApplyFlags {
  std::vector<std::string> files;
  std::vector<std::string> names;
  bool dry_run = false;
  bool ignore_not_found = false;
  OutputFlag output;

  DryRun dry() const { return dry_run ? DryRun::Yes : DryRun::No; }
};

bool is_document(const std::string& name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

// The files that are meant: those of a directory in the order of their names.
Result<std::vector<std::string>> files_of(const std::string& path) {
  std::optional<struct ::stat> info = TRY(stat_path(path));
  if (!info.has_value()) {
    return Error(Code::NotFound, path + " does not exist");
  }
  std::vector<std::string> out;
  if (!S_ISDIR(info->st_mode)) {
    out.push_back(path);
    return out;
  }
  std::vector<std::string> names = TRY(list_directory(path));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (is_document(name)) {
      out.push_back(join_path(path, name));
    }
  }
  if (out.empty()) {
    return Error(Code::NotFound, "no *.yaml, *.yml or *.json in directory " + path);
  }
  return out;
}

Result<void> read_documents(const std::string& path, std::vector<WantedApplication>& into) {
  bool input = path == "-";
  Bytes bytes = TRY(input ? read_fd(0, kLargestDocument, "standard input")
                          : read_file(path, kLargestDocument));
  std::vector<WantedApplication> some =
      TRY(parse_applications(as_text(bytes), input ? "standard input" : path));
  for (WantedApplication& one : some) {
    TRY(add_application(into, std::move(one)));
  }
  return {};
}

Result<std::vector<WantedApplication>> read_all(const ApplyFlags& flags, const std::string& verb) {
  if (flags.files.empty()) {
    return missing("-f FILE", verb + " -f my-ebpf-program.yaml");
  }
  std::vector<WantedApplication> out;
  for (const std::string& path : flags.files) {
    std::vector<std::string> files{path};
    if (path != "-") {
      files = TRY(files_of(path));
    }
    for (const std::string& file : files) {
      TRY(read_documents(file, out));
    }
  }
  return out;
}

void print_applied(std::ostream& out, const AppliedApplication& one, bool only_planned) {
  if (one.error.has_value()) {
    return;
  }
  bool changes = one.outcome != ApplyOutcome::Unchanged;
  out << printable(one.title) << (only_planned && changes ? " would be " : " ")
      << to_string(one.outcome) << '\n';
  for (const std::string& step : one.steps) {
    out << "  " << printable(step) << '\n';
  }
}

// What could not be done: the one error, or each in a line and how many.
Result<void> failures(Session& session, const ApplyReply& reply) {
  std::vector<const AppliedApplication*> failed;
  for (const AppliedApplication& one : reply.applications) {
    if (one.error.has_value()) {
      failed.push_back(&one);
    }
  }
  if (failed.empty()) {
    return {};
  }
  if (failed.size() == 1) {
    return Error(*failed.front()->error);
  }
  for (const AppliedApplication* one : failed) {
    print_error(session.err(), *one->error, session.verbose());
  }
  return Error(failed.front()->error->code(),
               std::to_string(failed.size()) + " of " + std::to_string(reply.applications.size()) +
                   " applications failed");
}

Result<void> show(Session& session, const ApplyFlags& flags, const ApplyReply& reply) {
  Format format = TRY(flags.output.format());
  for (const AppliedApplication& one : reply.applications) {
    print_warnings(session.err(), one.warnings);
  }
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    for (const AppliedApplication& one : reply.applications) {
      print_applied(session.out(), one, flags.dry_run);
    }
  }
  return failures(session, reply);
}

Result<void> run_apply(Session& session, const ApplyFlags& flags) {
  TRY(flags.output.format());
  std::vector<WantedApplication> wanted = TRY(read_all(flags, "apply"));
  ApplyReply reply = TRY(session.api().apply(wanted, flags.dry()));
  return show(session, flags, reply);
}

Result<void> run_diff(Session& session, const ApplyFlags& flags) {
  TRY(flags.output.format());
  std::vector<WantedApplication> wanted = TRY(read_all(flags, "diff"));
  ApplyReply reply = TRY(session.api().apply(wanted, DryRun::Yes));
  TRY(show(session, flags, reply));
  auto differs = [](const AppliedApplication& one) { return !one.steps.empty(); };
  auto count = std::count_if(reply.applications.begin(), reply.applications.end(), differs);
  if (count == 0) {
    return {};
  }
  return Error(Code::FailedPrecondition,
               std::to_string(count) + " of " + std::to_string(reply.applications.size()) +
                   (count == 1 ? " applications differs" : " applications differ") +
                   " from what this host has")
      .with_hint("bpfman apply makes them the same");
}

Result<void> run_delete(Session& session, const ApplyFlags& flags) {
  TRY(flags.output.format());
  std::vector<std::string> words = flags.names;
  if (!flags.files.empty()) {
    std::vector<WantedApplication> wanted = TRY(read_all(flags, "delete"));
    for (const WantedApplication& one : wanted) {
      words.push_back(one.title());
    }
  }
  if (words.empty()) {
    return missing("NAME or -f FILE", "delete -f my-ebpf-program.yaml");
  }
  ApplyReply reply = TRY(session.api().delete_applications(words, flags.dry()));
  if (flags.ignore_not_found) {
    std::erase_if(reply.applications, [](const AppliedApplication& one) {
      return one.error.has_value() && one.error->code() == Code::NotFound;
    });
  }
  return show(session, flags, reply);
}

void add_files(CLI::App* app, ApplyFlags& flags) {
  app->add_option("-f,--filename",
                  flags.files,
                  "A file with documents, a directory of them, or - for standard input; repeats")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->take_all();
  add_output(app, flags.output);
}

}  // namespace

void add_apply(Tree& tree) {
  auto applying = std::make_shared<ApplyFlags>();
  CLI::App* apply =
      tree.add(&tree.root,
               "apply",
               "Make this host have what documents say (XdpProgram, BpfApplication, ...)",
               "bpfman apply -f my-ebpf-program.yaml");
  add_files(apply, *applying);
  apply->add_flag("--dry-run", applying->dry_run, "Print what would be done and do nothing");
  tree.verbs.push_back({apply,
                        NeedsRoot::Yes,
                        [applying](Session& session) { return run_apply(session, *applying); },
                        ReadsConfig::Yes});

  auto comparing = std::make_shared<ApplyFlags>();
  comparing->dry_run = true;
  CLI::App* diff = tree.add(&tree.root,
                            "diff",
                            "Show what bpfman apply would change; fails when something would",
                            "bpfman diff -f my-ebpf-program.yaml");
  add_files(diff, *comparing);
  tree.verbs.push_back({diff,
                        NeedsRoot::Yes,
                        [comparing](Session& session) { return run_diff(session, *comparing); },
                        ReadsConfig::Yes});

  auto deleting = std::make_shared<ApplyFlags>();
  CLI::App* remove = tree.add(&tree.root,
                              "delete",
                              "Unload applications that bpfman apply has made",
                              "bpfman delete -f my-ebpf-program.yaml\n"
                              "  bpfman delete xdpprogram/my-ebpf-program");
  remove->add_option("NAME", deleting->names, "Applications: NAME or KIND/NAME")->type_name("");
  add_files(remove, *deleting);
  remove->add_flag("--dry-run", deleting->dry_run, "Print what would be done and do nothing");
  remove->add_flag(
      "--ignore-not-found", deleting->ignore_not_found, "What is not there is as good as deleted");
  tree.verbs.push_back({remove, NeedsRoot::Yes, [deleting](Session& session) {
                          return run_delete(session, *deleting);
                        }});
}

}  // namespace bpfman::cli
