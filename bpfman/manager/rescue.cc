// SPDX-License-Identifier: Apache-2.0
// A damaged database made anew: what can be read of it, and what the kernel knows of the rest.
#include "bpfman/base/clock.h"
#include "bpfman/base/file.h"
#include "bpfman/manager/adoption.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/store/health.h"

namespace bpfman {
namespace {

Result<void> adopt(const AdoptionScene& scene, RescueReply& reply) {
  TRY(adopt_programs(scene, reply));
  return adopt_links(scene, reply);
}

}  // namespace

Result<RescueReply> Manager::rescue() {
  RescueReply reply;
  const Layout& layout = impl_->options.layout;
  kernel::KernelOps& kernel = impl_->kernel;
  std::string boot_id = TRY(kernel.boot_id());
  WriterLock lock = TRY(WriterLock::acquire(layout, impl_->options.lock_timeout_ms));
  TRY(store::finish_rescue(layout));
  reply.damage = TRY(store::examine(layout));
  if (reply.damage.empty()) {
    return reply;
  }
  store::Salvage salvage = TRY(store::Salvage::begin(layout));
  // First what dead processes left: its pins are no programs that were lost.
  Executor executor(layout, kernel, salvage.store());
  TRY(executor.recover(boot_id, lock));
  AdoptionScene scene{.layout = layout,
                      .kernel = kernel,
                      .salvage = salvage,
                      .boot_id = boot_id,
                      .now = unix_now(),
                      .pins = {}};
  if (path_exists(layout.bpffs())) {
    TRY(collect_pins(layout.bpffs(), scene.pins));
  }
  TRY(adopt(scene, reply));
  store::Salvage::Outcome done = TRY(salvage.finish(scene.now));
  reply.kept = done.kept;
  for (const store::SalvagedTable& table : done.tables) {
    reply.tables.push_back(RescuedTable{table.name, table.kept, table.lost, table.unreadable});
  }
  return reply;
}

}  // namespace bpfman
