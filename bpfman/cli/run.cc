// SPDX-License-Identifier: Apache-2.0
// The tree of commands as a whole: global flags, unknown words, who may run what, exit statuses.
#include <algorithm>
#include <ostream>

#include "bpfman/base/log.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"
#include "bpfman/cli/reshape.h"
#include "bpfman/cli/upstream.h"

namespace bpfman::cli {
namespace {

constexpr int kUsage = 2;

struct GlobalFlags {
  GlobalOptions options;
  std::string lock_timeout = "30s";
  std::string image_cache;
  bool version = false;
};

// The whole command line; made anew for each run, it holds the values that were parsed.
struct CommandLine {
  CLI::App app{"Takes eBPF programs out of container images and puts them on hooks of this host.",
               "bpfman"};
  GlobalFlags flags;
  Tree tree;

  CommandLine(const Environment& environment, const std::vector<std::string>& words);
};

CommandLine::CommandLine(const Environment& environment, const std::vector<std::string>& words)
    : tree(app, words) {
  app.allow_extras();
  app.set_help_flag("-h,--help", "Print help of a command and exit")->group("Global flags");
  app.get_formatter()->label("OPTIONS", "FLAGS");
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app.get_formatter()->label("SUBCOMMANDS", "COMMANDS");
  app.get_formatter()->label("Options", "Flags");
  app.get_formatter()->label("Subcommands", "Commands");
  flags.options.root_dir = environment.get("BPFMAN_ROOT_DIR").value_or("/");
  flags.options.runtime_dir = environment.get("BPFMAN_RUNTIME_DIR").value_or("");
  flags.options.config = environment.get("BPFMAN_CONFIG").value_or("");
  flags.options.log = environment.get("BPFMAN_LOG").value_or("warn");
  flags.lock_timeout = environment.get("BPFMAN_LOCK_TIMEOUT").value_or("30s");
  auto global = [](CLI::Option* option) { option->group("Global flags"); };
  global(app.add_option("--root-dir",
                        flags.options.root_dir,
                        "Keep all state below this directory (BPFMAN_ROOT_DIR; default: /)")
             ->type_name("DIR"));
  global(app.add_option("--runtime-dir",
                        flags.options.runtime_dir,
                        "Keep all state in this directory, as upstream does (BPFMAN_RUNTIME_DIR; "
                        "default: /run/bpfman, with what outlives a boot in /var/lib/bpfman)")
             ->type_name("DIR"));
  global(app.add_option("--image-cache-dir",
                        flags.image_cache,
                        "Upstream's; bytecode is kept with the state, by its digest")
             ->type_name("DIR"));
  global(app.add_option("--config",
                        flags.options.config,
                        "Configuration file (BPFMAN_CONFIG; default: /etc/bpfman/bpfman.toml, if "
                        "there is one)")
             ->type_name("FILE"));
  global(app.add_option("--log",
                        flags.options.log,
                        "Log level, then levels of single rooms, as in warn,kernel=debug "
                        "(BPFMAN_LOG; default: warn)")
             ->type_name("LEVELS"));
  global(app.add_option("--lock-timeout",
                        flags.lock_timeout,
                        "How long to wait for another command that changes something; 0 for ever "
                        "(BPFMAN_LOCK_TIMEOUT; default: 30s)")
             ->type_name("TIME"));
  global(app.add_flag("--verbose", flags.options.verbose, "Show the verifier's whole log"));
  global(app.add_flag("--strict",
                      flags.options.strict,
                      "Refuse an image when two local stores hold different ones of that name"));
  global(app.add_flag("--trust-database",
                      flags.options.trust_database,
                      "Use a stored image without asking the local stores whether it was rebuilt"));
  global(app.add_option("--docker-host",
                        flags.options.docker_hosts,
                        "Look in this Docker engine only, as in unix:///run/docker.sock; repeats")
             ->type_name("URL")
             ->allow_extra_args(false)
             ->take_all());
  global(app.add_option("--storage-root",
                        flags.options.storage_roots,
                        "Look in this containers-storage directory only; repeats")
             ->type_name("DIR")
             ->allow_extra_args(false)
             ->take_all());
  global(
      app.add_option("--containerd-address",
                     flags.options.containerd_addresses,
                     "Look in this containerd only, as in /run/containerd/containerd.sock; repeats")
          ->type_name("ADDR")
          ->allow_extra_args(false)
          ->take_all());
  global(app.add_option("--containerd-root",
                        flags.options.containerd_roots,
                        "Directory of that containerd, read while it is down; repeats")
             ->type_name("DIR")
             ->allow_extra_args(false)
             ->take_all());
  global(app.add_flag("--version", flags.version, "Print the version and exit"));
  app.footer(
      "Example:\n"
      "  docker build -t my-ebpf-prog:dev .\n"
      "  sudo bpfman load image --image-url my-ebpf-prog:dev xdp --iface eth0\n"
      "\nbpfman COMMAND --help tells more about each command.");
  add_load(tree);
  add_run(tree);
  add_check(tree);
  add_attach(tree);
  add_remove(tree);
  add_link(tree);
  add_link_noun(tree);
  add_program_noun(tree);
  add_dispatcher_noun(tree);
  add_chain(tree);
  add_explain(tree);
  add_serve(tree);
  add_doctor(tree);
  add_apply(tree);
  add_export(tree);
  add_upgrade(tree);
  add_restore(tree);
  add_log(tree);
  add_list(tree);
  add_get(tree);
  add_image(tree);
  add_map(tree);
  add_completion(tree);
  add_version(tree);
}

// The commands from the first word on that were chosen: {top, load, image, xdp}.
std::vector<CLI::App*> chosen(CLI::App& top) {
  std::vector<CLI::App*> path = {&top};
  while (!path.back()->get_subcommands().empty()) {
    path.push_back(path.back()->get_subcommands().front());
  }
  return path;
}

std::string title(const std::vector<CLI::App*>& path) {
  std::vector<std::string> names;
  for (const CLI::App* app : path) {
    names.push_back(app->get_name());
  }
  return join(names, " ");
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
    for (const std::string& name : option->get_snames()) {
      names.push_back("-" + name);
    }
  }
  return names;
}

std::vector<std::string> commands_of(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands([](CLI::App*) { return true; })) {
    names.push_back(child->get_name());
  }
  return names;
}

