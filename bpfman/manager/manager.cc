// SPDX-License-Identifier: Apache-2.0
// The verbs that change something. Those that only look are in queries.cc.
#include "bpfman/manager/manager.h"

#include <chrono>

#include "bpfman/manager/daemon_warnings.h"
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

// What readers of the reply want to see of a plan's links and programs, filled in.
std::vector<LinkRecord> links_of(const plan::Plan& plan, const plan::Bindings& bindings) {
  std::vector<LinkRecord> links;
  for (const plan::RecordChange& change : plan.commit) {
    if (const auto* insert = std::get_if<plan::InsertLink>(&change)) {
      links.push_back(plan::bind_record(*insert, bindings));
    }
  }
  return links;
}

std::optional<SelectorRecord> selector_of(const plan::Plan& plan) {
  for (const plan::RecordChange& change : plan.commit) {
    if (const auto* put = std::get_if<plan::PutSelector>(&change)) {
      return put->record;
    }
  }
  return std::nullopt;
}

// Which of the programs an error is about.
std::string refused_of(const std::vector<ElfProgram>& programs, const Error& error) {
  for (const ElfProgram& program : programs) {
    if (error.message().find("program " + program.name) != std::string::npos) {
      return program.name;
    }
  }
  return programs.front().name;
}

}  // namespace

std::string interface_of(const std::optional<AttachSpec>& attach) {
  const std::string* interface = attach.has_value() ? interface_of(attach->target) : nullptr;
  return interface == nullptr ? std::string() : *interface;
}

std::string describe(const LoadSpec& spec) {
  if (const FileSource* file = std::get_if<FileSource>(&spec.source)) {
    return "file " + file->path;
  }
  return "image " + std::get<ImageSource>(spec.source).reference;
}

Manager::Manager(ManagerOptions options, kernel::KernelOps& kernel)
    : impl_(std::make_unique<Impl>(std::move(options), kernel)) {}

Manager::~Manager() = default;

Result<plan::Snapshot> Manager::Impl::look() {
  std::string boot_id = TRY(kernel.boot_id());
  std::optional<store::Store> store = TRY(store::Store::open_existing(options.layout));
  return take_snapshot(options.layout, store.has_value() ? &*store : nullptr, std::move(boot_id));
}

std::vector<std::string> Manager::Impl::place_warnings() {
  // Whether pins stay is said before anything is loaded; where they cannot stay at all,
  // EnsureRuntime refuses.
  Result<kernel::BpffsState> state = kernel.observe_bpffs(options.layout.bpffs());
  if (state.ok() && !state->note.empty()) {
    return {state->note};
  }
  return {};
}

Result<std::map<std::string, Bytes>> Manager::Impl::globals_of(const LoadSpec& spec,
                                                               const FoundBytecode& found) {
  std::map<std::string, Bytes> globals = spec.globals;
  if (!spec.settings.empty()) {
    std::map<std::string, Bytes> encoded =
        TRY(kernel.encode_settings(found.bytecode.view(), spec.settings, spec.globals));
    globals.merge(std::move(encoded));
  }
  return globals;
}

Result<const TrustGate*> Manager::Impl::gate() {
  if (!trust_gate.has_value()) {
    trust_gate = TRY(TrustGate::open(
        options.layout,
        options.configuration.empty() ? options.layout.configuration() : options.configuration,
        options.environment));
  }
  return &*trust_gate;
}

Result<FoundBytecode> Manager::Impl::find_bytecode(const LoadSpec& spec) {
  TRY(gate());
  if (const FileSource* file = std::get_if<FileSource>(&spec.source)) {
    return read_bytecode_file(*file, options.environment);
  }
  std::optional<store::Store> store = TRY(store::Store::open_existing(options.layout));
  StoredImages database(std::move(store));
  image::ImageManager images = make_images(&database);
  return resolve_image(std::get<ImageSource>(spec.source), images);
}

image::ImageManager Manager::Impl::make_images(image::ImageDatabase* database) {
  return make_images(database, trust_gate.has_value() ? &*trust_gate : nullptr);
}

