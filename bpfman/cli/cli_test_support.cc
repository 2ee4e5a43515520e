// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/cli_test_support.h"

#include "bpfman/base/text.h"

namespace bpfman::cli::testing {
namespace {

std::string dry(DryRun dry_run) {
  return dry_run == DryRun::Yes ? " (dry run)" : "";
}

}  // namespace

template <typename T>
Result<T> FakeApi::answer(const std::string& call, const T& value) {
  asked_.calls.push_back(call);
  if (auto found = answers_.errors.find(call); found != answers_.errors.end()) {
    return found->second;
  }
  if (answers_.error.has_value()) {
    return *answers_.error;
  }
  return value;
}

Result<LoadReply> FakeApi::load(const LoadSpec& spec, DryRun dry_run) {
  asked_.load = spec;
  return answer("load" + dry(dry_run), answers_.load);
}

Result<CheckReply> FakeApi::check(const LoadSpec& spec) {
  asked_.load = spec;
  return answer("check", answers_.check);
}

Result<AttachReply> FakeApi::attach(const std::string& program,
                                    const AttachSpec& spec,
                                    DryRun dry_run) {
  asked_.attach = spec;
  return answer("attach " + program + dry(dry_run), answers_.attach);
}

Result<ChangeReply> FakeApi::detach(const std::vector<std::string>& links, DryRun dry_run) {
  return answer("detach " + join(links, " ") + dry(dry_run), answers_.change);
}

Result<ChangeReply> FakeApi::remove_selectors(const std::vector<std::string>& selectors,
                                              DryRun dry_run) {
  return answer("remove selectors " + join(selectors, " ") + dry(dry_run), answers_.change);
}

Result<ReconcileReply> FakeApi::reconcile(const ReconcileSpec& spec) {
  std::string orphans = spec.remove_orphans ? " and orphans" : "";
  return answer("reconcile" + orphans + dry(spec.dry_run), answers_.reconciled);
}

Result<RescueReply> FakeApi::rescue() {
  return answer("rescue", answers_.rescue);
}

Result<DoctorReply> FakeApi::doctor() {
  return answer("doctor", answers_.doctor);
}

Result<UpgradeReply> FakeApi::upgrade(const UpgradeSpec& spec, DryRun dry_run) {
  asked_.upgrade = spec;
  return answer("upgrade " + spec.application + dry(dry_run), answers_.upgraded);
}

Result<UpgradeReply> FakeApi::rollback(const std::string& application,
                                       std::uint64_t version,
                                       DryRun dry_run) {
  return answer("rollback " + application + " to " + std::to_string(version) + dry(dry_run),
                answers_.upgraded);
}

Result<ApplicationHistoryReply> FakeApi::application_history(const std::string& application) {
  return answer("history " + application, answers_.versions);
}

Result<std::vector<LedgerEntry>> FakeApi::log(const LedgerQuery& query) {
  std::string after = query.after == 0 ? "" : " after " + std::to_string(query.after);
  constexpr std::size_t kFirstLooks = 2;
  std::vector<LedgerEntry> found = answers_.ledger;
  if (looks_ >= kFirstLooks) {
    found = answers_.later.at(looks_ - kFirstLooks);
  }
  ++looks_;
  return answer("log " + query.name + " " + std::to_string(query.limit) + after, found);
}

Result<ApplyReply> FakeApi::apply(const std::vector<WantedApplication>& wanted, DryRun dry_run) {
  asked_.wanted = wanted;
  std::vector<std::string> titles;
  for (const WantedApplication& one : wanted) {
    titles.push_back(one.title());
  }
  return answer("apply " + join(titles, " ") + dry(dry_run), answers_.applied);
}

Result<ExportReply> FakeApi::export_applications(const std::vector<std::string>& names) {
  return answer("export " + join(names, " "), answers_.exported);
}

Result<ApplyReply> FakeApi::delete_applications(const std::vector<std::string>& words,
                                                DryRun dry_run) {
  return answer("delete " + join(words, " ") + dry(dry_run), answers_.applied);
}

Result<std::vector<SelectorView>> FakeApi::list_selectors() {
  return answer("list selectors", answers_.selectors);
}

Result<ChangeReply> FakeApi::unload(const std::vector<std::string>& programs, DryRun dry_run) {
  return answer("unload " + join(programs, " ") + dry(dry_run), answers_.change);
}

Result<ChangeReply> FakeApi::unload_all(DryRun dry_run) {
  return answer("unload all" + dry(dry_run), answers_.change);
}

Result<std::vector<ProgramView>> FakeApi::list_programs(const ListProgramsQuery& query) {
  asked_.query = query;
  return answer("list programs", answers_.programs);
}

Result<SetLinkReply> FakeApi::set_link(const std::string& link,
                                       const plan::LinkChange& change,
                                       DryRun dry_run) {
  asked_.link_change = change;
  return answer("link set " + link + dry(dry_run), answers_.set_link);
}

Result<SetChainReply> FakeApi::set_chain(const ChainQuery& query,
                                         const plan::ChainSetting& setting,
                                         DryRun dry_run) {
  asked_.chain_query = query;
  asked_.chain_setting = setting;
  return answer("chain set " + query.interface + dry(dry_run),
                SetChainReply{.chains = answers_.chains});
}

Result<std::vector<ChainView>> FakeApi::list_chains() {
  return answer("list chains", answers_.chains);
}

Result<std::vector<ChainView>> FakeApi::explain_chain(const ChainQuery& query) {
  asked_.chain_query = query;
  return answer("explain chain " + query.interface, answers_.chains);
}

Result<std::vector<LinkView>> FakeApi::list_links() {
  return answer("list links", answers_.links);
}

Result<ProgramView> FakeApi::get_program(const std::string& program) {
  return answer("get program " + program, answers_.programs.at(0));
}

Result<ProgramDetails> FakeApi::describe_program(const std::string& program) {
  // One for each program that was asked about; the last one again.
  std::string call = "describe program " + program;
  if (answers_.details.empty()) {
    return answer(call, ProgramDetails{.program = answers_.programs.at(0)});
  }
  std::size_t last = answers_.details.size() - 1;
  return answer(call, answers_.details.at(std::min(described_++, last)));
}

Result<LinkView> FakeApi::get_link(const std::string& link) {
  return answer("get link " + link, answers_.links.at(0));
}

Result<PullReply> FakeApi::pull_image(const ImageSource& source, DryRun dry_run) {
  asked_.pull = source;
  return answer("pull" + dry(dry_run), answers_.pull);
}

Result<std::vector<ImageRecord>> FakeApi::list_images() {
  return answer("list images", answers_.images);
}

Result<std::vector<RuntimeStatus>> FakeApi::list_sources() {
  return answer("list sources", answers_.sources);
}

Result<InspectImageReply> FakeApi::inspect_image(const std::string& image) {
  return answer("inspect " + image, answers_.inspect);
}

Result<RemoveImagesReply> FakeApi::remove_images(const std::vector<std::string>& images,
                                                 DryRun dry_run) {
  return answer("rm " + join(images, " ") + dry(dry_run), answers_.removed);
}

Result<RemoveImagesReply> FakeApi::prune_images(const PruneSpec& spec, DryRun dry_run) {
  asked_.prune = spec;
  return answer("prune" + dry(dry_run), answers_.removed);
}

Result<std::vector<VerifiedBytecode>> FakeApi::verify_images(
    const std::vector<std::string>& images) {
  return answer("verify " + join(images, " "), answers_.verified);
}

Result<JudgeImageReply> FakeApi::judge_image(const ImageSource& source,
                                             const std::optional<TrustPolicy>& policy) {
  asked_.pull = source;
  asked_.policy = policy;
  return answer("judge " + source.reference, answers_.judged);
}

Result<UpdateTrustRootReply> FakeApi::update_trust_root(const TrustRootSpec& spec) {
  asked_.trust_root = spec;
  return answer("update trust root", answers_.trust_root);
}

Result<TrustRootView> FakeApi::get_trust_root() {
  return answer("get trust root", answers_.trust_root.root);
}

Result<std::vector<ImageHistoryEntry>> FakeApi::image_history(const std::string& image) {
  return answer("history " + image, answers_.history);
}

Result<SaveImagesReply> FakeApi::save_images(const std::vector<std::string>& images,
                                             const std::string& path,
                                             const std::optional<std::string>& policy) {
  return answer("save " + join(images, " ") + " to " + path +
                    (policy.has_value() ? " with policy " + *policy : std::string()),
                answers_.saved);
}

Result<InstallPolicyReply> FakeApi::install_policy(const std::string& path,
                                                   Replace replace,
                                                   DryRun dry_run) {
  return answer(
      "install policy of " + path + (replace == Replace::Yes ? " by force" : "") + dry(dry_run),
      answers_.installed);
}

Result<LoadImagesReply> FakeApi::load_images(const std::string& path,
                                             const std::string& tag,
                                             DryRun dry_run) {
  return answer("load images of " + path + " as " + tag + dry(dry_run), answers_.loaded_images);
}

Result<BuildImageReply> FakeApi::build_image(const BuildSpec& spec, DryRun dry_run) {
  asked_.build = spec;
  return answer("build" + dry(dry_run), answers_.built);
}

Result<PushImageReply> FakeApi::push_image(const PushSpec& spec) {
  asked_.push = spec;
  return answer("push " + spec.image + " to " + spec.destination, answers_.pushed);
}

Result<BuildArgumentsReply> FakeApi::build_arguments(const std::vector<std::string>& paths) {
  return answer("build arguments " + join(paths, " "), answers_.arguments);
}

Result<SaveMapsReply> FakeApi::save_maps(const std::vector<std::string>& programs) {
  return answer("map save " + join(programs, " "), answers_.saved_maps);
}

Result<MapDump> FakeApi::dump_map(const std::string& map, std::size_t limit) {
  asked_.limit = limit;
  return answer("dump " + map, answers_.dump);
}

Outcome run_words(const std::string& words,
                  const FakeApi::Answers& answers,
                  const Environment& environment) {
  Outcome outcome;
  std::ostringstream out;
  std::ostringstream err;
  Context context{.out = out,
                  .err = err,
                  .environment = environment,
                  .version = "1.2.3",
                  .make_api = [&](const GlobalOptions& global) -> std::unique_ptr<Api> {
                    ++outcome.asked.made;
                    outcome.asked.global = global;
                    return std::make_unique<FakeApi>(answers, outcome.asked);
                  },
                  .repeat =
                      [&](std::int64_t, const std::function<Result<void>()>& look) {
                        Result<void> done;
                        for (std::size_t i = 0; i < answers.later.size() && done.ok(); ++i) {
                          done = look();
                        }
                        return done;
                      }};
  outcome.status = run(words.empty() ? std::vector<std::string>() : split(words, ' '), context);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

Provenance example_provenance() {
  Provenance provenance;
  provenance.source = SourceKind::Docker;
  provenance.route = "overlay2";
  provenance.location = "unix:///run/docker.sock";
  provenance.canonical_name = "docker.io/library/prog:dev";
  provenance.image_id = *Digest::parse("sha256:" + std::string(64, 'a'));
  provenance.verification = Verification::Content;
  provenance.fetched_at = 1'700'000'000;
  provenance.trust = "local";
  return provenance;
}

ProgramView example_program() {
  ProgramRecord record;
  record.key = ProgramKey(1);
  record.id = ProgramId(57);
  record.application = "prog";
  record.name = "pass";
  record.section = "xdp";
  record.bytecode = *Digest::parse("sha256:" + std::string(64, 'b'));
  record.license = "GPL";
  record.pin_path = "/run/bpfman/fs/prog_57";
  record.map_directory = "/run/bpfman/fs/maps/57";
  record.maps = {{"seen", "/run/bpfman/fs/maps/57/seen", MapId(9)}};
  record.metadata = {{"owner", "me"}};
  record.image_reference = "docker.io/library/prog:dev";
  record.provenance = example_provenance();
  record.created_at = 1'700'000'000;
  KernelProgram kernel;
  kernel.id = ProgramId(57);
  kernel.name = "pass";
  kernel.type = "xdp";
  kernel.tag = "0123456789abcdef";
  kernel.loaded_at = 1'700'000'000;
  kernel.map_ids = {MapId(9)};
  return ProgramView{.record = record, .kernel = kernel, .links = {LinkId(3)}};
}

LinkView example_link() {
  LinkRecord record;
  record.id = LinkId(3);
  record.program_key = ProgramKey(1);
  record.program = ProgramId(57);
  record.target = ChainTarget{.interface = "eth0"};
  record.ifindex = Ifindex(2);
  record.netns_id.inode = 4026531840;
  record.created_at = 1'700'000'000;
  KernelLink kernel;
  kernel.id = KernelLinkId(11);
  kernel.program = ProgramId(57);
  kernel.type = "xdp";
  kernel.ifindex = Ifindex(2);
  ChainRecord chain;
  chain.hook = HookKey{HookKind::Xdp, record.netns_id, record.ifindex};
  chain.interface = "eth0";
  chain.reason = "alone on the hook";
  chain.link_pin = "/run/bpfman/fs/xdp/dispatcher_4026531840_2_link";
  chain.slots = {{LinkId(3), 0}};
  return LinkView{.record = record,
                  .program_name = "prog/pass",
                  .kernel = kernel,
                  .state = LinkState::Attached,
                  .chain = chain};
}

}  // namespace bpfman::cli::testing
