// SPDX-License-Identifier: Apache-2.0
// Manager: the Api in this process. Each mutating verb goes observe -> plan -> journal -> execute
// -> commit under the writer lock; before its own work it finishes or undoes what a killed process
// left in the journal.
#pragma once

#include <functional>
#include <memory>

#include "bpfman/base/environment.h"
#include "bpfman/base/interrupts.h"
#include "bpfman/container/runtimes.h"
#include "bpfman/image/look_up.h"
#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/manager/api.h"
#include "bpfman/manager/attach_defaults.h"
#include "bpfman/manager/budget_watch.h"
#include "bpfman/model/layout.h"
#include "bpfman/model/pull_progress.h"

namespace bpfman {

struct ManagerOptions {
  Layout layout;
  std::string configuration;  // bpfman.toml; "": the layout's
  Environment environment;
  container::RuntimeOptions runtimes;
  bool trust_database = false;
  bool strict = false;
  image::SourceSettings sources;  // that are asked, in this order
  std::uint64_t max_store_bytes =
      0;  // kept below this after a pull or load of an image; 0: no limit
  std::int64_t lock_timeout_ms = 30'000;
  AttachDefaults attach;
  PullProgressSink progress;               // of pulls from registries; may be empty
  const Interrupts* interrupts = nullptr;  // looked at while pulling; may be null
};

class Manager final : public Api {
 public:
  // `kernel` outlives the manager.
  Manager(ManagerOptions options, kernel::KernelOps& kernel);
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() override;

  Result<LoadReply> load(const LoadSpec& spec, DryRun dry_run) override;
  Result<CheckReply> check(const LoadSpec& spec) override;
  Result<AttachReply> attach(const std::string& program,
                             const AttachSpec& spec,
                             DryRun dry_run) override;
  Result<SetLinkReply> set_link(const std::string& link,
                                const plan::LinkChange& change,
                                DryRun dry_run) override;
  Result<SetChainReply> set_chain(const ChainQuery& query,
                                  const plan::ChainSetting& setting,
                                  DryRun dry_run) override;
  Result<ChangeReply> detach(const std::vector<std::string>& links, DryRun dry_run) override;
  Result<ChangeReply> remove_selectors(const std::vector<std::string>& selectors,
                                       DryRun dry_run) override;
  Result<ReconcileReply> reconcile(const ReconcileSpec& spec) override;
  Result<DoctorReply> doctor() override;
  Result<RescueReply> rescue() override;
  Result<ApplyReply> apply(const std::vector<WantedApplication>& wanted, DryRun dry_run) override;
  Result<UpgradeReply> upgrade(const UpgradeSpec& spec, DryRun dry_run) override;
  Result<UpgradeReply> rollback(const std::string& application,
                                std::uint64_t version,
                                DryRun dry_run) override;
  Result<ApplicationHistoryReply> application_history(const std::string& application) override;
  Result<std::vector<LedgerEntry>> log(const LedgerQuery& query) override;
  Result<ExportReply> export_applications(const std::vector<std::string>& names) override;
  Result<ApplyReply> delete_applications(const std::vector<std::string>& words,
                                         DryRun dry_run) override;
  Result<ChangeReply> unload(const std::vector<std::string>& programs, DryRun dry_run) override;
  Result<ChangeReply> unload_all(DryRun dry_run) override;
  Result<std::vector<ProgramView>> list_programs(const ListProgramsQuery& query) override;
  Result<std::vector<LinkView>> list_links() override;
  Result<std::vector<SelectorView>> list_selectors() override;
  Result<std::vector<ChainView>> list_chains() override;
  Result<std::vector<ChainView>> explain_chain(const ChainQuery& query) override;
  Result<ProgramView> get_program(const std::string& program) override;
  Result<ProgramDetails> describe_program(const std::string& program) override;
  Result<LinkView> get_link(const std::string& link) override;
  Result<PullReply> pull_image(const ImageSource& source, DryRun dry_run) override;
  Result<std::vector<ImageRecord>> list_images() override;
  Result<std::vector<RuntimeStatus>> list_sources() override;
  Result<InspectImageReply> inspect_image(const std::string& image) override;
  Result<RemoveImagesReply> remove_images(const std::vector<std::string>& images,
                                          DryRun dry_run) override;
  Result<RemoveImagesReply> prune_images(const PruneSpec& spec, DryRun dry_run) override;
  Result<std::vector<VerifiedBytecode>> verify_images(
      const std::vector<std::string>& images) override;
  Result<JudgeImageReply> judge_image(const ImageSource& source,
                                      const std::optional<TrustPolicy>& policy) override;
  Result<UpdateTrustRootReply> update_trust_root(const TrustRootSpec& spec) override;
  Result<TrustRootView> get_trust_root() override;
  Result<std::vector<ImageHistoryEntry>> image_history(const std::string& image) override;
  Result<SaveImagesReply> save_images(const std::vector<std::string>& images,
                                      const std::string& path,
                                      const std::optional<std::string>& policy) override;
  Result<InstallPolicyReply> install_policy(const std::string& path,
                                            Replace replace,
                                            DryRun dry_run) override;
  Result<LoadImagesReply> load_images(const std::string& path,
                                      const std::string& tag,
                                      DryRun dry_run) override;
  Result<BuildImageReply> build_image(const BuildSpec& spec, DryRun dry_run) override;
  Result<PushImageReply> push_image(const PushSpec& spec) override;
  Result<BuildArgumentsReply> build_arguments(const std::vector<std::string>& paths) override;
  Result<MapDump> dump_map(const std::string& map, std::size_t limit) override;
  Result<SaveMapsReply> save_maps(const std::vector<std::string>& programs) override;

  // For the daemon. What programs cost against their budgets since the last look with the same
  // `watch`; those over it for long are taken off. `now_ns`: of a clock that never goes back.
  Result<std::vector<Repair>> keep_budgets(BudgetWatch& watch, std::int64_t now_ns);
  // For the daemon. Upgrades applications that follow their image when it was rebuilt in a local
  // runtime.
  Result<std::vector<Repair>> follow_rebuilds();
  // For how long, in milliseconds, nothing is to be done about leases and budgets; `longest` at
  // most.
  Result<std::int64_t> quiet_ms(std::int64_t longest);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bpfman
