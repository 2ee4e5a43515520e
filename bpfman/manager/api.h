// SPDX-License-Identifier: Apache-2.0
// Api: the verbs of bpfman. Manager implements it in this process; a client of a daemon can
// implement it over a socket. Whatever stands above (command line, servers) holds an Api& and
// cannot tell the difference.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/application.h"
#include "bpfman/model/bpf_elf.h"
#include "bpfman/model/container_runtime.h"
#include "bpfman/model/ledger.h"
#include "bpfman/model/records.h"
#include "bpfman/model/signature.h"
#include "bpfman/model/specs.h"
#include "bpfman/model/trust_policy.h"
#include "bpfman/model/typed_value.h"
#include "bpfman/plan/drift.h"
#include "bpfman/plan/export.h"
#include "bpfman/plan/image_planners.h"
#include "bpfman/plan/neighbours.h"
#include "bpfman/plan/plan.h"
#include "bpfman/plan/planners.h"
#include "bpfman/plan/upgrade.h"

namespace bpfman {

enum class DryRun { No, Yes };

// A program as people see it: our record (nullopt for one of others) and what the kernel says
// (nullopt: not loaded in this boot).
struct ProgramView {
  std::optional<ProgramRecord> record;
  std::optional<KernelProgram> kernel;
  std::vector<LinkId> links;
};

// A map of a program: what is recorded, and what the kernel says (nullopt: it is not there).
struct MapView {
  MapRecord record;
  std::optional<KernelMap> kernel;
  bool pinned = false;  // where the record says
};

// What became of a link.
enum class LinkState { Attached, NotAttached, InterfaceGone, Displaced };
std::string_view to_string(LinkState state);  // "attached", ..., "displaced by others"

struct LinkView {
  LinkRecord record;
  std::string program_name;          // stable name
  std::optional<KernelLink> kernel;  // nullopt: the pin is gone, or a filter holds it
  LinkState state = LinkState::NotAttached;
  // Of a member of a chain.
  std::optional<ChainRecord> chain;
  unsigned position = 0;                // from 0
  std::optional<ProgramId> dispatcher;  // that its hook runs, of Freplace and Fused
  std::optional<MemberCounts> counts;   // nullopt: alone on its hook, where nothing is counted
  // Of a link on an interface, where a verb tells so.
  plan::Neighbours neighbours;
};

// All about one program of ours, or what the kernel says of one of others.
struct ProgramDetails {
  ProgramView program;
  std::vector<LinkView> links;
  std::vector<MapView> maps;
  std::vector<ProgramId> map_users;  // by id: loaded programs that use its maps, itself included
};

struct ChainMemberView {
  LinkView link;
  std::string why;  // it runs at this place
};

struct ChainView {
  ChainRecord record;
  LinkState state = LinkState::NotAttached;
  std::optional<ProgramId> dispatcher;      // that the hook runs, of Freplace and Fused
  std::optional<ProgramId> runs;            // the same, and of Direct the one program
  std::optional<KernelLinkId> kernel_link;  // that holds it; nullopt: a filter, or gone
  std::vector<ChainMemberView> members;     // in order
  plan::Neighbours neighbours;
};

// Which chains of an interface are meant; nullopt: every hook.
struct ChainQuery {
  std::string interface;
  std::string netns;
  std::optional<HookKind> hook;
};

struct SelectorView {
  SelectorRecord record;
  std::string program_name;  // stable name
  std::vector<LinkView> links;
};

// What was found different from what it shall be, and what became of it.
struct Repair {
  std::string what;            // "attach lab/pass to eth7 (selector 2, eth*)"
  std::optional<Error> error;  // why it could not be done
};

struct ReconcileSpec {
  DryRun dry_run = DryRun::No;
  bool remove_orphans = false;  // pins of ours that no record knows
};

// Of a table of the database.
struct RescuedTable {
  std::string name;
  std::uint64_t kept = 0;   // rows
  std::uint64_t lost = 0;   // rows that were seen, and cannot be kept
  bool unreadable = false;  // a part of it could not be read
};

// A damaged database made anew.
struct RescueReply {
  std::vector<std::string> damage;  // what was wrong; empty: nothing, and nothing was done
  std::string kept;                 // the path under which the damaged file is kept
  std::vector<RescuedTable> tables;
  std::vector<std::string> adopted;  // what the kernel has and no record named, recorded again
  std::vector<std::string> left;     // ... and why it could not be; it stays as it is
};

struct DoctorReply {
  // What is wrong with the database; when something is, nothing can be compared with it.
  std::vector<std::string> damage;
  std::vector<plan::Drift> drifts;
  std::vector<Repair> selectors;  // what selectors would do
  std::vector<std::string> warnings;
};

struct ReconcileReply {
  std::vector<Repair> repairs;
  std::vector<std::string> warnings;
};

struct LoadReply {
  std::vector<ProgramView> programs;
  std::vector<LinkView> links;
  std::optional<SelectorRecord> selector;
  Provenance provenance;
  Digest bytecode;
  bool from_database = false;
  std::vector<std::string> warnings;
  std::vector<std::string> pruned;  // references that went, to keep the store below its limit
  std::int64_t lookup_ns = 0;       // finding, reading and verifying the bytecode
  std::int64_t total_ns = 0;
  plan::Plan plan;  // what was done; with DryRun::Yes, what would be
};

// Whether one program of an object would load here.
struct ProgramCheck {
  ElfProgram program;
  std::optional<LoadFigures> figures;  // nullopt: it would not
  std::optional<Error> error;          // why not
};

struct CheckReply {
  std::vector<ProgramCheck> programs;
  std::optional<Error> attach_error;  // why it could not be attached where it was asked
  Provenance provenance;
  Digest bytecode;
  std::vector<std::string> warnings;
};

struct AttachReply {
  std::vector<LinkView> links;  // one, unless it was a selector
  std::optional<SelectorRecord> selector;
  std::vector<std::string> warnings;
  plan::Plan plan;
};

struct ChangeReply {
  std::vector<std::string> done;  // one line an object, for people: "link 3 (eth0)"
  plan::Plan plan;
};

struct SetLinkReply {
  LinkView link;
  std::vector<std::string> warnings;
  plan::Plan plan;
};

struct SetChainReply {
  std::vector<ChainView> chains;
  std::vector<plan::Plan> plans;
};

struct PullReply {
  ImageRecord record;
  bool from_database = false;
  std::vector<std::string> warnings;
  std::vector<std::string> pruned;  // as in LoadReply
  std::int64_t lookup_ns = 0;
  plan::Plan plan;
};

// All that is known of an image.
struct InspectImageReply {
  ImageRecord record;
  bool stored = true;                   // in the database; else only looked at where it is
  std::vector<std::string> references;  // of the database, that mean the same bytecode
  // Of the object file.
  std::vector<ElfProgram> programs;
  std::map<std::string, std::string> maps;  // map -> type
  std::string license;
  std::vector<ProgramView> used_by;
  std::string damage;  // why the bytecode cannot be read; "" when it can
};

struct RemoveImagesReply {
  std::vector<std::string> references;   // removed
  std::vector<StoredBlob> freed;         // bytecode removed with them
  std::vector<plan::KeptBytecode> kept;  // bytecode that programs still need
  plan::Plan plan;
};

struct PruneSpec {
  plan::PruneScope scope = plan::PruneScope::Unnamed;
  std::uint64_t max_bytes = 0;  // 0: no limit
  std::string keep;             // a reference that the limit spares; "" for none
};

// What was found when bytecode was hashed again.
enum class BlobState { Whole, Missing, Damaged };
std::string_view to_string(BlobState state);  // "ok", "missing", "damaged"

struct VerifiedBytecode {
  Digest digest;
  std::uint64_t size = 0;  // as recorded; 0 when only programs name it
  BlobState state = BlobState::Whole;
  std::vector<std::string> references;  // that mean it
  std::vector<std::string> programs;    // that were loaded from it
  std::string detail;                   // of what is not whole
  // References that the policy of today does not let in, with the reason.
  std::map<std::string, std::string> refused;
};

// An image against a policy, and its signatures.
struct JudgeImageReply {
  ImageRecord record;
  bool stored = false;  // the bytes came from the database
  bool allowed = false;
  std::string trust;   // of an allowed one: which rule, and who signed
  std::string reason;  // of a refused one
  std::vector<SignatureFinding> signatures;
  std::vector<std::string> warnings;
};

// How the trust root is brought up to date: from a mirror of a TUF repository unless `from` is set.
struct TrustRootSpec {
  std::string mirror;  // its URL; "": the one of the last time, else the public Sigstore's
  // The TUF root in which trust begins: a file, or "sigstore" for the one that is built in; "": the
  // one that is trusted already, else that of "sigstore".
  std::string root;
  std::string from;    // a trusted_root.json, or a directory with a copy of a TUF repository
  bool force = false;  // also in place of a file that somebody else has put there
};

// The file of the trust root, and what is known of it.
struct TrustRootView {
  std::string path;
  Digest digest;         // empty: there is no such file
  std::string damage;    // why it is no trust root; "" when it is one
  bool is_ours = false;  // as an update has put it there; the rest is known of such a one only
  std::string origin;    // a URL or a path
  std::int64_t updated_at = 0;
  std::uint64_t root_version = 0;  // of the TUF root; 0: it came out of a file
  std::int64_t expires = 0;        // when the first of the TUF files ends
  // Who is trusted, by URLs or names.
  std::vector<std::string> authorities;
  std::vector<std::string> timestamp_authorities;
  std::vector<std::string> logs;
  std::vector<std::string> certificate_logs;
  std::vector<std::string> warnings;
};

struct UpdateTrustRootReply {
  TrustRootView root;
  bool changed = false;
  std::string copy;  // where the file of before is kept; "" for none
};

struct SaveImagesReply {
  std::vector<std::string> references;
  std::string path;
  std::uint64_t size = 0;      // of the file
  std::size_t signatures = 0;  // of images that were copied out of registries
  Digest policy;               // that went with them; empty: none
  std::vector<std::string> warnings;
};

// Images out of a file or directory into the database.
// A policy that came in a bundle, now in its place.
struct InstallPolicyReply {
  std::string path;
  Digest digest;                    // of policy.toml
  std::vector<std::string> copies;  // of what was replaced
};

enum class Replace { No, Yes };

struct LoadImagesReply {
  std::vector<ImageRecord> records;
  std::vector<std::string> pruned;  // as in LoadReply
  std::vector<std::string> warnings;
  plan::Plan plan;
};

enum class BuildTarget { Database, OciArchive, OciLayout, Docker, Podman, Containerd, Registry };

struct BuildSpec {
  std::vector<std::string> paths;  // object files, or a directory of them
  std::string tag;                 // "": none
  BuildTarget target = BuildTarget::Database;
  std::string output_path;    // of OciArchive and OciLayout; of Containerd its namespace, or ""
  std::string registry_auth;  // of Registry, whose image is named by `tag`
};

struct BuiltPlatform {
  Platform platform;
  Digest image_id;
  Digest manifest_digest;
};

struct BuildImageReply {
  std::string reference;  // as it is called where it went; "" without a name
  Digest digest;          // of the manifest, or of the index
  std::vector<BuiltPlatform> platforms;
  std::map<std::string, std::string> labels;  // of all of them
  std::string destination;                    // "bpfman's database", a path, an engine
  plan::Plan plan;                            // of BuildTarget::Database
  std::vector<std::string> pruned;            // as in LoadReply
  std::vector<std::string> warnings;
};

struct PushSpec {
  std::string image;          // of the database, or "oci:DIR[:NAME]", "oci-archive:FILE[:NAME]"
  std::string destination;    // "": the image's own name
  std::string registry_auth;  // base64 of user:password, or ""
};

struct PushImageReply {
  std::string reference;  // the full name
  std::string registry;
  Digest digest;             // of the manifest, or of the index
  std::size_t uploaded = 0;  // blobs and manifests that were sent
  std::size_t present = 0;   // that the registry had
  std::uint64_t bytes = 0;   // of those that were sent
  std::vector<std::string> warnings;
};

// What upstream's container files are built with.
struct BuildArgumentsReply {
  std::vector<std::pair<std::string, std::string>> arguments;  // BYTECODE_FILE, or BC_AMD64_EL, ...
  std::vector<std::string> platforms;                          // empty for BYTECODE_FILE
  EbpfLabels labels;
};

// What became of a document; with DryRun::Yes, what would.
enum class ApplyOutcome { Created, Configured, Unchanged, Deleted };
std::string_view to_string(ApplyOutcome outcome);  // "created", ...

struct AppliedApplication {
  std::string title;  // "xdpprogram.bpfman.io/my-ebpf-program"
  ApplyOutcome outcome = ApplyOutcome::Unchanged;
  std::vector<std::string> steps;  // what was done, a line each
  std::optional<Error> error;      // why it could not be; what was begun is undone
  std::vector<std::string> warnings;
};

struct ApplyReply {
  std::vector<AppliedApplication> applications;
};

struct ExportReply {
  std::vector<plan::ExportedApplication> applications;
};

// Other bytecode for an application that is loaded.
struct UpgradeSpec {
  std::string application;
  // nullopt: what it was loaded from, as it is now.
  std::optional<std::variant<FileSource, ImageSource>> source;
  plan::MapChoice maps = plan::MapChoice::Keep;
  // Run with /bin/sh when the new programs are in place; if it fails, the old ones come back.
  std::string check;
  // Every program that is attached has to run once within this time; 0: nobody waits for that.
  std::int64_t runs_within_ms = 0;
};

struct UpgradeReply {
  std::string application;
  bool changed = false;  // false: it runs this bytecode already
  Digest before;
  Digest after;
  std::uint64_t version =
      0;  // the number under which the one of before is kept; 0 without a change
  std::vector<ProgramView> programs;
  std::vector<std::string> warnings;
  plan::Plan plan;
};

struct ApplicationHistoryReply {
  std::vector<ApplicationVersion> former;  // oldest first
  std::vector<ProgramRecord> current;
};

// With the stable names of the maps' programs.
struct SaveMapsReply {
  std::vector<std::pair<std::string, SavedMap>> maps;
};

struct ListProgramsQuery {
  bool all = false;  // programs of others too
  std::optional<ProgramType> type;
  std::string application;                      // "": any
  std::map<std::string, std::string> metadata;  // all must match
  bool whole = false;  // with what takes another look at each: memory, restrictions
};

class Api {
 public:
  Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  virtual ~Api() = default;

