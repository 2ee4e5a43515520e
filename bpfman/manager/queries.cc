// SPDX-License-Identifier: Apache-2.0
// The verbs that only look. They take no lock and wait for nobody.
#include "bpfman/base/text.h"
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

bool fits(const ProgramRecord& record, const ListProgramsQuery& query) {
  if (query.type.has_value() && record.type != *query.type) {
    return false;
  }
  if (!query.application.empty() && record.application != query.application) {
    return false;
  }
  return std::all_of(query.metadata.begin(), query.metadata.end(), [&](const auto& wanted) {
    auto found = record.metadata.find(wanted.first);
    return found != record.metadata.end() && found->second == wanted.second;
  });
}

// The kernel's type names are coarser than ours.
bool fits(const KernelProgram& program, const ListProgramsQuery& query) {
  return query.application.empty() && query.metadata.empty() &&
         (!query.type.has_value() || program.type == to_string(*query.type));
}

// Whose maps a program uses.
ProgramKey map_root(const ProgramRecord& record) {
  return record.map_owner.value() != 0 ? record.map_owner : record.key;
}

}  // namespace

const ProgramRecord* program_of(ProgramKey key, const plan::Snapshot& snapshot) {
  auto found = std::find_if(snapshot.programs.begin(),
                            snapshot.programs.end(),
                            [&](const ProgramRecord& one) { return one.key == key; });
  return found == snapshot.programs.end() ? nullptr : &*found;
}

ProgramView Manager::Impl::view_program(const ProgramRecord& record,
                                        const std::string& boot_id,
                                        const std::vector<LinkRecord>& links) {
  ProgramView view{.record = record};
  for (const LinkRecord& link : links) {
    if (link.program_key == record.key) {
      view.links.push_back(link.id);
    }
  }
  if (record.boot_id == boot_id) {
    // A program that cannot be looked at is shown as not loaded, which is what a person would see
    // in the kernel, too.
    view.kernel = kernel.find_program(record.id).value_or(std::nullopt);
  }
  return view;
}

Result<ProgramRecord> Manager::Impl::find_own_program(const std::string& word,
                                                      const plan::Snapshot& snapshot) {
  Result<ProgramRecord> found = plan::find_program(word, snapshot);
  std::optional<std::uint64_t> id = parse_unsigned(word);
  if (found.ok() || found.error().code() != Code::NotFound || !id.has_value() || *id > UINT32_MAX) {
    return found;
  }
  std::optional<KernelProgram> foreign =
      TRY(kernel.find_program(ProgramId(static_cast<std::uint32_t>(*id))));
  if (foreign.has_value()) {
    return Error(Code::FailedPrecondition,
                 "program " + word + " exists in kernel but is not managed by bpfman")
        .with_hint("it is \"" + foreign->name + "\" (" + foreign->type +
                   "); bpfman never touches what others loaded");
  }
  return found;
}

Result<std::vector<LedgerEntry>> Manager::log(const LedgerQuery& query) {
  std::optional<store::Store> store = TRY(impl_->open_for_reading());
  return store.has_value() ? store->list_ledger(query) : std::vector<LedgerEntry>();
}

Result<std::vector<ProgramView>> Manager::list_programs(const ListProgramsQuery& query) {
  plan::Snapshot records = TRY(impl_->read_snapshot());
  std::vector<ProgramView> views;
  for (const ProgramRecord& record : records.programs) {
    if (fits(record, query)) {
      views.push_back(impl_->view_program(record, records.boot_id, records.links));
      if (query.whole && views.back().kernel.has_value()) {
        views.back().kernel = impl_->kernel.describe_program(record.id).value_or(std::nullopt);
      }
    }
  }
  if (!query.all) {
    return views;
  }
  std::vector<KernelProgram> present = TRY(impl_->kernel.list_programs());
  for (KernelProgram& program : present) {
    bool ours = std::any_of(
        records.programs.begin(), records.programs.end(), [&](const ProgramRecord& record) {
          return record.id == program.id && record.boot_id == records.boot_id;
        });
    if (!ours && fits(program, query)) {
      if (query.whole) {
        std::optional<KernelProgram> described = TRY(impl_->kernel.describe_program(program.id));
        program = described.has_value() ? *std::move(described) : std::move(program);
      }
      views.push_back(ProgramView{.record = std::nullopt, .kernel = std::move(program)});
    }
  }
  // A record of a former boot may have the id of a program of this one: the record first.
  auto rank = [](const ProgramView& view) {
    return view.record.has_value() ? std::pair(view.record->id, std::uint64_t{0})
                                   : std::pair(view.kernel->id, std::uint64_t{1});
  };
  std::sort(views.begin(), views.end(), [&](const ProgramView& a, const ProgramView& b) {
    return rank(a) < rank(b);
  });
  return views;
}

Result<std::vector<LinkView>> Manager::list_links() {
  plan::Snapshot records = TRY(impl_->read_snapshot());
  std::vector<LinkView> views;
  for (const LinkRecord& link : records.links) {
    views.push_back(impl_->view_link(link, records));
  }
  return views;
}

