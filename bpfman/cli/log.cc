// SPDX-License-Identifier: Apache-2.0
// bpfman log [NAME] [-f]
#include <algorithm>
#include <limits>
#include <ostream>

#include "bpfman/base/clock.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct LogFlags {
  std::string name;
  std::size_t limit = 100;
  std::string since;
  bool follow = false;
  OutputFlag output;
};

constexpr std::int64_t kLookEveryMs = 500;

// "1000 as 0": who logged in, and what the process ran as.
std::string who(const LedgerEntry& entry) {
  std::string uid = std::to_string(entry.uid);
  return entry.login_uid.has_value() && *entry.login_uid != entry.uid
             ? std::to_string(*entry.login_uid) + " as " + uid
             : uid;
}

std::string describe(const LedgerObject& object) {
  std::string out = object.what + " " + object.kind;
  if (!object.id.empty()) {
    out += " " + object.id;
  }
  out += " (" + object.name + (object.place.empty() ? "" : ", " + object.place) + ")";
  return out;
}

std::string objects_of(const LedgerEntry& entry, bool wide) {
  constexpr std::size_t kShown = 2;
  std::vector<std::string> parts;
  for (const LedgerObject& object : entry.objects) {
    if (wide || parts.size() < kShown) {
      parts.push_back(describe(object));
    }
  }
  std::size_t more = entry.objects.size() - parts.size();
  std::string out = join(parts, "; ");
  if (more != 0) {
    out += "; and " + std::to_string(more) + " more";
  }
  return entry.error.empty() ? out : (out.empty() ? "" : out + "; ") + entry.error;
}

// Entries as they come; the columns are as wide as what was printed so far.
class Printer {
 public:
  Printer(std::ostream& out, Format format) : out_(out), format_(format) {}

  void print(const std::vector<LedgerEntry>& entries) {
    if (format_ == Format::Json) {
      for (const LedgerEntry& entry : entries) {
        out_ << json_line_of(entry);
      }
      return;
    }
    for (const LedgerEntry& entry : entries) {
      table_.add({format_utc(entry.at),
                  who(entry),
                  entry.verb,
                  std::string(to_string(entry.outcome)),
                  entry.subject,
                  objects_of(entry, format_ == Format::Wide)});
    }
    table_.print_more(out_);
  }

 private:
  std::ostream& out_;
  Format format_;
  Table table_ = Table({"TIME", "UID", "COMMAND", "OUTCOME", "SUBJECT", "WHAT"});
};

std::uint64_t last_of(const std::vector<LedgerEntry>& entries) {
  return entries.empty() ? 0 : entries.back().id;
}

// What there is, then every entry that comes. The database may come later, too.
Result<void> follow(Session& session, const LedgerQuery& query, Printer& printer) {
  // Of all entries, so that those that are about something else are looked at once.
  std::vector<LedgerEntry> newest = TRY(session.api().log(LedgerQuery{.limit = 1}));
  std::vector<LedgerEntry> entries = TRY(session.api().log(query));
  std::uint64_t seen = std::max(last_of(newest), last_of(entries));
  printer.print(entries);
  session.out().flush();
  auto look = [&]() -> Result<void> {
    Result<std::vector<LedgerEntry>> found = session.api().log(
        LedgerQuery{.limit = std::numeric_limits<std::size_t>::max(), .after = seen});
    if (!found.ok()) {
      return std::move(found).error();
    }
    seen = std::max(seen, last_of(*found));
    std::erase_if(*found, [&](const LedgerEntry& entry) {
      return !query.name.empty() && !is_about(entry, query.name);
    });
    printer.print(*found);
    session.out().flush();  // whoever follows it sees it now
    return session.out().good() ? Result<void>()
                                : Error(Code::Unavailable, "cannot write to standard output");
  };
  return session.repeat(kLookEveryMs, look);
}

Result<void> run_log(Session& session, const LogFlags& flags) {
  Format format = TRY(flags.output.format());
  LedgerQuery query{.limit = flags.limit, .name = flags.name};
  if (!flags.since.empty()) {
    constexpr std::int64_t kSecond = 1000;
    std::int64_t back = TRY(parse_duration_ms("--since", flags.since));
    query.since = unix_now() - back / kSecond;
  }
  Printer printer(session.out(), format);
  if (flags.follow) {
    return follow(session, query, printer);
  }
  std::vector<LedgerEntry> entries = TRY(session.api().log(query));
  printer.print(entries);
  return {};
}

}  // namespace

void add_log(Tree& tree) {
  auto flags = std::make_shared<LogFlags>();
  CLI::App* log =
      tree.add(&tree.root,
               "log",
               "Show what was done to programs, links and images, and by whom",
               "bpfman log\n  bpfman log my-ebpf-prog --since 1h -o json\n  bpfman log -f");
  log->add_option("NAME", flags->name, "Only about this application, program, image or digest")
      ->type_name("");
  log->add_option("-n,--lines", flags->limit, "At most so many entries, the newest (default 100)")
      ->type_name("N");
  log->add_option("--since", flags->since, "Not older than this: 30s, 10m, 2h")->type_name("TIME");
  log->add_flag("-f,--follow", flags->follow, "Go on with entries as they come, until Ctrl-C");
  add_output(log, flags->output);
  tree.verbs.push_back(
      {log, NeedsRoot::Yes, [flags](Session& session) { return run_log(session, *flags); }});
}

}  // namespace bpfman::cli