  virtual Result<LoadReply> load(const LoadSpec& spec, DryRun dry_run) = 0;
  // Loads the programs, all of the object unless some are named, and lets them go again. What would
  // not load or attach is an answer; what is found nowhere, or refused by a policy, is an error.
  virtual Result<CheckReply> check(const LoadSpec& spec) = 0;
  // `program`: kernel id, APPLICATION/NAME, or a unique NAME.
  virtual Result<AttachReply> attach(const std::string& program,
                                     const AttachSpec& spec,
                                     DryRun dry_run) = 0;
  // Changes a link where it is: no packet misses a member.
  virtual Result<SetLinkReply> set_link(const std::string& link,
                                        const plan::LinkChange& change,
                                        DryRun dry_run) = 0;
  // NotFound when the interface has no chain of ours.
  virtual Result<SetChainReply> set_chain(const ChainQuery& query,
                                          const plan::ChainSetting& setting,
                                          DryRun dry_run) = 0;
  virtual Result<ChangeReply> detach(const std::vector<std::string>& links, DryRun dry_run) = 0;
  // With all links that they made.
  virtual Result<ChangeReply> remove_selectors(const std::vector<std::string>& selectors,
                                               DryRun dry_run) = 0;
  virtual Result<ChangeReply> unload(const std::vector<std::string>& programs, DryRun dry_run) = 0;
  virtual Result<ChangeReply> unload_all(DryRun dry_run) = 0;