image::ImageManager Manager::Impl::make_images(image::ImageDatabase* database,
                                               const TrustGate* gate) {
  std::function<bool(const Provenance&, const std::string&)> wants_signatures;
  std::function<bool(const image::ResolvedImage&)> has_enough_signatures;
  if (gate != nullptr && gate->has_policy()) {
    wants_signatures = [gate](const Provenance& provenance, const std::string& reference) {
      return gate->wants_signatures(provenance, reference);
    };
    has_enough_signatures = [gate](const image::ResolvedImage& image) {
      return gate->judge(image.record, image.bytecode).allowed;
    };
  }
  return image::ImageManager(
      container::make_runtimes(options.environment, options.runtimes),
      database,
      options.environment,
      image::ImageManagerOptions{.trust_database = options.trust_database,
                                 .sources = options.sources,
                                 .strict = options.strict,
                                 .now = unix_now(),
                                 .wants_signatures = wants_signatures,
                                 .has_enough_signatures = has_enough_signatures,
                                 .progress = options.progress,
                                 .interrupts = options.interrupts});
}

Result<LoadReply> Manager::load(const LoadSpec& asked, DryRun dry_run) {
  auto begin = std::chrono::steady_clock::now();
  LoadSpec spec = asked;
  if (spec.attach.has_value()) {
    // A mistyped interface or container is said before an image is fetched for it.
    spec.attach = TRY(impl_->resolve_container(*spec.attach));
  }
  std::vector<AttachSpec> early = TRY(impl_->places_of(spec.attach));
  for (const AttachSpec& place : early) {
    TRY(impl_->observe(place.target));
  }
  FoundBytecode found = TRY(impl_->find_bytecode(spec));
  const TrustGate* gate = TRY(impl_->gate());
  TRY(gate->admit(found, describe(spec)));
  std::vector<ElfProgram> chosen =
      TRY(plan::choose_programs(spec, found.facts.elf, found.facts.labels));
  TRY(gate->check_programs(found, describe(spec), chosen, ""));
  spec.globals = TRY(impl_->globals_of(spec, found));
  LoadReply reply;
  reply.provenance = found.facts.provenance;
  reply.bytecode = found.facts.digest;
  reply.from_database = found.from_database;
  reply.lookup_ns = found.lookup_ns;
  reply.warnings = impl_->place_warnings();
  reply.warnings.insert(reply.warnings.end(), found.warnings.begin(), found.warnings.end());

  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : impl_->look());
  plan::Placement placement = TRY(impl_->place(spec.attach, snapshot));
  for (const plan::AttachPlace& place : placement.places) {
    TRY(gate->check_programs(found, describe(spec), chosen, interface_of(place.spec)));
  }
  auto planner = [&](const plan::Snapshot& seen) {
    return plan::plan_load(spec, found.facts, placement, seen);
  };
  if (session.has_value()) {
    Materials materials = {{found.bytecode.digest, found.bytecode.view()}};
    Result<plan::Bindings> done =
        impl_->run_attaching(*session, snapshot, planner, materials, reply.plan, reply.warnings);
    if (!done.ok()) {
      std::string program = refused_of(chosen, done.error());
      return impl_->keep_verifier_log(std::move(done).error(), program);
    }
    // Without a place there are no links to look for.
    plan::Snapshot after =
        TRY(spec.attach ? session->snapshot() : Result<plan::Snapshot>(snapshot));
    impl_->fill(reply, after, *done);
    warn_of_daemon({spec.lease, spec.attach.has_value() ? spec.attach->lease : Lease()},
                   spec.budget,
                   impl_->options.layout,
                   reply.warnings);
    impl_->add_neighbours(reply.links, placement);
    if (!found.facts.image_reference.empty()) {
      impl_->keep_below_limit(*session, found.facts.image_reference, reply.pruned, reply.warnings);
    }
  } else {
    reply.plan = TRY(planner(snapshot));
  }
  std::vector<std::string> more = impl_->chain_warnings(reply.plan, snapshot);
  reply.warnings.insert(reply.warnings.end(), more.begin(), more.end());
  reply.total_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin)
          .count();
  return reply;
}

