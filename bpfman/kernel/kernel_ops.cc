// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/kernel_ops.h"

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/bpf_object.h"
#include "bpfman/kernel/bpffs.h"
#include "bpfman/kernel/check.h"
#include "bpfman/kernel/libbpf_messages.h"
#include "bpfman/kernel/load.h"
#include "bpfman/kernel/map_dump.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"
#include "bpfman/kernel/xdp.h"

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

  Result<LoadFigures> check_program(const CheckRequest& request) override {
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

  Result<void> remove_pins(const std::string& program_pin,
                           const std::string& map_directory) override {
    return kernel::remove_pins(program_pin, map_directory);
  }

  Result<std::optional<KernelProgram>> find_program(ProgramId id) override {
    return kernel::find_program(id);
  }

  Result<std::vector<KernelProgram>> list_programs() override { return kernel::list_programs(); }

  Result<std::optional<ProgramId>> pinned_program(const std::string& path) override {
    return kernel::pinned_program(path);
  }

  Result<plan::XdpHook> observe_xdp(const std::string& interface,
                                    const std::string& netns) override {
    return kernel::observe_xdp(interface, netns);
  }

  Result<AttachedXdp> attach_xdp(const AttachXdpRequest& request) override {
    return kernel::attach_xdp(request);
  }

  Result<std::optional<KernelLink>> pinned_link(const std::string& path) override {
    return kernel::pinned_link(path);
  }

  Result<void> detach_link(const std::string& link_pin) override {
    return kernel::detach_link(link_pin);
  }

  Result<std::optional<KernelMap>> find_map(MapId id) override { return kernel::find_map(id); }

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
