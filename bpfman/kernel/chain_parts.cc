// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/chain_parts.h"

#include <cerrno>
#include <chrono>
#include <set>
#include <thread>

#include <bpf/btf.h>
#include <linux/bpf.h>

#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/chain/counters.h"
#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/btf_handle.h"
#include "bpfman/kernel/chain_blame.h"
#include "bpfman/kernel/map_dump.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/member_code.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

std::uint32_t program_type(HookKind hook) {
  return hook == HookKind::Xdp ? std::uint32_t{BPF_PROG_TYPE_XDP}
                               : std::uint32_t{BPF_PROG_TYPE_SCHED_CLS};
}

// A member that takes whole packets only would see the first fragment of others and believe that it
// is all: the kernel does not look at that.
Result<void> check_frags(bool chain_has, bool member_has) {
  if (chain_has && !member_has) {
    return Error(Code::FailedPrecondition,
                 "it takes no multi-buffer packets (its section is not \"xdp.frags\"), and the "
                 "chain is to take them");
  }
  return {};
}

Result<std::vector<MemberCode>> load_members(const BuildChainRequest& request) {
  std::vector<MemberCode> codes;
  for (const ChainMember& member : request.members) {
    MemberCode code = TRY(MemberCode::load(member.what).with_context(describe(member)));
    TRY(check_frags(request.frags, code.frags()).with_context(describe(member)));
    codes.push_back(std::move(code));
  }
  return codes;
}

// The kernel's own words for it differ, and some kernels have none.
Result<void> check_map_count(const std::vector<MemberCode>& codes) {
  constexpr std::size_t kMaxMaps = 64;  // MAX_USED_MAPS of include/linux/bpf_verifier.h
  std::set<MapId> maps;
  for (const MemberCode& code : codes) {
    for (const chain::Instruction& one : code.instructions()) {
      bool is_map = one.code == chain::kSpecialLoad &&
                    (one.src_reg == BPF_PSEUDO_MAP_FD || one.src_reg == BPF_PSEUDO_MAP_VALUE);
      if (is_map) {
        MapId id = TRY(map_id(one.imm));
        maps.insert(id);
      }
    }
  }
  std::size_t used = maps.size() + 1;  // and the counters
  if (used > kMaxMaps) {
    return Error(Code::ResourceExhausted,
                 "the members together use " + std::to_string(used) +
                     " maps, and one program of the kernel at most " + std::to_string(kMaxMaps));
  }
  return {};
}

// nullopt: no member can be spliced, or the kernel refuses the image. Then they are called, and
// what is wrong with them comes up there.
Result<std::optional<UniqueFd>> load_spliced(const chain::FusedSpec& spec, ImageLoad how) {
  chain::FusedImage made = TRY(chain::make_fused(spec));
  for (const std::string& why : made.called) {
    log::write(log::Level::Debug, "kernel", "a member of the chain is called: " + why);
  }
  if (made.spliced == 0) {
    return std::optional<UniqueFd>();
  }
  how.name = chain::kSplicedName;
  how.explain = log::enabled(log::Level::Debug, "kernel");
  Result<UniqueFd> program = load_image(made.image, how);
  if (!program.ok()) {
    log::write(log::Level::Debug,
               "kernel",
               "all members of the chain are called: " + program.error().message());
    return std::optional<UniqueFd>();
  }
  return std::optional(*std::move(program));
}