void Manager::Impl::fill(LoadReply& reply,
                         const plan::Snapshot& after,
                         const plan::Bindings& bindings) {
  for (const LinkRecord& link : links_of(reply.plan, bindings)) {
    reply.links.push_back(view_link(link, after));
  }
  reply.selector = selector_of(reply.plan);
  warn_of_later_interfaces(reply.selector, options.layout, reply.warnings);
  for (const plan::RecordChange& change : reply.plan.commit) {
    if (const auto* insert = std::get_if<plan::InsertProgram>(&change)) {
      ProgramRecord record = plan::bind_record(*insert, bindings, options.layout);
      reply.programs.push_back(view_program(record, after.boot_id, after.links));
    }
  }
}

Result<AttachReply> Manager::attach(const std::string& program,
                                    const AttachSpec& asked,
                                    DryRun dry_run) {
  AttachSpec spec = TRY(impl_->resolve_container(asked));
  AttachReply reply;
  reply.warnings = impl_->place_warnings();
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : impl_->look());
  ProgramRecord record = TRY(impl_->find_own_program(program, snapshot));
  plan::Placement placement = TRY(impl_->place(spec, snapshot));
  for (const plan::AttachPlace& place : placement.places) {
    TRY(impl_->check_attach(record, interface_of(place.spec)));
  }
  auto planner = [&](const plan::Snapshot& seen) {
    return plan::plan_attach(record, placement, seen);
  };
  if (session.has_value()) {
    plan::Bindings bindings =
        TRY(impl_->run_attaching(*session, snapshot, planner, {}, reply.plan, reply.warnings));
    plan::Snapshot after = TRY(session->snapshot());
    for (const LinkRecord& link : links_of(reply.plan, bindings)) {
      reply.links.push_back(impl_->view_link(link, after));
    }
    impl_->add_neighbours(reply.links, placement);
    reply.selector = selector_of(reply.plan);
    warn_of_later_interfaces(reply.selector, impl_->options.layout, reply.warnings);
    warn_of_daemon({spec.lease}, Budget(), impl_->options.layout, reply.warnings);
  } else {
    reply.plan = TRY(planner(snapshot));
  }
  std::vector<std::string> more = impl_->chain_warnings(reply.plan, snapshot);
  reply.warnings.insert(reply.warnings.end(), more.begin(), more.end());
  return reply;
}

Result<ChangeReply> Manager::detach(const std::vector<std::string>& links, DryRun dry_run) {
  return impl_->change(dry_run, [&](plan::Snapshot& snapshot) -> Result<PlannedChange> {
    std::vector<LinkRecord> found;
    PlannedChange change;
    for (const std::string& word : links) {
      LinkRecord link = TRY(plan::find_link(word, snapshot));
      bool twice = std::any_of(
          found.begin(), found.end(), [&](const LinkRecord& other) { return other.id == link.id; });
      if (!twice) {
        change.objects.push_back("link " + to_string(link.id) + " (" + describe(link.target) + ")");
        found.push_back(std::move(link));
      }
    }
    TRY(impl_->look_at_hooks(snapshot, plan::hooks_of(found)));
    change.plan = TRY(plan::plan_detach(found, snapshot));
    return change;
  });
}

