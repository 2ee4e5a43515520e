// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/application_document.h"

#include <algorithm>

#include "bpfman/base/overload.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// Texts that a reader of YAML takes for something else.
bool looks_like_a_text(const std::string& text) {
  static constexpr std::string_view kMarks = "_-./:@+";
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || (!is_letter(text.front()) && text.front() != '/') || text.back() == ':') {
    return false;
  }
  std::string word = to_lower(text);
  for (const char* other : {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}) {
    if (word == other) {
      return false;
    }
  }
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
  });
}

YamlNode text_node(const std::string& text) {
  return YamlNode{.kind = YamlNode::Kind::Scalar, .text = text, .quoted = !looks_like_a_text(text)};
}

// A number, true or false.
YamlNode plain_node(const std::string& text) {
  return YamlNode{.kind = YamlNode::Kind::Scalar, .text = text};
}

// A map under construction.
class Map {
 public:
  Map& add(std::string_view name, YamlNode value) {
    node_.members.emplace_back(text_node(std::string(name)), std::move(value));
    return *this;
  }

  Map& text(std::string_view name, const std::string& value) {
    return value.empty() ? *this : add(name, text_node(value));
  }

  // One text, or a list of several.
  Map& texts(std::string_view name, const std::vector<std::string>& values) {
    if (values.size() == 1) {
      return text(name, values.front());
    }
    return values.empty() ? *this : list(name, values);
  }

  Map& list(std::string_view name, const std::vector<std::string>& values) {
    YamlNode items{.kind = YamlNode::Kind::List};
    for (const std::string& value : values) {
      items.items.push_back(text_node(value));
    }
    return add(name, std::move(items));
  }

  template <typename T>
  Map& number(std::string_view name, T value) {
    return add(name, plain_node(std::to_string(value)));
  }

  template <typename T>
  Map& number_unless(std::string_view name, T value, T usual) {
    return value == usual ? *this : number(name, value);
  }

  Map& flag(std::string_view name, bool value) {
    return value ? add(name, plain_node("true")) : *this;
  }

  YamlNode take() { return std::move(node_); }

 private:
  YamlNode node_{.kind = YamlNode::Kind::Map};
};

std::string capitalized(std::string_view word) {
  std::string out(word);
  out.front() = static_cast<char>(out.front() - 'a' + 'A');
  return out;
}

void write(Map& into, const Place& place) {
  into.text("place", to_string(place));
}

void write(Map& into, ProgramType /*type*/, const ChainTarget& target) {
  if (target.hook != HookKind::Xdp) {
    into.text("direction", target.hook == HookKind::TcIngress ? "Ingress" : "Egress");
  }
  if (target.order.role.empty()) {
    into.number("priority", target.order.priority);
  } else {
    into.text("class", target.order.role);
  }
  if (!target.order.before.empty()) {
    into.list("before", target.order.before);
  }
  if (!target.order.after.empty()) {
    into.list("after", target.order.after);
  }
  if (target.proceed_on != default_proceed_on(target.hook)) {
    std::vector<std::string> names;
    for (std::int32_t code : target.proceed_on) {
      names.push_back(action_name(target.hook, code));
    }
    into.list("proceedOn", names);
  }
  if (target.mode.has_value()) {
    into.text("mode", std::string(to_string(*target.mode)));
  }
  write(into, target.place);
  into.text("netns", target.netns);
}

void write(Map& into, ProgramType /*type*/, const ListTarget& target) {
  std::string_view word = to_string(target.list);
  into.text("direction", capitalized(word.substr(word.find('-') + 1)));
  into.number("priority", target.priority);
  write(into, target.place);
  into.text("netns", target.netns);
}

// Its names are written for all links together.
void write(Map& /*into*/, ProgramType /*type*/, const TracepointTarget& /*target*/) {}

void write(Map& into, ProgramType /*type*/, const KprobeTarget& target) {
  into.texts("function", target.functions).number_unless("offset", target.offset, std::uint64_t{0});
}