  // Brings the kernel to what the records say: after a reboot, after somebody took programs off,
  // when interfaces came and went. What cannot be done is an answer; the rest is done.
  virtual Result<ReconcileReply> reconcile(const ReconcileSpec& spec) = 0;
  // How the kernel differs from the records, and whether these are whole. Changes nothing.
  virtual Result<DoctorReply> doctor() = 0;
  // Puts a new database in the place of a damaged one: with every record that can be read, and with
  // what the kernel knows of the others. The damaged file is kept.
  virtual Result<RescueReply> rescue() = 0;

  // Makes this host have what the documents say, and no more of them. One that fails is an answer;
  // the others are done.
  virtual Result<ApplyReply> apply(const std::vector<WantedApplication>& wanted,
                                   DryRun dry_run) = 0;
  // Applications that documents made: by name, kind/name, or title.
  virtual Result<ApplyReply> delete_applications(const std::vector<std::string>& words,
                                                 DryRun dry_run) = 0;

  // Documents of what is recorded; no names: of all applications. One that a document cannot say is
  // an answer. NotFound: there is no such application.
  virtual Result<ExportReply> export_applications(const std::vector<std::string>& names) = 0;

  // In place: no hook is without the application's program, links keep their ids, and maps that
  // both versions declare alike go on. All programs or none.
  virtual Result<UpgradeReply> upgrade(const UpgradeSpec& spec, DryRun dry_run) = 0;
  // To a former version; 0: the last one.
  virtual Result<UpgradeReply> rollback(const std::string& application,
                                        std::uint64_t version,
                                        DryRun dry_run) = 0;
  virtual Result<ApplicationHistoryReply> application_history(const std::string& application) = 0;

