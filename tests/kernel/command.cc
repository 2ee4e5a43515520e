// SPDX-License-Identifier: Apache-2.0
// A command for tests that need a process of its own in some namespace: it does what a bpfman
// command does with the kernel, prints what came of it line by line, and ends. Exit status: 0, or
// that of the error. INIT (/proc/1) is the process that counts as process 1.
//   ensure DIRECTORY INIT                a bpffs at DIRECTORY
//   observe DIRECTORY INIT               prints mounted, shared, container as 0 or 1, and the note
//   load DIRECTORY INIT OBJECT           ensure, then load the program "pass_counter"
//   attach DIRECTORY INIT OBJECT IFACE   load, then attach to IFACE of the own network namespace
//   show DIRECTORY                       prints the ids of the program and link "attach" left there
#include <cstdio>
#include <string>
#include <vector>

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpffs.h"

namespace bpfman {
namespace {

using Words = std::vector<std::string>;

Result<void> observe(const Words& words) {
  kernel::BpffsState state = TRY(kernel::observe_bpffs(words.at(1), {.directory = words.at(2)}));
  std::printf(
      "%d%d%d %s\n", state.mounted, state.shared_with_init, state.in_container, state.note.c_str());
  return {};
}

Result<void> load(const Words& words) {
  TRY(kernel::ensure_bpffs(words.at(1), {.directory = words.at(2)}));
  Bytes object = TRY(read_file(words.at(3), 1 << 20));
  kernel::LoadedProgram loaded = TRY(kernel::make_kernel_ops()->load_program(
      {.what = {.object = object, .program = "pass_counter"},
       .program_pin = join_path(words.at(1), "prog_command"),
       .map_directory = join_path(words.at(1), "maps/command")}));
  std::printf("program %u\n", loaded.id.value());
  return {};
}

Result<void> attach(const Words& words) {
  TRY(load(words));
  std::unique_ptr<kernel::KernelOps> kernel = kernel::make_kernel_ops();
  plan::NetHook hook = TRY(kernel->observe_hook(HookKind::Xdp, words.at(4), ""));
  kernel::AttachedHook attached =
      TRY(kernel->attach_hook({.kind = hook.kind,
                               .interface = hook.interface,
                               .ifindex = hook.ifindex,
                               .netns = hook.netns,
                               .netns_id = hook.netns_id,
                               .mode = std::nullopt,
                               .link_pin = join_path(words.at(1), "links/command")},
                              join_path(words.at(1), "prog_command")));
  std::printf("link %u\n", attached.kernel_id->value());
  return {};
}

Result<void> show(const Words& words) {
  std::unique_ptr<kernel::KernelOps> kernel = kernel::make_kernel_ops();
  std::optional<ProgramId> program =
      TRY(kernel->pinned_program(join_path(words.at(1), "prog_command")));
  std::optional<KernelLink> link =
      TRY(kernel->pinned_link(join_path(words.at(1), "links/command")));
  std::printf("program %u\nlink %u\n", program ? program->value() : 0, link ? link->id.value() : 0);
  return {};
}

Result<void> run(const Words& words) {
  const std::string& verb = words.at(0);
  if (verb == "ensure") {
    return kernel::ensure_bpffs(words.at(1), {.directory = words.at(2)});
  }
  if (verb == "observe") {
    return observe(words);
  }
  if (verb == "load") {
    return load(words);
  }
  if (verb == "attach") {
    return attach(words);
  }
  return show(words);
}

}  // namespace
}  // namespace bpfman

int main(int argc, char** argv) {
  bpfman::Result<void> done = bpfman::run(bpfman::Words(argv + 1, argv + argc));
  if (done.ok()) {
    return 0;
  }
  std::fprintf(stderr, "%s\n", done.error().message().c_str());
  for (const std::string& hint : done.error().hints()) {
    std::fprintf(stderr, "hint: %s\n", hint.c_str());
  }
  return bpfman::exit_status(done.error().code());
}