void write(Map& into, ProgramType type, const UprobeTarget& target) {
  into.text("target", target.binary)
      .texts("function", target.functions)
      .number_unless("offset", target.offset, std::uint64_t{0})
      .number_unless("pid", target.pid, 0)
      .number_unless("containerPid", target.container_pid, 0);
  if (type == ProgramType::Usdt) {
    into.text("provider", target.provider);
  }
}

void write(Map& into, ProgramType /*type*/, const FixedTarget& /*target*/) {
  into.text("mode", "Attach");
}

void write(Map& into, ProgramType /*type*/, const CgroupTarget& target) {
  into.text("path", target.path);
}

void write(Map& into, ProgramType /*type*/, const PerfTarget& target) {
  into.text("event", target.event);
  if (target.period != 0) {
    into.number("period", target.period);
  } else {
    into.number("frequency", target.frequency);
  }
  into.number_unless("cpu", target.cpu, -1).number_unless("pid", target.pid, -1);
}

void write(Map& into, ProgramType /*type*/, const SockmapTarget& target) {
  into.text("map", target.map_pin);
}

void write(Map& into, ProgramType /*type*/, const NetnsTarget& target) {
  into.text("netns", target.netns);
}

void write(Map& into, ProgramType /*type*/, const NetfilterTarget& target) {
  into.text("family", target.family)
      .text("hook", target.hook)
      .number("priority", target.priority)
      .flag("defragment", target.defragment)
      .text("netns", target.netns);
}

void write(Map& into, ProgramType /*type*/, const IterTarget& target) {
  into.text("map", target.map_pin);
}

// What links of one entry may differ in, left out.
WantedLink without_place(WantedLink link) {
  if (interface_of(link.attach.target) != nullptr) {
    link.attach.target = on_interface(link.attach.target, "");
  } else if (auto* tracepoint = std::get_if<TracepointTarget>(&link.attach.target)) {
    tracepoint->name.clear();
  }
  link.attach.metadata.clear();
  return link;
}

// Links that one entry can say.
using Entry = std::vector<const WantedLink*>;

bool goes_with(const WantedLink& link, const WantedLink& other) {
  bool several = interface_of(link.attach.target) != nullptr ||
                 std::holds_alternative<TracepointTarget>(link.attach.target);
  // A tracepoint without a name is the section's, and no interface is the primary one.
  const auto* tracepoint = std::get_if<TracepointTarget>(&link.attach.target);
  const auto* second = std::get_if<TracepointTarget>(&other.attach.target);
  bool named = tracepoint == nullptr ||
               (second != nullptr && !tracepoint->name.empty() && !second->name.empty());
  return several && named && !link.primary_interface && !other.primary_interface &&
         without_place(link) == without_place(other);
}

std::vector<Entry> entries_of(const std::vector<WantedLink>& links) {
  std::vector<Entry> out;
  for (const WantedLink& link : links) {
    if (!out.empty() && goes_with(*out.back().front(), link)) {
      out.back().push_back(&link);
    } else {
      out.push_back({&link});
    }
  }
  return out;
}

void write_places(Map& into, const Entry& entry) {
  std::vector<std::string> names;
  const WantedLink& first = *entry.front();
  for (const WantedLink* link : entry) {
    const std::string* interface = interface_of(link->attach.target);
    const auto* tracepoint = std::get_if<TracepointTarget>(&link->attach.target);
    if (interface != nullptr) {
      names.push_back(*interface);
    } else if (tracepoint != nullptr && !tracepoint->name.empty()) {
      names.push_back(tracepoint->name);
    }
  }
  if (interface_of(first.attach.target) == nullptr) {
    into.texts(names.size() == 1 ? "name" : "names", names);
    return;
  }
  Map selector;
  if (first.primary_interface) {
    selector.flag("primaryNodeInterface", true);
  } else {
    selector.list("interfaces", names);
  }
  into.add("interfaceSelector", selector.take());
}