Error did_you_mean(Error error, const std::vector<std::string>& near, const std::string& help) {
  if (!near.empty()) {
    return std::move(error).with_hint("did you mean " + join(near, ", ") + "?");
  }
  return std::move(error).with_hint("see " + help + " --help");
}

// A word that no command of the path knows.
Error unknown_word(const std::string& word, const std::vector<CLI::App*>& path) {
  std::string help = title(path);
  if (word.size() > 1 && word.starts_with('-')) {
    std::string flag = word.substr(0, word.find('='));
    std::vector<std::string> known;
    for (const CLI::App* app : path) {
      std::vector<std::string> more = flags_of(*app);
      known.insert(known.end(), more.begin(), more.end());
    }
    if (std::find(known.begin(), known.end(), flag) != known.end()) {
      return Error(Code::InvalidArgument, "flag " + flag + " stands before its command")
          .with_hint("write it behind: " + help + " " + flag + " ...");
    }
    return did_you_mean(Error(Code::InvalidArgument, "unknown flag " + flag + " for " + help),
                        suggest(flag, known),
                        help);
  }
  std::vector<std::string> commands = commands_of(*path.back());
  if (commands.empty()) {
    return did_you_mean(
        Error(Code::InvalidArgument, "unexpected word \"" + word + "\" for " + help), {}, help);
  }
  return did_you_mean(Error(Code::InvalidArgument, "unknown command \"" + help + " " + word + "\""),
                      suggest(word, commands),
                      help);
}

bool takes_words(const CLI::App& app) {
  std::vector<const CLI::Option*> options = app.get_options();
  return std::any_of(options.begin(), options.end(), [](const CLI::Option* option) {
    return option->get_positional();
  });
}

// Where a command has to follow, another word is a mistyped one. Looked for before parsing, which
// would take the next word that is a command for it.
Result<void> check_commands(CLI::App& top, const std::vector<std::string>& words) {
  std::vector<CLI::App*> path = {&top};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.starts_with('-')) {
      std::size_t equals = word.find('=');
      const CLI::Option* option = find_option(path, word.substr(0, equals));
      if (option == nullptr) {
        return {};  // what the words behind it are, nobody knows
      }
      if (option->get_items_expected_min() > 0 && equals == std::string::npos) {
        ++i;  // its value
      }
      continue;
    }
    CLI::App* child = find_command(*path.back(), word);
    if (child != nullptr) {
      path.push_back(child);
    } else if (!commands_of(*path.back()).empty() && !takes_words(*path.back())) {
      return unknown_word(word, path);
    }
  }
  return {};
}

// Flags first: a mistyped flag leaves its value behind as a stray word.
Result<void> check_words(CLI::App& top, const std::vector<CLI::App*>& path) {
  std::vector<std::string> rest = top.remaining(true);
  if (rest.empty()) {
    return {};
  }
  for (const std::string& word : rest) {
    if (word.size() > 1 && word.starts_with('-')) {
      return unknown_word(word, path);
    }
  }
  return unknown_word(rest.front(), path);
}

