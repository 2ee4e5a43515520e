// SPDX-License-Identifier: Apache-2.0
// Records to rows and back. Child tables are read in one query each and merged, whatever the number
// of records.
#pragma once

#include <vector>

#include "bpfman/model/records.h"
#include "bpfman/store/sqlite.h"

namespace bpfman::store {

Result<std::vector<ProgramRecord>> read_programs(Database& database);
Result<std::vector<LinkRecord>> read_links(Database& database);
// One image, or all when `reference` is nullptr.
Result<std::vector<ImageRecord>> read_images(Database& database, const std::string* reference);

Result<void> insert_program(Database& database, const ProgramRecord& record);
Result<void> insert_link(Database& database, const LinkRecord& record);
// Adds to the history of the reference when it means something else than before.
Result<void> put_image(Database& database, const ImageRecord& record);
// An image that is not there is no error.
Result<void> touch_image(Database& database, const std::string& reference, std::int64_t at);
Result<void> delete_image(Database& database, const std::string& reference);
Result<std::vector<ImageHistoryEntry>> read_history(Database& database,
                                                    const std::string& reference);
// Of a program that is there: all but its names.
Result<void> change_program(Database& database, const ProgramRecord& record);
// Of a link that is there: all but its metadata.
Result<void> change_link(Database& database, const LinkRecord& record);
Result<std::vector<ChainRecord>> read_chains(Database& database);
Result<void> put_chain(Database& database, const ChainRecord& record);
// One that is not there is done.
Result<void> delete_chain(Database& database, const HookKey& hook, const std::string& boot_id);
Result<std::vector<SelectorRecord>> read_selectors(Database& database);
Result<void> put_selector(Database& database, const SelectorRecord& record);
// NotFound when there is no such record.
Result<void> delete_selector(Database& database, SelectorId id);
Result<void> put_map_contents(Database& database, const SavedMap& map, ByteView contents);
Result<std::vector<SavedMap>> read_saved_maps(Database& database);
Result<Bytes> read_map_contents(Database& database, ProgramKey program, const std::string& name);
// Whether anything has an end.
Result<bool> has_leases(Database& database);
// Oldest first.
Result<std::vector<ApplicationVersion>> read_versions(Database& database,
                                                      const std::string& application);
Result<void> put_version(Database& database, const ApplicationVersion& record);
Result<void> delete_versions(Database& database, const std::string& application);
Result<void> delete_program(Database& database, ProgramKey key);
Result<void> delete_link(Database& database, LinkId id);

}  // namespace bpfman::store
