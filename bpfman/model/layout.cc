// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/layout.h"

#include "bpfman/base/file.h"

namespace bpfman {

std::string Layout::state_directory() const {
  return runtime.empty() ? join_path(root, "var/lib/bpfman") : join_path(runtime, "state");
}

std::string Layout::database() const {
  return join_path(state_directory(), "bpfman.db");
}

std::string Layout::blob_directory() const {
  return join_path(state_directory(), "blobs/sha256");
}

std::string Layout::blob(const Digest& digest) const {
  return join_path(blob_directory(), digest.hex());
}

std::string Layout::runtime_directory() const {
  return runtime.empty() ? join_path(root, "run/bpfman") : runtime;
}

std::string Layout::serve_lock() const {
  return join_path(runtime_directory(), "serve.lock");
}

std::string Layout::lock_file() const {
  return join_path(runtime_directory(), "lock");
}

std::string Layout::bpffs() const {
  return join_path(runtime_directory(), "fs");
}

std::string Layout::maps_directory() const {
  return join_path(bpffs(), "maps");
}

std::string Layout::links_directory() const {
  return join_path(bpffs(), "links");
}

std::string Layout::program_pin(ProgramId id) const {
  return join_path(bpffs(), "prog_" + to_string(id));
}

std::string Layout::map_directory(ProgramId id) const {
  return join_path(maps_directory(), to_string(id));
}

std::string Layout::link_pin(LinkId id) const {
  return join_path(links_directory(), to_string(id));
}

std::string Layout::hook_link(HookKind kind, NetnsId netns, Ifindex ifindex) const {
  return join_path(bpffs(),
                   std::string(bpfman::to_string(kind)) + "/dispatcher_" +
                       std::to_string(netns.inode) + "_" + bpfman::to_string(ifindex) + "_link");
}

std::string Layout::chain_directory(HookKind kind,
                                    NetnsId netns,
                                    Ifindex ifindex,
                                    std::uint32_t revision) const {
  return join_path(bpffs(),
                   std::string(bpfman::to_string(kind)) + "/dispatcher_" +
                       std::to_string(netns.inode) + "_" + bpfman::to_string(ifindex) + "_" +
                       std::to_string(revision));
}

std::string Layout::staged_program(OperationId operation, unsigned slot) const {
  return join_path(bpffs(), "op_" + to_string(operation) + "_" + std::to_string(slot));
}

std::string Layout::staged_maps(OperationId operation, unsigned slot) const {
  return staged_program(operation, slot) + "_maps";
}

std::string Layout::verifier_log(const std::string& program) const {
  constexpr std::size_t kLongest = 128;
  // A symbol may hold anything.
  std::string name = program.substr(0, kLongest);
  for (char& letter : name) {
    bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                 (letter >= '0' && letter <= '9') || letter == '_';
    letter = plain ? letter : '_';
  }
  return join_path(runtime_directory(), "verifier/" + name + ".log");
}

std::string Layout::configuration() const {
  return join_path(root, "etc/bpfman/bpfman.toml");
}

std::string Layout::policy() const {
  return join_path(root, "etc/bpfman/policy.toml");
}

std::string Layout::trusted_root() const {
  return join_path(root, "etc/bpfman/trusted_root.json");
}

std::string Layout::tuf_directory() const {
  return join_path(state_directory(), "tuf");
}

}  // namespace bpfman