const Verb* find_verb(const Tree& tree, const std::vector<CLI::App*>& path) {
  for (auto app = path.rbegin(); app != path.rend(); ++app) {
    for (const Verb& verb : tree.verbs) {
      if (verb.app == *app) {
        return &verb;
      }
    }
  }
  return nullptr;
}

Error incomplete(const std::vector<CLI::App*>& path) {
  std::string name = title(path);
  return Error(Code::InvalidArgument, "missing command after \"" + name + "\"")
      .with_hint("one of " + join(commands_of(*path.back()), ", ") + "; see " + name + " --help");
}

// "help load image" means "load image --help".
std::vector<std::string> rewritten(std::vector<std::string> words) {
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  return words;
}

Error must_be_root(const std::vector<std::string>& words) {
  return Error(Code::PermissionDenied, "must run as root")
      .with_hint("sudo bpfman " + join(words, " "));
}

// The form that --output asks for, if it is made of the command's JSON.
Result<std::optional<Form>> form_of(const std::vector<CLI::App*>& path) {
  const CLI::Option* output = find_option(path, "--output");
  if (output == nullptr || output->get_type_name() != kFormat || output->count() == 0) {
    return std::optional<Form>();
  }
  return parse_form(output->results().back());
}

Result<void> run_reshaped(const Form& form,
                          const Verb& verb,
                          const GlobalOptions& options,
                          const Context& context) {
  ReshapedStream out(form, context.out);
  Context reshaped{.out = out,
                   .err = context.err,
                   .environment = context.environment,
                   .version = context.version,
                   .make_api = context.make_api,
                   .serve = context.serve,
                   .repeat = context.repeat,
                   .err_is_terminal = context.err_is_terminal};
  Session session(options, reshaped);
  Result<void> done = verb.run(session);
  out.flush();
  return done.ok() ? out.state() : done;
}

// An absolute path; upstream's default means ours.
Result<void> check_directories(GlobalFlags& flags) {
  for (const std::string* directory : {&flags.options.runtime_dir, &flags.image_cache}) {
    if (!directory->empty() && !directory->starts_with('/')) {
      return Error(Code::InvalidArgument, "directory \"" + *directory + "\" is no absolute path")
          .with_hint("--runtime-dir and --image-cache-dir take absolute paths");
    }
  }
  while (flags.options.runtime_dir.size() > 1 && flags.options.runtime_dir.ends_with('/')) {
    flags.options.runtime_dir.pop_back();
  }
  if (flags.options.runtime_dir == "/run/bpfman" && flags.options.root_dir == "/") {
    flags.options.runtime_dir.clear();
  }
  return {};
}

// The verb that was meant, when all words can be right.
Result<const Verb*> choose_verb(CommandLine& line, const std::vector<CLI::App*>& path) {
  TRY(check_words(line.app, path));
  const Verb* verb = find_verb(line.tree, path);
  if (verb == nullptr) {
    return incomplete(path);
  }
  GlobalOptions& options = line.flags.options;
  options.lock_timeout_ms = TRY(parse_duration_ms(
      "--lock-timeout", line.flags.lock_timeout, "as in 500ms, 30s, 1m30s; 0 waits for ever"));
  TRY(check_directories(line.flags));
  if (verb->parse) {
    TRY(verb->parse());
  }
  return verb;
}

Result<void> run_verb(CommandLine& line,
                      const Verb& verb,
                      const std::vector<std::string>& words,
                      const Context& context) {
  GlobalOptions& options = line.flags.options;
  TRY(log::configure(options.log));
  if (verb.needs_root == NeedsRoot::Yes && context.environment.effective_uid != 0) {
    return must_be_root(words);
  }
  TRY(read_configuration(line.app, context.environment, verb.reads_config, options));
  std::optional<Form> form = TRY(form_of(chosen(line.app)));
  if (form.has_value()) {
    return run_reshaped(*form, verb, options, context);
  }
  Session session(options, context);
  return verb.run(session);
}

// Says what is wrong with the words; returns the exit status.
int refuse(const Error& error, CommandLine& line, Grammar grammar, const Context& context) {
  print_error(context.err, error, false);
  if (grammar == Grammar::Own) {
    return kUsage;
  }
  context.out << upstream::usage_of(chosen(line.app));
  return upstream::kBadUsage;
}

