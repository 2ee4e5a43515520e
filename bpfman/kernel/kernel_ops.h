// SPDX-License-Identifier: Apache-2.0
// KernelOps: all that bpfman asks of the kernel, behind one interface, so that the manager can be
// tested with a fake that fails at any call. The real one is the only code that uses libbpf,
// bpf(2), netlink and mount(2). Errors carry the errno in Error::os() and a code that fits;
// messages name the object.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/interface_selector.h"
#include "bpfman/model/records.h"
#include "bpfman/model/specs.h"
#include "bpfman/model/typed_value.h"
#include "bpfman/plan/hooks.h"

namespace bpfman::kernel {

// Bytecode and which program of it.
struct ObjectProgram {
  ByteView object;
  std::string program;  // function name, whole
  ProgramType type = ProgramType::Xdp;
  std::string attach_function;  // as in ProgramChoice; "": the section's
  std::string attach_pin;       // of the program whose function that is; "": the kernel
  std::map<std::string, Bytes> globals;
  // Maps that exist: they are used instead of new ones. Of those without pin_path the id is used.
  std::vector<MapRecord> shared_maps;
};

struct LoadRequest {
  ObjectProgram what;
  std::string program_pin;  // where to pin the program
  std::string
      map_directory;  // made; each map that is not internal nor shared is pinned here by its name
};

struct LoadedProgram {
  ProgramId id;
  std::vector<MapRecord> maps;  // pin_path as requested; "" for internal maps
};

// A link outside of chains.
struct AttachRequest {
  std::string program_pin;
  std::string link_pin;
  ProgramType type = ProgramType::Xdp;
  std::string section;
  AttachTarget target;  // none of a chain
  std::uint64_t cookie = 0;
  plan::Anchor anchor;  // of ListTarget
};

struct AttachedLink {
  std::optional<KernelLinkId> kernel_id;
  AttachTarget target;  // with what was searched for: the path of a library
};

// A chain on its hook.
struct AttachedHook {
  std::optional<KernelLinkId> kernel_id;  // nullopt: a filter
  XdpMode mode = XdpMode::Native;
};

// A program that is to run in a chain.
struct ChainMember {
  LinkId link;
  ObjectProgram what;            // shared_maps: all maps of the loaded program
  std::uint32_t proceed_on = 0;  // mask, see proceed_on_mask()
  unsigned slot = 0;             // of Fused: its position, from 0 without gaps
};

// `directory` gets: "dispatcher" (the program that the hook runs; pinned last, so that it tells
// that all is there), "counters", and of Freplace "config" and "link_<slot>" for each member.
struct BuildChainRequest {
  HookKind hook = HookKind::Xdp;
  Strategy strategy = Strategy::Fused;  // Freplace or Fused
  std::string directory;
  unsigned capacity = 0;  // of Freplace: 32 or 64
  bool frags = false;
  bool timing = false;
  std::int32_t exhausted = 2;  // the result when every member let it pass
  std::vector<ChainMember> members;
};

struct BuiltChain {
  ProgramId dispatcher;
  std::map<LinkId, KernelLinkId> links;  // of Freplace
};

// Which slots take part, and on which results each goes on.
struct LiveMembers {
  std::uint64_t live = 0;                   // bit k: slot k
  std::map<unsigned, std::uint32_t> masks;  // of slots that change
  bool operator==(const LiveMembers&) const = default;
};

// How our bpffs directory looks from here.
struct BpffsState {
  bool mounted = false;  // a bpffs is mounted at the directory
  bool shared_with_init =
      true;                   // pid 1 sees the same instance there (or would: same mount namespace)
  bool in_container = false;  // not the initial pid namespace
  std::string note;           // for people, when one of these matters
  bool operator==(const BpffsState&) const = default;
};

struct NetnsInterfaces {
  NetnsId netns;
  std::vector<InterfaceFacts> interfaces;  // by index
  std::string primary;                     // through which the default route goes; "" without one
};

// Changes of network interfaces.
class LinkWatch {
 public:
  LinkWatch() = default;
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;
  virtual ~LinkWatch() = default;

