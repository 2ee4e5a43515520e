// SPDX-License-Identifier: Apache-2.0
#include "apps/rpc_world.h"

#include <algorithm>
#include <mutex>

#include "apps/command.h"
#include "bpfman/kernel/program_facts.h"
#include "bpfman/store/generation.h"

namespace bpfman {
namespace {

Result<std::optional<rpc::KernelFacts>> find_facts(ProgramId id) {
  std::optional<kernel::ProgramFacts> facts = TRY(kernel::find_program_facts(id));
  if (!facts.has_value()) {
    return std::optional<rpc::KernelFacts>();
  }
  return std::optional(
      rpc::KernelFacts{.type = facts->type, .memlock_bytes = facts->memlock_bytes});
}

// As the flags say, and bpfman.toml as it is now where they say nothing.
Result<ManagerOptions> options_for(const rpc::Call& call, ManagerOptions options) {
  if (call.patience_ms > 0) {
    options.lock_timeout_ms = options.lock_timeout_ms == 0
                                  ? call.patience_ms
                                  : std::min(options.lock_timeout_ms, call.patience_ms);
  }
  if (call.finds_images) {
    TRY(read_image_options(options));
  }
  return options;
}

// For several threads.
class Generations {
 public:
  explicit Generations(const Layout& layout) : watch_(layout) {}

  std::optional<rpc::Generation> look() {
    std::lock_guard held(lock_);
    // Where it cannot be told, the records are read, which says why.
    std::optional<store::Generation> now = watch_.look().value_or(std::nullopt);
    return now.has_value() ? std::optional(rpc::Generation{now->opening, now->version})
                           : std::nullopt;
  }

 private:
  std::mutex lock_;
  store::GenerationWatch watch_;
};

}  // namespace

rpc::World make_world(const ManagerOptions& options, kernel::KernelOps& kernel) {
  auto generations = std::make_shared<Generations>(options.layout);
  return rpc::World{
      .make_api = [options, &kernel](const rpc::Call& call) -> Result<std::unique_ptr<Api>> {
        ManagerOptions wanted = TRY(options_for(call, options));
        return std::unique_ptr<Api>(std::make_unique<Manager>(std::move(wanted), kernel));
      },
      .find_facts = find_facts,
      .find_program = [&kernel](ProgramId id) { return kernel.find_program(id); },
      .list_programs = [&kernel] { return kernel.list_programs(); },
      .find_generation = [generations] { return generations->look(); }};
}

}  // namespace bpfman
