// SPDX-License-Identifier: Apache-2.0
// What the files of single verbs share: the tree they hang themselves into, and parsing of values.
#pragma once

#include <CLI/CLI.hpp>

#include "bpfman/cli/cli.h"
#include "bpfman/cli/output.h"
#include "bpfman/cli/progress.h"
#include "bpfman/model/layout.h"

namespace bpfman::cli {

// What a verb has when it runs. The Api is made when it is first asked for: after the verb has read
// its own flags, so that a mistyped one opens nothing.
class Session {
 public:
  Session(const GlobalOptions& global, const Context& context)
      : global_(global), context_(context) {}

  Api& api();

  Result<void> serve(const ServeOptions& options) const { return context_.serve(global_, options); }

  Result<void> repeat(std::int64_t interval_ms, const std::function<Result<void>()>& look) const {
    return context_.repeat(interval_ms, look);
  }

  // --pull-policy, or what the configuration says.
  Result<PullPolicy> pull_policy(const std::string& flag) const;

  Layout layout() const { return Layout{.root = global_.root_dir, .runtime = global_.runtime_dir}; }

  // --verbose
  bool verbose() const { return global_.verbose; }

  // The store is kept below this instead of what the configuration says. Before the Api is made.
  void limit_store(std::uint64_t max_bytes) { max_store_bytes_ = max_bytes; }

  // Pulls show themselves on stderr from now on. Before the Api is made.
  void show_progress(ProgressMode mode);

  std::ostream& out() const { return context_.out; }

  std::ostream& err() const { return context_.err; }

  const Context& context() const { return context_; }

 private:
  const GlobalOptions& global_;
  const Context& context_;
  std::optional<std::uint64_t> max_store_bytes_;
  std::unique_ptr<ProgressPrinter> progress_;
  std::unique_ptr<Api> api_;
};

enum class NeedsRoot { Yes, No };
// Whether a verb looks for images or attaches, for which bpfman.toml is read. The others work
// without it, so that a broken file never keeps anybody from taking a program off its hook.
enum class ReadsConfig { No, Yes };

// A leaf of the tree, with what it does.
struct Verb {
  CLI::App* app = nullptr;
  NeedsRoot needs_root = NeedsRoot::Yes;
  std::function<Result<void>(Session&)> run;
  ReadsConfig reads_config = ReadsConfig::No;
  // Of the noun-verb grammar: reads the values. What fails here is bad usage (upstream.h).
  std::function<Result<void>()> parse;
};

struct Tree {
  Tree(CLI::App& top, std::vector<std::string> typed) : root(top), words(std::move(typed)) {}

  CLI::App& root;
  std::vector<std::string> words;  // of the command line
  std::vector<Verb> verbs;

  // Whether a word was typed: what is below a command that was not need not be built.
  bool typed(const std::string& word) const;

  // A sub-command that takes its parents' flags, too, and leaves unknown words to be reported by
  // run().
  CLI::App* add(CLI::App* parent,
                const std::string& name,
                const std::string& description,
                const std::string& example = "");
};

void add_load(Tree& tree);
void add_run(Tree& tree);
void add_check(Tree& tree);
void add_attach(Tree& tree);
void add_remove(Tree& tree);
void add_link(Tree& tree);
void add_chain(Tree& tree);
void add_explain(Tree& tree);
void add_serve(Tree& tree);
void add_restore(Tree& tree);
void add_doctor(Tree& tree);
void add_apply(Tree& tree);
void add_export(Tree& tree);
void add_upgrade(Tree& tree);
void add_log(Tree& tree);
void add_list(Tree& tree);
void add_get(Tree& tree);
void add_image(Tree& tree);
// Below `image`, one file each.
void add_image_inspect(Tree& tree, CLI::App* image);
void add_image_remove(Tree& tree, CLI::App* image);
void add_image_prune(Tree& tree, CLI::App* image);
void add_image_verify(Tree& tree, CLI::App* image);
void add_image_trust_root(Tree& tree, CLI::App* image);
void add_image_history(Tree& tree, CLI::App* image);
void add_image_save(Tree& tree, CLI::App* image);
void add_image_load(Tree& tree, CLI::App* image);
void add_image_push(Tree& tree, CLI::App* image);
void add_image_build(Tree& tree, CLI::App* image);
void add_image_build_arguments(Tree& tree, CLI::App* image);
void add_map(Tree& tree);
void add_completion(Tree& tree);
void add_version(Tree& tree);

// ---- the tree of commands -----------------------------------------------------------------------

// The option of one of the commands of the path, the last first, that `word` names ("--iface"), and
// the sub-command of that name; nullptr when there is none.
const CLI::Option* find_option(const std::vector<CLI::App*>& path, const std::string& word);
CLI::App* find_command(CLI::App& app, const std::string& word);

// What may stand in place of the last of `words`, as completion_scripts.h says. complete.cc
void print_completions(CLI::App& top, const std::vector<std::string>& words, Session& session);

// ---- flags that several verbs have --------------------------------------------------------------

// An option that may repeat and splits at commas.
CLI::Option* add_list_option(CLI::App* app,
                             const std::string& flag,
                             std::vector<std::string>& into,
                             const std::string& text);
std::vector<std::string> split_lists(const std::vector<std::string>& values);

struct OutputFlag {
  std::string text = "table";
  Result<Format> format() const;
};

// The type of --output where it is an OutputFlag, in help.
inline constexpr const char* kFormat = "FORMAT";
void add_output(CLI::App* app, OutputFlag& flag);

// "K=V": the first "=" splits, the key is trimmed and not empty; the last duplicate wins.
Result<std::map<std::string, std::string>> parse_metadata(const std::vector<std::string>& values);
// "NAME=HEX"
Result<std::vector<Setting>> parse_settings(const std::vector<std::string>& values);
Result<std::map<std::string, Bytes>> parse_globals(const std::vector<std::string>& values);
// TYPE:NAME[:FUNC]
Result<ProgramChoice> parse_program_choice(const std::string& text);
// "500ms", "30s", "1m30s", "2d", "0"; `flag` and `expected` are for the error.
Result<std::int64_t> parse_duration_ms(const std::string& flag,
                                       const std::string& text,
                                       const std::string& expected = "as in 500ms, 30s, 1m30s, 2h");

// "500MB" (of 1000), "64MiB" (of 1024), "4096"; `flag` is for the error.
Result<std::uint64_t> parse_size(const std::string& flag, const std::string& text);

// Puts what bpfman.toml says where no flag and no variable of the same meaning does.
// config_flags.cc
Result<void> read_configuration(const CLI::App& top,
                                const Environment& environment,
                                ReadsConfig reads_config,
                                GlobalOptions& options);

// --pull-policy
void add_pull_policy(CLI::App* app, std::string& policy);

// --from
void add_from(CLI::App* app, std::vector<std::string>& from);
Result<std::vector<SourceKind>> parse_from(const std::vector<std::string>& values);

// --registry-auth and --progress of verbs that push.
void add_push_flags(CLI::App* app, std::string& auth, std::string& progress);

// --progress
void add_progress(CLI::App* app, std::string& mode);

// --registry-auth, or BPFMAN_REGISTRY_AUTH.
std::string registry_auth(const std::string& flag, const Context& context);

// What was done, or would be, a line each; what could not, on `err`. doctor.cc
void print_repairs(std::ostream& out,
                   std::ostream& err,
                   const ReconcileReply& reply,
                   bool only_planned);

// InvalidArgument "missing ..." for a value that must be given.
Error missing(const std::string& what, const std::string& example);

}  // namespace bpfman::cli