  // The newest entries of the ledger that fit, oldest first.
  virtual Result<std::vector<LedgerEntry>> log(const LedgerQuery& query) = 0;

  virtual Result<std::vector<ProgramView>> list_programs(const ListProgramsQuery& query) = 0;
  virtual Result<std::vector<LinkView>> list_links() = 0;
  virtual Result<std::vector<SelectorView>> list_selectors() = 0;
  virtual Result<std::vector<ChainView>> list_chains() = 0;
  // Every hook of the interface on which somebody runs something.
  virtual Result<std::vector<ChainView>> explain_chain(const ChainQuery& query) = 0;
  virtual Result<ProgramView> get_program(const std::string& program) = 0;
  virtual Result<ProgramDetails> describe_program(const std::string& program) = 0;
  virtual Result<LinkView> get_link(const std::string& link) = 0;

  virtual Result<PullReply> pull_image(const ImageSource& source, DryRun dry_run) = 0;
  virtual Result<std::vector<ImageRecord>> list_images() = 0;
  virtual Result<std::vector<RuntimeStatus>> list_sources() = 0;

  // `image`: a reference, or 12 digits or more of an image id or of the bytecode's digest.
  virtual Result<InspectImageReply> inspect_image(const std::string& image) = 0;
  virtual Result<RemoveImagesReply> remove_images(const std::vector<std::string>& images,
                                                  DryRun dry_run) = 0;
  virtual Result<RemoveImagesReply> prune_images(const PruneSpec& spec, DryRun dry_run) = 0;
  // Without images: all bytecode that a record names.
  virtual Result<std::vector<VerifiedBytecode>> verify_images(
      const std::vector<std::string>& images) = 0;
  // An image where it is found, against `policy`, or the host's when there is none. Nothing is
  // changed; a refusal is an answer.
  virtual Result<JudgeImageReply> judge_image(const ImageSource& source,
                                              const std::optional<TrustPolicy>& policy) = 0;
  // The only verb about trust that uses a network. What is trusted stays as it is when it fails.
  virtual Result<UpdateTrustRootReply> update_trust_root(const TrustRootSpec& spec) = 0;
  virtual Result<TrustRootView> get_trust_root() = 0;
  // Oldest first.
  virtual Result<std::vector<ImageHistoryEntry>> image_history(const std::string& image) = 0;

