// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/applications.h"

#include <algorithm>
#include <set>

#include "bpfman/base/text.h"
#include "bpfman/plan/target_json.h"

namespace bpfman::plan {
namespace {

using What = ApplicationStep::What;

std::string mark_of(const std::map<std::string, std::string>& metadata) {
  auto found = metadata.find(kApplied);
  return found == metadata.end() ? std::string() : found->second;
}

std::vector<ProgramRecord> programs_of(const std::string& application, const Snapshot& snapshot) {
  std::vector<ProgramRecord> out;
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.application == application) {
      out.push_back(program);
    }
  }
  return out;
}

Result<void> check_marks(const std::string& title, const std::vector<ProgramRecord>& programs) {
  for (const ProgramRecord& program : programs) {
    std::string mark = mark_of(program.metadata);
    if (mark.empty()) {
      return Error(Code::AlreadyExists,
                   "program " + program.stable_name() + " was loaded by hand, by no document")
          .with_hint("bpfman unload " + program.stable_name() +
                     ", or give the document another "
                     "metadata.name");
    }
    if (mark != title) {
      return Error(Code::AlreadyExists,
                   "application " + program.application + " is there as " + mark + ", not as " +
                       title)
          .with_hint("bpfman delete " + mark + " takes it away, or give this one another name");
    }
  }
  return {};
}

// A step about a program; `place` "": about nothing else.
ApplicationStep step(What what, const std::string& program, const std::string& text) {
  ApplicationStep out;
  out.what = what;
  out.program = program;
  out.text = text;
  return out;
}

std::string hook_text(const AttachTarget& target) {
  return std::string(attach_word(target)) + " " + describe(target);
}

std::string short_digest(const Digest& digest) {
  constexpr std::size_t kShown = 12;
  return digest.text().substr(0, digest.text().find(':') + 1 + kShown);
}

// Why a program cannot be made the one that is wanted in place; "" when it can.
std::string other_kind(const DesiredProgram& wanted, const ProgramRecord& present) {
  if (present.type != wanted.type) {
    return "type " + std::string(to_string(wanted.type)) + " in place of " +
           std::string(to_string(present.type));
  }
  if (present.attach_function != wanted.attach_function) {
    return "function " + wanted.attach_function + " in place of " + present.attach_function;
  }
  return "";
}

// Why a program has to be replaced; "" when it is the one that is wanted.
std::string difference(const DesiredProgram& wanted,
                       const Digest& bytecode,
                       const ProgramRecord& present) {
  if (present.bytecode != bytecode) {
    return "bytecode " + short_digest(bytecode) + " in place of " + short_digest(present.bytecode);
  }
  return present.globals == wanted.globals ? std::string() : "other global variables";
}

struct Rank {
  Order order;
  std::vector<std::int32_t> proceed_on;
  bool operator==(const Rank&) const = default;
};

std::optional<Rank> rank_of(const AttachTarget& target) {
  const auto* chain = std::get_if<ChainTarget>(&target);
  return chain == nullptr ? std::nullopt : std::optional(Rank{chain->order, chain->proceed_on});
}

LinkChange change_between(const Rank& present, const Rank& wanted) {
  LinkChange change;
  if (present.order.role != wanted.order.role && !wanted.order.role.empty()) {
    change.role = wanted.order.role;
  } else if (present.order.priority != wanted.order.priority ||
             present.order.role != wanted.order.role) {
    change.priority = wanted.order.priority;
  }
  if (present.order.before != wanted.order.before) {
    change.before = wanted.order.before;
  }
  if (present.order.after != wanted.order.after) {
    change.after = wanted.order.after;
  }
  if (present.proceed_on != wanted.proceed_on) {
    change.proceed_on = wanted.proceed_on;
  }
  return change;
}

std::string describe(const LinkChange& change, const Rank& wanted) {
  std::vector<std::string> parts;
  if (change.role.has_value()) {
    parts.push_back("class " + *change.role);
  }
  if (change.priority.has_value()) {
    parts.push_back("priority " + std::to_string(*change.priority));
  }
  if (change.before.has_value()) {
    parts.push_back("before " + join(wanted.order.before, " "));
  }
  if (change.after.has_value()) {
    parts.push_back("after " + join(wanted.order.after, " "));
  }
  if (change.proceed_on.has_value()) {
    parts.emplace_back("proceed-on");
  }
  return join(parts, ", ");
}

// The links and selectors of one program against its places.
class LinkComparison {
 public:
  LinkComparison(const DesiredProgram& wanted,
                 const ProgramRecord& program,
                 const Snapshot& snapshot)
      : wanted_(wanted), program_(program), snapshot_(snapshot) {}

  // What comes, what changes, what goes.
  std::vector<ApplicationStep> run() {
    std::vector<ApplicationStep> coming;
    for (const AttachSpec& spec : wanted_.links) {
      if (!take_selector(spec) && !take_link(spec)) {
        ApplicationStep one =
            about(What::Attach, "attach " + wanted_.name + " to " + hook_text(spec.target));
        one.places.push_back(spec);
        coming.push_back(std::move(one));
      }
    }
    coming.insert(coming.end(), changes_.begin(), changes_.end());
    add_leaving(coming);
    return coming;
  }

 private:
  ApplicationStep about(What what, const std::string& text) const {
    ApplicationStep out = step(what, wanted_.name, text);
    out.old = program_;
    return out;
  }

  bool take_selector(const AttachSpec& spec) {
    for (const SelectorRecord& selector : snapshot_.selectors) {
      // A selector has no order of its own to change: another one is another selector.
      bool same = selector.program_key == program_.key && !selectors_.contains(selector.id) &&
                  mark_of(selector.spec.metadata) == place_mark(spec) &&
                  rank_of(selector.spec.target) == rank_of(spec.target);
      if (same) {
        selectors_.insert(selector.id);
        return true;
      }
    }
    return false;
  }

