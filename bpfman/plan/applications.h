// SPDX-License-Identifier: Apache-2.0
// An application as a document wants it, against what is recorded of it: what is to be done so that
// they are the same. Applications that documents have made carry marks in the metadata of their
// programs and links; those without are nobody's to change but the user's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// Metadata. Of programs: which document (WantedApplication::title()); of links: what was asked for,
// as place_mark() writes it.
inline constexpr const char* kApplied = "bpfman.io/applied";

// The metadata key under which upstream's CSI driver looks for an application.
inline constexpr const char* kProgramName = "bpfman.io/ProgramName";

// The metadata key under which upstream keeps the name of an application.
inline constexpr const char* kApplicationKey = "bpfman.io/application";

struct DesiredProgram {
  std::string name;  // function
  ProgramType type = ProgramType::Xdp;
  std::string attach_function;
  std::map<std::string, Bytes> globals;  // all that are set
  std::vector<AttachSpec> links;         // interfaces by their names, or selectors
  bool operator==(const DesiredProgram&) const = default;
};

struct DesiredApplication {
  std::string name;
  std::string title;  // for the mark
  Digest bytecode;
  std::vector<DesiredProgram> programs;
  bool operator==(const DesiredApplication&) const = default;
};

// One step towards it. The members that an action needs are set.
struct ApplicationStep {
  enum class What { Load, Replace, Attach, Change, Detach, Unload };
  What what = What::Load;
  std::string program;                 // its function
  std::optional<ProgramRecord> old;    // Replace, Unload: what goes; Attach, Change, Detach: whose
  std::vector<AttachSpec> places;      // Load: all of the new one; Attach: one
  std::optional<LinkId> link;          // Change, Detach
  std::optional<SelectorId> selector;  // Detach: with all of its links, in place of `link`
  LinkChange change;                   // Change
  std::string text;                    // for people: "attach pass to eth0 (xdp)", with the reason
  bool operator==(const ApplicationStep&) const = default;
};

// What comes is there before what it replaces goes; Replace is an upgrade in place
// (plan/upgrade.h). Empty: nothing differs. Errors: AlreadyExists (programs of that application
// that no document made, or another kind of document).
Result<std::vector<ApplicationStep>> compare_application(const DesiredApplication& desired,
                                                         const Snapshot& snapshot);

// The programs that a document made, by "NAME", "KIND/NAME" or its title. NotFound, with what there
// is; AlreadyExists as above.
Result<std::vector<ProgramRecord>> find_application(const std::string& word,
                                                    const Snapshot& snapshot);

// What was asked for but for the order, as the mark of a link: two places are the same if it is.
std::string place_mark(const AttachSpec& spec);

}  // namespace bpfman::plan
