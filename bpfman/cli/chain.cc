// SPDX-License-Identifier: Apache-2.0
// bpfman explain chain, bpfman chain set
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/hook_flags.h"

namespace bpfman::cli {
namespace {

struct ChainFlags {
  std::string interface;
  std::string netns;
  std::string hook;
  std::string strategy;
  std::string timing;
  bool dry_run = false;
  OutputFlag output;
};

void add_chain_query(CLI::App* app, ChainFlags& flags) {
  app->add_option("INTERFACE", flags.interface, "Name of the interface")->type_name("");
  app->add_option("-i,--iface", flags.interface, "The same, as a flag")->type_name("NAME");
  app->add_option("-n,--netns", flags.netns, "Its network namespace, as a path")->type_name("PATH");
  app->add_option("--hook", flags.hook, "Only xdp, tc-ingress or tc-egress")->type_name("HOOK");
  add_output(app, flags.output);
}

Result<ChainQuery> query_of(const ChainFlags& flags, const std::string& example) {
  if (flags.interface.empty()) {
    return missing("INTERFACE", example);
  }
  ChainQuery query{.interface = flags.interface, .netns = flags.netns};
  if (!flags.hook.empty()) {
    query.hook = parse_hook_kind(to_lower(flags.hook));
    if (!query.hook.has_value()) {
      return Error(Code::InvalidArgument, "invalid value \"" + flags.hook + "\" for --hook")
          .with_hint("one of xdp, tc-ingress, tc-egress");
    }
  }
  return query;
}

std::string verdict_of(const ChainTarget& target) {
  std::vector<std::string> actions;
  for (std::int32_t code : target.proceed_on) {
    actions.push_back(action_name(target.hook, code));
  }
  return actions.empty() ? "never" : join(actions, ",");
}

std::string_view side_of(const plan::Neighbours& neighbours, std::size_t index) {
  if (!neighbours.before.has_value()) {
    return "";
  }
  return index < *neighbours.before ? "before ours: " : "after ours: ";
}

void print_other(std::ostream& out, const plan::Occupant& other) {
  if (!other.filter_kind.empty()) {
    out << printable(plan::describe_occupant(other)) << ", priority " << other.filter_priority
        << '\n';
    return;
  }
  out << '"' << printable(other.name) << "\" (program " << other.program.value() << ", "
      << to_string(other.seat);
  if (other.link.has_value()) {
    out << ' ' << other.link->value();
  }
  if (other.seat == plan::SeatKind::Filter) {
    out << " priority " << other.filter_priority;
  }
  out << (other.holder.empty() ? "" : ", held by " + printable(other.holder)) << ")\n";
}

void print_others(std::ostream& out, const ChainView& chain) {
  const plan::Neighbours& neighbours = chain.neighbours;
  if (neighbours.others.empty()) {
    return;
  }
  out << "  Programs of others on this hook, which bpfman leaves alone:\n";
  for (std::size_t i = 0; i < neighbours.others.size(); ++i) {
    out << "    " << side_of(neighbours, i);
    print_other(out, neighbours.others[i]);
  }
}

// What happens behind the last member.
std::string_view end_of(const ChainRecord& record) {
  if (record.hook.kind == HookKind::Xdp) {
    return "pass: the packet goes to the network stack";
  }
  return record.link_pin.empty() ? "ok: the packet is accepted"
                                 : "next: the programs behind ours, then accepted";
}

void print_chain(std::ostream& out, const ChainView& chain) {
  const ChainRecord& record = chain.record;
  out << record.interface << (record.netns.empty() ? "" : " (netns " + record.netns + ")") << ' '
      << to_string(record.hook.kind) << '\n';
  if (chain.members.empty()) {
    out << "  No program of bpfman.\n";
    print_others(out, chain);
    return;
  }
  out << "  Strategy: " << to_string(record.strategy)
      << (record.reason.empty() ? "" : " (" + printable(record.reason) + ")") << "; "
      << to_string(chain.state) << '\n';
  Table table({"POS", "PROGRAM", "LINK", "WHY HERE", "GOES ON AFTER", "RUNS"});
  for (const ChainMemberView& member : chain.members) {
    const LinkView& link = member.link;
    table.add({std::to_string(link.position + 1),
               link.program_name,
               std::to_string(link.record.id.value()),
               member.why,
               verdict_of(*link.record.chain()),
               link.counts.has_value() ? std::to_string(link.counts->runs) : ""});
  }
  table.print(out);
  out << "  Behind the last one: " << end_of(record) << ".\n"
      << "  Lower priorities run first; then by name, then by link id.\n";
  if (std::string place = place_of(chain); !place.empty()) {
    out << "  Place asked for among others: " << printable(place) << ".\n";
  }
  print_others(out, chain);
}

Result<void> run_explain(Session& session, const ChainFlags& flags) {
  ChainQuery query = TRY(query_of(flags, "explain chain eth0"));
  Format format = TRY(flags.output.format());
  std::vector<ChainView> chains = TRY(session.api().explain_chain(query));
  if (format == Format::Json) {
    session.out() << json_of_chains(chains);
    return {};
  }
  if (chains.empty()) {
    session.out() << "Nobody runs a program on " << query.interface << ".\n";
  }
  for (std::size_t i = 0; i < chains.size(); ++i) {
    session.out() << (i == 0 ? "" : "\n");
    print_chain(session.out(), chains[i]);
  }
  return {};
}

Result<void> run_set(Session& session, const ChainFlags& flags) {
  const std::string example = "chain set eth0 --strategy fused";
  ChainQuery query = TRY(query_of(flags, example));
  Format format = TRY(flags.output.format());
  plan::ChainSetting setting;
  if (!flags.strategy.empty()) {
    setting.strategy = TRY(parse_strategy_flag(flags.strategy));
  }
  if (!flags.timing.empty()) {
    if (flags.timing != "on" && flags.timing != "off") {
      return Error(Code::InvalidArgument, "invalid value \"" + flags.timing + "\" for --timing")
          .with_hint("on or off");
    }
    setting.timing = flags.timing == "on";
  }
  if (setting == plan::ChainSetting()) {
    return missing("what to change", example).with_hint("--strategy or --timing");
  }
  SetChainReply reply =
      TRY(session.api().set_chain(query, setting, flags.dry_run ? DryRun::Yes : DryRun::No));
  if (flags.dry_run) {
    for (const plan::Plan& plan : reply.plans) {
      print_plan(session.out(), plan, format);
    }
    return {};
  }
  if (format == Format::Json) {
    session.out() << json_of_chains(reply.chains);
    return {};
  }
  for (const ChainView& chain : reply.chains) {
    print_chain(session.out(), chain);
  }
  return {};
}

}  // namespace

void add_explain(Tree& tree) {
  auto flags = std::make_shared<ChainFlags>();
  CLI::App* explain = tree.add(&tree.root, "explain", "Tell how things are, and why");
  CLI::App* chain = tree.add(explain,
                             "chain",
                             "Who runs on an interface in which order, and why",
                             "bpfman explain chain eth0");
  add_chain_query(chain, *flags);
  tree.verbs.push_back(
      {chain, NeedsRoot::Yes, [flags](Session& session) { return run_explain(session, *flags); }});
}

void add_chain(Tree& tree) {
  auto flags = std::make_shared<ChainFlags>();
  CLI::App* chain = tree.add(&tree.root, "chain", "Change how programs share a hook");
  CLI::App* set =
      tree.add(chain,
               "set",
               "Change the strategy of an interface's hooks; no packet misses a program",
               "bpfman chain set eth0 --strategy fused\n"
               "  bpfman chain set eth0 --hook xdp --timing on");
  add_chain_query(set, *flags);
  set->add_option("--strategy", flags->strategy, "auto, direct, freplace or fused")
      ->type_name("STRATEGY");
  set->add_option(
         "--timing", flags->timing, "on: measure the time of each program (costs some of it); off")
      ->type_name("ON");
  set->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  tree.verbs.push_back(
      {set, NeedsRoot::Yes, [flags](Session& session) { return run_set(session, *flags); }});
}

}  // namespace bpfman::cli