Result<ProgramView> Manager::get_program(const std::string& program) {
  plan::Snapshot records = TRY(impl_->read_snapshot());
  Result<ProgramRecord> record = plan::find_program(program, records);
  if (record.ok()) {
    return impl_->view_program(*record, records.boot_id, records.links);
  }
  std::optional<std::uint64_t> id = parse_unsigned(program);
  if (id.has_value() && *id <= UINT32_MAX) {
    std::optional<KernelProgram> foreign =
        TRY(impl_->kernel.find_program(ProgramId(static_cast<std::uint32_t>(*id))));
    if (foreign.has_value()) {
      return ProgramView{.record = std::nullopt, .kernel = std::move(foreign)};
    }
  }
  return std::move(record).error();
}

Result<ProgramDetails> Manager::describe_program(const std::string& program) {
  ProgramDetails details;
  details.program = TRY(get_program(program));
  std::optional<KernelProgram>& kernel = details.program.kernel;
  if (kernel.has_value()) {
    kernel = TRY(impl_->kernel.describe_program(kernel->id));
  }
  if (!details.program.record.has_value()) {
    return details;
  }
  const ProgramRecord& record = *details.program.record;
  plan::Snapshot records = TRY(impl_->read_snapshot());
  for (const LinkRecord& link : records.links) {
    if (link.program_key == record.key) {
      details.links.push_back(impl_->view_link(link, records));
    }
  }
  bool present = record.boot_id == records.boot_id;
  for (const MapRecord& map : record.maps) {
    MapView view{.record = map};
    if (present) {
      // A map that cannot be looked at is shown as not there.
      view.kernel = impl_->kernel.find_map(map.id).value_or(std::nullopt);
      view.pinned =
          !map.pin_path.empty() && impl_->kernel.has_pinned_map(map.pin_path).value_or(false);
    }
    details.maps.push_back(std::move(view));
  }
  for (const ProgramRecord& other : records.programs) {
    if (present && other.boot_id == records.boot_id && map_root(other) == map_root(record)) {
      details.map_users.push_back(other.id);
    }
  }
  std::sort(details.map_users.begin(), details.map_users.end());
  return details;
}

Result<std::vector<SelectorView>> Manager::list_selectors() {
  plan::Snapshot records = TRY(impl_->read_snapshot());
  std::vector<SelectorView> views;
  for (const SelectorRecord& selector : records.selectors) {
    SelectorView view{.record = selector};
    if (const ProgramRecord* program = program_of(selector.program_key, records)) {
      view.program_name = program->stable_name();
    }
    for (const LinkRecord& link : records.links) {
      if (link.selector == selector.id) {
        view.links.push_back(impl_->view_link(link, records));
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

Result<LinkView> Manager::get_link(const std::string& link) {
  plan::Snapshot records = TRY(impl_->read_snapshot());
  LinkRecord record = TRY(plan::find_link(link, records));
  LinkView view = impl_->view_link(record, records);
  impl_->add_neighbours(view);
  return view;
}

Result<std::vector<ImageRecord>> Manager::list_images() {
  std::optional<store::Store> store = TRY(impl_->open_for_reading());
  if (!store.has_value()) {
    return std::vector<ImageRecord>();
  }
  return store->list_images();
}

Result<std::vector<RuntimeStatus>> Manager::list_sources() {
  return impl_->make_images(nullptr).probe_sources();
}

Result<MapDump> Manager::dump_map(const std::string& map, std::size_t limit) {
  if (std::optional<std::uint64_t> id = parse_unsigned(map); id.has_value() && *id <= UINT32_MAX) {
    return impl_->kernel.dump_map(MapId(static_cast<std::uint32_t>(*id)), limit);
  }
  plan::Snapshot records = TRY(impl_->read_snapshot());
  std::size_t colon = map.rfind(':');
  std::string name = colon == std::string::npos ? map : map.substr(colon + 1);
  std::vector<ProgramRecord> programs;
  if (colon == std::string::npos) {
    programs = records.programs;
  } else {
    ProgramRecord program = TRY(plan::find_program(map.substr(0, colon), records));
    programs.push_back(std::move(program));
  }
  std::vector<std::pair<std::string, MapId>> fitting;
  std::vector<std::string> known;
  for (const ProgramRecord& program : programs) {
    for (const MapRecord& record : program.maps) {
      known.push_back(record.name);
      if (record.name == name && program.boot_id == records.boot_id) {
        fitting.emplace_back(program.stable_name(), record.id);
      }
    }
  }
  if (fitting.size() == 1) {
    MapDump dump = TRY(impl_->kernel.dump_map(fitting.front().second, limit));
    dump.name = name;
    return dump;
  }
  if (fitting.empty()) {
    Error error(Code::NotFound, "map " + map + " does not exist");
    std::vector<std::string> near = suggest(name, known);
    if (!near.empty()) {
      return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
    }
    return std::move(error).with_hint(
        "name it by PROGRAM:MAP, or by the map id; bpfman get program shows the maps");
  }
  std::vector<std::string> places;
  for (const auto& [program, id] : fitting) {
    places.push_back(program + ":" + name + " (id " + to_string(id) + ")");
  }
  return Error(Code::InvalidArgument,
               "map name \"" + map + "\" means several maps: " + join(places, ", "))
      .with_hint("use PROGRAM:MAP or the map id");
}

}  // namespace bpfman
