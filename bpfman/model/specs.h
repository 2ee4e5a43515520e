// SPDX-License-Identifier: Apache-2.0
// What a user asks for, as values: where bytecode comes from, what to load, where to attach.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/model/attach.h"
#include "bpfman/model/ids.h"
#include "bpfman/model/image.h"
#include "bpfman/model/program_type.h"

namespace bpfman {

struct FileSource {
  std::string path;
  bool operator==(const FileSource&) const = default;
};

struct ImageSource {
  std::string reference;  // as typed
  PullPolicy policy = PullPolicy::IfNotPresent;
  std::vector<SourceKind>
      from;                   // --from: these kinds of sources only, in this order; empty: as set
  std::string registry_auth;  // base64 of user:password; "" for none. Never logged, never stored.
  bool operator==(const ImageSource&) const = default;
};

// One program to load. From --name NAME (type from the ELF) or --programs TYPE:NAME[:FUNC].
struct ProgramChoice {
  std::string name;
  std::optional<ProgramType> type;
  // fentry, fexit, fmod_ret: kernel function; lsm: hook; tp_btf: tracepoint. In place of the
  // section's.
  std::string attach_function;
  bool operator==(const ProgramChoice&) const = default;
};

// A global variable, or a part of it, with its value as people write it.
struct Setting {
  std::string path;  // "limit", "limits.rate", "ports[2]"
  std::string value;
  bool operator==(const Setting&) const = default;
};

struct LoadSpec {
  std::variant<FileSource, ImageSource> source;
  std::vector<ProgramChoice> programs;  // empty: the only one that fits `attach` (or the only one)
  std::string application;              // "": from the image or file name
  std::map<std::string, std::string> metadata;
  std::map<std::string, Bytes> globals;
  std::vector<Setting> settings;     // become globals when the object is known
  std::optional<AttachSpec> attach;  // load and attach in one operation
  // Its maps are used by these programs, too, instead of maps of their own: as in find_program; ""
  // for none.
  std::string map_owner;
  // fentry, fexit: the function is one of this program of ours, not of the kernel: as above.
  std::string attach_program;
  Lease lease;  // of the programs, and with them of their links
  Budget budget;
  std::vector<std::string> kept_maps;  // by name: their contents come back after a reboot
  bool on_rebuild = false;  // the daemon follows the image; of a name that can get another meaning
  bool operator==(const LoadSpec&) const = default;
};

}  // namespace bpfman
