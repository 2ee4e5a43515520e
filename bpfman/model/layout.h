// SPDX-License-Identifier: Apache-2.0
// Layout: every path that bpfman owns, from one root. With the default root "/" these are
// /var/lib/bpfman and /run/bpfman; with --root-dir DIR the same trees below DIR, so two instances
// never meet. With --runtime-dir DIR what is below <root>/run/bpfman is DIR, and the state is
// DIR/state, as upstream keeps all of it in one place.
//
//   <root>/var/lib/bpfman/           state: survives a reboot 0700
//     bpfman.db                      SQLite (records, journal)
//     blobs/sha256/<64 hex>          bytecode, one file a digest
//     tuf/                           what the last update of the trust root ended with
//       root.json, timestamp.json, snapshot.json, targets.json
//       record.toml                  where trust began, and what was put into /etc
//       lock
//   <root>/run/bpfman/               boot-scoped 0755
//     lock                           the writer lock
//     fs/                            a bpffs instance of our own
//       prog_<program id>            a program
//       maps/<program id>/<map>      its maps, by their whole names
//       links/<link id>              its links outside of chains
//       {xdp,tc-ingress,tc-egress}/dispatcher_<netns inode>_<ifindex>_link        a hook's link
//       {xdp,tc-ingress,tc-egress}/dispatcher_<netns inode>_<ifindex>_<revision>/ an image of its
//       chain: "dispatcher", "counters", "config", "link_<slot>"
//       op_<operation id>_<slot>     staging: a program (or, with "_maps", its maps) that has no id
//       in the records yet
//     verifier/<program>.log         what the verifier said when it refused a program
//   <root>/etc/bpfman/bpfman.toml    configuration
//   <root>/etc/bpfman/policy.toml    who and what is trusted
//   <root>/etc/bpfman/trusted_root.json  the trust root that policies use unless they name another
#pragma once

#include <string>

#include "bpfman/model/attach.h"
#include "bpfman/model/digest.h"
#include "bpfman/model/ids.h"

namespace bpfman {

struct Layout {
  std::string root = "/";  // absolute
  std::string runtime;  // absolute; "": <root>/run/bpfman, with the state in <root>/var/lib/bpfman
  bool operator==(const Layout&) const = default;

  std::string state_directory() const;
  std::string database() const;
  std::string blob_directory() const;
  std::string blob(const Digest& digest) const;
  std::string runtime_directory() const;
  std::string lock_file() const;
  std::string serve_lock() const;  // held by `bpfman serve`
  std::string bpffs() const;
  std::string maps_directory() const;   // <bpffs>/maps
  std::string links_directory() const;  // <bpffs>/links
  std::string program_pin(ProgramId id) const;
  std::string map_directory(ProgramId id) const;
  std::string link_pin(LinkId id) const;
  // The link that holds the programs of a hook, and the pins of one image of its chain.
  std::string hook_link(HookKind kind, NetnsId netns, Ifindex ifindex) const;
  std::string chain_directory(HookKind kind,
                              NetnsId netns,
                              Ifindex ifindex,
                              std::uint32_t revision) const;
  std::string staged_program(OperationId operation, unsigned slot) const;
  std::string staged_maps(OperationId operation, unsigned slot) const;
  // The verifier's whole log of the last refusal of a program of this name.
  std::string verifier_log(const std::string& program) const;
  std::string configuration() const;
  std::string policy() const;
  std::string trusted_root() const;
  std::string tuf_directory() const;
};

}  // namespace bpfman
