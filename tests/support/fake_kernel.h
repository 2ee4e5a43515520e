// SPDX-License-Identifier: Apache-2.0
// FakeKernel: a KernelOps in memory that can fail, or "kill the process", at any call that has an
// effect. It models only rules that a test in tests/kernel proves of the real one; each is named
// where it is modelled.
#pragma once

#include <map>
#include <set>
#include <string>

#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::testing {

// Thrown in place of SIGKILL: nothing catches it, so no undo runs, but the test goes on.
struct Killed {};

enum class Fault { None, Error, KillBefore, KillAfter };

struct FakeLink {
  KernelLinkId id;
  ProgramId program;
  std::string interface;
  bool operator==(const FakeLink&) const = default;
};

// An image of a chain.
struct FakeChain {
  ProgramId dispatcher;
  Strategy strategy = Strategy::Fused;
  std::map<unsigned, std::pair<LinkId, std::uint32_t>> slots;  // slot -> member and its mask
  std::uint64_t live = 0;                                      // of Freplace
  bool operator==(const FakeChain&) const = default;
};

// All that the kernel and bpffs hold. Comparable, so a test can say "as before".
struct FakeWorld {
  bool bpffs = false;
  std::map<std::string, ProgramId> program_pins;
  std::map<std::string, std::set<std::string>>
      map_directories;  // directory -> names of pinned maps
  std::map<std::string, FakeLink> link_pins;
  std::map<std::string, plan::Occupant> hooks;  // "eth0", "eth0 tc-ingress" -> who is on it
  std::map<std::string, FakeChain> chains;      // by directory
  bool operator==(const FakeWorld&) const = default;
};

class FakeKernel final : public kernel::KernelOps {
 public:
  FakeWorld world;
  std::string boot = "boot-1";
  // Names of interfaces with their indexes; all of them are hardware.
  std::map<std::string, std::uint32_t> interfaces = {{"eth0", 2}, {"eth1", 3}};
  std::string primary = "eth0";  // of the default route
  ProgramId next_program{100};
  plan::ExtensionSupport extensions{.available = true, .why_not = ""};
  bool has_tcx = true;
  // What a program did since it was loaded, and members of chains since theirs were made.
  std::uint64_t runs = 7;
  std::uint64_t run_time_ns = 0;
  std::string map_name = "stats";  // of the one map that programs have
  // Of every map; by pin what was put back.
  std::string map_contents = "contents";
  std::map<std::string, std::string> filled;
  // Of programs of which more is to be told than that they are there.
  std::map<ProgramId, KernelProgram> facts;
  // A member of this name cannot be an extension.
  std::string no_extension;

  // The call number (from 1) at which `fault` strikes; effects() counts the calls so far.
  void arm(Fault fault, int at_call);

  int effects() const { return effects_; }

  Result<kernel::BpffsState> observe_bpffs(const std::string& directory) override;
  Result<void> ensure_bpffs(const std::string& directory) override;
  Result<kernel::LoadedProgram> load_program(const kernel::LoadRequest& request) override;
  // Every program but "bad" loads.
  Result<LoadFigures> check_program(const kernel::ObjectProgram& request) override;
  // The text as it stands.
  Result<std::map<std::string, Bytes>> encode_settings(
      ByteView object,
      const std::vector<Setting>& settings,
      const std::map<std::string, Bytes>& globals) override;
  Result<void> rename_pin(const std::string& from, const std::string& to) override;
  Result<void> repin_program(ProgramId id, const std::string& path) override;
  // A map is not known by its id: its directory and name are enough.
  Result<void> repin_map(MapId id, const std::string& path) override;
  Result<bool> has_pinned_map(const std::string& path) override;
  Result<void> remove_pins(const std::string& program_pin,
                           const std::string& map_directory) override;
  Result<std::optional<KernelProgram>> find_program(ProgramId id) override;
  Result<std::optional<KernelProgram>> describe_program(ProgramId id) override;
  Result<std::vector<KernelProgram>> list_programs() override;
  Result<UniqueFd> enable_statistics() override;
  Result<std::optional<ProgramId>> pinned_program(const std::string& path) override;
  Result<kernel::AttachedLink> attach(const kernel::AttachRequest& request) override;
  Result<std::optional<KernelLink>> pinned_link(const std::string& path) override;
  Result<void> detach_link(const std::string& link_pin) override;
  Result<void> switch_link(const std::string& link_pin, const std::string& program_pin) override;
  // That of the hook of the same direction.
  Result<plan::NetHook> observe_list(ListKind list,
                                     const std::string& interface,
                                     const std::string& netns) override;
  Result<plan::NetHook> observe_hook(HookKind kind,
                                     const std::string& interface,
                                     const std::string& netns) override;

  // Of our own namespace; others are not there.
  Result<kernel::NetnsInterfaces> list_interfaces(const std::string& netns) override;

  std::string own_netns_name() override { return ""; }

  // Tells nothing, at once.
  Result<std::unique_ptr<kernel::LinkWatch>> watch_interfaces(
      const std::vector<std::string>& namespaces) override;

  Result<plan::ExtensionSupport> extension_support() override { return extensions; }

  Result<kernel::AttachedHook> attach_hook(const plan::Seat& seat,
                                           const std::string& program_pin) override;
  Result<void> switch_hook(const plan::Seat& seat, const std::string& program_pin) override;
  Result<void> detach_hook(const plan::Seat& seat,
                           const std::vector<std::string>& program_pins,
                           const std::vector<ProgramId>& programs) override;
  Result<std::optional<ProgramId>> program_on(const plan::Seat& seat) override;
  Result<kernel::BuiltChain> build_chain(const kernel::BuildChainRequest& request) override;
  Result<std::map<LinkId, KernelLinkId>> join_chain(
      HookKind hook,
      const std::string& directory,
      const std::vector<kernel::ChainMember>& members) override;
  Result<void> set_live_members(const std::string& directory,
                                const kernel::LiveMembers& live) override;
  Result<kernel::LiveMembers> live_members(const std::string& directory) override;
  Result<void> leave_chain(const std::string& directory,
                           const std::vector<unsigned>& slots) override;
  Result<void> drop_chain(const std::string& directory) override;
  Result<std::map<unsigned, MemberCounts>> member_counts(HookKind hook,
                                                         const std::string& directory) override;
  Result<std::optional<KernelMap>> find_map(MapId id) override;
  Result<Bytes> read_map_contents(MapId id) override;
  Result<void> fill_map(const std::string& pin, ByteView contents) override;
  Result<MapDump> dump_map(MapId id, std::size_t limit) override;

  Result<std::string> boot_id() override { return boot; }

 private:
  // Runs `effect` unless the fault says otherwise.
  template <typename Effect>
  auto strike(const char* what, Effect effect) -> decltype(effect());

  KernelLinkId new_link() { return KernelLinkId(next_link_++); }

  std::uint32_t next_link_ = 500;
  int effects_ = 0;
  Fault fault_ = Fault::None;
  int fault_at_ = 0;
};

}  // namespace bpfman::testing
