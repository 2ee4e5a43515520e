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
  std::string attach_function;  // fentry, fexit: kernel function; lsm: hook
  bool operator==(const ProgramChoice&) const = default;
};

// Native: in the driver, before the network stack. Generic: in the stack, works on every device.
enum class XdpMode { Native, Generic, Offload };
std::string_view to_string(XdpMode mode);                      // "native", "generic", "offload"
std::optional<XdpMode> parse_xdp_mode(std::string_view text);  // also "drv", "skb", "hw"

// Where an XDP program goes.
struct XdpAttachSpec {
  std::string interface;
  std::string netns;            // path of a network namespace file; "" for our own
  std::optional<XdpMode> mode;  // nullopt: native, else generic when the driver cannot
  std::int32_t priority = 50;   // 0 (first) .. 1000
  std::vector<std::int32_t> proceed_on = {2, 31};  // XDP return codes: pass, dispatcher_return
  std::map<std::string, std::string> metadata;
  bool operator==(const XdpAttachSpec&) const = default;
};

// Other kinds of attachments join this variant.
using AttachSpec = std::variant<XdpAttachSpec>;

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
  bool operator==(const LoadSpec&) const = default;
};

// Names of XDP return codes as in --proceed-on: aborted, drop, pass, tx, redirect,
// dispatcher_return.
std::optional<std::int32_t> parse_xdp_action(std::string_view text);
std::string xdp_action_name(std::int32_t code);

}  // namespace bpfman
