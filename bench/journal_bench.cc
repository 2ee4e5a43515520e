// SPDX-License-Identifier: Apache-2.0
// What journal and ledger add to a verb: the records of a program written and removed in one synced
// transaction each, and the same with a journalled plan, bindings and an entry of the ledger.
// journal_bench [DIRECTORY]: where the database is made, /var/tmp unless told.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/model/layout.h"
#include "bpfman/store/store.h"

namespace {

using namespace bpfman;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kPrograms = 1000;
constexpr int kRounds = 500;
constexpr double kLimitMs = 3;
// About as long as those of `load file ... xdp`.
constexpr std::size_t kPlanBytes = 3500;
constexpr std::size_t kBindingsBytes = 400;

ProgramRecord record(std::uint64_t key) {
  return ProgramRecord{.key = ProgramKey(key),
                       .id = ProgramId(static_cast<std::uint32_t>(key)),
                       .boot_id = "boot",
                       .application = "app-" + std::to_string(key),
                       .name = "pass",
                       .section = "xdp",
                       .bytecode = Digest::sha256_of(as_bytes("object")),
                       .license = "GPL",
                       .pin_path = "/run/bpfman/fs/prog_" + std::to_string(key),
                       .map_directory = "/run/bpfman/fs/maps/" + std::to_string(key),
                       .maps = {MapRecord{.name = "seen", .pin_path = "p", .id = MapId(1)}},
                       .metadata = {{"team", "net"}}};
}

LedgerEntry entry() {
  return LedgerEntry{.at = 1'700'000'000,
                     .verb = "load",
                     .subject = "app/pass",
                     .boot_id = "boot",
                     .objects = {LedgerObject{.what = "loaded",
                                              .kind = "program",
                                              .id = "7",
                                              .name = "app/pass",
                                              .bytecode = Digest::sha256_of({}).text(),
                                              .source = "file",
                                              .trust = "local"}}};
}

Result<void> commit(store::Store& store, const store::StoredChange& change, bool journalled) {
  OperationId id = TRY(store.next_operation());
  if (!journalled) {
    return store.commit_operation(id, {change}, std::nullopt);
  }
  TRY(store.begin_operation(store::JournalEntry{.id = id,
                                                .verb = "load",
                                                .boot_id = "boot",
                                                .plan_json = std::string(kPlanBytes, '.'),
                                                .bindings_json = "{}"}));
  TRY(store.save_bindings(id, std::string(kBindingsBytes, '.')));
  TRY(store.save_bindings(id, std::string(kBindingsBytes, ':')));
  return store.commit_operation(id, {change}, entry());
}

// Medians of writing and removing one program's records, in ms.
Result<double> measure(store::Store& store, bool journalled) {
  std::vector<double> samples;
  for (int round = 0; round < kRounds; ++round) {
    ProgramKey key = TRY(store.next_program());
    Clock::time_point begin = Clock::now();
    TRY(commit(store, store::PutProgram{record(key.value())}, journalled));
    TRY(commit(store, plan::DeleteProgram{key}, journalled));
    samples.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count() / 2);
  }
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

Result<void> run(const std::string& directory) {
  Layout layout{.root = directory};
  store::Store store = TRY(store::Store::open(layout));
  std::vector<store::StoredChange> programs;
  for (std::uint64_t key = 1; key <= kPrograms; ++key) {
    programs.emplace_back(store::PutProgram{record(key)});
  }
  TRY(store.commit_operation(OperationId(1), programs, std::nullopt));
  TRY(measure(store, true));  // warm
  double alone = TRY(measure(store, false));
  double journalled = TRY(measure(store, true));
  double added = journalled - alone;
  std::printf("records alone, one synced transaction: %.2f ms\n", alone);
  std::printf(
      "with journal, bindings and ledger:     %.2f ms, %.2f x\n", journalled, journalled / alone);
  std::printf("journal and ledger add %.2f ms (limit %.0f ms%s)\n",
              added,
              kLimitMs,
              added <= kLimitMs ? "" : ": over");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::string place = argc > 1 ? argv[1] : "/var/tmp";
  std::string directory = place + "/bpfman-journal-bench." + std::to_string(::getpid());
  Result<void> done = make_directories(directory, 0700);
  if (done.ok()) {
    done = run(directory);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  if (!done.ok()) {
    std::fprintf(stderr, "journal_bench: %s\n", done.error().message().c_str());
    return 1;
  }
  return 0;
}
