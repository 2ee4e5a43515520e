// SPDX-License-Identifier: Apache-2.0
// An Api of which a test implements the verbs that it is about; the others say that they are not
// there.
#pragma once

#include "bpfman/manager/api.h"

namespace bpfman::rpc::testing {

class UnusedApi : public Api {
 public:
  Result<LoadReply> load(const LoadSpec& /*spec*/, DryRun /*dry_run*/) override {
    return unused("load");
  }

  Result<CheckReply> check(const LoadSpec& /*spec*/) override { return unused("check"); }

  Result<AttachReply> attach(const std::string& /*program*/,
                             const AttachSpec& /*spec*/,
                             DryRun /*dry_run*/) override {
    return unused("attach");
  }

  Result<SetLinkReply> set_link(const std::string& /*link*/,
                                const plan::LinkChange& /*change*/,
                                DryRun /*dry_run*/) override {
    return unused("set_link");
  }

  Result<SetChainReply> set_chain(const ChainQuery& /*query*/,
                                  const plan::ChainSetting& /*setting*/,
                                  DryRun /*dry_run*/) override {
    return unused("set_chain");
  }

  Result<ChangeReply> detach(const std::vector<std::string>& /*links*/,
                             DryRun /*dry_run*/) override {
    return unused("detach");
  }

  Result<ChangeReply> remove_selectors(const std::vector<std::string>& /*selectors*/,
                                       DryRun /*dry_run*/) override {
    return unused("remove_selectors");
  }

  Result<ChangeReply> unload(const std::vector<std::string>& /*programs*/,
                             DryRun /*dry_run*/) override {
    return unused("unload");
  }

  Result<ChangeReply> unload_all(DryRun /*dry_run*/) override { return unused("unload_all"); }

  Result<ReconcileReply> reconcile(const ReconcileSpec& /*spec*/) override {
    return unused("reconcile");
  }

  Result<DoctorReply> doctor() override { return unused("doctor"); }

  Result<RescueReply> rescue() override { return unused("rescue"); }

  Result<ApplyReply> apply(const std::vector<WantedApplication>& /*wanted*/,
                           DryRun /*dry_run*/) override {
    return unused("apply");
  }

  Result<ApplyReply> delete_applications(const std::vector<std::string>& /*words*/,
                                         DryRun /*dry_run*/) override {
    return unused("delete_applications");
  }

  Result<ExportReply> export_applications(const std::vector<std::string>& /*names*/) override {
    return unused("export_applications");
  }

  Result<UpgradeReply> upgrade(const UpgradeSpec& /*spec*/, DryRun /*dry_run*/) override {
    return unused("upgrade");
  }

  Result<UpgradeReply> rollback(const std::string& /*application*/,
                                std::uint64_t /*version*/,
                                DryRun /*dry_run*/) override {
    return unused("rollback");
  }

  Result<ApplicationHistoryReply> application_history(const std::string& /*application*/) override {
    return unused("application_history");
  }

  Result<std::vector<LedgerEntry>> log(const LedgerQuery& /*query*/) override {
    return unused("log");
  }

  Result<std::vector<ProgramView>> list_programs(const ListProgramsQuery& /*query*/) override {
    return unused("list_programs");
  }

  Result<std::vector<LinkView>> list_links() override { return unused("list_links"); }

  Result<std::vector<SelectorView>> list_selectors() override { return unused("list_selectors"); }

  Result<std::vector<ChainView>> list_chains() override { return unused("list_chains"); }

  Result<std::vector<ChainView>> explain_chain(const ChainQuery& /*query*/) override {
    return unused("explain_chain");
  }

  Result<ProgramView> get_program(const std::string& /*program*/) override {
    return unused("get_program");
  }

  Result<ProgramDetails> describe_program(const std::string& /*program*/) override {
    return unused("describe_program");
  }

  Result<LinkView> get_link(const std::string& /*link*/) override { return unused("get_link"); }

  Result<PullReply> pull_image(const ImageSource& /*source*/, DryRun /*dry_run*/) override {
    return unused("pull_image");
  }

  Result<std::vector<ImageRecord>> list_images() override { return unused("list_images"); }

  Result<std::vector<RuntimeStatus>> list_sources() override { return unused("list_sources"); }

  Result<InspectImageReply> inspect_image(const std::string& /*image*/) override {
    return unused("inspect_image");
  }

  Result<RemoveImagesReply> remove_images(const std::vector<std::string>& /*images*/,
                                          DryRun /*dry_run*/) override {
    return unused("remove_images");
  }

  Result<RemoveImagesReply> prune_images(const PruneSpec& /*spec*/, DryRun /*dry_run*/) override {
    return unused("prune_images");
  }

  Result<std::vector<VerifiedBytecode>> verify_images(
      const std::vector<std::string>& /*images*/) override {
    return unused("verify_images");
  }

  Result<JudgeImageReply> judge_image(const ImageSource& /*source*/,
                                      const std::optional<TrustPolicy>& /*policy*/) override {
    return unused("judge_image");
  }

  Result<UpdateTrustRootReply> update_trust_root(const TrustRootSpec& /*spec*/) override {
    return unused("update_trust_root");
  }

  Result<TrustRootView> get_trust_root() override { return unused("get_trust_root"); }

  Result<std::vector<ImageHistoryEntry>> image_history(const std::string& /*image*/) override {
    return unused("image_history");
  }

  Result<SaveImagesReply> save_images(const std::vector<std::string>& /*images*/,
                                      const std::string& /*path*/,
                                      const std::optional<std::string>& /*policy*/) override {
    return unused("save_images");
  }

  Result<InstallPolicyReply> install_policy(const std::string& /*path*/,
                                            Replace /*replace*/,
                                            DryRun /*dry_run*/) override {
    return unused("install_policy");
  }

  Result<LoadImagesReply> load_images(const std::string& /*path*/,
                                      const std::string& /*tag*/,
                                      DryRun /*dry_run*/) override {
    return unused("load_images");
  }

  Result<BuildImageReply> build_image(const BuildSpec& /*spec*/, DryRun /*dry_run*/) override {
    return unused("build_image");
  }

  Result<PushImageReply> push_image(const PushSpec& /*spec*/) override {
    return unused("push_image");
  }

  Result<BuildArgumentsReply> build_arguments(const std::vector<std::string>& /*paths*/) override {
    return unused("build_arguments");
  }

  Result<MapDump> dump_map(const std::string& /*map*/, std::size_t /*limit*/) override {
    return unused("dump_map");
  }

  Result<SaveMapsReply> save_maps(const std::vector<std::string>& /*programs*/) override {
    return unused("save_maps");
  }

 private:
  static Error unused(const char* verb) {
    return {Code::Internal, std::string("this test has no ") + verb};
  }
};

}  // namespace bpfman::rpc::testing
