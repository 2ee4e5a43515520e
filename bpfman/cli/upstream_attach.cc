// SPDX-License-Identifier: Apache-2.0
// bpfman link attach xdp|tc|tcx|tracepoint|kprobe|uprobe|fentry|fexit|lsm
#include <algorithm>
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/hook_flags.h"
#include "bpfman/cli/upstream.h"
#include "bpfman/cli/upstream_json.h"

namespace bpfman::cli {
namespace {

struct AttachFlags {
  std::string kind;
  std::string program;
  std::string place;  // interface, tracepoint, function or binary
  std::string direction;
  std::string priority;
  std::vector<std::string> proceed_on;
  std::string netns;
  std::string function;
  std::string offset;
  std::string pid;
  std::string container_pid;
  std::vector<std::string> metadata;
  upstream::Output output;
  // What parse_attach() makes of them.
  std::uint32_t id = 0;
  AttachSpec spec;
};

bool is_of_interface(const std::string& kind) {
  return kind == "xdp" || kind == "tc" || kind == "tcx";
}

Result<std::int32_t> parse_number(const std::string& flag, const std::string& text) {
  std::optional<std::int64_t> number = parse_signed(text);
  if (!number.has_value() || *number < INT32_MIN || *number > INT32_MAX) {
    return Error(Code::InvalidArgument,
                 flag + ": expected a valid 32 bit int but got \"" + text + "\"");
  }
  return static_cast<std::int32_t>(*number);
}

Result<std::uint64_t> parse_offset(const std::string& text) {
  if (text.empty()) {
    return std::uint64_t{0};
  }
  std::optional<std::uint64_t> number = parse_unsigned(text);
  if (!number.has_value()) {
    return Error(Code::InvalidArgument,
                 "--offset: expected a valid 64 bit uint but got \"" + text + "\"");
  }
  return *number;
}

Result<HookKind> parse_direction(const std::string& text) {
  std::string direction = to_lower(text);
  if (direction == "ingress") {
    return HookKind::TcIngress;
  }
  if (direction == "egress") {
    return HookKind::TcEgress;
  }
  return Error(Code::InvalidArgument, "invalid TC direction \"" + text + "\"")
      .with_hint("ingress or egress");
}

Result<AttachTarget> interface_target(const AttachFlags& flags) {
  if (flags.place.empty()) {
    return upstream::missing_word("iface");
  }
  HookKind hook = HookKind::Xdp;
  if (flags.kind != "xdp") {
    if (flags.direction.empty()) {
      return upstream::missing_word("direction");
    }
    hook = TRY(parse_direction(flags.direction));
  }
  if (flags.priority.empty()) {
    return upstream::missing_flag("--priority=PRIORITY");
  }
  std::int32_t priority = TRY(parse_number("--priority", flags.priority));
  if (flags.kind == "tcx") {
    return AttachTarget(
        ListTarget{.list = hook == HookKind::TcIngress ? ListKind::TcxIngress : ListKind::TcxEgress,
                   .interface = flags.place,
                   .netns = flags.netns,
                   .priority = priority});
  }
  ChainTarget target{.hook = hook, .interface = flags.place, .netns = flags.netns};
  target.order.priority = priority;
  target.proceed_on = default_proceed_on(hook);
  if (!flags.proceed_on.empty()) {
    std::vector<std::string> names = split_lists(flags.proceed_on);
    std::transform(names.begin(), names.end(), names.begin(), [](const std::string& name) {
      return to_lower(trim(name));
    });
    target.proceed_on = TRY(parse_actions(hook, names));
  }
  return AttachTarget(target);
}

Result<AttachTarget> uprobe_target(const AttachFlags& flags) {
  UprobeTarget target{.binary = flags.place};
  if (!flags.function.empty()) {
    target.functions = {flags.function};
  }
  target.offset = TRY(parse_offset(flags.offset));
  if (!flags.pid.empty()) {
    target.pid = TRY(parse_number("--pid", flags.pid));
  }
  if (!flags.container_pid.empty()) {
    target.container_pid = TRY(parse_number("--container-pid", flags.container_pid));
  }
  return AttachTarget(target);
}

Result<AttachTarget> to_target(const AttachFlags& flags) {
  if (is_of_interface(flags.kind)) {
    return interface_target(flags);
  }
  if (flags.kind == "tracepoint") {
    if (flags.place.empty()) {
      return upstream::missing_word("tracepoint");
    }
    std::vector<std::string> parts = split(flags.place, '/');
    if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
      return Error(Code::InvalidArgument, "invalid tracepoint \"" + flags.place + "\"")
          .with_hint("write GROUP/NAME, as in sched/sched_switch");
    }
    return AttachTarget(TracepointTarget{.name = flags.place});
  }
  if (flags.kind == "kprobe") {
    if (flags.place.empty()) {
      return upstream::missing_word("fn-name");
    }
    KprobeTarget target{.functions = {flags.place}};
    target.offset = TRY(parse_offset(flags.offset));
    return AttachTarget(target);
  }
  if (flags.kind == "uprobe") {
    return flags.place.empty() ? upstream::missing_word("target") : uprobe_target(flags);
  }
  return AttachTarget(FixedTarget{});
}

Result<void> parse_attach(AttachFlags& flags) {
  TRY(flags.output.check());
  if (flags.program.empty()) {
    return upstream::missing_word("program-id");
  }
  flags.id = TRY(upstream::parse_program_id(flags.program));
  flags.spec.target = TRY(to_target(flags));
  flags.spec.metadata = TRY(parse_metadata(flags.metadata));
  return {};
}

// What the verb of this kind takes.
std::vector<ProgramType> accepted(const std::string& kind) {
  std::vector<ProgramType> types = {*parse_program_type(kind)};
  if (kind == "kprobe") {
    types.push_back(ProgramType::Kretprobe);
  } else if (kind == "uprobe") {
    types.push_back(ProgramType::Uretprobe);
  }
  return types;
}

Result<void> check_type(const AttachFlags& flags, const ProgramView& program) {
  if (!program.record.has_value()) {
    return Error(Code::FailedPrecondition,
                 "program " + flags.program + " exists in kernel but is not managed by bpfman");
  }
  std::vector<ProgramType> types = accepted(flags.kind);
  if (std::find(types.begin(), types.end(), program.record->type) != types.end()) {
    return {};
  }
  std::vector<std::string> names;
  for (ProgramType type : types) {
    names.emplace_back(to_string(type));
  }
  return Error(Code::FailedPrecondition,
               "program " + std::to_string(flags.id) + " is a " +
                   std::string(to_string(program.record->type)) + " program; the " + flags.kind +
                   " attach accepts " + join(names, " or "));
}

// What upstream finds only when it attaches.
Result<void> check_values(const AttachFlags& flags) {
  if (is_of_interface(flags.kind)) {
    std::int32_t priority = TRY(parse_number("--priority", flags.priority));
    if (priority < 0) {
      return Error(Code::InvalidArgument,
                   "priority must be non-negative, got " + std::to_string(priority));
    }
  }
  const auto* uprobe = std::get_if<UprobeTarget>(&flags.spec.target);
  if (uprobe != nullptr && uprobe->functions.empty() && uprobe->offset == 0) {
    return Error(Code::InvalidArgument,
                 "uprobe attach requires a function name or a non-zero offset");
  }
  return {};
}

// A program is once on a list of the kernel's.
Result<void> check_twice(Session& session, const AttachFlags& flags) {
  const auto* wanted = std::get_if<ListTarget>(&flags.spec.target);
  if (wanted == nullptr) {
    return {};
  }
  std::vector<LinkView> links = TRY(session.api().list_links());
  for (const LinkView& link : links) {
    const auto* target = std::get_if<ListTarget>(&link.record.target);
    if (target != nullptr && link.record.program.value() == flags.id &&
        target->list == wanted->list && target->interface == wanted->interface &&
        target->netns == wanted->netns) {
      return Error(Code::AlreadyExists,
                   "program " + std::to_string(flags.id) + " is already attached to " +
                       wanted->interface + " " + to_lower(flags.direction) + " as link " +
                       std::to_string(link.record.id.value()) + "; detach it first");
    }
  }
  return {};
}

// The words by which scripts know a failure, before what we say of it.
Error in_upstream_words(Error error, const AttachFlags& flags) {
  auto says = [&](std::string_view text) {
    return error.message().find(text) != std::string::npos;
  };
  if (error.code() == Code::AlreadyExists && flags.kind == "xdp") {
    return std::move(error).with_context(
        "create link: file exists: interface already has an XDP program attached");
  }
  if (error.code() != Code::NotFound) {
    return error;
  }
  if (is_of_interface(flags.kind) && says("no interface \"")) {
    return std::move(error).with_context("resolve interface \"" + flags.place + "\" in netns \"" +
                                         flags.netns + "\": interface not found");
  }
  if (flags.kind == "tracepoint" && says("there is no tracepoint")) {
    return std::move(error).with_context("tracepoint \"" + flags.place + "\" not found");
  }
  if (flags.kind != "uprobe") {
    return error;
  }
  if (!flags.container_pid.empty() && says("there is no process")) {
    return std::move(error).with_context("container namespace for PID " + flags.container_pid +
                                         " not accessible");
  }
  if (says("no library \"")) {
    return std::move(error).with_context("resolve target \"" + flags.place +
                                         "\": not found in /etc/ld.so.cache");
  }
  if (says("\"" + flags.function + "\"") && !says("there is no file")) {
    return std::move(error).with_context("symbol " + flags.function + ": not found");
  }
  return error;
}

Result<void> run_attach(Session& session, const AttachFlags& flags) {
  TRY(check_values(flags));
  std::string id = std::to_string(flags.id);
  ProgramView program = TRY(session.api().get_program(id));
  TRY(check_type(flags, program));
  TRY(check_twice(session, flags));
  Result<AttachReply> reply = session.api().attach(id, flags.spec, DryRun::No);
  if (!reply.ok()) {
    return in_upstream_words(std::move(reply).error(), flags);
  }
  print_warnings(session.err(), reply->warnings);
  std::vector<LinkView> all;
  if (std::holds_alternative<ListTarget>(flags.spec.target)) {
    all = TRY(session.api().list_links());
  }
  for (LinkView& link : reply->links) {
    upstream::set_list_position(link, all);
    if (flags.output.is_json()) {
      session.out() << upstream::json_of_link(link);
    } else {
      upstream::print_link(session.out(), link);
    }
  }
  return {};
}

void add_place_words(CLI::App* app, AttachFlags& flags) {
  if (is_of_interface(flags.kind)) {
    app->add_option("iface", flags.place, "Network interface")->type_name("");
    if (flags.kind != "xdp") {
      app->add_option("direction", flags.direction, "ingress or egress")->type_name("");
    }
    app->add_option("-p,--priority", flags.priority, "Lower runs first; required")
        ->type_name("NUMBER");
    if (flags.kind != "tcx") {
      add_list_option(app,
                      "--proceed-on",
                      flags.proceed_on,
                      "Results on which the next program runs (default: " +
                          std::string(flags.kind == "xdp" ? "pass" : "pipe") +
                          ",dispatcher_return)")
          ->type_name("RESULT,...");
    }
    app->add_option("-n,--netns", flags.netns, "Network namespace of the interface, as a path")
        ->type_name("PATH");
  } else if (flags.kind == "tracepoint") {
    app->add_option("tracepoint", flags.place, "GROUP/NAME")->type_name("");
  } else if (flags.kind == "kprobe") {
    app->add_option("fn-name", flags.place, "Kernel function")->type_name("");
    app->add_option("--offset", flags.offset, "Bytes behind its first instruction")
        ->type_name("NUMBER");
  } else if (flags.kind == "uprobe") {
    app->add_option("target", flags.place, "Path of a binary, or a library's name")->type_name("");
    app->add_option("-f,--fn-name", flags.function, "Function of it")->type_name("FUNCTION");
    app->add_option("--offset", flags.offset, "Bytes behind it, or in the file")
        ->type_name("NUMBER");
    app->add_option("--pid", flags.pid, "Only in this process (default: 0, in all)")
        ->type_name("PID");
    app->add_option("--container-pid", flags.container_pid, "Look it up where this process lives")
        ->type_name("PID");
  }
}

void add_kind(Tree& tree, CLI::App* attach, const std::string& kind, const std::string& example) {
  auto flags = std::make_shared<AttachFlags>();
  flags->kind = kind;
  CLI::App* app = tree.add(
      attach, kind, "Attach a program of this kind", "bpfman link attach " + kind + " " + example);
  app->add_option("program-id", flags->program, "Program id")->type_name("");
  add_place_words(app, *flags);
  add_list_option(app, "-m,--metadata", flags->metadata, "Kept with the link; repeats")
      ->type_name("KEY=VALUE");
  upstream::add_output(app, flags->output);
  upstream::add_verb(
      tree,
      app,
      [flags] { return parse_attach(*flags); },
      [flags](Session& session) { return run_attach(session, *flags); },
      ReadsConfig::Yes);
}

}  // namespace

void add_link_attach(Tree& tree, CLI::App* link) {
  CLI::App* attach = tree.add(link, "attach", "Attach a loaded program");
  add_kind(tree, attach, "xdp", "57 eth0 --priority 50");
  add_kind(tree, attach, "tc", "57 eth0 ingress --priority 50");
  add_kind(tree, attach, "tcx", "57 eth0 ingress --priority 50");
  add_kind(tree, attach, "tracepoint", "57 sched/sched_switch");
  add_kind(tree, attach, "kprobe", "57 do_unlinkat");
  add_kind(tree, attach, "uprobe", "57 libc.so.6 --fn-name malloc");
  for (const char* kind : {"fentry", "fexit", "lsm"}) {
    add_kind(tree, attach, kind, "57");
  }
}

}  // namespace bpfman::cli
