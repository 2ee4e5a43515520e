// SPDX-License-Identifier: Apache-2.0
// bpfman link set LINK ...
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/hook_flags.h"

namespace bpfman::cli {
namespace {

struct SetFlags {
  std::string link;
  std::string priority;
  std::string role;
  std::vector<std::string> before;
  std::vector<std::string> after;
  std::vector<std::string> proceed_on;
  bool dry_run = false;
  OutputFlag output;
};

// "none" takes a wish back.
std::optional<std::vector<std::string>> names(const std::vector<std::string>& values) {
  if (values.empty()) {
    return std::nullopt;
  }
  std::vector<std::string> out = split_lists(values);
  return out == std::vector<std::string>{"none"} ? std::vector<std::string>() : out;
}

Result<plan::LinkChange> change_of(Session& session, const SetFlags& flags) {
  plan::LinkChange change;
  if (!flags.priority.empty() && !flags.role.empty()) {
    return Error(Code::InvalidArgument, "--class and --priority say the same thing twice")
        .with_hint("a class is a priority with a name; write one of them");
  }
  if (!flags.priority.empty()) {
    change.priority = TRY(parse_priority(flags.priority));
  }
  if (!flags.role.empty()) {
    change.role = TRY(parse_role(flags.role));
  }
  change.before = names(flags.before);
  change.after = names(flags.after);
  if (!flags.proceed_on.empty()) {
    // What the words mean depends on the hook.
    LinkView link = TRY(session.api().get_link(flags.link));
    const ChainTarget* target = link.record.chain();
    change.proceed_on =
        TRY(parse_actions(target == nullptr ? HookKind::Xdp : target->hook, flags.proceed_on));
  }
  if (change == plan::LinkChange()) {
    return missing("what to change", "link set 1 --priority 10")
        .with_hint("--priority, --class, --before, --after, --proceed-on");
  }
  return change;
}

Result<void> run_set(Session& session, const SetFlags& flags) {
  if (flags.link.empty()) {
    return missing("LINK", "link set 1 --priority 10");
  }
  Format format = TRY(flags.output.format());
  plan::LinkChange change = TRY(change_of(session, flags));
  SetLinkReply reply =
      TRY(session.api().set_link(flags.link, change, flags.dry_run ? DryRun::Yes : DryRun::No));
  print_warnings(session.err(), reply.warnings);
  if (flags.dry_run) {
    print_plan(session.out(), reply.plan, format);
  } else if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    std::vector<std::pair<std::string, std::string>> lines = {
        {"link id", std::to_string(reply.link.record.id.value())},
        {"program", reply.link.program_name}};
    add_link_lines(lines, reply.link);
    print_block(session.out(), lines);
  }
  return {};
}

}  // namespace

void add_link(Tree& tree) {
  auto flags = std::make_shared<SetFlags>();
  CLI::App* link = tree.add(
      &tree.root, "link", "Change links where they are; noun first also attach, detach, show them");
  CLI::App* set = tree.add(link,
                           "set",
                           "Change a link's place in its chain; no packet misses a program",
                           "bpfman link set 3 --priority 10\n"
                           "  bpfman link set 3 --after fw/filter --proceed-on pass,drop");
  set->add_option("LINK", flags->link, "Link id")->type_name("");
  set->add_option("-p,--priority", flags->priority, "0 (runs first) to 1000")->type_name("NUMBER");
  set->add_option("--class", flags->role, "A named priority, see attach")->type_name("CLASS");
  add_list_option(
      set, "--before", flags->before, "Run before these programs; none: no more; repeats")
      ->type_name("PROGRAM,...");
  add_list_option(set, "--after", flags->after, "Run after these; none: no more; repeats")
      ->type_name("PROGRAM,...");
  add_list_option(set, "--proceed-on", flags->proceed_on, "Results on which the next program runs")
      ->type_name("RESULT,...");
  set->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(set, flags->output);
  tree.verbs.push_back(
      {set, NeedsRoot::Yes, [flags](Session& session) { return run_set(session, *flags); }});
}

}  // namespace bpfman::cli
