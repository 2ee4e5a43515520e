// SPDX-License-Identifier: Apache-2.0
// Applications: programs of one object that go together, with all places they are attached to, as
// a document wants them (apiVersion bpfman.io/v1alpha1). The documents are those of Kubernetes;
// docs/applications.md says what of them has a meaning on a single host.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/base/yaml.h"
#include "bpfman/model/attach.h"
#include "bpfman/model/specs.h"

namespace bpfman {

// A place of a document. Where `primary_interface` is set, the target's interface is the one of the
// host's default route, which only the host knows.
struct WantedLink {
  AttachSpec attach;
  bool primary_interface = false;
  bool operator==(const WantedLink&) const = default;
};

struct WantedProgram {
  ProgramChoice choice;  // name "": the only one of its type
  std::vector<WantedLink> links;
  bool operator==(const WantedProgram&) const = default;
};

struct WantedApplication {
  std::string kind;   // "XdpProgram", "BpfApplication", ...
  std::string name;   // metadata.name: what the application is called
  std::string place;  // "FILE:LINE", for messages
  std::variant<FileSource, ImageSource> source;
  std::map<std::string, Bytes> globals;
  std::vector<Setting> settings;
  std::map<std::string, std::string> labels;  // of metadata: become metadata of the programs
  std::vector<WantedProgram> programs;
  bool operator==(const WantedApplication&) const = default;

  // As kubectl writes it: "xdpprogram.bpfman.io/my-ebpf-program"
  std::string title() const;
};

// What programs documents of this kind have; nullopt: several, of any type, or no such kind.
std::optional<ProgramType> type_of_kind(std::string_view kind);
// "xdpprogram.bpfman.io/x" -> "XdpProgram"; "" where nobody knows the kind.
std::string kind_of_title(std::string_view title);

// Adds it to others. InvalidArgument "FILE:LINE: what": there is one of that name.
Result<void> add_application(std::vector<WantedApplication>& into, WantedApplication one);

// All documents of a file. InvalidArgument "FILE:LINE: what": no YAML, a kind that nobody knows, a
// field that its kind does not have, a value that cannot be, the same application twice.
// Unimplemented "FILE:LINE: what": what needs a cluster (pods, nodes with labels).
Result<std::vector<WantedApplication>> parse_applications(std::string_view text,
                                                          const std::string& file);

}  // namespace bpfman
