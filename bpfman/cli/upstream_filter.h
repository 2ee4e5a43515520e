// SPDX-License-Identifier: Apache-2.0
// Which programs and links the lists of the noun-verb grammar show. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/manager/api.h"

namespace bpfman::cli::upstream {

// The key under which upstream keeps what -a says.
inline constexpr std::string_view kApplicationKey = "bpfman.io/application";

// What --map-owner-id said; upstream knows an owner by it that has gone.
inline constexpr std::string_view kMapOwnerKey = "bpfman.io/map-owner-id";

// The application that was given with -a; "" for none, and for programs of others.
std::string application_of(const ProgramView& program);
std::uint32_t id_of(const ProgramView& program);

// A Kubernetes label selector over metadata: "a=b,c!=d,e in (f,g),h notin (i),j,!k", all of which
// must hold. "!=" and "notin" hold where the key is absent, too.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
class LabelSelector {
 public:
  static Result<LabelSelector> parse(std::string_view text);

  bool fits(const std::map<std::string, std::string>& labels) const;

 private:
  struct Requirement {
    std::string key;
    bool negated = false;
    std::optional<std::set<std::string>> values;  // nullopt: any value
  };

  std::vector<Requirement> requirements_;
};

struct ProgramFilter {
  bool all = false;  // programs of others, too
  bool attached = false;
  bool unattached = false;
  std::vector<ProgramType> types;  // empty: any
  std::string application;         // "": any
  std::map<std::string, std::string> metadata;
  std::optional<LabelSelector> labels;

  bool asks_for_metadata() const {
    return !application.empty() || !metadata.empty() || labels.has_value();
  }

  bool asks_for_links() const { return attached || unattached; }

  // `attached_links`: those that the kernel knows.
  bool fits(const ProgramView& program, const std::set<LinkId>& attached_links) const;
};

// A link with the program that it belongs to.
struct OwnedLink {
  LinkView link;
  std::optional<ProgramView> program;
};

struct LinkFilter {
  std::optional<std::uint32_t> program_id;
  std::vector<ProgramType> kinds;
  // Of the owning program:
  std::vector<ProgramType> types;
  std::string application;
  std::map<std::string, std::string> metadata;

  bool asks_for_programs() const {
    return !types.empty() || !application.empty() || !metadata.empty();
  }

  bool fits(const OwnedLink& link) const;
};

}  // namespace bpfman::cli::upstream
