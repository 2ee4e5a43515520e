// SPDX-License-Identifier: Apache-2.0
// Every state on the way is harmless when the process is killed there: a slot has its link before
// its bit; a bit is gone and waited for before its link; the pin "dispatcher" comes last and goes
// first, so a directory without it is rubbish.
#include "bpfman/kernel/chain_image.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <linux/bpf.h>

#include "bpfman/base/file.h"
#include "bpfman/chain/counters.h"
#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/chain_parts.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint32_t kContinue = std::uint32_t{1} << chain::kContinueBit;

// Whether a CPU does loads in the order of the program: then a packet that sees a new bit sees its
// mask.
#if defined(__x86_64__)
constexpr bool kLoadsInOrder = true;
#else
constexpr bool kLoadsInOrder = false;
#endif

bool has_bit(std::uint64_t bits, unsigned at) {
  return (bits >> at & 1) != 0;
}

Result<void> check_slot(const ChainMember& member, unsigned slots) {
  if (member.slot >= slots) {
    return Error(Code::ResourceExhausted,
                 describe(member) + ": the dispatcher has " + std::to_string(slots) +
                     " slots, there is no slot " + std::to_string(member.slot));
  }
  return {};
}

Result<void> check_request(const BuildChainRequest& request) {
  bool fused = request.strategy == Strategy::Fused;
  std::size_t limit = fused ? chain::kMaxMembers : request.capacity;
  if (request.strategy == Strategy::Direct || limit == 0 || limit > chain::kMaxMembers) {
    return Error(Code::InvalidArgument, "a chain has 1 to 64 slots");
  }
  if (request.members.size() > limit) {
    return Error(Code::ResourceExhausted,
                 "the chain has room for " + std::to_string(limit) + " members, not for " +
                     std::to_string(request.members.size()));
  }
  std::set<unsigned> slots;
  for (const ChainMember& member : request.members) {
    TRY(check_slot(member, static_cast<unsigned>(fused ? request.members.size() : limit)));
    if (!slots.insert(member.slot).second) {
      return Error(Code::InvalidArgument, "two members want slot " + std::to_string(member.slot));
    }
  }
  return {};
}

Result<std::map<LinkId, KernelLinkId>> find_links(const std::string& directory,
                                                  const std::vector<ChainMember>& members) {
  std::map<LinkId, KernelLinkId> links;
  for (const ChainMember& member : members) {
    std::optional<KernelLink> link = TRY(pinned_link(link_pin(directory, member.slot)));
    if (link) {
      links[member.link] = link->id;
    }
  }
  return links;
}

Result<std::optional<BuiltChain>> find_built(const BuildChainRequest& request) {
  std::string pin = join_path(request.directory, kDispatcherPin);
  std::optional<ProgramId> dispatcher = TRY(pinned_program(pin));
  if (!dispatcher) {
    return std::optional<BuiltChain>();
  }
  BuiltChain built{.dispatcher = *dispatcher, .links = {}};
  if (request.strategy == Strategy::Freplace) {
    built.links = TRY(find_links(request.directory, request.members));
  }
  return std::optional(std::move(built));
}

Result<BuiltChain> build_fused(const BuildChainRequest& request) {
  BuildChainRequest ordered = request;
  std::sort(
      ordered.members.begin(),
      ordered.members.end(),
      [](const ChainMember& left, const ChainMember& right) { return left.slot < right.slot; });
  auto slots = static_cast<unsigned>(ordered.members.size());
  UniqueFd counters = TRY(create_counters(request.hook, slots));
  UniqueFd program = TRY(load_fused(ordered, {.counters = counters.get()}));
  BuiltChain built;
  built.dispatcher = TRY(program_id(program.get()));
  Pin counters_pin = TRY(Pin::create(counters.get(), join_path(request.directory, kCountersPin)));
  Pin program_pin = TRY(Pin::create(program.get(), join_path(request.directory, kDispatcherPin)));
  counters_pin.keep();
  program_pin.keep();
  return built;
}

// The configuration of a chain that is not there yet: everything in it is live from the start.
Result<void> fill_config(int map, const BuildChainRequest& request) {
  ChainConfigMap config = TRY(ChainConfigMap::open(map));
  std::uint64_t live = 0;
  for (const ChainMember& member : request.members) {
    config.set_mask(member.slot, member.proceed_on | kContinue);
    live |= std::uint64_t{1} << member.slot;
  }
  config.set_frags(request.frags);
  config.set_live(live);
  return {};
}

