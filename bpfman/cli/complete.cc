// SPDX-License-Identifier: Apache-2.0
// bpfman completion: what the shells ask for when Tab is pressed. The scripts are short; what may
// stand at a place is told by the tree of commands itself, and by what there is on this host.
#include <algorithm>
#include <ostream>
#include <set>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"
#include "bpfman/cli/completion_scripts.h"

namespace bpfman::cli {
namespace {

// What a value names, where it is something of this host.
enum class Kind {
  Nothing,
  Words,
  Programs,
  Applications,
  Links,
  Selectors,
  Images,
  Maps,
  Interfaces,
  Namespaces,
  Files,
  Directories
};

struct Value {
  std::string_view name;  // of the flag without its dashes, or of the positional
  Kind kind = Kind::Nothing;
  std::vector<std::string_view> words;
};

const std::vector<Value>& values() {
  static const std::vector<Value> all = {
      {"PROGRAM", Kind::Programs, {}},
      {"APPLICATION", Kind::Applications, {}},
      {"NAME", Kind::Applications, {}},
      {"LINK", Kind::Links, {}},
      {"IMAGE", Kind::Images, {}},
      {"MAP", Kind::Maps, {}},
      {"INTERFACE", Kind::Interfaces, {}},
      {"PATH", Kind::Files, {}},
      {"FILE", Kind::Files, {}},
      {"ELF", Kind::Files, {}},
      {"iface", Kind::Interfaces, {}},
      {"netns", Kind::Namespaces, {}},
      {"application", Kind::Applications, {}},
      {"image-url", Kind::Images, {}},
      {"image", Kind::Images, {}},
      {"before", Kind::Programs, {}},
      {"after", Kind::Programs, {}},
      {"map-owner-id", Kind::Programs, {}},
      {"attach-program", Kind::Programs, {}},
      {"selector", Kind::Selectors, {}},
      {"path", Kind::Files, {}},
      {"file", Kind::Files, {}},
      {"config", Kind::Files, {}},
      {"target", Kind::Files, {}},
      {"root-dir", Kind::Directories, {}},
      {"storage-root", Kind::Directories, {}},
      {"containerd-root", Kind::Directories, {}},
      {"output", Kind::Words, {"table", "wide", "json", "yaml", "name", "jsonpath="}},
      {"log", Kind::Words, {"error", "warn", "info", "debug", "trace"}},
      {"pull-policy", Kind::Words, {"Always", "IfNotPresent", "Never"}},
      {"from", Kind::Words, {"docker", "podman", "containerd", "registry"}},
      {"progress", Kind::Words, {"auto", "plain", "json", "quiet"}},
      {"direction", Kind::Words, {"ingress", "egress"}},
      {"mode", Kind::Words, {"native", "generic", "offload"}},
      {"strategy", Kind::Words, {"auto", "direct", "freplace", "fused"}},
      {"class", Kind::Words, {"capture", "ddos", "firewall", "lb", "observe"}},
      {"place", Kind::Words, {"first", "last", "before:", "after:"}},
      {"proceed-on",
       Kind::Words,
       {"aborted",
        "drop",
        "pass",
        "tx",
        "redirect",
        "dispatcher_return",
        "unspec",
        "ok",
        "reclassify",
        "shot",
        "pipe",
        "stolen",
        "queued",
        "repeat",
        "trap"}},
      {"family", Kind::Words, {"ipv4", "ipv6"}},
  };
  return all;
}

struct Candidate {
  std::string word;
  std::string about;  // a few words on it; may be empty
};

struct Candidates {
  std::vector<Candidate> list;
  std::string special;  // ":files" or ":directories": the shell knows these itself
};

// Where the cursor is.
struct Place {
  std::vector<CLI::App*> path;            // of the commands that were typed
  const CLI::Option* value_of = nullptr;  // the flag whose value is typed
  std::vector<const CLI::Option*> taken;  // flags that were typed
};

Place place_of(CLI::App& top, const std::vector<std::string>& words) {
  Place place{.path = {&top}};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.starts_with('-')) {
      std::size_t equals = word.find('=');
      const CLI::Option* option = find_option(place.path, word.substr(0, equals));
      if (option == nullptr) {
        continue;
      }
      place.taken.push_back(option);
      if (option->get_items_expected_min() > 0 && equals == std::string::npos) {
        ++i;
        place.value_of = i + 1 == words.size() ? option : nullptr;
      }
    } else if (CLI::App* child = find_command(*place.path.back(), word); child != nullptr) {
      place.path.push_back(child);
    }
  }
  return place;
}

