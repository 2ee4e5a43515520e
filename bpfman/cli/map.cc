// SPDX-License-Identifier: Apache-2.0
// bpfman map dump, bpfman map save
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

constexpr const char* kDefaultLimit = "1000";

struct DumpFlags {
  std::string map;
  std::string limit = kDefaultLimit;
  OutputFlag output;
};

void print_entry(std::ostream& out, const MapEntry& entry, bool per_cpu) {
  out << printable(to_text(entry.key)) << ": ";
  if (!per_cpu) {
    out << (entry.values.empty() ? std::string("<none>") : printable(to_text(entry.values.front())))
        << '\n';
    return;
  }
  // What a person wants of a per-CPU counter is the sum; where there is none, the lines below say
  // all.
  std::optional<TypedValue> total = sum(entry.values);
  out << (total.has_value() ? printable(to_text(*total)) : std::string()) << '\n';
  for (std::size_t cpu = 0; cpu < entry.values.size(); ++cpu) {
    out << "  cpu " << cpu << ": " << printable(to_text(entry.values[cpu])) << '\n';
  }
}

Result<void> run_dump(Session& session, const DumpFlags& flags) {
  if (flags.map.empty()) {
    return missing("MAP", "map dump packet_stats");
  }
  std::optional<std::uint64_t> limit = parse_unsigned(flags.limit);
  if (!limit.has_value() || *limit == 0) {
    return Error(Code::InvalidArgument, "invalid value \"" + flags.limit + "\" for --limit")
        .with_hint("a number from 1 on");
  }
  Format format = TRY(flags.output.format());
  MapDump dump = TRY(session.api().dump_map(flags.map, *limit));
  if (format == Format::Json) {
    session.out() << json_of(dump);
  } else {
    for (const MapEntry& entry : dump.entries) {
      print_entry(session.out(), entry, dump.per_cpu);
    }
  }
  if (!dump.typed) {
    print_warnings(session.err(), {"the map has no BTF: keys and values are shown as bytes"});
  }
  if (dump.truncated) {
    print_warnings(session.err(), {"only the first " + flags.limit + " entries; see --limit"});
  }
  return {};
}

struct SaveFlags {
  std::vector<std::string> programs;
  OutputFlag output;
};

Result<void> run_save(Session& session, const SaveFlags& flags) {
  Format format = TRY(flags.output.format());
  SaveMapsReply reply = TRY(session.api().save_maps(flags.programs));
  if (format == Format::Json) {
    session.out() << json_of(reply);
    return {};
  }
  for (const auto& [program, map] : reply.maps) {
    session.out() << printable(program) << ": kept map " << printable(map.name) << " ("
                  << format_bytes(map.size) << ")\n";
  }
  if (reply.maps.empty()) {
    session.err() << "no program was loaded with --keep-map\n";
  }
  return {};
}

void add_map_save(Tree& tree, CLI::App* map) {
  auto flags = std::make_shared<SaveFlags>();
  CLI::App* save = tree.add(map,
                            "save",
                            "Keep the contents of the maps that were loaded with --keep-map, for "
                            "the next boot",
                            "bpfman map save");
  save->add_option("PROGRAM", flags->programs, "Of these programs (default: of all)")
      ->type_name("");
  add_output(save, flags->output);
  tree.verbs.push_back(
      {save, NeedsRoot::Yes, [flags](Session& session) { return run_save(session, *flags); }});
}

}  // namespace

void add_map(Tree& tree) {
  CLI::App* map = tree.add(&tree.root, "map", "Maps of programs");
  auto flags = std::make_shared<DumpFlags>();
  CLI::App* dump = tree.add(map,
                            "dump",
                            "Print the entries of a map, typed where the program has BTF; of a "
                            "per-CPU map the sum, then each CPU",
                            "bpfman map dump packet_stats\n"
                            "  bpfman map dump my-ebpf-prog/pass:packet_stats -o json");
  dump->add_option("MAP", flags->map, "Map id, PROGRAM:MAP, or a map name that is unique")
      ->type_name("");
  dump->add_option("--limit", flags->limit, "Print at most so many entries (default: 1000)")
      ->type_name("NUMBER");
  add_output(dump, flags->output);
  tree.verbs.push_back(
      {dump, NeedsRoot::Yes, [flags](Session& session) { return run_dump(session, *flags); }});
  add_map_save(tree, map);
}

}  // namespace bpfman::cli
