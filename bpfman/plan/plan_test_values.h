// SPDX-License-Identifier: Apache-2.0
// Values that the tests of this room share: a snapshot of an empty host, an object with one XDP
// program, a free hook.
#pragma once

#include "bpfman/plan/planners.h"

namespace bpfman::plan::testing {

inline Digest digest_of(std::string_view text) {
  return Digest::sha256_of(as_bytes(text));
}

inline Snapshot empty_snapshot() {
  Snapshot snapshot;
  snapshot.layout.root = "/r";
  snapshot.boot_id = "boot-1";
  snapshot.now = 1'700'000'000;
  snapshot.next_operation = OperationId(7);
  snapshot.next_link = LinkId(3);
  snapshot.next_program = ProgramKey(11);
  snapshot.next_selector = SelectorId(2);
  return snapshot;
}

inline BytecodeFacts one_program() {
  BytecodeFacts facts;
  facts.digest = digest_of("object");
  facts.size = 6;
  facts.file_name = "x.o";
  facts.elf.programs = {{"pass", "xdp", ProgramType::Xdp}};
  facts.elf.license = "GPL";
  facts.image_reference = "docker.io/library/my-ebpf-prog:dev";
  facts.default_application = "my-ebpf-prog";
  facts.provenance.source = SourceKind::Docker;
  facts.provenance.route = "overlay2";
  facts.image = ImageRecord{.reference = facts.image_reference, .bytecode = facts.digest};
  return facts;
}

inline NetHook free_hook() {
  return NetHook{.interface = "eth0", .ifindex = Ifindex(4), .netns_id = NetnsId{3, 4026531840}};
}

// What the manager sees of a hook before a plan is made.
inline HookSight sight_of_hook(const NetHook& hook, bool ours = false, bool extensions = true) {
  return HookSight{.key = hook.key(),
                   .hook = hook,
                   .ours = ours,
                   .extensions = {.available = extensions,
                                  .why_not = extensions ? "" : "the kernel refuses them"}};
}

inline Snapshot seen(const NetHook& hook) {
  Snapshot snapshot = empty_snapshot();
  snapshot.sights = {sight_of_hook(hook)};
  return snapshot;
}

inline LoadSpec load_on_eth0() {
  LoadSpec spec;
  spec.source = ImageSource{.reference = "my-ebpf-prog:dev"};
  spec.attach = AttachSpec{.target = ChainTarget{.interface = "eth0"}};
  return spec;
}

inline Placement at(const AttachSpec& spec, const std::optional<NetHook>& hook) {
  return Placement{.places = {AttachPlace{spec, hook}}, .wish = {}, .selector = {}};
}

inline Placement at(const LoadSpec& spec, const std::optional<NetHook>& hook) {
  return at(*spec.attach, hook);
}

inline ProgramRecord program_record(std::uint64_t key, std::uint32_t id, std::string name) {
  ProgramRecord program;
  program.key = ProgramKey(key);
  program.id = ProgramId(id);
  program.boot_id = "boot-1";
  program.application = "app";
  program.name = std::move(name);
  program.bytecode = digest_of(program.name);
  program.pin_path = "/r/run/bpfman/fs/prog_" + std::to_string(id);
  program.map_directory = "/r/run/bpfman/fs/maps/" + std::to_string(id);
  return program;
}

inline LinkRecord link_on(const NetHook& hook, const ProgramRecord& program, std::uint64_t id) {
  LinkRecord link;
  link.id = LinkId(id);
  link.program_key = program.key;
  link.program = program.id;
  link.boot_id = program.boot_id;
  link.target = ChainTarget{.interface = hook.interface};
  link.ifindex = hook.ifindex;
  link.netns_id = hook.netns_id;
  return link;
}

}  // namespace bpfman::plan::testing
