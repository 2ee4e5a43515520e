// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/export.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/core.h>

#include "bpfman/base/text.h"
#include "bpfman/model/application_document.h"
#include "bpfman/plan/applications.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/target_json.h"

namespace bpfman::plan {
namespace {

constexpr const char* kSeveralPrograms = "BpfApplication";

std::string mark_of(const std::map<std::string, std::string>& metadata) {
  auto found = metadata.find(kApplied);
  return found == metadata.end() ? std::string() : found->second;
}

// Metadata that users gave.
std::map<std::string, std::string> own_metadata(std::map<std::string, std::string> metadata) {
  metadata.erase(kApplied);
  metadata.erase(kProgramName);
  metadata.erase(kApplicationKey);
  return metadata;
}

Error unsayable(const std::string& what) {
  return Error(Code::Unimplemented, what);
}

// What place_mark() was made of. The order is not in it.
std::optional<AttachSpec> spec_of_mark(const std::string& mark) {
  constexpr std::string_view kCookie = " cookie ";
  constexpr std::string_view kContainer = " container ";
  AttachSpec spec;
  std::size_t end = mark.rfind('}') + 1;  // names of containers have none
  std::string rest = mark.substr(end);
  if (rest.starts_with(kCookie)) {
    std::size_t digits = std::min(rest.find(' ', kCookie.size()), rest.size());
    std::string number = rest.substr(kCookie.size(), digits - kCookie.size());
    spec.cookie = parse_unsigned(number).value_or(0);
    rest.erase(0, digits);
  }
  if (rest.starts_with(kContainer)) {
    spec.container = rest.substr(kContainer.size());
  }
  Result<AttachTarget> target = target_from_json(mark.substr(0, end));
  if (!target.ok()) {
    return std::nullopt;
  }
  spec.target = *std::move(target);
  return place_mark(spec) == mark ? std::optional(std::move(spec)) : std::nullopt;
}

// What was asked for, with the order that it has now.
AttachSpec asked_for(const std::string& mark, const AttachTarget& present, std::uint64_t cookie) {
  std::optional<AttachSpec> spec = spec_of_mark(mark);
  if (!spec.has_value()) {
    return AttachSpec{.target = present, .cookie = cookie};
  }
  const auto* now = std::get_if<ChainTarget>(&present);
  if (auto* chain = std::get_if<ChainTarget>(&spec->target); chain != nullptr && now != nullptr) {
    chain->order = now->order;
    chain->proceed_on = now->proceed_on;
  }
  const auto* listed = std::get_if<ListTarget>(&present);
  if (auto* list = std::get_if<ListTarget>(&spec->target); list != nullptr && listed != nullptr) {
    list->priority = listed->priority;
  }
  return *std::move(spec);
}

StrategyChoice choice_of(Strategy strategy) {
  switch (strategy) {
    case Strategy::Direct:
      return StrategyChoice::Direct;
    case Strategy::Freplace:
      return StrategyChoice::Freplace;
    case Strategy::Fused:
      return StrategyChoice::Fused;
  }
  return StrategyChoice::Keep;
}

class Exporter {
 public:
  Exporter(const Snapshot& snapshot, ExportedApplication& out) : snapshot_(snapshot), out_(out) {}

  Result<void> run(const std::vector<ProgramRecord>& programs) {
    out_.wanted.kind = kSeveralPrograms;
    TRY(read_name());
    TRY(read_common(programs));
    for (const ProgramRecord& program : programs) {
      TRY(read_program(program));
    }
    std::string mark = mark_of(programs.front().metadata);
    std::string kind = kind_of_title(mark);
    if (kind.empty()) {
      return {};
    }
    out_.wanted.kind = kind;
    if (type_of_kind(kind).has_value() && !fits_single_kind(out_.wanted)) {
      out_.wanted.kind = kSeveralPrograms;
      note(
          fmt::format("it was applied as {} and has changed since in a way that this kind cannot "
                      "say: bpfman delete {} before this is applied",
                      kind,
                      mark));
    }
    return {};
  }

 private:
  void note(const std::string& text) {
    if (std::find(out_.notes.begin(), out_.notes.end(), text) == out_.notes.end()) {
      out_.notes.push_back(text);
    }
  }

