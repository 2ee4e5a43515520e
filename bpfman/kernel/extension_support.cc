// SPDX-License-Identifier: Apache-2.0
// Whether the kernel takes extension programs: by asking it, since neither its version nor its
// configuration tells.
#include <cstring>

#include <linux/bpf.h>

#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/chain_image.h"
#include "bpfman/kernel/chain_parts.h"

namespace bpfman::kernel {

Result<plan::ExtensionSupport> extension_support() {
  lift_memory_limit();
  const BuildChainRequest request{
      .hook = HookKind::Xdp, .strategy = Strategy::Freplace, .directory = "", .capacity = 1};
  UniqueFd counters = TRY(create_counters(request.hook, request.capacity));
  UniqueFd config = TRY(create_config(request.hook, request.capacity));
  DispatcherProgram target =
      TRY(load_dispatcher(request, {.counters = counters.get(), .config = config.get()}));
  Result<UniqueFd> extension = load_image(chain::make_smallest_extension(request.hook),
                                          {.type = BPF_PROG_TYPE_EXT,
                                           .name = "bpfman_probe",
                                           .extended_program = target.fd.get(),
                                           .extended_type = target.slot_types[0]});
  if (extension.ok()) {
    return plan::ExtensionSupport{.available = true, .why_not = ""};
  }
  int os = extension.error().os();
  const char* name = os > 0 ? ::strerrorname_np(os) : nullptr;
  std::string why = name != nullptr ? std::string(name) : extension.error().message();
  return plan::ExtensionSupport{.available = false,
                                .why_not = "the kernel refuses extension programs (" + why + ")"};
}

}  // namespace bpfman::kernel