  // Whether something changed since the last time. false: the time is over, or a signal came.
  virtual Result<bool> wait(std::int64_t timeout_ms) = 0;
};

class KernelOps {
 public:
  KernelOps() = default;
  KernelOps(const KernelOps&) = delete;
  KernelOps& operator=(const KernelOps&) = delete;
  virtual ~KernelOps() = default;

  // --- where pins live
  // -------------------------------------------------------------------------------------------
  virtual Result<BpffsState> observe_bpffs(const std::string& directory) = 0;
  // Mounts a bpffs at `directory` (made 0755 when absent) where none is, and makes the
  // directories for pins in it (model/layout.h). In a mount namespace of its own (`ip netns exec`,
  // `unshare -m`): it is mounted in pid 1's namespace and shown here, so that pins stay when this
  // namespace goes. Where that is impossible (container): FailedPrecondition, what and why.
  virtual Result<void> ensure_bpffs(const std::string& directory) = 0;

  // --- programs
  // ---------------------------------------------------------------------------------------------------
  // Loads one program (the others of the object are left alone), pins it and its maps. On error
  // nothing is left. Errors: InvalidArgument (unknown global, wrong size; verifier rejection:
  // detail is VerifierLog), PermissionDenied, AlreadyExists (a pin is in the way), Unimplemented.
  virtual Result<LoadedProgram> load_program(const LoadRequest& request) = 0;
  // Loads one program and lets it go again: nothing is left, whatever happens. Errors: as
  // load_program.
  virtual Result<LoadFigures> check_program(const ObjectProgram& request) = 0;
  // Settings as the bytes of whole variables of an object; nothing is loaded. InvalidArgument: as
  // settings.h says.
  virtual Result<std::map<std::string, Bytes>> encode_settings(
      ByteView object,
      const std::vector<Setting>& settings,
      const std::map<std::string, Bytes>& globals) = 0;
  virtual Result<void> rename_pin(const std::string& from,
                                  const std::string& to) = 0;  // files and directories
  // Pins a program (a map) that the kernel still has under a path where nothing is; one that is
  // pinned there already is done. NotFound: the kernel does not have it any more.
  virtual Result<void> repin_program(ProgramId id, const std::string& path) = 0;
  virtual Result<void> repin_map(MapId id, const std::string& path) = 0;
  // Whether a map is pinned there.
  virtual Result<bool> has_pinned_map(const std::string& path) = 0;
  // Removes a program pin and a directory of map pins; absence is success.
  virtual Result<void> remove_pins(const std::string& program_pin,
                                   const std::string& map_directory) = 0;
  virtual Result<std::optional<KernelProgram>> find_program(ProgramId id) = 0;
  // The same with what takes another look: memory, restrictions.
  virtual Result<std::optional<KernelProgram>> describe_program(ProgramId id) = 0;
  // By id. Programs that vanish while listing are left out.
  virtual Result<std::vector<KernelProgram>> list_programs() = 0;
  // Id of the program pinned at `path`; nullopt when nothing is pinned there.
  virtual Result<std::optional<ProgramId>> pinned_program(const std::string& path) = 0;

  // While it is open the kernel measures how often every program runs, and how long; the numbers
  // are in KernelProgram. Kernel: 5.8.
  virtual Result<UniqueFd> enable_statistics() = 0;

  // --- links outside of chains
  // -----------------------------------------------------------------------------------------
  // Attaches and pins the link. What is left at `link_pin` by a dead process is taken for ours.
  // Errors: NotFound (no such function, file, interface, cgroup, ...; with suggestions),
  // AlreadyExists, Unimplemented (what this kernel cannot do: feature, minimum kernel, what was
  // seen).
  virtual Result<AttachedLink> attach(const AttachRequest& request) = 0;
  // The link pinned at `path`; nullopt when nothing is pinned there.
  virtual Result<std::optional<KernelLink>> pinned_link(const std::string& path) = 0;
  // Puts the program pinned at `program_pin` into the link, atomically; one that runs it already is
  // done. NotFound: no such pin; Unimplemented: links of this kind keep their program.
  virtual Result<void> switch_link(const std::string& link_pin, const std::string& program_pin) = 0;
  virtual Result<void> detach_link(const std::string& link_pin) = 0;