// A slot whose link was just unpinned is taken for a moment: the kernel frees pins behind a grace
// period, and the link after that. Who holds it for longer is not one of ours.
Result<UniqueFd> put_into_slot(int extension, int dispatcher, std::uint32_t slot_type) {
  constexpr std::chrono::milliseconds kPause{5};
  constexpr int kAttempts = 400;
  for (int attempt = 1;; ++attempt) {
    Result<UniqueFd> link = create_extension_link(extension, dispatcher, slot_type);
    if (link.ok() || link.error().os() != EBUSY || attempt == kAttempts) {
      return link;
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

std::string link_pin(const std::string& directory, unsigned slot) {
  return join_path(directory, std::string(kLinkPinPrefix) + std::to_string(slot));
}

std::string describe(const ChainMember& member) {
  return "member " + member.what.program;
}

Result<UniqueFd> create_counters(HookKind hook, unsigned slots) {
  return create_map({.name = "chain_counters",
                     .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                     .value_size = chain::counters_size(hook, slots)});
}

Result<std::vector<std::uint64_t>> read_counters(HookKind hook, int map) {
  MapFacts facts = TRY(read_map_facts(map));
  std::size_t cpus = TRY(possible_cpus());
  Bytes values(std::size_t{facts.map.value_size} * cpus);
  const std::uint32_t key = 0;
  bool found = TRY(lookup_map_element(map, std::as_bytes(std::span(&key, 1)), values));
  if (!found) {
    return Error(Code::DataLoss, "the chain has no counters");
  }
  return chain::sum_counters(hook, values, static_cast<unsigned>(cpus));
}

Result<DispatcherProgram> load_dispatcher(const BuildChainRequest& request,
                                          const chain::ChainMaps& maps) {
  chain::Dispatcher dispatcher = chain::make_dispatcher({.hook = request.hook,
                                                         .slots = request.capacity,
                                                         .exhausted = request.exhausted,
                                                         .timing = request.timing,
                                                         .maps = maps});
  DispatcherProgram loaded;
  loaded.fd =
      TRY(load_image(
              dispatcher.image,
              {.type = program_type(request.hook), .name = "bpfman_chain", .frags = request.frags})
              .with_context("load a dispatcher"));
  loaded.slot_types = std::move(dispatcher.slot_types);
  return loaded;
}

Result<UniqueFd> load_fused(const BuildChainRequest& request, const chain::ChainMaps& maps) {
  std::vector<MemberCode> codes = TRY(load_members(request));
  TRY(check_map_count(codes));
  chain::FusedSpec spec{
      .hook = request.hook, .exhausted = request.exhausted, .timing = request.timing, .maps = maps};
  ImageLoad how{
      .type = program_type(request.hook), .name = "", .gpl = false, .frags = request.frags};
  for (std::size_t at = 0; at < codes.size(); ++at) {
    how.gpl = how.gpl || codes[at].gpl();
    spec.members.push_back({.name = request.members[at].what.program,
                            .instructions = codes[at].instructions(),
                            .proceed_on = request.members[at].proceed_on});
  }
  std::optional<UniqueFd> spliced = TRY(load_spliced(spec, how));
  if (spliced) {
    return *std::move(spliced);
  }
  spec.joining = chain::Joining::Called;
  how.name = chain::kFusedName;
  chain::FusedImage made = TRY(chain::make_fused(spec));
  Result<UniqueFd> program = load_image(made.image, how);
  if (!program.ok()) {
    return blame_member(std::move(program).error(), spec, made.image)
        .with_context("join the members of the chain");
  }
  return program;
}

Result<std::vector<std::uint32_t>> find_slot_types(int dispatcher, unsigned slots) {
  bpf_prog_info info = {};
  TRY(read_object_info(dispatcher, &info, sizeof info));
  BtfPtr btf = TRY(load_kernel_btf(info.btf_id));
  std::vector<std::uint32_t> types;
  for (unsigned slot = 0; slot < slots; ++slot) {
    std::string name = chain::slot_function(slot);
    int type = btf__find_by_name_kind(btf.get(), name.c_str(), BTF_KIND_FUNC);
    if (type <= 0) {
      return Error(Code::FailedPrecondition, "the dispatcher has no function " + name);
    }
    types.push_back(static_cast<std::uint32_t>(type));
  }
  return types;
}

Result<JoinedMember> join_slot(const ChainMember& member,
                               int dispatcher,
                               std::uint32_t slot_type,
                               bool frags,
                               const std::string& directory) {
  auto join = [&]() -> Result<JoinedMember> {
    Extension extension =
        TRY(load_extension(member.what, dispatcher, chain::slot_function(member.slot)));
    TRY(check_frags(frags, extension.frags));
    UniqueFd link = TRY(put_into_slot(extension.fd.get(), dispatcher, slot_type));
    KernelLink info = TRY(link_info(link.get()));
    Pin pin = TRY(Pin::create(link.get(), link_pin(directory, member.slot)));
    return JoinedMember{std::move(pin), info.id};
  };
  return join().with_context(describe(member));
}

}  // namespace bpfman::kernel
