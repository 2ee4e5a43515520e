// SPDX-License-Identifier: Apache-2.0
// bpfman dispatcher list|get|delete: chains as upstream shows its dispatchers. A program that is
// alone on its hook without a dispatcher is shown as what the hook runs; with [dispatcher] strategy
// = "freplace" there is always one.
#include <algorithm>
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/upstream.h"
#include "bpfman/cli/upstream_json.h"

namespace bpfman::cli {
namespace {

struct DispatcherFlags {
  std::string type;
  std::string nsid;
  std::string ifindex;
  upstream::Output output;
  // What they say; nullopt: any.
  std::optional<HookKind> hook;
  std::optional<std::uint64_t> netns;
  std::optional<std::uint64_t> interface;

  bool fits(const ChainView& chain) const {
    const HookKey& key = chain.record.hook;
    return hook.value_or(key.kind) == key.kind &&
           netns.value_or(key.netns.inode) == key.netns.inode &&
           interface.value_or(key.ifindex.value()) == key.ifindex.value();
  }
};

Result<std::uint64_t> parse_number(const std::string& name, const std::string& text) {
  std::optional<std::uint64_t> number = parse_unsigned(text);
  if (!number.has_value()) {
    return Error(Code::InvalidArgument, name + ": expected a number but got \"" + text + "\"");
  }
  return *number;
}

Result<void> parse_flags(DispatcherFlags& flags) {
  TRY(flags.output.check());
  if (!flags.type.empty()) {
    flags.hook = parse_hook_kind(to_lower(flags.type));
    if (!flags.hook.has_value()) {
      return Error(
          Code::InvalidArgument,
          "unknown dispatcher type \"" + flags.type + "\" (valid: xdp, tc-ingress, tc-egress)");
    }
  }
  if (!flags.nsid.empty()) {
    flags.netns = TRY(parse_number("nsid", flags.nsid));
  }
  if (!flags.ifindex.empty()) {
    flags.interface = TRY(parse_number("ifindex", flags.ifindex));
  }
  return {};
}

Result<void> parse_key(DispatcherFlags& flags) {
  TRY(parse_flags(flags));
  if (!flags.hook.has_value()) {
    return upstream::missing_word("type");
  }
  if (!flags.netns.has_value()) {
    return upstream::missing_word("nsid");
  }
  return flags.interface.has_value() ? Result<void>() : upstream::missing_word("ifindex");
}

Result<std::vector<ChainView>> find_chains(Session& session, const DispatcherFlags& flags) {
  std::vector<ChainView> chains = TRY(session.api().list_chains());
  std::erase_if(chains, [&](const ChainView& chain) { return !flags.fits(chain); });
  return chains;
}

Result<ChainView> find_chain(Session& session, const DispatcherFlags& flags) {
  std::vector<ChainView> chains = TRY(find_chains(session, flags));
  if (chains.empty()) {
    return Error(Code::NotFound,
                 "dispatcher (" + to_lower(flags.type) + ", " + flags.nsid + ", " + flags.ifindex +
                     "): record not found")
        .with_hint("bpfman dispatcher list shows them");
  }
  return std::move(chains.front());
}

void add_key(CLI::App* app, DispatcherFlags& flags) {
  app->add_option("type", flags.type, "xdp, tc-ingress or tc-egress")->type_name("");
  app->add_option("nsid", flags.nsid, "Inode of the network namespace")->type_name("");
  app->add_option("ifindex", flags.ifindex, "Index of the interface")->type_name("");
}

void add_list_verb(Tree& tree, CLI::App* dispatcher) {
  auto flags = std::make_shared<DispatcherFlags>();
  CLI::App* app = tree.add(dispatcher, "list", "List hooks that run programs of bpfman's");
  upstream::add_output(app, flags->output);
  app->add_option("--type", flags->type, "Only xdp, tc-ingress or tc-egress")->type_name("TYPE");
  app->add_option("--nsid", flags->nsid, "Only in this network namespace")->type_name("INODE");
  app->add_option("--ifindex", flags->ifindex, "Only of this interface")->type_name("NUMBER");
  upstream::add_verb(
      tree,
      app,
      [flags] { return parse_flags(*flags); },
      [flags](Session& session) -> Result<void> {
        std::vector<ChainView> chains = TRY(find_chains(session, *flags));
        if (flags->output.is_json()) {
          session.out() << upstream::json_of_dispatcher_list(chains);
        } else {
          upstream::print_dispatchers(session.out(), chains);
        }
        return {};
      });
}

void add_get(Tree& tree, CLI::App* dispatcher) {
  auto flags = std::make_shared<DispatcherFlags>();
  CLI::App* app = tree.add(
      dispatcher, "get", "Show what runs on a hook", "bpfman dispatcher get xdp 4026531840 2");
  add_key(app, *flags);
  upstream::add_output(app, flags->output);
  upstream::add_verb(
      tree,
      app,
      [flags] { return parse_key(*flags); },
      [flags](Session& session) -> Result<void> {
        ChainView chain = TRY(find_chain(session, *flags));
        if (flags->output.is_json()) {
          session.out() << upstream::json_of_dispatcher(chain, session.layout());
        } else {
          upstream::print_dispatcher(session.out(), chain);
        }
        return {};
      });
}

// Upstream's forgets the record and leaves the programs on the hook; ours takes them off.
void add_delete(Tree& tree, CLI::App* dispatcher) {
  auto flags = std::make_shared<DispatcherFlags>();
  CLI::App* app = tree.add(dispatcher,
                           "delete",
                           "Take all programs of bpfman's off a hook; they stay loaded",
                           "bpfman dispatcher delete xdp 4026531840 2");
  add_key(app, *flags);
  upstream::add_verb(
      tree,
      app,
      [flags] { return parse_key(*flags); },
      [flags](Session& session) -> Result<void> {
        ChainView chain = TRY(find_chain(session, *flags));
        std::vector<std::string> links;
        for (const ChainMemberView& member : chain.members) {
          links.push_back(std::to_string(member.link.record.id.value()));
        }
        TRY(session.api().detach(links, DryRun::No));
        return {};
      });
}

}  // namespace

void add_dispatcher_noun(Tree& tree) {
  CLI::App* dispatcher =
      tree.add(&tree.root, "dispatcher", "Show what runs on hooks of interfaces, noun first");
  dispatcher->group("");
  if (!tree.typed("dispatcher")) {
    return;
  }
  add_list_verb(tree, dispatcher);
  add_get(tree, dispatcher);
  add_delete(tree, dispatcher);
}

}  // namespace bpfman::cli