Result<BuiltChain> build_dispatcher(const BuildChainRequest& request) {
  UniqueFd counters = TRY(create_counters(request.hook, request.capacity));
  UniqueFd config = TRY(create_config(request.hook, request.capacity));
  DispatcherProgram program =
      TRY(load_dispatcher(request, {.counters = counters.get(), .config = config.get()}));
  BuiltChain built;
  built.dispatcher = TRY(program_id(program.fd.get()));
  std::vector<Pin> pins;
  Pin counters_pin = TRY(Pin::create(counters.get(), join_path(request.directory, kCountersPin)));
  pins.push_back(std::move(counters_pin));
  Pin config_pin = TRY(Pin::create(config.get(), join_path(request.directory, kConfigPin)));
  pins.push_back(std::move(config_pin));
  for (const ChainMember& member : request.members) {
    JoinedMember joined = TRY(join_slot(member,
                                        program.fd.get(),
                                        program.slot_types[member.slot],
                                        request.frags,
                                        request.directory));
    built.links[member.link] = joined.link;
    pins.push_back(std::move(joined.pin));
  }
  TRY(fill_config(config.get(), request));
  Pin program_pin =
      TRY(Pin::create(program.fd.get(), join_path(request.directory, kDispatcherPin)));
  program_pin.keep();
  for (Pin& pin : pins) {
    pin.keep();
  }
  return built;
}

Result<BuiltChain> build(const BuildChainRequest& request) {
  TRY(check_request(request));
  std::optional<BuiltChain> built = TRY(find_built(request));
  if (built) {
    return *std::move(built);
  }
  TRY(remove_pins("", request.directory));  // what a process that was killed left half made
  lift_memory_limit();
  PinDirectory directory = TRY(PinDirectory::create(request.directory));
  Result<BuiltChain> made =
      request.strategy == Strategy::Fused ? build_fused(request) : build_dispatcher(request);
  if (made.ok()) {
    directory.keep();
  }
  return made;
}

Result<UniqueFd> open_part(const std::string& directory, std::string_view name, ObjectKind kind) {
  UniqueFd fd = TRY(open_pin_of_kind(join_path(directory, name), kind));
  if (!fd.valid()) {
    return Error(Code::NotFound,
                 "there is no chain with a " + std::string(name) + " at " + directory);
  }
  return fd;
}

Result<ChainConfigMap> open_config(const std::string& directory) {
  UniqueFd map = TRY(open_part(directory, kConfigPin, ObjectKind::Map));
  return ChainConfigMap::open(map.get());  // the memory outlives the descriptor
}

// Members that come into a slot do not take over what it counted before.
Result<void> reset_counters(HookKind hook,
                            const std::string& directory,
                            ChainConfigMap& config,
                            const std::vector<unsigned>& slots) {
  UniqueFd map = TRY(open_part(directory, kCountersPin, ObjectKind::Map));
  std::vector<std::uint64_t> now = TRY(read_counters(hook, map.get()));
  std::span<std::uint64_t> base = config.base_counters();
  std::size_t size = chain::counter_layout(hook).size;
  for (unsigned slot : slots) {
    std::copy_n(now.begin() + static_cast<std::ptrdiff_t>(slot * size), size, &base[slot * size]);
  }
  return {};
}

Result<std::map<LinkId, KernelLinkId>> join(HookKind hook,
                                            const std::string& directory,
                                            const std::vector<ChainMember>& members) {
  UniqueFd dispatcher = TRY(open_part(directory, kDispatcherPin, ObjectKind::Program));
  ChainConfigMap config = TRY(open_config(directory));
  unsigned slots = config.slots(hook);
  for (const ChainMember& member : members) {
    TRY(check_slot(member, slots));
  }
  std::vector<std::uint32_t> types = TRY(find_slot_types(dispatcher.get(), slots));
  std::map<LinkId, KernelLinkId> links = TRY(find_links(directory, members));
  std::vector<unsigned> filled;
  std::vector<Pin> pins;
  for (const ChainMember& member : members) {
    if (links.contains(member.link)) {
      continue;
    }
    JoinedMember joined =
        TRY(join_slot(member, dispatcher.get(), types[member.slot], config.frags(), directory));
    links[member.link] = joined.link;
    filled.push_back(member.slot);
    pins.push_back(std::move(joined.pin));
  }
  TRY(reset_counters(hook, directory, config, filled));
  for (Pin& pin : pins) {
    pin.keep();
  }
  return links;
}

}  // namespace

