// SPDX-License-Identifier: Apache-2.0
// The inside of Manager, shared by the files that implement its verbs. Not for other rooms.
#pragma once

#include <algorithm>
#include <functional>

#include "bpfman/image/image_manager.h"
#include "bpfman/image/image_writer.h"
#include "bpfman/image/registry_push.h"
#include "bpfman/manager/bytecode.h"
#include "bpfman/manager/manager.h"
#include "bpfman/manager/session.h"
#include "bpfman/manager/trust_gate.h"
#include "bpfman/plan/applications.h"
#include "bpfman/plan/budget.h"
#include "bpfman/plan/drift.h"
#include "bpfman/plan/leases.h"
#include "bpfman/plan/upgrade.h"

namespace bpfman {

// The database as the image room wants to see it. Without a store there is nothing to find.
class StoredImages final : public image::ImageDatabase {
 public:
  explicit StoredImages(std::optional<store::Store> store) : store_(std::move(store)) {}

  Result<std::optional<ImageRecord>> find_image(const std::string& reference) override {
    if (!store_.has_value()) {
      return std::optional<ImageRecord>();
    }
    return store_->find_image(reference);
  }

  Result<Bytes> read_blob(const Digest& digest) override {
    if (!store_.has_value()) {
      return Error(Code::NotFound, "there is no database yet");
    }
    return store_->read_blob(digest);
  }

 private:
  std::optional<store::Store> store_;
};

// A plan that removes things, with the names of the things for people.
struct PlannedChange {
  plan::Plan plan;
  std::vector<std::string> objects;
};

// May add what it has looked at to the snapshot.
using Planner = std::function<Result<PlannedChange>(plan::Snapshot&)>;

Result<PlannedChange> plan_unload_of(const std::vector<ProgramRecord>& programs,
                                     const plan::Snapshot& snapshot);

// nullptr: it is not recorded. queries.cc
const ProgramRecord* program_of(ProgramKey key, const plan::Snapshot& snapshot);

// Files below `directory`, by their paths; the kernel's own (maps.debug, progs.debug) are not pins.
// drift.cc
Result<void> collect_pins(const std::string& directory, std::set<std::string>& into);

// The interface of what is to be attached; "" without one.
std::string interface_of(const std::optional<AttachSpec>& attach);
// "image my-ebpf-prog:dev"
std::string describe(const LoadSpec& spec);

// What a document means on this host.
struct Resolved {
  LoadSpec load;  // of all programs, without a place
  FoundBytecode found;
  plan::DesiredApplication desired;
};

class Manager::Impl {
 public:
  Impl(ManagerOptions manager_options, kernel::KernelOps& kernel_ops)
      : options(std::move(manager_options)), kernel(kernel_ops) {}

  // ---- leases.cc. All end first what has a lease that is over, which is told by `ended`.
  Result<WriteSession> open_writing();
  Result<std::optional<store::Store>> open_for_reading();
  Result<plan::Snapshot> read_snapshot();
  Result<void> end_leases(WriteSession& session);
  Result<void> end_lease(const plan::Ending& ending, WriteSession& session);

  // What planners see, without lock and without any effect (dry runs).
  Result<plan::Snapshot> look();
  std::vector<std::string> place_warnings();
  Result<FoundBytecode> find_bytecode(const LoadSpec& spec);
  // Variables as bytes: those given so, and the settings by their types.
  Result<std::map<std::string, Bytes>> globals_of(const LoadSpec& spec, const FoundBytecode& found);
  image::ImageManager make_images(image::ImageDatabase* database);
  image::ImageManager make_images(image::ImageDatabase* database, const TrustGate* gate);
  // What was loaded and attached, as it is now.
  void fill(LoadReply& reply, const plan::Snapshot& after, const plan::Bindings& bindings);
  // Keeps the verifier's whole log of a refusal in a file, and names it in a hint. check.cc
  Error keep_verifier_log(Error error, const std::string& program);
  // Whether the policy of today lets a loaded program onto an interface. trust_verbs.cc
  Result<void> check_attach(const ProgramRecord& program, const std::string& interface);
  // The policy, read once. Before anything is fetched, so that a broken one is said first.
  Result<const TrustGate*> gate();
  // Removes the least recently used images until the store is below its limit, if there is one.
  // `keep` stays. What went is put into `pruned`, what went wrong into `warnings`: the work that
  // the user asked for is done. images.cc
  void keep_below_limit(WriteSession& session,
                        const std::string& keep,
                        std::vector<std::string>& pruned,
                        std::vector<std::string>& warnings);
  Result<ChangeReply> change(DryRun dry_run, const Planner& planner);