// Asks an Api; what it cannot tell, as without root, is nothing.
class Objects {
 public:
  explicit Objects(Session& session) : session_(session) {}

  Candidates of(const Value& value) {
    Candidates out;
    switch (value.kind) {
      case Kind::Nothing:
        break;
      case Kind::Words:
        for (std::string_view word : value.words) {
          out.list.push_back({std::string(word), ""});
        }
        break;
      case Kind::Programs:
        add_programs(out);
        break;
      case Kind::Applications:
        add_applications(out);
        break;
      case Kind::Links:
        add_links(out);
        break;
      case Kind::Selectors:
        add_selectors(out);
        break;
      case Kind::Images:
        add_images(out);
        break;
      case Kind::Maps:
        add_maps(out);
        break;
      case Kind::Interfaces:
        add_directory(out, "/sys/class/net", "");
        break;
      case Kind::Namespaces:
        add_directory(out, "/run/netns", "/run/netns/");
        break;
      case Kind::Files:
        out.special = ":files";
        break;
      case Kind::Directories:
        out.special = ":directories";
        break;
    }
    return out;
  }

 private:
  // The programs of bpfman; empty where they cannot be read.
  std::vector<ProgramView> programs() {
    if (session_.context().environment.effective_uid != 0) {
      return {};
    }
    Result<std::vector<ProgramView>> found = session_.api().list_programs(ListProgramsQuery());
    return found.ok() ? *std::move(found) : std::vector<ProgramView>();
  }

  void add_programs(Candidates& out) {
    for (const ProgramView& program : programs()) {
      const ProgramRecord& record = *program.record;
      out.list.push_back({record.stable_name(), std::string(to_string(record.type))});
      out.list.push_back({to_string(record.id), record.stable_name()});
    }
  }

  void add_applications(Candidates& out) {
    std::set<std::string> names;
    for (const ProgramView& program : programs()) {
      names.insert(program.record->application);
    }
    for (const std::string& name : names) {
      out.list.push_back({name, "application"});
    }
  }

  void add_maps(Candidates& out) {
    for (const ProgramView& program : programs()) {
      for (const MapRecord& map : program.record->maps) {
        out.list.push_back({program.record->stable_name() + ":" + map.name, "map"});
      }
    }
  }

  void add_links(Candidates& out) {
    if (session_.context().environment.effective_uid != 0) {
      return;
    }
    Result<std::vector<LinkView>> links = session_.api().list_links();
    if (!links.ok()) {
      return;
    }
    for (const LinkView& link : *links) {
      out.list.push_back({to_string(link.record.id),
                          link.program_name + " " + std::string(to_string(link.record.kind)) + " " +
                              describe(link.record.target)});
    }
  }

  void add_selectors(Candidates& out) {
    if (session_.context().environment.effective_uid != 0) {
      return;
    }
    Result<std::vector<SelectorView>> selectors = session_.api().list_selectors();
    if (!selectors.ok()) {
      return;
    }
    for (const SelectorView& selector : *selectors) {
      out.list.push_back({to_string(selector.record.id), selector.program_name});
    }
  }

  void add_images(Candidates& out) {
    if (session_.context().environment.effective_uid != 0) {
      return;
    }
    Result<std::vector<ImageRecord>> images = session_.api().list_images();
    if (!images.ok()) {
      return;
    }
    for (const ImageRecord& image : *images) {
      out.list.push_back({image.reference, "stored"});
    }
  }

