// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/kernel_ops.h"

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/attach.h"
#include "bpfman/kernel/bpf_object.h"
#include "bpfman/kernel/bpffs.h"
#include "bpfman/kernel/chain_image.h"
#include "bpfman/kernel/check.h"
#include "bpfman/kernel/hook.h"
#include "bpfman/kernel/interfaces.h"
#include "bpfman/kernel/libbpf_messages.h"
#include "bpfman/kernel/link_monitor.h"
#include "bpfman/kernel/link_switch.h"
#include "bpfman/kernel/load.h"
#include "bpfman/kernel/map_contents.h"
#include "bpfman/kernel/map_dump.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

// The kernel this process runs on. Holds nothing; every call opens what it needs.
class LiveKernel final : public KernelOps {
 public:
  LiveKernel() { LibbpfMessages silence; }  // from now on libbpf prints nothing by itself

  Result<BpffsState> observe_bpffs(const std::string& directory) override {
    return kernel::observe_bpffs(directory);
  }

  Result<void> ensure_bpffs(const std::string& directory) override {
    return kernel::ensure_bpffs(directory);
  }

  Result<LoadedProgram> load_program(const LoadRequest& request) override {
    return kernel::load_program(request);
  }

  Result<LoadFigures> check_program(const ObjectProgram& request) override {
    return kernel::check_program(request);
  }

  Result<std::map<std::string, Bytes>> encode_settings(
      ByteView object,
      const std::vector<Setting>& settings,
      const std::map<std::string, Bytes>& globals) override {
    BpfObject opened = TRY(BpfObject::open(object, ""));
    return opened.encode_settings(settings, globals);
  }

  Result<void> rename_pin(const std::string& from, const std::string& to) override {
    return kernel::rename_pin(from, to);
  }

  Result<void> repin_program(ProgramId id, const std::string& path) override {
    return kernel::repin_program(id, path);
  }

  Result<void> repin_map(MapId id, const std::string& path) override {
    return kernel::repin_map(id, path);
  }

  Result<bool> has_pinned_map(const std::string& path) override {
    UniqueFd fd = TRY(open_pin_of_kind(path, ObjectKind::Map));
    return fd.valid();
  }

  Result<void> remove_pins(const std::string& program_pin,
                           const std::string& map_directory) override {
    return kernel::remove_pins(program_pin, map_directory);
  }

  Result<UniqueFd> enable_statistics() override { return enable_run_time_statistics(); }

  Result<std::optional<KernelProgram>> find_program(ProgramId id) override {
    return kernel::find_program(id);
  }

  Result<std::optional<KernelProgram>> describe_program(ProgramId id) override {
    return kernel::describe_program(id);
  }

  Result<std::vector<KernelProgram>> list_programs() override { return kernel::list_programs(); }

  Result<std::optional<ProgramId>> pinned_program(const std::string& path) override {
    return kernel::pinned_program(path);
  }

  Result<AttachedLink> attach(const AttachRequest& request) override {
    return kernel::attach(request);
  }

  Result<std::optional<KernelLink>> pinned_link(const std::string& path) override {
    return kernel::pinned_link(path);
  }

  Result<void> detach_link(const std::string& link_pin) override {
    return kernel::detach_link(link_pin);
  }

  Result<void> switch_link(const std::string& link_pin, const std::string& program_pin) override {
    return kernel::switch_pinned_link(link_pin, program_pin);
  }

  Result<plan::NetHook> observe_hook(HookKind kind,
                                     const std::string& interface,
                                     const std::string& netns) override {
    return kernel::observe_hook(kind, interface, netns);
  }

  Result<plan::NetHook> observe_list(ListKind list,
                                     const std::string& interface,
                                     const std::string& netns) override {
    return kernel::observe_list(list, interface, netns);
  }

  Result<NetnsInterfaces> list_interfaces(const std::string& netns) override {
    return interfaces_of(netns);
  }

  std::string own_netns_name() override { return Netns::name_of_own(); }

  Result<std::unique_ptr<LinkWatch>> watch_interfaces(
      const std::vector<std::string>& namespaces) override {
    return LinkMonitor::open(namespaces);
  }

  Result<plan::ExtensionSupport> extension_support() override {
    return kernel::extension_support();
  }

  Result<AttachedHook> attach_hook(const plan::Seat& seat,
                                   const std::string& program_pin) override {
    return kernel::attach_hook(seat, program_pin);
  }

  Result<void> switch_hook(const plan::Seat& seat, const std::string& program_pin) override {
    return kernel::switch_hook(seat, program_pin);
  }

  Result<void> detach_hook(const plan::Seat& seat,
                           const std::vector<std::string>& program_pins,
                           const std::vector<ProgramId>& programs) override {
    return kernel::detach_hook(seat, program_pins, programs);
  }

  Result<std::optional<ProgramId>> program_on(const plan::Seat& seat) override {
    return kernel::program_on(seat);
  }

  Result<BuiltChain> build_chain(const BuildChainRequest& request) override {
    return kernel::build_chain(request);
  }

  Result<std::map<LinkId, KernelLinkId>> join_chain(
      HookKind hook,
      const std::string& directory,
      const std::vector<ChainMember>& members) override {
    return kernel::join_chain(hook, directory, members);
  }

  Result<void> set_live_members(const std::string& directory, const LiveMembers& live) override {
    return kernel::set_live_members(directory, live);
  }

  Result<LiveMembers> live_members(const std::string& directory) override {
    return kernel::live_members(directory);
  }

  Result<void> leave_chain(const std::string& directory,
                           const std::vector<unsigned>& slots) override {
    return kernel::leave_chain(directory, slots);
  }

  Result<void> drop_chain(const std::string& directory) override {
    return kernel::drop_chain(directory);
  }

  Result<std::map<unsigned, MemberCounts>> member_counts(HookKind hook,
                                                         const std::string& directory) override {
    return kernel::member_counts(hook, directory);
  }

  Result<std::optional<KernelMap>> find_map(MapId id) override { return kernel::find_map(id); }

  Result<Bytes> read_map_contents(MapId id) override { return kernel::read_map_contents(id); }

  Result<void> fill_map(const std::string& pin, ByteView contents) override {
    return kernel::fill_map(pin, contents);
  }

  Result<MapDump> dump_map(MapId id, std::size_t limit) override {
    return kernel::dump_map(id, limit);
  }

  Result<std::string> boot_id() override {
    Bytes text = TRY(read_file("/proc/sys/kernel/random/boot_id", 4096));
    return std::string(trim(as_text(text)));
  }
};

}  // namespace

std::unique_ptr<KernelOps> make_kernel_ops() {
  return std::make_unique<LiveKernel>();
}

}  // namespace bpfman::kernel
