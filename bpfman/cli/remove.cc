// SPDX-License-Identifier: Apache-2.0
// bpfman detach LINK...|--selector ID, bpfman unload PROGRAM...|--all
#include <ostream>

#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct RemoveFlags {
  std::vector<std::string> objects;
  std::vector<std::string> selectors;
  bool all = false;
  bool dry_run = false;
  OutputFlag output;

  DryRun dry() const { return dry_run ? DryRun::Yes : DryRun::No; }
};

// "detached" or "unloaded" and each object, in a line of its own.
Result<void> show(Session& session,
                  const RemoveFlags& flags,
                  const std::string& done,
                  const Result<ChangeReply>& outcome) {
  Format format = TRY(flags.output.format());
  if (!outcome.ok()) {
    return outcome.error();
  }
  if (flags.dry_run) {
    print_plan(session.out(), outcome->plan, format);
  } else if (format == Format::Json) {
    session.out() << json_of(*outcome);
  } else {
    for (const std::string& line : outcome->done) {
      session.out() << done << ' ' << printable(line) << '\n';
    }
  }
  return {};
}

Result<void> run_detach(Session& session, const RemoveFlags& flags) {
  TRY(flags.output.format());
  if (!flags.selectors.empty()) {
    if (!flags.objects.empty()) {
      return Error(Code::InvalidArgument, "links and --selector are both given")
          .with_hint("a selector goes with all of its links: bpfman detach --selector " +
                     flags.selectors.front());
    }
    return show(session,
                flags,
                "detached",
                session.api().remove_selectors(split_lists(flags.selectors), flags.dry()));
  }
  if (flags.objects.empty()) {
    return missing("LINK", "detach 1");
  }
  return show(session, flags, "detached", session.api().detach(flags.objects, flags.dry()));
}

Result<void> run_unload(Session& session, const RemoveFlags& flags) {
  TRY(flags.output.format());
  if (flags.all && !flags.objects.empty()) {
    return Error(Code::InvalidArgument, "--all and single programs are both given")
        .with_hint("one or the other");
  }
  if (flags.all) {
    return show(session, flags, "unloaded", session.api().unload_all(flags.dry()));
  }
  if (flags.objects.empty()) {
    return missing("PROGRAM", "unload my-ebpf-prog/pass");
  }
  return show(session, flags, "unloaded", session.api().unload(flags.objects, flags.dry()));
}

}  // namespace

void add_remove(Tree& tree) {
  auto detaching = std::make_shared<RemoveFlags>();
  CLI::App* detach = tree.add(&tree.root,
                              "detach",
                              "Take programs off their hooks; they stay loaded",
                              "bpfman detach 1 2\n  bpfman detach --selector 1");
  detach->add_option("LINK", detaching->objects, "Link ids")->type_name("");
  add_list_option(detach,
                  "--selector",
                  detaching->selectors,
                  "A selector with all of its links instead (bpfman list selectors); repeats")
      ->type_name("ID,...");
  detach->add_flag("--dry-run", detaching->dry_run, "Print what would be done and do nothing");
  add_output(detach, detaching->output);
  tree.verbs.push_back({detach, NeedsRoot::Yes, [detaching](Session& session) {
                          return run_detach(session, *detaching);
                        }});

  auto unloading = std::make_shared<RemoveFlags>();
  CLI::App* unload = tree.add(&tree.root,
                              "unload",
                              "Detach programs everywhere and unload them",
                              "bpfman unload my-ebpf-prog/pass\n  bpfman unload --all");
  unload
      ->add_option("PROGRAM", unloading->objects, "Program ids, APPLICATION/NAME, or unique names")
      ->type_name("");
  unload->add_flag("--all", unloading->all, "All programs that bpfman loaded");
  unload->add_flag("--dry-run", unloading->dry_run, "Print what would be done and do nothing");
  add_output(unload, unloading->output);
  tree.verbs.push_back({unload, NeedsRoot::Yes, [unloading](Session& session) {
                          return run_unload(session, *unloading);
                        }});
}

}  // namespace bpfman::cli
