// SPDX-License-Identifier: Apache-2.0
// bpfman run IMAGE ... : loaded and attached for as long as the command lives.
#include <ostream>

#include <unistd.h>

#include "bpfman/base/clock.h"
#include "bpfman/cli/load_flags.h"

namespace bpfman::cli {
namespace {

struct RunFlags {
  LoadFlags load;
  std::string path;
};

Result<LoadSpec> spec_of(Session& session, const RunFlags& flags) {
  const LoadFlags& load = flags.load;
  if (flags.path.empty()) {
    return image_spec(session, load, "run");
  }
  if (!load.positional.empty() || !load.flagged.empty()) {
    return Error(Code::InvalidArgument, "an image and --path are both given")
        .with_hint("one or the other");
  }
  if (!load.policy.empty() || !load.from.empty() || !load.auth.empty()) {
    return Error(Code::InvalidArgument, "--pull-policy, --from and --registry-auth need an image");
  }
  LoadFlags file = load;
  file.flagged = flags.path;
  return file_spec(file, "run");
}

// What goes on while the command runs.
class Running {
 public:
  Running(Session& session, const RunFlags& flags, LoadSpec spec)
      : session_(session), flags_(flags), spec_(std::move(spec)) {}

  // Loads at the first look: from then on a signal ends it with all that belongs to it.
  Result<void> look() {
    if (!loaded_) {
      return load();
    }
    std::optional<std::string> gone;
    for (const std::string& program : programs_) {
      Result<ProgramView> view = session_.api().get_program(program);
      if (!view.ok() && view.error().code() == Code::NotFound) {
        gone = program;
      }
    }
    if (spec_.lease.expires_at != 0 && unix_now() >= spec_.lease.expires_at) {
      session_.err() << "its time is over\n";
      is_over_ = true;
      return Error(Code::Cancelled, "its time is over");
    }
    if (gone.has_value()) {
      return Error(Code::Aborted, "program " + *gone + " was unloaded by another command")
          .with_hint("bpfman log tells by which");
    }
    return {};
  }

  bool is_over() const { return is_over_; }

  const std::vector<std::string>& programs() const { return programs_; }

 private:
  Result<void> load() {
    Format format = TRY(flags_.load.output.format());
    LoadReply reply = TRY(session_.api().load(spec_, DryRun::No));
    loaded_ = true;
    for (const ProgramView& program : reply.programs) {
      programs_.push_back(std::to_string(program.record->id.value()));
    }
    print_warnings(session_.err(), reply.warnings);
    print_pruned(session_.err(), reply.pruned, "images.max_store_size");
    if (format == Format::Json) {
      session_.out() << json_of(reply);
    } else {
      print_loaded(session_.out(), reply);
    }
    session_.out() << std::flush;
    session_.err() << "running; Ctrl-C ends it\n" << std::flush;
    return {};
  }

  Session& session_;
  const RunFlags& flags_;
  LoadSpec spec_;
  bool loaded_ = false;
  bool is_over_ = false;
  std::vector<std::string> programs_;
};

// Of those that are still there.
Result<void> unload(Session& session, const std::vector<std::string>& programs) {
  std::vector<std::string> present;
  for (const std::string& program : programs) {
    if (session.api().get_program(program).ok()) {
      present.push_back(program);
    }
  }
  if (present.empty()) {
    return {};
  }
  ChangeReply reply = TRY(session.api().unload(present, DryRun::No));
  for (const std::string& line : reply.done) {
    session.err() << "unloaded " << printable(line) << '\n';
  }
  return {};
}

Result<void> run_programs(Session& session, const RunFlags& flags) {
  Format format = TRY(flags.load.output.format());
  LoadSpec spec = TRY(spec_of(session, flags));
  ProcessKey self = TRY(find_process(::getpid()));
  spec.lease.holder = LeaseHolder{.process = self, .boot_id = {}};
  if (flags.load.dry_run) {
    LoadReply reply = TRY(session.api().load(spec, DryRun::Yes));
    print_warnings(session.err(), reply.warnings);
    print_plan(session.out(), reply.plan, format);
    return {};
  }
  constexpr std::int64_t kLook = 1000;  // ms
  Running running(session, flags, std::move(spec));
  Result<void> told = session.context().repeat(kLook, [&] { return running.look(); });
  TRY(unload(session, running.programs()));
  return running.is_over() ? Result<void>() : std::move(told);
}

}  // namespace

void add_run(Tree& tree) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* app = tree.add(
      &tree.root,
      "run",
      "Load and attach for as long as this command runs; nothing is left behind, even when "
      "it is killed",
      "bpfman run my-ebpf-prog:dev xdp --iface eth0\n"
      "  bpfman run --path pass.bpf.o xdp --iface eth0 --ttl 10m");
  add_image_source_flags(app, flags->load);
  app->add_option("--path", flags->path, "An object file instead of an image")->type_name("PATH");
  add_program_flags(tree, app, flags->load);
  add_record_flags(app, flags->load);
  app->remove_option(app->get_option("--while-pid"));  // this command is the process
  tree.verbs.push_back({app,
                        NeedsRoot::Yes,
                        [flags](Session& session) { return run_programs(session, *flags); },
                        ReadsConfig::Yes});
}

}  // namespace bpfman::cli
