// SPDX-License-Identifier: Apache-2.0
// The ledger: what was done to this host's programs, by whom, and with what. Entries are added,
// never changed; the oldest go when there are very many.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bpfman {

// One thing that an operation was about.
struct LedgerObject {
  std::string what;      // "loaded", "attached", "changed", "detached", "unloaded", ...
  std::string kind;      // "program", "link", "selector", "image", "version"
  std::string id;        // of programs the kernel's, of links and selectors ours; "" of images
  std::string name;      // APPLICATION/NAME; of images the reference
  std::string place;     // of links and selectors: "xdp eth0"
  std::string bytecode;  // digest; "" where it is not known
  std::string image;     // reference; "" for a file
  std::string source;    // "docker", "registry", "file", ...
  std::string trust;     // the rule that let it in, and who signed
  bool operator==(const LedgerObject&) const = default;
};

// done: as asked. failed: with an error, and undone. undone, finished: by a later command, as the
// process had ended in the middle.
enum class LedgerOutcome { Done, Failed, Undone, Finished };
std::string_view to_string(LedgerOutcome outcome);  // "done", ...
std::optional<LedgerOutcome> parse_ledger_outcome(std::string_view text);

struct LedgerEntry {
  std::uint64_t id = 0;  // the store gives it
  std::int64_t at = 0;   // unix seconds
  std::string verb;      // "load", "attach", ...
  std::string subject;   // for people
  LedgerOutcome outcome = LedgerOutcome::Done;
  std::string error;  // "" when there was none
  std::string boot_id;
  std::int64_t pid = 0;
  std::uint32_t uid = 0;                   // real user of the process
  std::optional<std::uint32_t> login_uid;  // who logged in, through sudo and su. Source: loginuid
                                           // of audit
  std::vector<LedgerObject> objects;
  bool operator==(const LedgerEntry&) const = default;
};

struct LedgerQuery {
  std::size_t limit = 100;  // the newest
  std::int64_t since = 0;   // unix seconds
  std::string name;         // of an application, a program or an image; "": all
  std::uint64_t after = 0;  // only entries with a higher id
};

// Whether an entry is about this application, program or image.
bool is_about(const LedgerEntry& entry, const std::string& name);

}  // namespace bpfman
