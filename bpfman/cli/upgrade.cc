// SPDX-License-Identifier: Apache-2.0
// bpfman upgrade APPLICATION, bpfman rollback APPLICATION, bpfman history APPLICATION
#include <ostream>
#include <set>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct UpgradeFlags {
  std::string application;
  std::string image;
  std::string path;
  std::string policy;
  std::vector<std::string> from;
  std::string auth;
  std::string progress = "auto";
  std::string check;
  std::string expect_runs = "0";
  bool new_maps = false;
  std::uint64_t version = 0;
  bool dry_run = false;
  OutputFlag output;

  DryRun dry() const { return dry_run ? DryRun::Yes : DryRun::No; }
};

Result<void> show(Session& session, const UpgradeFlags& flags, const UpgradeReply& reply) {
  Format format = TRY(flags.output.format());
  print_warnings(session.err(), reply.warnings);
  if (flags.dry_run && reply.changed) {
    print_plan(session.out(), reply.plan, format);
    return {};
  }
  if (format == Format::Json) {
    session.out() << json_of(reply);
    return {};
  }
  if (!reply.changed) {
    session.out() << printable(reply.application) << " runs this bytecode already ("
                  << reply.after.text() << ")\n";
    return {};
  }
  session.out() << printable(reply.application) << ": " << reply.before.text() << " -> "
                << reply.after.text() << '\n';
  for (const ProgramView& program : reply.programs) {
    session.out() << "  program " << to_string(program.record->id) << " ("
                  << printable(program.record->stable_name()) << "), " << program.links.size()
                  << (program.links.size() == 1 ? " link" : " links") << '\n';
  }
  session.out() << "  what ran before is version " << reply.version << ": bpfman rollback "
                << printable(reply.application) << '\n';
  return {};
}

Result<void> run_upgrade(Session& session, const UpgradeFlags& flags) {
  TRY(flags.output.format());
  if (flags.application.empty()) {
    return missing("APPLICATION", "upgrade my-ebpf-prog --image my-ebpf-prog:v2");
  }
  UpgradeSpec spec{.application = flags.application};
  spec.maps = flags.new_maps ? plan::MapChoice::Renew : plan::MapChoice::Keep;
  spec.check = flags.check;
  spec.runs_within_ms = TRY(parse_duration_ms("--expect-runs", flags.expect_runs));
  if (!flags.image.empty() && !flags.path.empty()) {
    return Error(Code::InvalidArgument, "--image and --path are both given")
        .with_hint("one or the other");
  }
  if (!flags.path.empty()) {
    spec.source = FileSource{.path = flags.path};
  } else if (!flags.image.empty()) {
    ImageSource source{.reference = flags.image};
    source.policy = TRY(session.pull_policy(flags.policy));
    source.from = TRY(parse_from(flags.from));
    source.registry_auth = registry_auth(flags.auth, session.context());
    spec.source = std::move(source);
  } else if (!flags.policy.empty() || !flags.from.empty() || !flags.auth.empty()) {
    return Error(Code::InvalidArgument, "--pull-policy, --from and --registry-auth need --image");
  }
  ProgressMode mode = TRY(parse_progress_mode(flags.progress));
  session.show_progress(mode);
  UpgradeReply reply = TRY(session.api().upgrade(spec, flags.dry()));
  return show(session, flags, reply);
}

Result<void> run_rollback(Session& session, const UpgradeFlags& flags) {
  TRY(flags.output.format());
  if (flags.application.empty()) {
    return missing("APPLICATION", "rollback my-ebpf-prog");
  }
  UpgradeReply reply = TRY(session.api().rollback(flags.application, flags.version, flags.dry()));
  return show(session, flags, reply);
}

// The bytecode of programs, each once.
std::string bytecode_of(const std::vector<ProgramRecord>& programs) {
  std::set<std::string> out;
  for (const ProgramRecord& program : programs) {
    out.insert(program.bytecode.text());
  }
  return join({out.begin(), out.end()}, ", ");
}

std::string origin_of(const std::vector<ProgramRecord>& programs) {
  const ProgramRecord& first = programs.front();
  return first.image_reference.empty() ? first.provenance.location : first.image_reference;
}