  static void add_directory(Candidates& out, const std::string& path, const std::string& before) {
    Result<std::vector<std::string>> names = list_directory(path);
    if (!names.ok()) {
      return;
    }
    for (const std::string& name : *names) {
      out.list.push_back({before + name, ""});
    }
  }

  Session& session_;
};

Value value_of(const CLI::Option& option) {
  std::vector<std::string> names = option.get_lnames();
  if (option.get_positional()) {
    names.push_back(option.get_name(true));
  }
  for (const Value& value : values()) {
    if (std::find(names.begin(), names.end(), value.name) != names.end()) {
      return value;
    }
  }
  return Value();
}

// Words of a list that end at a comma stand before each candidate.
std::string list_before(const CLI::Option& option, const std::string& typed) {
  std::size_t comma = typed.rfind(',');
  bool is_list = option.get_type_name().ends_with(",...");
  return is_list && comma != std::string::npos ? typed.substr(0, comma + 1) : std::string();
}

void add_flags(const Place& place, Candidates& out) {
  for (auto app = place.path.rbegin(); app != place.path.rend(); ++app) {
    for (const CLI::Option* option : (*app)->get_options()) {
      bool again = option->get_items_expected_max() > 1 ||
                   option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
      bool taken =
          std::find(place.taken.begin(), place.taken.end(), option) != place.taken.end() && !again;
      if (!taken && !option->get_lnames().empty() && !option->get_group().empty()) {
        out.list.push_back({"--" + option->get_lnames().front(), option->get_description()});
      }
    }
  }
}

void add_commands(CLI::App& app, Candidates& out) {
  for (const CLI::App* child : app.get_subcommands([](CLI::App*) { return true; })) {
    if (!child->get_group().empty()) {  // those without one are hidden
      out.list.push_back({child->get_name(), child->get_description()});
    }
  }
}

Candidates candidates(const Place& place, const std::string& typed, Session& session) {
  Objects objects(session);
  std::size_t equals = typed.find('=');
  bool is_flag = typed.starts_with('-');
  const CLI::Option* option = place.value_of;
  std::string before;
  if (option == nullptr && is_flag && equals != std::string::npos) {
    option = find_option(place.path, typed.substr(0, equals));
    before = typed.substr(0, equals + 1);
  }
  Candidates out;
  if (option != nullptr) {
    out = objects.of(value_of(*option));
    before += list_before(*option, typed.substr(before.size()));
    for (Candidate& one : out.list) {
      one.word.insert(0, before);
    }
    return out;
  }
  if (is_flag) {
    add_flags(place, out);
    return out;
  }
  CLI::App& last = *place.path.back();
  add_commands(last, out);
  for (const CLI::Option* one : last.get_options()) {
    if (one->get_positional()) {
      Candidates more = objects.of(value_of(*one));
      out.list.insert(out.list.end(), more.list.begin(), more.list.end());
      out.special = more.special;
      break;
    }
  }
  return out;
}

}  // namespace

void print_completions(CLI::App& top, const std::vector<std::string>& words, Session& session) {
  std::string typed = words.empty() ? std::string() : words.back();
  Candidates found = candidates(place_of(top, words), typed, session);
  std::ostream& out = session.out();
  for (const Candidate& one : found.list) {
    if (one.word.starts_with(typed)) {
      out << printable(one.word) << '\t' << printable(one.about) << '\n';
    }
  }
  if (!found.special.empty()) {
    out << found.special << '\n';
  }
}

void add_completion(Tree& tree) {
  CLI::App* completion =
      tree.add(&tree.root,
               "completion",
               "Print what makes a shell complete the words of bpfman, live objects included",
               "source <(bpfman completion bash)");
  for (const CompletionScript& script : completion_scripts()) {
    CLI::App* shell = tree.add(completion, std::string(script.shell), std::string(script.about));
    tree.verbs.push_back({shell, NeedsRoot::No, [&script](Session& session) -> Result<void> {
                            session.out() << script.text;
                            return {};
                          }});
  }
}

}  // namespace bpfman::cli
