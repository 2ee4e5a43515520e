// SPDX-License-Identifier: Apache-2.0
// An Api without a kernel behind it, and a run of the command line against it.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "bpfman/cli/cli.h"

namespace bpfman::cli::testing {

// Answers with the values it is given and notes what it was asked.
class FakeApi final : public Api {
 public:
  struct Answers {
    LoadReply load;
    CheckReply check;
    AttachReply attach;
    ChangeReply change;
    ReconcileReply reconciled;
    DoctorReply doctor;
    RescueReply rescue;
    ApplyReply applied;
    ExportReply exported;
    UpgradeReply upgraded;
    std::vector<LedgerEntry> ledger;
    // What every look but the first two finds: what there is, and the last entry.
    std::vector<std::vector<LedgerEntry>> later;
    ApplicationHistoryReply versions;
    std::vector<SelectorView> selectors;
    PullReply pull;
    std::vector<ProgramView> programs;
    std::vector<ProgramDetails> details;
    std::vector<LinkView> links;
    SetLinkReply set_link;
    std::vector<ChainView> chains;
    std::vector<ImageRecord> images;
    std::vector<RuntimeStatus> sources;
    InspectImageReply inspect;
    RemoveImagesReply removed;
    std::vector<VerifiedBytecode> verified;
    JudgeImageReply judged;
    UpdateTrustRootReply trust_root;
    std::vector<ImageHistoryEntry> history;
    SaveImagesReply saved;
    InstallPolicyReply installed;
    LoadImagesReply loaded_images;
    BuildImageReply built;
    PushImageReply pushed;
    BuildArgumentsReply arguments;
    MapDump dump;
    SaveMapsReply saved_maps;
    std::optional<Error> error;           // instead of all of these
    std::map<std::string, Error> errors;  // by call: "detach 7"
  };

  struct Asked {
    int made = 0;  // how many Apis were made
    GlobalOptions global;
    std::vector<std::string> calls;  // "detach 1 2 (dry run)"
    std::optional<LoadSpec> load;
    std::optional<AttachSpec> attach;
    std::vector<WantedApplication> wanted;
    std::optional<UpgradeSpec> upgrade;
    std::optional<plan::LinkChange> link_change;
    std::optional<plan::ChainSetting> chain_setting;
    ChainQuery chain_query;
    std::optional<ListProgramsQuery> query;
    std::optional<ImageSource> pull;
    std::optional<PruneSpec> prune;
    std::optional<TrustPolicy> policy;
    std::optional<TrustRootSpec> trust_root;
    std::optional<BuildSpec> build;
    std::optional<PushSpec> push;
    std::size_t limit = 0;
  };

  FakeApi(const Answers& answers, Asked& asked) : answers_(answers), asked_(asked) {}

  Result<LoadReply> load(const LoadSpec& spec, DryRun dry_run) override;
  Result<CheckReply> check(const LoadSpec& spec) override;
  Result<AttachReply> attach(const std::string& program,
                             const AttachSpec& spec,
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
  Result<std::vector<SelectorView>> list_selectors() override;
  Result<ChangeReply> unload(const std::vector<std::string>& programs, DryRun dry_run) override;
  Result<ChangeReply> unload_all(DryRun dry_run) override;
  Result<std::vector<ProgramView>> list_programs(const ListProgramsQuery& query) override;
  Result<SetLinkReply> set_link(const std::string& link,
                                const plan::LinkChange& change,
                                DryRun dry_run) override;
  Result<SetChainReply> set_chain(const ChainQuery& query,
                                  const plan::ChainSetting& setting,
                                  DryRun dry_run) override;
  Result<std::vector<ChainView>> list_chains() override;
  Result<std::vector<ChainView>> explain_chain(const ChainQuery& query) override;
  Result<std::vector<LinkView>> list_links() override;
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

 private:
  template <typename T>
  Result<T> answer(const std::string& call, const T& value);

  const Answers& answers_;
  Asked& asked_;
  std::size_t looks_ = 0;  // into the ledger
  std::size_t described_ = 0;
};

// What one command did.
struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
  FakeApi::Asked asked;
};

// `words` as a shell would split them at blanks. By default as root without any variable.
Outcome run_words(const std::string& words,
                  const FakeApi::Answers& answers = {},
                  const Environment& environment = {});

// A loaded program with one link, as the manager would show it.
ProgramView example_program();
LinkView example_link();
Provenance example_provenance();

}  // namespace bpfman::cli::testing