Result<void> run_history(Session& session, const UpgradeFlags& flags) {
  Format format = TRY(flags.output.format());
  if (flags.application.empty()) {
    return missing("APPLICATION", "history my-ebpf-prog");
  }
  ApplicationHistoryReply reply = TRY(session.api().application_history(flags.application));
  if (format == Format::Json) {
    session.out() << json_of(reply);
    return {};
  }
  Table table({"VERSION", "UNTIL", "FROM", "BYTECODE"});
  for (const ApplicationVersion& version : reply.former) {
    if (!version.programs.empty()) {
      table.add({std::to_string(version.number),
                 format_utc(version.replaced_at),
                 origin_of(version.programs),
                 bytecode_of(version.programs)});
    }
  }
  table.add({"current", "", origin_of(reply.current), bytecode_of(reply.current)});
  table.print(session.out());
  return {};
}

void add_upgrade_verb(Tree& tree) {
  auto flags = std::make_shared<UpgradeFlags>();
  CLI::App* upgrade =
      tree.add(&tree.root,
               "upgrade",
               "Put other bytecode in the place of an application's, without a hook being free",
               "bpfman upgrade my-ebpf-prog\n"
               "  bpfman upgrade my-ebpf-prog --image my-ebpf-prog:v2 --check 'curl -f localhost'");
  upgrade->add_option("APPLICATION", flags->application, "As in bpfman list")->type_name("");
  upgrade
      ->add_option("--image",
                   flags->image,
                   "The image (default: the one that it was loaded from, as it is now)")
      ->type_name("IMAGE");
  upgrade->add_option("--path", flags->path, "An object file instead")->type_name("PATH");
  add_from(upgrade, flags->from);
  add_pull_policy(upgrade, flags->policy);
  upgrade
      ->add_option("-r,--registry-auth",
                   flags->auth,
                   "Base64 of user:password for the registry (BPFMAN_REGISTRY_AUTH)")
      ->type_name("BASE64");
  add_progress(upgrade, flags->progress);
  upgrade->add_flag("--new-maps", flags->new_maps, "Maps begin anew instead of going on");
  upgrade
      ->add_option("--check",
                   flags->check,
                   "Run this with /bin/sh afterwards; if it fails, the old programs come back")
      ->type_name("COMMAND");
  upgrade
      ->add_option("--expect-runs",
                   flags->expect_runs,
                   "Every program that is attached has to run once within this time, else the old "
                   "ones come back")
      ->type_name("TIME");
  upgrade->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(upgrade, flags->output);
  tree.verbs.push_back({upgrade,
                        NeedsRoot::Yes,
                        [flags](Session& session) { return run_upgrade(session, *flags); },
                        ReadsConfig::Yes});
}

}  // namespace

void add_upgrade(Tree& tree) {
  add_upgrade_verb(tree);
  auto going_back = std::make_shared<UpgradeFlags>();
  CLI::App* rollback = tree.add(&tree.root,
                                "rollback",
                                "Put a former version of an application back in its place",
                                "bpfman rollback my-ebpf-prog");
  rollback->add_option("APPLICATION", going_back->application, "As in bpfman list")->type_name("");
  rollback->add_option("--to", going_back->version, "Of bpfman history (default: the last one)")
      ->type_name("VERSION");
  rollback->add_flag("--dry-run", going_back->dry_run, "Print what would be done and do nothing");
  add_output(rollback, going_back->output);
  tree.verbs.push_back({rollback, NeedsRoot::Yes, [going_back](Session& session) {
                          return run_rollback(session, *going_back);
                        }});

  auto looking = std::make_shared<UpgradeFlags>();
  CLI::App* history = tree.add(
      &tree.root, "history", "Show what an application ran before", "bpfman history my-ebpf-prog");
  history->add_option("APPLICATION", looking->application, "As in bpfman list")->type_name("");
  add_output(history, looking->output);
  tree.verbs.push_back({history, NeedsRoot::Yes, [looking](Session& session) {
                          return run_history(session, *looking);
                        }});
}

}  // namespace bpfman::cli
