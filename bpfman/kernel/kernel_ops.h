// SPDX-License-Identifier: Apache-2.0
// KernelOps: all that bpfman asks of the kernel, behind one interface, so that the manager can be
// tested with a fake that fails at any call. The real one is the only code that uses libbpf,
// bpf(2), netlink and mount(2). Errors carry the errno in Error::os() and a code that fits;
// messages name the object.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/records.h"
#include "bpfman/model/specs.h"
#include "bpfman/model/typed_value.h"
#include "bpfman/plan/planners.h"

namespace bpfman::kernel {

struct LoadRequest {
  ByteView object;
  std::string program;  // function name, whole
  ProgramType type = ProgramType::Xdp;
  std::map<std::string, Bytes> globals;
  std::string program_pin;  // where to pin the program
  std::string
      map_directory;  // made; each map that is not internal is pinned here by its whole name
};

// As LoadRequest, of a program that does not stay.
struct CheckRequest {
  ByteView object;
  std::string program;
  ProgramType type = ProgramType::Xdp;
  std::map<std::string, Bytes> globals;
};

struct LoadedProgram {
  ProgramId id;
  std::vector<MapRecord> maps;  // pin_path as requested; "" for internal maps
};

struct AttachXdpRequest {
  std::string program_pin;
  std::string link_pin;
  std::string interface;
  Ifindex ifindex;
  std::string netns;
  std::optional<XdpMode> mode;
};

struct AttachedXdp {
  KernelLinkId kernel_id;
  XdpMode mode = XdpMode::Native;
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

class KernelOps {
 public:
  KernelOps() = default;
  KernelOps(const KernelOps&) = delete;
  KernelOps& operator=(const KernelOps&) = delete;
  virtual ~KernelOps() = default;

  // --- where pins live
  // -------------------------------------------------------------------------------------------
  virtual Result<BpffsState> observe_bpffs(const std::string& directory) = 0;
  // Mounts a bpffs at `directory` (made 0755 when absent) where none is, and makes "maps" and
  // "links" in it. In a mount namespace of its own (`ip netns exec`, `unshare -m`): it is mounted
  // in pid 1's namespace and shown here, so that pins stay when this namespace goes. Where that is
  // impossible (container): FailedPrecondition, what and why.
  virtual Result<void> ensure_bpffs(const std::string& directory) = 0;

  // --- programs
  // ---------------------------------------------------------------------------------------------------
  // Loads one program (the others of the object are left alone), pins it and its maps. On error
  // nothing is left. Errors: InvalidArgument (unknown global, wrong size; verifier rejection:
  // detail is VerifierLog), PermissionDenied, AlreadyExists (a pin is in the way), Unimplemented.
  virtual Result<LoadedProgram> load_program(const LoadRequest& request) = 0;
  // Loads one program and lets it go again: nothing is left, whatever happens. Errors: as
  // load_program.
  virtual Result<LoadFigures> check_program(const CheckRequest& request) = 0;
  // Settings as the bytes of whole variables of an object; nothing is loaded. InvalidArgument: as
  // settings.h says.
  virtual Result<std::map<std::string, Bytes>> encode_settings(
      ByteView object,
      const std::vector<Setting>& settings,
      const std::map<std::string, Bytes>& globals) = 0;
  virtual Result<void> rename_pin(const std::string& from,
                                  const std::string& to) = 0;  // files and directories
  // Removes a program pin and a directory of map pins; absence is success.
  virtual Result<void> remove_pins(const std::string& program_pin,
                                   const std::string& map_directory) = 0;
  virtual Result<std::optional<KernelProgram>> find_program(ProgramId id) = 0;
  // By id. Programs that vanish while listing are left out.
  virtual Result<std::vector<KernelProgram>> list_programs() = 0;
  // Id of the program pinned at `path`; nullopt when nothing is pinned there.
  virtual Result<std::optional<ProgramId>> pinned_program(const std::string& path) = 0;

  // --- XDP
  // -------------------------------------------------------------------------------------------------------
  // NotFound with suggestions when there is no such interface in that namespace.
  virtual Result<plan::XdpHook> observe_xdp(const std::string& interface,
                                            const std::string& netns) = 0;
  // Errors: Aborted (the name means another device now), AlreadyExists (hook taken), Unimplemented
  // (mode).
  virtual Result<AttachedXdp> attach_xdp(const AttachXdpRequest& request) = 0;
  // The link pinned at `path`; nullopt when nothing is pinned there.
  virtual Result<std::optional<KernelLink>> pinned_link(const std::string& path) = 0;
  virtual Result<void> detach_link(const std::string& link_pin) = 0;

  // --- maps
  // ------------------------------------------------------------------------------------------------------
  virtual Result<std::optional<KernelMap>> find_map(MapId id) = 0;
  // At most `limit` entries, read by BTF where the map has it.
  virtual Result<MapDump> dump_map(MapId id, std::size_t limit) = 0;

  // --- host
  // ------------------------------------------------------------------------------------------------------
  // /proc/sys/kernel/random/boot_id
  virtual Result<std::string> boot_id() = 0;
};

std::unique_ptr<KernelOps> make_kernel_ops();

}  // namespace bpfman::kernel