  // --- hooks of interfaces
  // ---------------------------------------------------------------------------------------------
  // NotFound with suggestions when there is no such interface in that namespace.
  virtual Result<plan::NetHook> observe_hook(HookKind kind,
                                             const std::string& interface,
                                             const std::string& netns) = 0;
  // The same of a list of tcx or netkit links; of tcx with the filters that run behind it.
  // Unimplemented: no netkit here; FailedPrecondition: no netkit device.
  virtual Result<plan::NetHook> observe_list(ListKind list,
                                             const std::string& interface,
                                             const std::string& netns) = 0;
  // Of a network namespace; "" is our own. NotFound: it is gone.
  virtual Result<NetnsInterfaces> list_interfaces(const std::string& netns) = 0;
  // The path of our own namespace, for commands that run elsewhere; "" for that of process 1, and
  // where it has no name.
  virtual std::string own_netns_name() = 0;
  // In these namespaces, from now on.
  virtual Result<std::unique_ptr<LinkWatch>> watch_interfaces(
      const std::vector<std::string>& namespaces) = 0;
  virtual Result<plan::ExtensionSupport> extension_support() = 0;
  // Puts the program pinned at `program_pin` on a free seat. Errors: Aborted (the name means
  // another device now, the neighbour has gone), AlreadyExists (taken), Unimplemented (mode).
  virtual Result<AttachedHook> attach_hook(const plan::Seat& seat,
                                           const std::string& program_pin) = 0;
  // Atomically; a seat that runs the program already is done. NotFound: ours is gone from there.
  virtual Result<void> switch_hook(const plan::Seat& seat, const std::string& program_pin) = 0;
  // The hook is free when it returns; one without us is done. A filter is removed only while it
  // runs a program of ours: one pinned at one of `program_pins`, or one of `programs`, which this
  // boot loaded, wherever their pins have gone.
  virtual Result<void> detach_hook(const plan::Seat& seat,
                                   const std::vector<std::string>& program_pins,
                                   const std::vector<ProgramId>& programs) = 0;
  // What our seat runs now; nullopt: we are not there.
  virtual Result<std::optional<ProgramId>> program_on(const plan::Seat& seat) = 0;

  // --- chains
  // ----------------------------------------------------------------------------------------------------
  // Makes everything in `directory`. One whose "dispatcher" is there is complete and left alone; a
  // half made one is made anew. On error nothing is left.
  virtual Result<BuiltChain> build_chain(const BuildChainRequest& request) = 0;
  // Puts members into free slots of a dispatcher; they do not run yet. A slot that has a link is
  // done.
  virtual Result<std::map<LinkId, KernelLinkId>> join_chain(
      HookKind hook, const std::string& directory, const std::vector<ChainMember>& members) = 0;
  // From now on these slots run, and no others: every packet sees the old set or the new one. When
  // it returns no packet is under way in a slot that went.
  virtual Result<void> set_live_members(const std::string& directory, const LiveMembers& live) = 0;
  virtual Result<LiveMembers> live_members(const std::string& directory) = 0;
  // Frees slots that do not run.
  virtual Result<void> leave_chain(const std::string& directory,
                                   const std::vector<unsigned>& slots) = 0;
  // Removes the pins and `directory`, when no packet is under way in it; absence is success.
  virtual Result<void> drop_chain(const std::string& directory) = 0;
  // By slot.
  virtual Result<std::map<unsigned, MemberCounts>> member_counts(HookKind hook,
                                                                 const std::string& directory) = 0;

  // --- maps
  // ------------------------------------------------------------------------------------------------------
  virtual Result<std::optional<KernelMap>> find_map(MapId id) = 0;
  // All entries, for fill_map; map_contents.h says of which maps. One of another shape:
  // FailedPrecondition.
  virtual Result<Bytes> read_map_contents(MapId id) = 0;
  virtual Result<void> fill_map(const std::string& pin, ByteView contents) = 0;
  // At most `limit` entries, read by BTF where the map has it.
  virtual Result<MapDump> dump_map(MapId id, std::size_t limit) = 0;

  // --- host
  // ------------------------------------------------------------------------------------------------------
  // /proc/sys/kernel/random/boot_id
  virtual Result<std::string> boot_id() = 0;
};

std::unique_ptr<KernelOps> make_kernel_ops();

}  // namespace bpfman::kernel