  Result<void> read_name() {
    std::string name = to_lower(out_.name);
    std::replace_if(
        name.begin(),
        name.end(),
        [](char c) { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.'; },
        '-');
    constexpr std::size_t kLongestName = 253;
    if (name.empty() || name.size() > kLongestName) {
      return unsayable("a document cannot be named \"" + out_.name + "\"");
    }
    if (name != out_.name) {
      note(
          fmt::format("application {} is named {} here: names of documents are of lower-case "
                      "letters, digits, - and .",
                      out_.name,
                      name));
    }
    out_.wanted.name = name;
    return {};
  }

  // What a document has once for all programs.
  Result<void> read_common(const std::vector<ProgramRecord>& programs) {
    const ProgramRecord& first = programs.front();
    for (const ProgramRecord& other : programs) {
      if (other.bytecode != first.bytecode || source_of(other) != source_of(first)) {
        return unsayable(
            fmt::format("programs {} and {} come from different objects, and a document names one",
                        first.name,
                        other.name));
      }
      if (other.globals != first.globals) {
        return unsayable(
            fmt::format("programs {} and {} have different global variables, and a "
                        "document has them for all programs",
                        first.name,
                        other.name));
      }
    }
    out_.wanted.source = source_of(first);
    out_.wanted.globals = first.globals;
    out_.wanted.labels = own_metadata(first.metadata);
    for (const ProgramRecord& program : programs) {
      note_terms(program);
    }
    for (const ProgramRecord& other : programs) {
      if (own_metadata(other.metadata) != out_.wanted.labels) {
        note(fmt::format("metadata of program {} differs from that of {}, which becomes the labels",
                         other.name,
                         first.name));
      }
    }
    return {};
  }

  static std::variant<FileSource, ImageSource> source_of(const ProgramRecord& program) {
    if (!program.image_reference.empty()) {
      return ImageSource{.reference = program.image_reference};
    }
    return FileSource{.path = program.provenance.location};
  }

  Result<void> read_program(const ProgramRecord& program) {
    auto twice = [&](const WantedProgram& other) { return other.choice.name == program.name; };
    if (std::any_of(out_.wanted.programs.begin(), out_.wanted.programs.end(), twice)) {
      return unsayable("program " + program.name +
                       " is loaded twice, and a document names it once");
    }
    if (program.map_owner.value() != 0) {
      return unsayable("program " + program.name +
                       " uses the maps of another one, which a document cannot say");
    }
    if (program.attach_function.find(" of ") != std::string::npos) {
      return unsayable("program " + program.name + " traces " + program.attach_function +
                       ", which a document cannot say");
    }
    WantedProgram wanted{.choice = ProgramChoice{.name = program.name,
                                                 .type = program.type,
                                                 .attach_function = program.attach_function}};
    for (const SelectorRecord& selector : snapshot_.selectors) {
      if (selector.program_key == program.key) {
        TRY(read_selector(selector, wanted));
      }
    }
    for (const LinkRecord& link : snapshot_.links) {
      if (link.program_key == program.key) {
        TRY(read_link(link, wanted));
      }
    }
    out_.wanted.programs.push_back(std::move(wanted));
    return {};
  }

  Result<void> add(AttachSpec spec, const std::string& what, WantedProgram& into) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (spec.cookie > kMost) {
      return unsayable(fmt::format(
          "{} has the cookie {}, and a document takes numbers up to {}", what, spec.cookie, kMost));
    }
    const auto* chain = std::get_if<ChainTarget>(&spec.target);
    if (chain != nullptr && chain->proceed_on.empty()) {
      return unsayable(what + " ends its chain always, which a document cannot say");
    }
    const std::string* netns = netns_of(spec.target);
    if (netns != nullptr && netns->starts_with("/proc/")) {
      note(
          fmt::format("{} is in the network namespace of a process ({}), which may be another "
                      "one when this is applied",
                      what,
                      *netns));
    }
    into.links.push_back(WantedLink{.attach = std::move(spec)});
    return {};
  }

  Result<void> read_selector(const SelectorRecord& selector, WantedProgram& into) {
    std::string what =
        fmt::format("selector {} ({})", selector.id.value(), describe(selector.spec.target));
    if (!selector.except.empty()) {
      note(fmt::format("{} would attach to {} again, from which it was detached by hand",
                       what,
                       join(selector.except, ", ")));
    }
    note_metadata(what, selector.spec.metadata);
    note_lease(what, selector.spec.lease);
    AttachSpec spec = selector.spec;
    spec.metadata.clear();
    spec.lease = Lease();
    return add(std::move(spec), what, into);
  }