  // One OCI archive with all of them, written whole or not at all. Images of the database are made
  // anew; those named with docker:// are copied out of their registries as they are, with their
  // signatures. InvalidArgument: some of both. `policy` goes with the latter: its path, "" for the
  // host's.
  virtual Result<SaveImagesReply> save_images(const std::vector<std::string>& images,
                                              const std::string& path,
                                              const std::optional<std::string>& policy) = 0;
  // Makes the policy that a bundle brings this host's policy.toml. AlreadyExists: there is another
  // one, and `replace` is No.
  virtual Result<InstallPolicyReply> install_policy(const std::string& path,
                                                    Replace replace,
                                                    DryRun dry_run) = 0;
  // All images of the file, under the names that they have in there; `tag` names a single one.
  virtual Result<LoadImagesReply> load_images(const std::string& path,
                                              const std::string& tag,
                                              DryRun dry_run) = 0;
  // DryRun::Yes is for BuildTarget::Database only.
  virtual Result<BuildImageReply> build_image(const BuildSpec& spec, DryRun dry_run) = 0;
  // Into a registry, as it is: digests of an image in a file or directory stay the same.
  virtual Result<PushImageReply> push_image(const PushSpec& spec) = 0;
  virtual Result<BuildArgumentsReply> build_arguments(const std::vector<std::string>& paths) = 0;

  // `map`: kernel map id, or PROGRAM:MAP with PROGRAM as above, or a map name that only one of our
  // programs has.
  virtual Result<MapDump> dump_map(const std::string& map, std::size_t limit) = 0;
  // Keeps the contents of the maps that the programs (all, when none are named) were loaded to
  // keep, for the next boot.
  virtual Result<SaveMapsReply> save_maps(const std::vector<std::string>& programs) = 0;
};

}  // namespace bpfman