  bool take_link(const AttachSpec& spec) {
    for (const LinkRecord& link : snapshot_.links) {
      bool same = link.program_key == program_.key && link.selector.value() == 0 &&
                  !links_.contains(link.id) && mark_of(link.metadata) == place_mark(spec);
      if (!same) {
        continue;
      }
      links_.insert(link.id);
      std::optional<Rank> present = rank_of(link.target);
      std::optional<Rank> wanted = rank_of(spec.target);
      if (present.has_value() && wanted.has_value() && present != wanted) {
        LinkChange change = change_between(*present, *wanted);
        ApplicationStep one = about(What::Change,
                                    "change link " + to_string(link.id) + " (" +
                                        hook_text(link.target) + "): " + describe(change, *wanted));
        one.link = link.id;
        one.change = std::move(change);
        changes_.push_back(std::move(one));
      }
      return true;
    }
    return false;
  }

  void add_leaving(std::vector<ApplicationStep>& steps) const {
    for (const SelectorRecord& selector : snapshot_.selectors) {
      if (selector.program_key == program_.key && !selectors_.contains(selector.id)) {
        ApplicationStep one = about(What::Detach,
                                    "detach selector " + to_string(selector.id) + " (" +
                                        hook_text(selector.spec.target) + ")");
        one.selector = selector.id;
        steps.push_back(std::move(one));
      }
    }
    for (const LinkRecord& link : snapshot_.links) {
      if (link.program_key == program_.key && link.selector.value() == 0 &&
          !links_.contains(link.id)) {
        ApplicationStep one =
            about(What::Detach,
                  "detach link " + to_string(link.id) + " (" + hook_text(link.target) + ")");
        one.link = link.id;
        steps.push_back(std::move(one));
      }
    }
  }

  const DesiredProgram& wanted_;
  const ProgramRecord& program_;
  const Snapshot& snapshot_;
  std::set<LinkId> links_;
  std::set<SelectorId> selectors_;
  std::vector<ApplicationStep> changes_;
};

std::string places_text(const std::vector<AttachSpec>& places) {
  std::vector<std::string> parts;
  for (const AttachSpec& spec : places) {
    parts.push_back(hook_text(spec.target));
  }
  return parts.empty() ? std::string() : ", attach it to " + join(parts, ", ");
}

}  // namespace

std::string place_mark(const AttachSpec& spec) {
  AttachTarget target = spec.target;
  if (auto* chain = std::get_if<ChainTarget>(&target)) {
    chain->order = Order();
    chain->proceed_on.clear();
  }
  std::string out = to_json(target);
  if (spec.cookie != 0) {
    out += " cookie " + std::to_string(spec.cookie);
  }
  return spec.container.empty() ? out : out + " container " + spec.container;
}

Result<std::vector<ApplicationStep>> compare_application(const DesiredApplication& desired,
                                                         const Snapshot& snapshot) {
  std::vector<ProgramRecord> present = programs_of(desired.name, snapshot);
  TRY(check_marks(desired.title, present));
  std::vector<ApplicationStep> out;
  std::set<ProgramKey> kept;
  for (const DesiredProgram& wanted : desired.programs) {
    auto found = std::find_if(present.begin(), present.end(), [&](const ProgramRecord& one) {
      return one.name == wanted.name && !kept.contains(one.key);
    });
    std::string kind = found == present.end() ? std::string() : other_kind(wanted, *found);
    if (found == present.end() || !kind.empty()) {
      ApplicationStep load = step(What::Load,
                                  wanted.name,
                                  "load " + wanted.name + (kind.empty() ? "" : " (" + kind + ")") +
                                      places_text(wanted.links));
      load.places = wanted.links;
      out.push_back(std::move(load));
      continue;
    }
    kept.insert(found->key);
    std::vector<ApplicationStep> links = LinkComparison(wanted, *found, snapshot).run();
    out.insert(out.end(), links.begin(), links.end());
    std::string why = difference(wanted, desired.bytecode, *found);
    if (!why.empty()) {
      ApplicationStep replace =
          step(What::Replace, wanted.name, "replace " + wanted.name + " (" + why + ")");
      replace.old = *found;
      out.push_back(std::move(replace));
    }
  }
  for (const ProgramRecord& program : present) {
    if (!kept.contains(program.key)) {
      ApplicationStep unload = step(What::Unload, program.name, "unload " + program.name);
      unload.old = program;
      out.push_back(std::move(unload));
    }
  }
  return out;
}

Result<std::vector<ProgramRecord>> find_application(const std::string& word,
                                                    const Snapshot& snapshot) {
  std::size_t slash = word.find('/');
  std::string name = slash == std::string::npos ? word : word.substr(slash + 1);
  std::string kind = slash == std::string::npos ? std::string() : to_lower(word.substr(0, slash));
  if (!kind.empty() && kind.find('.') == std::string::npos) {
    kind += ".bpfman.io";
  }
  std::vector<ProgramRecord> found = programs_of(name, snapshot);
  if (!found.empty()) {
    std::string mark = mark_of(found.front().metadata);
    TRY(check_marks(kind.empty() && !mark.empty() ? mark : kind + "/" + name, found));
    return found;
  }
  std::set<std::string> known;
  for (const ProgramRecord& program : snapshot.programs) {
    std::string mark = mark_of(program.metadata);
    if (!mark.empty()) {
      known.insert(mark);
    }
  }
  Error error(Code::NotFound, "no document has made an application " + word);
  if (known.empty()) {
    return error;
  }
  return std::move(error).with_hint("there are " + join({known.begin(), known.end()}, ", "));
}

}  // namespace bpfman::plan
