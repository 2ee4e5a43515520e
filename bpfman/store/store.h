// SPDX-License-Identifier: Apache-2.0
// Store: bpfman's memory. Records and the operations journal in SQLite (WAL), bytecode as files
// named by sha256. It knows nothing of kernels or images beyond the records. One object per thread.
// All writing happens under the writer lock (the caller holds it); readers need none.
//
// Durability: begin_operation survives the death of the process; commit_operation also survives a
// power cut (it is synced), so what a user was told is true after it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/layout.h"
#include "bpfman/model/ledger.h"
#include "bpfman/model/records.h"
#include "bpfman/plan/actions.h"

namespace bpfman::store {

struct JournalEntry {
  OperationId id;
  std::string verb;
  std::string boot_id;
  std::int64_t started_at = 0;
  std::int64_t pid = 0;
  std::string plan_json;
  std::string bindings_json;
  bool operator==(const JournalEntry&) const = default;
};

// A record change with all that the kernel answered filled in.
struct PutProgram {
  ProgramRecord record;
};

struct PutLink {
  LinkRecord record;
};

// Of a program or link that is there.
struct ChangeProgram {
  ProgramRecord record;
};

struct ChangeLink {
  LinkRecord record;
};

struct StoreChain {
  ChainRecord record;
};

using StoredChange = std::variant<PutProgram,
                                  PutLink,
                                  ChangeProgram,
                                  ChangeLink,
                                  StoreChain,
                                  plan::DeleteChain,
                                  plan::PutSelector,
                                  plan::DeleteSelector,
                                  plan::PutVersion,
                                  plan::DeleteVersions,
                                  plan::DeleteLink,
                                  plan::DeleteProgram,
                                  plan::PutImage,
                                  plan::TouchImage,
                                  plan::DeleteImage>;

// Of one reference; the oldest are forgotten.
inline constexpr std::int64_t kMaxHistory = 100;

struct StoreState;

class Store {
 public:
  // Creates directories and database when absent, migrates an older schema (under an exclusive
  // transaction; the version is read again after it is held). Finishes a rescue whose process died
  // (salvage.h). Errors: FailedPrecondition (schema newer than this program), DataLoss (not a
  // database, damaged), PermissionDenied.
  static Result<Store> open(const Layout& layout);
  // For readers, without the writer lock: nothing is written, but a rescue finished whose process
  // died. nullopt when there is no database yet.
  static Result<std::optional<Store>> open_existing(const Layout& layout);

  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Records, ordered by id. Those of former boots are included; boot_id tells.
  Result<std::vector<ProgramRecord>> list_programs();
  Result<std::vector<LinkRecord>> list_links();
  Result<std::vector<ChainRecord>> list_chains();
  Result<std::vector<SelectorRecord>> list_selectors();
  // Contents of maps of the programs that are there.
  Result<std::vector<SavedMap>> list_saved_maps();
  Result<void> save_map_contents(const SavedMap& map, ByteView contents);
  // NotFound: nothing is kept of it.
  Result<Bytes> read_map_contents(ProgramKey program, const std::string& name);
  // Whether a program, link or selector has a lease.
  Result<bool> has_leases();
  // Applications that have former versions.
  Result<std::vector<std::string>> list_versioned();
  // Of an application, oldest first.
  Result<std::vector<ApplicationVersion>> list_versions(const std::string& application);
  Result<std::vector<ImageRecord>> list_images();
  Result<std::optional<ImageRecord>> find_image(const std::string& reference);
  // What the reference has meant, oldest first; the last kMaxHistory changes.
  Result<std::vector<ImageHistoryEntry>> list_history(const std::string& reference);

  // The ids that the next insertion will get; stable while the writer lock is held.
  Result<OperationId> next_operation();
  Result<LinkId> next_link();
  Result<ProgramKey> next_program();
  Result<SelectorId> next_selector();

  // `entry.id` must be next_operation().
  Result<void> begin_operation(const JournalEntry& entry);
  Result<void> save_bindings(OperationId id, const std::string& bindings_json);
  // Entries whose process did not get to an end, oldest first.
  Result<std::vector<JournalEntry>> open_operations();

  // The newest entries that fit, oldest first.
  Result<std::vector<LedgerEntry>> list_ledger(const LedgerQuery& query);

  // What is left of an operation when its records are written.
  struct Rest {
    std::string plan_json;
    std::string bindings_json;
  };

  // One transaction: all changes, what the ledger keeps of it, and the entry is closed, or stays
  // open for what is left. Nothing is changed on error.
  Result<void> commit_operation(OperationId id,
                                const std::vector<StoredChange>& changes,
                                const std::optional<LedgerEntry>& ledger = std::nullopt,
                                const std::optional<Rest>& rest = std::nullopt);
  // Closes the entry after it was undone, or after what was left of it is done.
  Result<void> abandon_operation(OperationId id,
                                 const std::optional<LedgerEntry>& ledger = std::nullopt);

  // Bytecode. put is atomic (write, fsync, rename) and does nothing when the blob is there and
  // whole; read verifies the digest: DataLoss on a mismatch, NotFound when absent. Limit: 16 MiB.
  Result<void> put_blob(const Digest& digest, ByteView bytes);
  Result<Bytes> read_blob(const Digest& digest);
  bool has_blob(const Digest& digest) const;
  // What lies in the blob store, by digest, whether a record names it or not.
  Result<std::vector<StoredBlob>> list_blobs() const;
  // Removes the blob unless a program or image record names it.
  Result<void> remove_unused_blob(const Digest& digest);

 private:
  friend struct StoreState;
  explicit Store(std::unique_ptr<StoreState> state);
  std::unique_ptr<StoreState> state_;
};

}  // namespace bpfman::store
