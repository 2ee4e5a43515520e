// SPDX-License-Identifier: Apache-2.0
// The files of a rescue: what is kept, and how the new one takes its place.
#include <array>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/store/salvage.h"

namespace bpfman::store {
namespace {

// Beside the database itself.
constexpr std::array kCompanions = {"-wal", "-shm"};

std::string decided_path(const Layout& layout) {
  return layout.database() + ".rescued";
}

Result<void> sync_directory(const Layout& layout) {
  UniqueFd directory = TRY(open_directory(layout.state_directory()));
  if (::fsync(directory.get()) != 0) {
    return os_error(errno, "sync " + layout.state_directory());
  }
  return {};
}

// "bpfman.db.damaged-20261128T234646Z"
std::string damaged_path(const Layout& layout, std::int64_t now, int attempt) {
  std::string time;
  for (char letter : format_utc(now)) {
    if (letter != '-' && letter != ':') {
      time += letter;
    }
  }
  std::string again = attempt == 0 ? "" : "-" + std::to_string(attempt + 1);
  return layout.database() + ".damaged-" + time + again;
}

// A name that an attempt before this one has given to the same file; "" for none.
Result<std::string> kept_before(const Layout& layout, const struct ::stat& damaged) {
  std::string prefix = "bpfman.db.damaged-";
  std::vector<std::string> names = TRY(list_directory(layout.state_directory()));
  for (const std::string& name : names) {
    std::string path = join_path(layout.state_directory(), name);
    std::optional<struct ::stat> info = TRY(stat_path(path));
    if (name.starts_with(prefix) && info.has_value() && info->st_ino == damaged.st_ino &&
        info->st_dev == damaged.st_dev) {
      return path;
    }
  }
  return std::string();
}

// False: there is something of that name.
Result<bool> link_file(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) {
    return true;
  }
  if (errno == EEXIST) {
    return false;
  }
  return os_error(errno, "link " + from + " to " + to);
}

}  // namespace

Result<std::string> keep_damaged(const Layout& layout, std::int64_t now) {
  constexpr int kAttempts = 1000;
  std::optional<struct ::stat> damaged = TRY(stat_path(layout.database()));
  if (!damaged.has_value()) {
    return Error(Code::NotFound, "there is no " + layout.database());
  }
  std::string kept = TRY(kept_before(layout, *damaged));
  for (int attempt = 0; kept.empty() && attempt < kAttempts; ++attempt) {
    std::string path = damaged_path(layout, now, attempt);
    bool linked = TRY(link_file(layout.database(), path));
    kept = linked ? path : "";
  }
  if (kept.empty()) {
    return Error(Code::ResourceExhausted,
                 "there is no name left to keep the damaged " + layout.database());
  }
  for (const char* companion : kCompanions) {
    if (path_exists(layout.database() + companion)) {
      TRY(link_file(layout.database() + companion, kept + companion));
    }
  }
  TRY(sync_directory(layout));
  return kept;
}

Result<void> decide_for(const Layout& layout, const std::string& database) {
  UniqueFd file = TRY(open_file(database, O_RDONLY));
  if (::fsync(file.get()) != 0) {
    return os_error(errno, "sync " + database);
  }
  TRY(rename_path(database, decided_path(layout)));
  return sync_directory(layout);
}

bool is_decided(const Layout& layout) {
  return path_exists(decided_path(layout));
}

// Behind the decision nothing is to be read before it is finished.
Result<void> finish_rescue_for_reading(const Layout& layout) {
  constexpr std::int64_t kTimeoutMs = 10'000;
  if (!is_decided(layout)) {
    return {};
  }
  TRY(make_directories(layout.runtime_directory(), 0755));
  FileLock lock = TRY(FileLock::acquire(layout.lock_file(), kTimeoutMs));
  return finish_rescue(layout);
}

Result<void> finish_rescue(const Layout& layout) {
  if (!is_decided(layout)) {
    return {};
  }
  for (const char* companion : kCompanions) {
    TRY(remove_file(layout.database() + companion));
  }
  TRY(sync_directory(layout));
  TRY(rename_path(decided_path(layout), layout.database()));
  return sync_directory(layout);
}

}  // namespace bpfman::store
