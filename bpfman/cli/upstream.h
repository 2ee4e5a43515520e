// SPDX-License-Identifier: Apache-2.0
// The newer of upstream's two grammars, where nouns stand first: `program load file`, `link attach
// xdp`, `dispatcher get`. docs/upstream.md is for users. (The older one, verbs first, is what our
// own grammar resembles; its words are among ours.)
//
// What it shares with our verbs: the specs, the Api, global flags and bpfman.toml. What is its own:
//
//   words     a tree below `program`, `link` and `dispatcher`, built only when such a word was
//             typed, so that no other command pays for it. `program` and `link` alone mean `list`,
//             `program load PATH` means `program load file PATH` (complete_words).
//   values    read by Verb::parse, before anything else happens: what cannot be right is bad usage.
//   statuses  bad usage 80, with two lines of usage on stdout; any failure 1.
//   answers   text and JSON as upstream's scripts read them (upstream_text.cc, upstream_*_json.cc),
//             without "version". What our kernel or records cannot say is null, "" or 0, never
//             guessed.
//   batches   go on behind a failure.
//
// `link set` is ours, and so are `get program` and `get link`, which upstream hides.
#pragma once

#include <span>

#include "bpfman/cli/command.h"
#include "bpfman/cli/upstream_filter.h"

namespace bpfman::cli {

enum class Grammar { Own, Nouns };
Grammar grammar_of(const std::vector<std::string>& words);

// Words that may be left out, put in: `list`, `file`, `serve` before --csi-support, and in the
// older grammar a flag before each of its values.
std::vector<std::string> complete_words(std::vector<std::string> words);

}  // namespace bpfman::cli

namespace bpfman::cli::upstream {

inline constexpr int kFailure = 1;
inline constexpr int kBadUsage = 80;

// "Usage: bpfman program unload <id> ... [flags]", and where to read more.
std::string usage_of(const std::vector<CLI::App*>& path);

// ---- values: all errors are bad usage -----------------------------------------------------------

Result<std::uint32_t> parse_program_id(const std::string& text);
Result<std::uint64_t> parse_link_id(const std::string& text);
// expected "<id>"
Error missing_word(const std::string& word);
// missing flags: --priority=PRIORITY
Error missing_flag(const std::string& flag);

// -o text|json
struct Output {
  std::string text = "text";

  bool is_json() const { return text == "json"; }

  Result<void> check() const;
};

void add_output(CLI::App* app, Output& output);

// TYPE:NAME[:FUNC], as --programs takes them.
Result<std::vector<ProgramChoice>> parse_programs(const std::vector<std::string>& values);
// NAME=HEX, also with 0x.
Result<std::map<std::string, Bytes>> parse_globals(std::vector<std::string> values);
// Any case.
Result<std::vector<ProgramType>> parse_types(const std::vector<std::string>& values);

// ---- verbs --------------------------------------------------------------------------------------

// A leaf whose values are read by `parse` before `run`.
void add_verb(Tree& tree,
              CLI::App* app,
              std::function<Result<void>()> parse,
              std::function<Result<void>(Session&)> run,
              ReadsConfig reads_config = ReadsConfig::No);

// Several objects, one by one. What fails is said at once, and the others are done.
class Batch {
 public:
  // "program", "unload"
  Batch(Session& session, std::string noun, std::string act)
      : session_(session), noun_(std::move(noun)), act_(std::move(act)) {}

  void note(std::uint64_t id, const Result<void>& done);
  // "2 of 3 program(s) failed to unload"
  Result<void> result() const;

 private:
  Session& session_;
  std::string noun_;
  std::string act_;
  std::size_t all_ = 0;
  std::size_t failed_ = 0;
};

// Unloads a program of ours; with `Dependants::Too` first those that use its maps.
enum class Dependants { Stay, Too };
Result<void> unload(Session& session, std::uint32_t id, Dependants dependants);

// Of a link on a list of the kernel's (tcx): its place among ours there, which no record holds.
// `links`: all of them.
void set_list_position(LinkView& link, const std::vector<LinkView>& links);

// ---- for people ---------------------------------------------------------------------------------

void print_programs(std::ostream& out, const std::vector<ProgramView>& programs);
void print_program(std::ostream& out, const ProgramDetails& program, const Layout& layout);
void print_links(std::ostream& out, const std::vector<OwnedLink>& links);
void print_link(std::ostream& out, const LinkView& link);
void print_dispatchers(std::ostream& out, const std::vector<ChainView>& chains);
void print_dispatcher(std::ostream& out, const ChainView& chain);
// "eth0 ingress pos-0 netns=/run/netns/a", "sched/sched_switch", ...
std::string attachment_of(const LinkView& link);

}  // namespace bpfman::cli::upstream

namespace bpfman::cli {

// The trees. upstream_program.cc, upstream_load.cc, upstream_link.cc, upstream_attach.cc,
// upstream_dispatcher.cc
void add_program_noun(Tree& tree);
void add_program_load(Tree& tree, CLI::App* program);
void add_link_noun(Tree& tree);  // below the `link` of our own
void add_link_attach(Tree& tree, CLI::App* link);
void add_dispatcher_noun(Tree& tree);

}  // namespace bpfman::cli
