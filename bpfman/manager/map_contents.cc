// SPDX-License-Identifier: Apache-2.0
// Contents of maps that outlive a reboot: kept in the database, put back by reconcile.
#include <algorithm>

#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

// Of the maps of `program` that are kept, those that are its own.
std::vector<MapRecord> kept_maps(const ProgramRecord& program) {
  std::vector<MapRecord> out;
  std::copy_if(
      program.maps.begin(), program.maps.end(), std::back_inserter(out), [&](const MapRecord& map) {
        return std::find(program.kept_maps.begin(), program.kept_maps.end(), map.name) !=
               program.kept_maps.end();
      });
  return out;
}

}  // namespace

Result<SavedMap> Manager::Impl::save_map(const ProgramRecord& program,
                                         const MapRecord& map,
                                         std::int64_t now,
                                         store::Store& store) {
  Bytes contents = TRY(kernel.read_map_contents(map.id));
  SavedMap saved{
      .program = program.key, .name = map.name, .saved_at = now, .size = contents.size()};
  Result<Bytes> before = store.read_map_contents(program.key, map.name);
  if (!before.ok() || *before != contents) {  // nothing is written for what stays the same
    TRY(store.save_map_contents(saved, contents));
  }
  return saved;
}

Result<SaveMapsReply> Manager::save_maps(const std::vector<std::string>& programs) {
  SaveMapsReply reply;
  plan::Snapshot seen = TRY(impl_->read_snapshot());
  std::vector<ProgramRecord> meant;
  for (const std::string& word : programs) {
    ProgramRecord program = TRY(impl_->find_own_program(word, seen));
    if (program.kept_maps.empty()) {
      return Error(Code::FailedPrecondition,
                   "program " + program.stable_name() + " has no maps that are kept")
          .with_hint("they are named when it is loaded: bpfman load ... --keep-map NAME");
    }
    meant.push_back(std::move(program));
  }
  for (const ProgramRecord& program : programs.empty() ? seen.programs : meant) {
    if (program.boot_id != seen.boot_id || program.kept_maps.empty()) {
      continue;
    }
    WriteSession session = TRY(impl_->open_writing());
    plan::Snapshot now = TRY(session.snapshot());
    const ProgramRecord* record = program_of(program.key, now);
    if (record == nullptr) {
      continue;  // unloaded just now
    }
    for (const MapRecord& map : kept_maps(*record)) {
      Result<SavedMap> saved = impl_->save_map(*record, map, now.now, session.store());
      if (!saved.ok()) {
        return std::move(saved).error().with_context("map " + map.name + " of " +
                                                     record->stable_name());
      }
      reply.maps.emplace_back(record->stable_name(), *std::move(saved));
    }
  }
  return reply;
}

}  // namespace bpfman