  Result<void> read_link(const LinkRecord& link, WantedProgram& into) {
    std::string what = fmt::format("link {} ({})", link.id.value(), describe(link.target));
    if (link.selector.value() != 0) {
      note_own_order(link, what);
      return {};
    }
    note_metadata(what, link.metadata);
    note_lease(what, link.lease);
    AttachSpec spec = asked_for(mark_of(link.metadata), link.target, link.cookie);
    const ChainTarget* target = link.chain();
    const ChainRecord* chain =
        target == nullptr ? nullptr
                          : chain_at(HookKey{target->hook, link.netns_id, link.ifindex}, snapshot_);
    if (chain != nullptr && chain->wanted.has_value()) {
      spec.strategy = choice_of(*chain->wanted);
    }
    if (chain != nullptr && chain->timing) {
      note("the chain of " + what +
           " measures the time of its members; a document cannot say that");
    }
    return add(std::move(spec), what, into);
  }

  // A link of a selector whose order was changed for itself.
  void note_own_order(const LinkRecord& link, const std::string& what) {
    for (const SelectorRecord& selector : snapshot_.selectors) {
      const auto* asked = std::get_if<ChainTarget>(&selector.spec.target);
      const ChainTarget* present = link.chain();
      if (selector.id == link.selector && asked != nullptr && present != nullptr &&
          (asked->order != present->order || asked->proceed_on != present->proceed_on)) {
        note(what + " has another order than its selector, which a document cannot say");
      }
    }
  }

  // What only flags can say.
  void note_terms(const ProgramRecord& program) {
    std::string what = "program " + program.stable_name();
    note_lease(what, program.lease);
    if (program.budget.has_limit()) {
      note("the budget of " + what + " is left out: " + to_string(program.budget));
    }
    if (!program.kept_maps.empty()) {
      note("that " + what + " keeps maps is left out: " + join(program.kept_maps, ", "));
    }
    if (program.on_rebuild) {
      note("that " + what + " follows its image is left out");
    }
  }

  void note_lease(const std::string& what, const Lease& lease) {
    if (lease.has_end()) {
      note("the lease of " + what + " is left out: " + to_string(lease));
    }
  }

  void note_metadata(const std::string& what, const std::map<std::string, std::string>& metadata) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : own_metadata(metadata)) {
      keys.push_back(key);
    }
    if (!keys.empty()) {
      note("metadata of " + what + " is left out: " + join(keys, ", "));
    }
  }

  const Snapshot& snapshot_;
  ExportedApplication& out_;
};

std::vector<ProgramRecord> programs_of(const std::string& name, const Snapshot& snapshot) {
  std::vector<ProgramRecord> out;
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.application == name) {
      out.push_back(program);
    }
  }
  // As they were loaded: kernel ids change.
  std::sort(out.begin(), out.end(), [](const ProgramRecord& a, const ProgramRecord& b) {
    return a.key < b.key;
  });
  return out;
}

}  // namespace

std::vector<std::string> application_names(const Snapshot& snapshot) {
  std::set<std::string> names;
  for (const ProgramRecord& program : snapshot.programs) {
    names.insert(program.application);
  }
  return {names.begin(), names.end()};
}

Result<ExportedApplication> export_application(const std::string& word, const Snapshot& snapshot) {
  ExportedApplication out;
  std::vector<ProgramRecord> programs;
  if (word.find('/') == std::string::npos) {
    out.name = word;
    programs = programs_of(word, snapshot);
  } else {
    programs = TRY(find_application(word, snapshot));
    out.name = programs.front().application;
    programs = programs_of(out.name, snapshot);
  }
  if (programs.empty()) {
    Error error(Code::NotFound, "application " + word + " does not exist");
    std::vector<std::string> near = suggest(word, application_names(snapshot));
    return near.empty() ? std::move(error).with_hint("bpfman list shows what there is")
                        : std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  Result<void> done = Exporter(snapshot, out).run(programs);
  if (!done.ok()) {
    out.error = std::move(done).error().with_context("application " + out.name);
  }
  return out;
}

void check_names(std::vector<ExportedApplication>& applications) {
  std::map<std::string, std::string> taken;
  for (ExportedApplication& one : applications) {
    if (one.error.has_value()) {
      continue;
    }
    auto [other, fresh] = taken.emplace(one.wanted.name, one.name);
    if (!fresh) {
      one.error = Error(Code::AlreadyExists,
                        fmt::format("application {}: its document would be named {}, as that of {}",
                                    one.name,
                                    one.wanted.name,
                                    other->second))
                      .with_hint("export one of them alone");
    }
  }
}

}  // namespace bpfman::plan
