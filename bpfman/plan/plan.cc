// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/plan.h"

#include <fmt/core.h>

#include "bpfman/base/check.h"
#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman::plan {
namespace {

// Makes one callable of several lambdas, for std::visit.
template <typename... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};

template <typename... Cases>
Overload(Cases...) -> Overload<Cases...>;

std::string describe_program(const std::variant<Slot, ProgramId>& program) {
  if (const ProgramId* id = std::get_if<ProgramId>(&program)) {
    return "program " + to_string(*id);
  }
  return fmt::format("program #{} of this plan", std::get<Slot>(program).index);
}

std::string describe_place(const std::string& interface,
                           Ifindex ifindex,
                           const std::string& netns) {
  return fmt::format("{} (ifindex {}){}",
                     interface,
                     ifindex.value(),
                     netns.empty() ? "" : " in network namespace " + netns);
}

}  // namespace

std::string describe(const Action& action) {
  return std::visit(
      Overload{
          [](const EnsureRuntime&) {
            return std::string("make sure that the runtime directory and its bpffs exist");
          },
          [](const StoreBlob& a) {
            return fmt::format("store bytecode {} ({})", a.digest.text(), format_bytes(a.size));
          },
          [](const RemoveUnusedBlob& a) {
            return fmt::format("remove bytecode {} unless it is in use", a.digest.text());
          },
          [](const LoadProgram& a) {
            return fmt::format(
                "load {} program {} of {} as program #{} of this plan{}",
                to_string(a.type),
                a.name,
                a.bytecode.text(),
                a.slot.index,
                a.globals.empty() ? "" : fmt::format(" with {} global(s) set", a.globals.size()));
          },
          [](const PublishProgram& a) {
            return fmt::format("pin program #{} of this plan, and its maps, by the kernel's id",
                               a.slot.index);
          },
          [](const UnpublishProgram& a) {
            return fmt::format("unpin program #{} of this plan and its maps", a.slot.index);
          },
          [](const RemovePins& a) {
            return fmt::format("unpin {} and {}", a.program_pin, a.map_directory);
          },
          [](const AttachXdp& a) {
            return fmt::format("attach {} to {}, {} mode, as link {} pinned at {}",
                               describe_program(a.program),
                               describe_place(a.interface, a.ifindex, a.netns),
                               a.mode.has_value() ? to_string(*a.mode) : "native or else generic",
                               a.link.value(),
                               a.link_pin);
          },
          [](const DetachLink& a) { return fmt::format("detach and unpin {}", a.link_pin); },
      },
      action);
}

std::string describe(const RecordChange& change) {
  return std::visit(
      Overload{
          [](const InsertProgram& c) {
            return fmt::format(
                "record program #{} of this plan as {}", c.slot.index, c.record.stable_name());
          },
          [](const InsertLink& c) {
            return fmt::format("record link {} of {} on {}",
                               c.record.id.value(),
                               describe_program(c.program),
                               c.record.interface);
          },
          [](const DeleteLink& c) { return fmt::format("forget link {}", c.id.value()); },
          [](const DeleteProgram& c) {
            return fmt::format("forget program record {}", c.key.value());
          },
          [](const PutImage& c) {
            return fmt::format("record image {} from {}",
                               c.record.reference,
                               describe_source(c.record.provenance));
          },
          [](const TouchImage& c) {
            return fmt::format("note that image {} is used", c.reference);
          },
          [](const DeleteImage& c) { return fmt::format("forget image {}", c.reference); },
      },
      change);
}

std::vector<std::string> describe(const Plan& plan) {
  std::vector<std::string> lines;
  for (const Step& step : plan.steps) {
    lines.push_back(describe(step.action));
  }
  for (const RecordChange& change : plan.commit) {
    lines.push_back(describe(change));
  }
  for (const Action& action : plan.cleanup) {
    lines.push_back(describe(action));
  }
  return lines;
}

ProgramRecord bind_record(const InsertProgram& insert,
                          const Bindings& bindings,
                          const Layout& layout) {
  auto bound = bindings.programs.find(insert.slot);
  BPFMAN_CHECK(bound != bindings.programs.end(), "a plan commits after its programs were loaded");
  ProgramRecord record = insert.record;
  record.id = bound->second.id;
  record.pin_path = layout.program_pin(record.id);
  record.map_directory = layout.map_directory(record.id);
  record.maps = bound->second.maps;
  for (MapRecord& map : record.maps) {
    // The kernel room reports where it pinned; internal maps are not pinned at all.
    if (!map.pin_path.empty()) {
      map.pin_path = join_path(record.map_directory, map.name);
    }
  }
  return record;
}

LinkRecord bind_record(const InsertLink& insert, const Bindings& bindings) {
  LinkRecord record = insert.record;
  if (const ProgramId* id = std::get_if<ProgramId>(&insert.program)) {
    record.program = *id;
  } else {
    auto bound = bindings.programs.find(std::get<Slot>(insert.program));
    BPFMAN_CHECK(bound != bindings.programs.end(), "a plan commits after its programs were loaded");
    record.program = bound->second.id;
  }
  auto bound = bindings.links.find(record.id);
  BPFMAN_CHECK(bound != bindings.links.end(), "a plan commits after its links were made");
  record.kernel_id = bound->second.kernel_id;
  record.mode = bound->second.mode;
  return record;
}

}  // namespace bpfman::plan