  // ---- chains.cc
  // A container's name or id as the namespaces of its first process.
  Result<AttachSpec> resolve_container(const AttachSpec& spec);
  // The hook of a target that has an interface.
  Result<std::optional<plan::NetHook>> observe(const AttachTarget& target);
  // Whether the interface of a chain does not exist any more, wherever this command runs.
  Result<bool> is_gone(const ChainRecord& chain);
  // The hook of `key`, if the interface of this name is its; and under whatever name it has now.
  Result<std::optional<plan::NetHook>> hook_by_name(HookKey key,
                                                    const std::string& interface,
                                                    const std::string& netns);
  Result<std::optional<plan::NetHook>> renamed_hook(HookKey key, const std::string& netns);
  Result<plan::HookSight> look_at_hook(HookKey key,
                                       const std::string& interface,
                                       const std::string& netns,
                                       const plan::Snapshot& snapshot,
                                       const std::optional<AttachSpec>& wanted);
  // In `ip netns exec` the namespace has a name, by which it is found after a reboot, and by a
  // daemon. placement.cc
  AttachSpec with_named_netns(AttachSpec spec);
  // What is asked for as the single places that it means now; of a selector those of its
  // interfaces. placement.cc
  Result<std::vector<AttachSpec>> places_of(const std::optional<AttachSpec>& attach);
  // The same with the hooks, which are added to snapshot.sights.
  Result<plan::Placement> place(const std::optional<AttachSpec>& attach, plan::Snapshot& snapshot);
  Result<plan::AttachPlace> place_on(const AttachSpec& spec, plan::Snapshot& snapshot);
  // Fills snapshot.sights for these hooks, of which records tell interface and namespace.
  Result<void> look_at_hooks(plan::Snapshot& snapshot, const std::vector<HookKey>& keys);
  // Plans and runs. Where a program turns out to be none that can be an extension, it is planned
  // again without them, unless the user has set the strategy; a warning tells.
  Result<plan::Bindings> run_attaching(
      WriteSession& session,
      plan::Snapshot& snapshot,
      const std::function<Result<plan::Plan>(const plan::Snapshot&)>& planner,
      const Materials& materials,
      plan::Plan& plan,
      std::vector<std::string>& warnings);
  std::vector<std::string> chain_warnings(const plan::Plan& plan, const plan::Snapshot& snapshot);
  ChainView view_chain(const ChainRecord& record, const plan::Snapshot& snapshot);
  // Who else is there. What cannot be looked at is left out. neighbour_views.cc
  void add_neighbours(ChainView& view, const plan::NetHook& hook);
  void add_neighbours(ChainView& view);
  void add_neighbours(LinkView& view);
  // Of links that were made at these places just now.
  void add_neighbours(std::vector<LinkView>& links, const plan::Placement& placement);
  // Puts a built image where it belongs, if that is not the database.
  Result<void> deliver(const BuildSpec& spec,
                       const image::LayoutWriter& writer,
                       BuildImageReply& reply);

  // With the logins and the configuration of this host.
  Result<PushImageReply> push_layout(image::LayoutFiles& files,
                                     const std::string& wanted,
                                     const std::string& destination,
                                     const std::string& registry_auth);

  // A program of ours; a program of others is said to be one.
  Result<ProgramRecord> find_own_program(const std::string& word, const plan::Snapshot& snapshot);
  ProgramView view_program(const ProgramRecord& record,
                           const std::string& boot_id,
                           const std::vector<LinkRecord>& links);
  LinkView view_link(const LinkRecord& record, const plan::Snapshot& snapshot);

  // ---- drift.cc
  Result<plan::Observation> observe_records(plan::Snapshot& snapshot);
  Result<std::vector<plan::Drift>> find_drift();
  Result<void> mend_drift(const ReconcileSpec& spec,
                          std::optional<WriteSession>& session,
                          ReconcileReply& reply);
  Result<void> mend(const plan::Drift& drift,
                    WriteSession& session,
                    std::vector<std::string>& warnings);
  Result<void> restore_program(const ProgramRecord& program,
                               WriteSession& session,
                               const plan::Snapshot& snapshot);
  Result<void> restore_link(LinkId link,
                            WriteSession& session,
                            plan::Snapshot& snapshot,
                            std::vector<std::string>& warnings);