Result<ChangeReply> Manager::remove_selectors(const std::vector<std::string>& selectors,
                                              DryRun dry_run) {
  return impl_->change(dry_run, [&](plan::Snapshot& snapshot) -> Result<PlannedChange> {
    std::map<SelectorId, SelectorRecord> found;
    for (const std::string& word : selectors) {
      SelectorRecord selector = TRY(plan::find_selector(word, snapshot));
      found.emplace(selector.id, std::move(selector));
    }
    PlannedChange change;
    std::vector<SelectorRecord> records;
    std::vector<LinkRecord> links;
    for (const auto& [id, selector] : found) {
      change.objects.push_back("selector " + to_string(id) + " (" + describe(selector.spec.target) +
                               ")");
      records.push_back(selector);
    }
    for (const LinkRecord& link : snapshot.links) {
      if (found.contains(link.selector)) {
        change.objects.push_back("link " + to_string(link.id) + " (" + describe(link.target) + ")");
        links.push_back(link);
      }
    }
    TRY(impl_->look_at_hooks(snapshot, plan::hooks_of(links)));
    change.plan = TRY(plan::plan_remove_selectors(records, snapshot));
    return change;
  });
}

Result<ChangeReply> Manager::unload(const std::vector<std::string>& programs, DryRun dry_run) {
  return impl_->change(dry_run, [&](plan::Snapshot& snapshot) -> Result<PlannedChange> {
    std::vector<ProgramRecord> found;
    for (const std::string& word : programs) {
      ProgramRecord program = TRY(impl_->find_own_program(word, snapshot));
      bool twice = std::any_of(found.begin(), found.end(), [&](const ProgramRecord& other) {
        return other.key == program.key;
      });
      if (!twice) {
        found.push_back(std::move(program));
      }
    }
    TRY(impl_->look_at_hooks(snapshot, plan::hooks_of(found, snapshot)));
    return plan_unload_of(found, snapshot);
  });
}

Result<ChangeReply> Manager::unload_all(DryRun dry_run) {
  return impl_->change(dry_run, [&](plan::Snapshot& snapshot) -> Result<PlannedChange> {
    TRY(impl_->look_at_hooks(snapshot, plan::hooks_of(snapshot.programs, snapshot)));
    return plan_unload_of(snapshot.programs, snapshot);
  });
}

Result<PlannedChange> plan_unload_of(const std::vector<ProgramRecord>& programs,
                                     const plan::Snapshot& snapshot) {
  PlannedChange change;
  for (const ProgramRecord& program : programs) {
    change.objects.push_back("program " + to_string(program.id) + " (" + program.stable_name() +
                             ")");
  }
  change.plan = TRY(plan::plan_unload(programs, snapshot));
  return change;
}

Result<ChangeReply> Manager::Impl::change(DryRun dry_run, const Planner& planner) {
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(open_writing());
  }
  plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : look());
  PlannedChange change = TRY(planner(snapshot));
  bool empty = change.plan.steps.empty() && change.plan.commit.empty();
  if (session.has_value() && !empty) {
    TRY(session->run(change.plan, snapshot, {}));
  }
  return ChangeReply{.done = std::move(change.objects), .plan = std::move(change.plan)};
}

Result<PullReply> Manager::pull_image(const ImageSource& source, DryRun dry_run) {
  LoadSpec spec;
  spec.source = source;
  FoundBytecode found = TRY(impl_->find_bytecode(spec));
  const TrustGate* gate = TRY(impl_->gate());
  TRY(gate->admit(found, describe(spec)));
  PullReply reply;
  reply.from_database = found.from_database;
  reply.warnings = found.warnings;
  reply.lookup_ns = found.lookup_ns;
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : impl_->look());
  reply.plan = TRY(plan::plan_image_pull(found.facts, snapshot));
  if (session.has_value()) {
    TRY(session->run(reply.plan, snapshot, {{found.bytecode.digest, found.bytecode.view()}}));
    impl_->keep_below_limit(*session, found.facts.image_reference, reply.pruned, reply.warnings);
  }
  if (found.facts.image.has_value()) {
    reply.record = *found.facts.image;
    return reply;
  }
  std::optional<store::Store> store = TRY(store::Store::open_existing(impl_->options.layout));
  StoredImages database(std::move(store));
  std::optional<ImageRecord> record = TRY(database.find_image(found.facts.image_reference));
  if (!record.has_value()) {
    return Error(Code::Aborted,
                 "image " + source.reference + " was removed from the database just now");
  }
  reply.record = std::move(*record);
  return reply;
}

}  // namespace bpfman