void collect(CLI::App& app, const std::string& path, std::vector<std::string>& into) {
  if (!path.empty()) {
    into.push_back(path);
  }
  for (const std::string& flag : flags_of(app)) {
    into.push_back(path.empty() ? flag : path + " " + flag);
  }
  for (CLI::App* child : app.get_subcommands([](CLI::App*) { return true; })) {
    collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), into);
  }
}

// "--root-dir DIR" or "--root-dir=DIR" among words that need not be a whole command; "" without it.
std::string root_dir_of(const std::vector<std::string>& words) {
  const std::string flag = "--root-dir";
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts_with(flag + "=")) {
      return words[i].substr(flag.size() + 1);
    }
    if (words[i] == flag && i + 2 < words.size()) {
      return words[i + 1];
    }
  }
  return "";
}

// "__complete -- WORDS...": asked by the scripts of `bpfman completion`.
int complete(const std::vector<std::string>& words, const Context& context) {
  std::size_t first = std::min<std::size_t>(words.size(), 2);
  std::vector<std::string> typed(words.begin() + static_cast<std::ptrdiff_t>(first), words.end());
  CommandLine line(context.environment, typed);
  if (std::string root = root_dir_of(typed); !root.empty()) {
    line.flags.options.root_dir = root;
  }
  Session session(line.flags.options, context);
  print_completions(line.app, typed, session);
  return 0;
}

}  // namespace

// The option of one of the commands of the path that `word` names; nullptr when none does.
const CLI::Option* find_option(const std::vector<CLI::App*>& path, const std::string& word) {
  for (auto app = path.rbegin(); app != path.rend(); ++app) {
    if (const CLI::Option* option = (*app)->get_option_no_throw(word); option != nullptr) {
      return option;
    }
  }
  return nullptr;
}

CLI::App* find_command(CLI::App& app, const std::string& word) {
  for (CLI::App* child : app.get_subcommands([](CLI::App*) { return true; })) {
    if (child->check_name(word)) {
      return child;
    }
  }
  return nullptr;
}

Api& Session::api() {
  if (api_ == nullptr) {
    GlobalOptions options = global_;
    options.max_store_bytes = max_store_bytes_.value_or(options.max_store_bytes);
    if (progress_ != nullptr) {
      options.progress = [printer = progress_.get()](const PullProgress& progress) {
        printer->show(progress, ProgressPrinter::Clock::now());
      };
    }
    api_ = context_.make_api(options);
  }
  return *api_;
}

Result<PullPolicy> Session::pull_policy(const std::string& flag) const {
  return flag.empty() ? global_.pull_policy : parse_pull_policy(flag);
}

void Session::show_progress(ProgressMode mode) {
  progress_ = std::make_unique<ProgressPrinter>(context_.err, mode, context_.err_is_terminal);
}

int run(const std::vector<std::string>& words, const Context& context) {
  if (!words.empty() && words.front() == "__complete") {
    return complete(words, context);
  }
  std::vector<std::string> reversed = complete_words(rewritten(words));
  Grammar grammar = grammar_of(reversed);
  CommandLine line(context.environment, reversed);
  if (Result<void> known = check_commands(line.app, reversed); !known.ok()) {
    return refuse(known.error(), line, grammar, context);
  }
  try {
    std::reverse(reversed.begin(), reversed.end());
    line.app.parse(reversed);
  } catch (const CLI::Success& help) {
    return line.app.exit(help, context.out, context.err);
  } catch (const CLI::ParseError& error) {
    return refuse(Error(Code::InvalidArgument, error.what())
                      .with_hint("see " + title(chosen(line.app)) + " --help"),
                  line,
                  grammar,
                  context);
  }
  if (line.flags.version) {
    context.out << "bpfman " << context.version << '\n';
    return 0;
  }
  if (words.empty()) {
    context.err << line.app.help();
    return kUsage;
  }
  Result<const Verb*> verb = choose_verb(line, chosen(line.app));
  if (!verb.ok()) {
    return refuse(verb.error(), line, grammar, context);
  }
  Result<void> done = run_verb(line, **verb, words, context);
  context.out.flush();
  if (done.ok()) {
    return 0;
  }
  bool nouns = grammar == Grammar::Nouns;
  print_error(context.err, done.error(), nouns || line.flags.options.verbose);
  return nouns ? upstream::kFailure : exit_status(done.error().code());
}

std::vector<std::string> vocabulary() {
  Environment nobody;
  // The hooks of load and check are those of attach.
  CommandLine line(nobody, {"attach", "program", "link", "dispatcher"});
  std::vector<std::string> words;
  collect(line.app, "", words);
  return words;
}

}  // namespace bpfman::cli