  // ---- reconcile.cc
  Result<void> follow_selectors(std::optional<WriteSession>& session,
                                DryRun dry_run,
                                ReconcileReply& reply);
  Result<void> reconcile_selector(const SelectorRecord& selector,
                                  std::optional<WriteSession>& session,
                                  DryRun dry_run,
                                  ReconcileReply& reply);
  // Those of a selector's namespace; none when that, or its container, is gone. `spec` gets the
  // namespace that the container has now.
  Result<kernel::NetnsInterfaces> observe_interfaces(AttachSpec& spec);
  Result<bool> is_really_gone(const LinkRecord& link, const plan::Snapshot& snapshot);
  Result<void> forget_gone(const std::vector<LinkRecord>& gone, WriteSession& session);
  Result<void> attach_for(const SelectorRecord& selector,
                          const AttachSpec& spec,
                          WriteSession& session,
                          ReconcileReply& reply);

  // ---- budgets.cc
  // What it has used since it was loaded, or its chains' images were made.
  Result<plan::Usage> usage_of(const ProgramRecord& program,
                               const plan::Snapshot& snapshot,
                               std::int64_t now_ns);
  // nullopt: it is within its budget.
  Result<std::optional<Repair>> judge_program(const ProgramRecord& program,
                                              const plan::Snapshot& snapshot,
                                              std::int64_t now_ns,
                                              BudgetWatch& watch);
  Result<void> measure_chain(const ChainRecord& chain);
  Result<void> take_off(const ProgramRecord& program, const std::string& why);

  // ---- health.cc. FailedPrecondition: why what was upgraded is not healthy.
  Result<void> check_health(const UpgradeSpec& spec);
  Result<void> check_in_place(const std::string& application);
  Result<void> wait_for_runs(const UpgradeSpec& spec);
  Result<std::vector<std::string>> idle_programs(const std::string& application);

  // ---- map_contents.cc
  Result<SavedMap> save_map(const ProgramRecord& program,
                            const MapRecord& map,
                            std::int64_t now,
                            store::Store& store);

  // ---- upgrade.cc
  // The programs of an application that is there.
  Result<std::vector<ProgramRecord>> programs_of(const std::string& application);
  // What other bytecode makes of these programs.
  Result<std::vector<plan::Upgrade>> upgrades_to(const FoundBytecode& found,
                                                 const std::vector<ProgramRecord>& programs);
  // ... and what a former version makes of them.
  Result<std::vector<plan::Upgrade>> upgrades_back(const ApplicationVersion& version,
                                                   const std::vector<ProgramRecord>& programs);
  // Whether the policy lets the new programs be what they are to be, where they are attached.
  Result<void> check_upgrades(const std::vector<plan::Upgrade>& upgrades,
                              const FoundBytecode& found,
                              const std::string& what);
  // Maps that have another layout begin anew, with a warning.
  Result<void> run_upgrade_with_any_maps(const std::vector<plan::Upgrade>& upgrades,
                                         const FoundBytecode* found,
                                         const std::string& verb,
                                         UpgradeReply& reply);
  // `found`: what is not stored yet; nullptr: all is.
  Result<void> run_upgrade(const std::vector<plan::Upgrade>& upgrades,
                           const FoundBytecode* found,
                           plan::MapChoice maps,
                           const std::string& verb,
                           DryRun dry_run,
                           UpgradeReply& reply);
  // What runs now, and the number of what did.
  Result<void> describe_upgraded(WriteSession& session,
                                 const std::string& application,
                                 UpgradeReply& reply);

  // ---- applications.cc
  // The document as it is meant on this host: bytecode, programs, interfaces.
  Result<Resolved> resolve(const WantedApplication& wanted);
  Result<void> replace_programs(Resolved& resolved,
                                const std::vector<const plan::ApplicationStep*>& steps,
                                AppliedApplication& reply);
  Result<void> apply_one(Manager& manager,
                         const WantedApplication& wanted,
                         DryRun dry_run,
                         AppliedApplication& reply);

  ManagerOptions options;
  kernel::KernelOps& kernel;
  std::optional<plan::ExtensionSupport> extensions;  // asked once
  std::optional<TrustGate> trust_gate;
  std::vector<Repair> ended;  // leases, since it was looked at
};

}  // namespace bpfman
