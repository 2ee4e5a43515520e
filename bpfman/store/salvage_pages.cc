// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/salvage_pages.h"

#include <algorithm>
#include <vector>

#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/store/schema.h"

namespace bpfman::store {
namespace {

constexpr std::size_t kPage = 4096;  // SQLite's default, which we never change
constexpr std::size_t kGreatestFile = std::size_t{4} << 30;
constexpr std::size_t kFileHeader = 100;
constexpr std::byte kInteriorTable{5};

std::uint32_t big_endian(ByteView bytes, std::size_t at, std::size_t width) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < width; ++i) {
    out = (out << 8U) | std::to_integer<std::uint32_t>(bytes[at + i]);
  }
  return out;
}

void put_big_endian(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[at + i] = static_cast<std::byte>(value >> (24U - 8U * i));
  }
}

// The version that the file tells; -1 when what it tells cannot be.
Result<int> told_version(const std::string& path) {
  std::optional<struct ::stat> info = TRY(stat_path(path));
  if (!info.has_value() || info->st_size == 0) {
    return -1;
  }
  Result<Database> database = Database::open(path, Access::ReadWrite);
  if (!database.ok()) {
    return -1;
  }
  Result<int> version = schema_version(*database);
  if (!version.ok() || *version <= 0) {
    return -1;
  }
  TRY(expect_known_version(*database, *version));
  return *version;
}

// Whether every table of this version is there to be asked.
bool has_schema(const std::string& path, const std::vector<std::string>& tables) {
  Result<Database> database = Database::open(path, Access::ReadWrite);
  return database.ok() && std::all_of(tables.begin(), tables.end(), [&](const std::string& table) {
           return database->prepare(("SELECT * FROM \"" + table + "\"").c_str()).ok();
         });
}

struct Model {
  Bytes bytes;
  std::vector<std::string> tables;
};

Result<Model> new_database(const std::string& path, int version) {
  Model model;
  {
    Database database = TRY(Database::open(path, Access::ReadWriteCreate));
    TRY(migrate_to(database, version));
    Statement names = TRY(database.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"));
    while (TRY(names.step())) {
      model.tables.push_back(names.text(0));
    }
  }
  model.bytes = TRY(read_file(path, kGreatestFile));
  TRY(remove_file(path));
  return model;
}

// The pages of the table of the schema, from 1: its root and, when that is full, those below it.
std::vector<std::uint32_t> schema_pages(ByteView file) {
  std::vector<std::uint32_t> pages = {1};
  if (file[kFileHeader] != kInteriorTable) {
    return pages;
  }
  constexpr std::size_t kCells = kFileHeader + 12;  // behind the header of the page
  std::uint32_t cells = big_endian(file, kFileHeader + 3, 2);
  for (std::size_t cell = 0; cell < cells; ++cell) {
    pages.push_back(big_endian(file, big_endian(file, kCells + 2 * cell, 2), 4));
  }
  pages.push_back(big_endian(file, kFileHeader + 8, 4));
  return pages;
}

Result<void> put_schema(const std::string& path, const Model& model) {
  Bytes file = TRY(read_file(path, kGreatestFile));
  std::vector<std::uint32_t> pages = schema_pages(model.bytes);
  // What the file does not have any more stays unreadable: an empty table would be a lie.
  std::size_t needed = *std::max_element(pages.begin(), pages.end());
  file.resize(std::max((file.size() + kPage - 1) / kPage, needed) * kPage);
  for (std::uint32_t page : pages) {
    auto start = static_cast<std::ptrdiff_t>((page - 1) * kPage);
    std::copy_n(model.bytes.begin() + start, kPage, file.begin() + start);
  }
  constexpr std::size_t kSize = 28;
  constexpr std::size_t kFreeList = 32;
  put_big_endian(file, kSize, static_cast<std::uint32_t>(file.size() / kPage));
  put_big_endian(file, kFreeList, 0);
  put_big_endian(file, kFreeList + 4, 0);
  // Both numbers of the file's format: with a log.
  file[18] = std::byte{2};
  file[19] = std::byte{2};
  return write_file_atomic(path, file, 0600);
}

}  // namespace

Result<int> make_readable(const std::string& path) {
  int told = TRY(told_version(path));
  int version = told < 0 ? kSchemaVersion : told;
  Model model = TRY(new_database(path + ".model", version));
  if (told >= 0 && has_schema(path, model.tables)) {
    return version;
  }
  // A log with these pages in it goes before them.
  TRY(put_schema(path, model));
  Result<int> now = told_version(path);
  return now.ok() && *now > 0 ? *now : version;
}

}  // namespace bpfman::store
