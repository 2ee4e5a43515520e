// SPDX-License-Identifier: Apache-2.0
// bpfman log [NAME]
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
  OutputFlag output;
};

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

Result<void> run_log(Session& session, const LogFlags& flags) {
  Format format = TRY(flags.output.format());
  LedgerQuery query{.limit = flags.limit, .name = flags.name};
  if (!flags.since.empty()) {
    constexpr std::int64_t kSecond = 1000;
    std::int64_t back = TRY(parse_duration_ms("--since", flags.since));
    query.since = unix_now() - back / kSecond;
  }
  std::vector<LedgerEntry> entries = TRY(session.api().log(query));
  if (format == Format::Json) {
    for (const LedgerEntry& entry : entries) {
      session.out() << json_line_of(entry);
    }
    return {};
  }
  Table table({"TIME", "UID", "COMMAND", "OUTCOME", "SUBJECT", "WHAT"});
  for (const LedgerEntry& entry : entries) {
    table.add({format_utc(entry.at),
               who(entry),
               entry.verb,
               std::string(to_string(entry.outcome)),
               entry.subject,
               objects_of(entry, format == Format::Wide)});
  }
  table.print(session.out());
  return {};
}

}  // namespace

void add_log(Tree& tree) {
  auto flags = std::make_shared<LogFlags>();
  CLI::App* log = tree.add(&tree.root,
                           "log",
                           "Show what was done to programs, links and images, and by whom",
                           "bpfman log\n  bpfman log my-ebpf-prog --since 1h -o json");
  log->add_option("NAME", flags->name, "Only about this application, program, image or digest")
      ->type_name("");
  log->add_option("-n,--lines", flags->limit, "At most so many entries, the newest (default 100)")
      ->type_name("N");
  log->add_option("--since", flags->since, "Not older than this: 30s, 10m, 2h")->type_name("TIME");
  add_output(log, flags->output);
  tree.verbs.push_back(
      {log, NeedsRoot::Yes, [flags](Session& session) { return run_log(session, *flags); }});
}

}  // namespace bpfman::cli