void write_entry(Map& into, ProgramType type, const Entry& entry) {
  const AttachSpec& spec = entry.front()->attach;
  write_places(into, entry);
  std::visit([&](const auto& target) { write(into, type, target); }, spec.target);
  if (spec.strategy != StrategyChoice::Keep) {
    into.text("strategy", std::string(to_string(spec.strategy)));
  }
  into.number_unless("cookie", spec.cookie, std::uint64_t{0});
  into.text("container", spec.container);
}

std::string policy_of(const std::variant<FileSource, ImageSource>& source) {
  const auto* image = std::get_if<ImageSource>(&source);
  bool usual = image == nullptr || image->policy == PullPolicy::IfNotPresent;
  return usual ? std::string() : std::string(to_string(image->policy));
}

void write_variables(Map& spec, const WantedApplication& application) {
  if (application.globals.empty()) {
    return;
  }
  Map values;
  for (const auto& [name, bytes] : application.globals) {
    values.add(
        name,
        YamlNode{.kind = YamlNode::Kind::Scalar, .text = encode_base64(bytes), .quoted = true});
  }
  spec.add("globalData", values.take());
}

YamlNode single_spec(const WantedApplication& application) {
  const WantedProgram& program = application.programs.front();
  Map spec;
  Map source;
  if (const auto* file = std::get_if<FileSource>(&application.source)) {
    source.text("path", file->path);
  } else {
    source.text("image", std::get<ImageSource>(application.source).reference);
    source.text("imagePullPolicy", policy_of(application.source));
  }
  source.text("function", program.choice.name);
  spec.add("bpfProgram", source.take());
  write_variables(spec, application);
  ProgramType type = *program.choice.type;
  spec.flag("retprobe", type == ProgramType::Kretprobe || type == ProgramType::Uretprobe);
  spec.text("function", program.choice.attach_function);
  write_entry(spec, type, entries_of(program.links).front());
  return spec.take();
}

YamlNode program_node(const WantedProgram& program) {
  ProgramType type = *program.choice.type;
  Map out;
  out.text("name", program.choice.name).text("type", std::string(to_string(type)));
  Map places;
  places.text("function", program.choice.attach_function);
  YamlNode links{.kind = YamlNode::Kind::List};
  for (const Entry& entry : entries_of(program.links)) {
    Map link;
    write_entry(link, type, entry);
    links.items.push_back(link.take());
  }
  if (!links.items.empty()) {
    places.add("links", std::move(links));
  }
  YamlNode node = places.take();
  if (!node.members.empty()) {
    out.add(to_string(type), std::move(node));
  }
  return out.take();
}

YamlNode several_spec(const WantedApplication& application) {
  Map spec;
  Map source;
  if (const auto* file = std::get_if<FileSource>(&application.source)) {
    source.text("path", file->path);
  } else {
    Map image;
    image.text("url", std::get<ImageSource>(application.source).reference);
    image.text("imagePullPolicy", policy_of(application.source));
    source.add("image", image.take());
  }
  spec.add("byteCode", source.take());
  write_variables(spec, application);
  YamlNode programs{.kind = YamlNode::Kind::List};
  for (const WantedProgram& program : application.programs) {
    programs.items.push_back(program_node(program));
  }
  return spec.add("programs", std::move(programs)).take();
}

}  // namespace

bool fits_single_kind(const WantedApplication& application) {
  return application.programs.size() == 1 &&
         entries_of(application.programs.front().links).size() == 1;
}

YamlNode document_of(const WantedApplication& application) {
  Map metadata;
  metadata.text("name", application.name);
  if (!application.labels.empty()) {
    Map labels;
    for (const auto& [key, value] : application.labels) {
      labels.add(key, text_node(value));
    }
    metadata.add("labels", labels.take());
  }
  Map document;
  document.text("apiVersion", "bpfman.io/v1alpha1")
      .text("kind", application.kind)
      .add("metadata", metadata.take())
      .add("spec",
           type_of_kind(application.kind).has_value() ? single_spec(application)
                                                      : several_spec(application));
  return document.take();
}

}  // namespace bpfman
