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
Result<void> put_image(Database& database, const ImageRecord& record);
// NotFound when there is no such record.
Result<void> delete_program(Database& database, ProgramKey key);
Result<void> delete_link(Database& database, LinkId id);

}  // namespace bpfman::store