Result<BuiltChain> build_chain(const BuildChainRequest& request) {
  return build(request).with_context("build the chain " + request.directory);
}

Result<std::map<LinkId, KernelLinkId>> join_chain(HookKind hook,
                                                  const std::string& directory,
                                                  const std::vector<ChainMember>& members) {
  return join(hook, directory, members).with_context("join the chain " + directory);
}

Result<void> set_live_members(const std::string& directory, const LiveMembers& live) {
  ChainConfigMap config = TRY(open_config(directory));
  std::uint64_t before = config.live();
  bool stale = false;  // a CPU might see the slot's bit, but its former mask
  for (const auto& [slot, mask] : live.masks) {
    if (slot >= chain::kMaxMembers) {
      return Error(Code::InvalidArgument, "there is no slot " + std::to_string(slot));
    }
    stale = stale || (!has_bit(before, slot) && config.mask(slot) != (mask | kContinue));
    config.set_mask(slot, mask | kContinue);
  }
  if (stale && !kLoadsInOrder) {
    TRY(wait_for_grace_period());
  }
  config.set_live(live.live);
  if ((before & ~live.live) != 0) {
    TRY(wait_for_grace_period());
  }
  return {};
}

Result<LiveMembers> live_members(const std::string& directory) {
  ChainConfigMap config = TRY(open_config(directory));
  LiveMembers members{.live = config.live(), .masks = {}};
  for (unsigned slot = 0; slot < chain::kMaxMembers; ++slot) {
    if (has_bit(members.live, slot)) {
      members.masks[slot] = config.mask(slot);
    }
  }
  return members;
}

Result<void> leave_chain(const std::string& directory, const std::vector<unsigned>& slots) {
  if (!path_exists(join_path(directory, kConfigPin))) {
    return {};  // the chain is gone, and its slots with it
  }
  ChainConfigMap config = TRY(open_config(directory));
  std::uint64_t live = config.live();
  for (unsigned slot : slots) {
    if (slot >= chain::kMaxMembers || has_bit(live, slot)) {
      return Error(Code::FailedPrecondition,
                   "slot " + std::to_string(slot) + " of the chain " + directory + " runs");
    }
  }
  for (unsigned slot : slots) {
    TRY(remove_file(link_pin(directory, slot)));
  }
  return {};
}

Result<void> drop_chain(const std::string& directory) {
  if (!path_exists(directory)) {
    return {};
  }
  bool on_bpffs = TRY(is_on_bpffs(directory));
  if (!on_bpffs) {
    return Error(Code::FailedPrecondition, directory + " is not on a bpffs");
  }
  std::vector<std::string> names = TRY(list_directory(directory));
  auto is_link = [](const std::string& name) { return name.starts_with(kLinkPinPrefix); };
  if (std::any_of(names.begin(), names.end(), is_link)) {
    TRY(wait_for_grace_period());
  }
  TRY(remove_file(join_path(directory, kDispatcherPin)));
  for (const std::string& name : names) {
    TRY(remove_file(join_path(directory, name)));
  }
  return remove_directory(directory);
}

Result<std::map<unsigned, MemberCounts>> member_counts(HookKind hook,
                                                       const std::string& directory) {
  UniqueFd map = TRY(open_part(directory, kCountersPin, ObjectKind::Map));
  std::vector<std::uint64_t> counters = TRY(read_counters(hook, map.get()));
  UniqueFd config = TRY(open_pin_of_kind(join_path(directory, kConfigPin), ObjectKind::Map));
  if (!config.valid()) {
    return chain::decode_counters(hook, counters, {});
  }
  ChainConfigMap mapped = TRY(ChainConfigMap::open(config.get()));
  return chain::decode_counters(hook, counters, mapped.base_counters());
}

}  // namespace bpfman::kernel
