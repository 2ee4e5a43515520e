// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/application.h"

#include <algorithm>
#include <array>

#include "bpfman/base/text.h"
#include "bpfman/model/application_links.h"
#include "bpfman/model/document_fields.h"

namespace bpfman {
namespace {

constexpr std::string_view kVersion = "bpfman.io/v1alpha1";
constexpr std::size_t kLongestName = 253;  // a DNS subdomain, as Kubernetes has it

// Kinds of one program.
struct SingleKind {
  const char* kind;
  ProgramType type;
};

constexpr std::array<SingleKind, 12> kSingleKinds = {
    SingleKind{"XdpProgram", ProgramType::Xdp},
    SingleKind{"TcProgram", ProgramType::Tc},
    SingleKind{"TcxProgram", ProgramType::Tcx},
    SingleKind{"NetkitProgram", ProgramType::Netkit},
    SingleKind{"TracepointProgram", ProgramType::Tracepoint},
    SingleKind{"KprobeProgram", ProgramType::Kprobe},
    SingleKind{"UprobeProgram", ProgramType::Uprobe},
    SingleKind{"FentryProgram", ProgramType::Fentry},
    SingleKind{"FexitProgram", ProgramType::Fexit},
    SingleKind{"LsmProgram", ProgramType::Lsm},
    SingleKind{"CgroupProgram", ProgramType::Cgroup},
    SingleKind{"NetfilterProgram", ProgramType::Netfilter}};
constexpr std::array<const char*, 2> kApplicationKinds = {"BpfApplication",
                                                          "ClusterBpfApplication"};

// Programs whose function is chosen when they are loaded.
bool is_fixed(ProgramType type) {
  std::optional<AttachTarget> target = default_target(type);
  return target.has_value() && std::holds_alternative<FixedTarget>(*target) &&
         type != ProgramType::StructOps;
}

Result<PullPolicy> read_pull_policy(Fields& image) {
  std::string text = TRY(image.text_or("imagePullPolicy", "IfNotPresent"));
  Result<PullPolicy> policy = parse_pull_policy(text);
  if (!policy.ok()) {
    return image.error("imagePullPolicy",
                       "\"" + text + "\" is none of Always, IfNotPresent, Never");
  }
  return *policy;
}

Result<void> read_path(Fields& fields, WantedApplication& into) {
  std::string path = TRY(fields.text_or("path", ""));
  if (!path.starts_with('/')) {
    return fields.error("path", "an absolute path is expected");
  }
  into.source = FileSource{.path = path};
  return {};
}

// image: NAME, as our kinds have it.
Result<void> read_short_source(Fields& fields, WantedApplication& into) {
  TRY(refuse_cluster_field(fields, "imagePullSecret"));
  std::string image = TRY(fields.text_or("image", ""));
  PullPolicy policy = TRY(read_pull_policy(fields));
  if (image.empty() == (fields.get("path") == nullptr)) {
    return fields.error("", "exactly one of image and path");
  }
  if (image.empty()) {
    return read_path(fields, into);
  }
  into.source = ImageSource{.reference = image, .policy = policy};
  return {};
}

// image: {url: NAME}, as upstream's kinds have it.
Result<void> read_long_source(Fields& fields, WantedApplication& into) {
  std::optional<Fields> image = TRY(fields.map("image"));
  if (image.has_value() == (fields.get("path") != nullptr)) {
    return fields.error("", "exactly one of image and path");
  }
  if (!image.has_value()) {
    return read_path(fields, into);
  }
  TRY(refuse_cluster_field(*image, "imagePullSecret"));
  std::string url = TRY(image->text_or("url", ""));
  if (url.empty()) {
    return image->error("url", "it is missing: the name of the image");
  }
  PullPolicy policy = TRY(read_pull_policy(*image));
  into.source = ImageSource{.reference = url, .policy = policy};
  return image->finish();
}

// Base64, or a list of bytes.
Result<Bytes> read_bytes(const Fields& spec, const std::string& name, const YamlNode& node) {
  if (node.kind == YamlNode::Kind::Scalar) {
    std::optional<Bytes> bytes = decode_base64(node.text);
    if (bytes.has_value() && !bytes->empty()) {
      return *std::move(bytes);
    }
  }
  Bytes out;
  for (const YamlNode& item : node.items) {
    std::optional<std::uint64_t> byte = parse_unsigned(item.text);
    if (!byte.has_value() || *byte > 255) {
      return spec.error_at(item, "globalData." + name, "a byte is a number from 0 to 255");
    }
    out.push_back(static_cast<std::byte>(*byte));
  }
  if (out.empty()) {
    return spec.error_at(node, "globalData." + name, "base64 or a list of bytes is expected")
        .with_hint("settings: {" + name + ": 10} takes a value as its type has it");
  }
  return out;
}

Result<void> read_variables(Fields& spec, WantedApplication& into) {
  std::vector<std::pair<std::string, const YamlNode*>> raw = TRY(spec.members("globalData"));
  for (const auto& [name, node] : raw) {
    into.globals[name] = TRY(read_bytes(spec, name, *node));
  }
  std::vector<std::pair<std::string, const YamlNode*>> typed = TRY(spec.members("settings"));
  for (const auto& [name, node] : typed) {
    if (node->kind != YamlNode::Kind::Scalar) {
      return spec.error_at(*node, "settings." + name, "one value is expected");
    }
    into.settings.push_back(Setting{.path = name, .value = node->text});
  }
  return {};
}

Result<void> read_cluster_fields(Fields& spec) {
  TRY(refuse_cluster_field(spec, "mapOwnerSelector"));
  std::optional<Fields> nodes = TRY(spec.map("nodeSelector"));
  if (!nodes.has_value()) {
    return {};
  }
  TRY(refuse_cluster_field(*nodes, "matchLabels"));
  TRY(refuse_cluster_field(*nodes, "matchExpressions"));
  return nodes->finish();
}

// fentry and the like: the function of the kernel, or the LSM hook.
Result<std::string> read_function(Fields& fields) {
  std::string function = TRY(fields.text_or("function", ""));
  return function.empty() ? fields.text_or("func_name", "") : Result<std::string>(function);
}

Result<void> read_single(Fields& spec, ProgramType type, WantedApplication& into) {
  WantedProgram program{.choice = ProgramChoice{.name = "", .type = type}};
  std::optional<Fields> ours = TRY(spec.map("bpfProgram"));
  std::optional<Fields> old = TRY(spec.map("bytecode"));
  if (ours.has_value() == old.has_value()) {
    return spec.error("", "bpfProgram is missing")
        .with_hint("as in bpfProgram: {image: my-ebpf-prog:dev}");
  }
  if (ours.has_value()) {
    TRY(read_short_source(*ours, into));
    program.choice.name = TRY(ours->text_or("function", ""));
    TRY(ours->finish());
  } else {
    TRY(read_long_source(*old, into));
    TRY(old->finish());
    program.choice.name = TRY(spec.text_or("bpffunctionname", ""));
  }
  if (type == ProgramType::Kprobe || type == ProgramType::Uprobe) {
    bool returns = TRY(spec.flag("retprobe"));
    if (returns) {
      type = type == ProgramType::Kprobe ? ProgramType::Kretprobe : ProgramType::Uretprobe;
      program.choice.type = type;
    }
  }
  if (is_fixed(type)) {
    program.choice.attach_function = TRY(read_function(spec));
  }
  program.links = TRY(read_wanted_links(spec, type, true));
  into.programs.push_back(std::move(program));
  return {};
}

Result<WantedProgram> read_program(Fields& entry) {
  std::string name = TRY(entry.text_or("name", ""));
  std::string word = TRY(entry.text_or("type", ""));
  std::optional<ProgramType> type = parse_program_type(to_lower(word));
  if (!type.has_value()) {
    return entry
        .error("type", word.empty() ? "it is missing" : "\"" + word + "\" is no type of program")
        .with_hint("one of " + program_type_names() + ", in any case");
  }
  if (name.empty()) {
    return entry.error("name", "it is missing: the function of the program");
  }
  WantedProgram program{.choice = ProgramChoice{.name = name, .type = type}};
  std::optional<Fields> places = TRY(entry.map(to_string(*type)));
  TRY(entry.finish());
  if (!places.has_value()) {
    return program;
  }
  if (is_fixed(*type)) {
    program.choice.attach_function = TRY(read_function(*places));
  }
  std::vector<Fields> links = TRY(places->maps("links"));
  TRY(places->finish());
  for (Fields& link : links) {
    std::vector<WantedLink> some = TRY(read_wanted_links(link, *type, false));
    TRY(link.finish());
    program.links.insert(program.links.end(), some.begin(), some.end());
  }
  return program;
}

Result<void> read_application(Fields& spec, WantedApplication& into) {
  std::optional<Fields> source = TRY(spec.map("byteCode"));
  if (!source.has_value()) {
    return spec.error("byteCode", "it is missing")
        .with_hint("as in byteCode: {image: {url: my-ebpf-prog:dev}}");
  }
  TRY(read_long_source(*source, into));
  TRY(source->finish());
  std::vector<Fields> entries = TRY(spec.maps("programs"));
  if (entries.empty()) {
    return spec.error("programs", "at least one program is expected");
  }
  for (Fields& entry : entries) {
    WantedProgram program = TRY(read_program(entry));
    bool twice =
        std::any_of(into.programs.begin(), into.programs.end(), [&](const WantedProgram& other) {
          return other.choice.name == program.choice.name;
        });
    if (twice) {
      return entry.error("name", "program " + program.choice.name + " stands twice");
    }
    into.programs.push_back(std::move(program));
  }
  return {};
}

std::vector<std::string> kinds() {
  std::vector<std::string> out(kApplicationKinds.begin(), kApplicationKinds.end());
  for (const SingleKind& one : kSingleKinds) {
    out.emplace_back(one.kind);
  }
  return out;
}

Result<void> read_metadata(Fields& document, WantedApplication& into) {
  std::optional<Fields> metadata = TRY(document.map("metadata"));
  if (!metadata.has_value()) {
    return document.error("metadata", "it is missing").with_hint("as in metadata: {name: my-prog}");
  }
  into.name = TRY(metadata->text_or("name", ""));
  bool good = !into.name.empty() && into.name.size() <= kLongestName &&
              std::all_of(into.name.begin(), into.name.end(), [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
              });
  if (!good) {
    return metadata->error("name", "a name of lower-case letters, digits, - and . is expected");
  }
  std::vector<std::pair<std::string, const YamlNode*>> labels = TRY(metadata->members("labels"));
  for (const auto& [key, value] : labels) {
    if (value->kind == YamlNode::Kind::List || value->kind == YamlNode::Kind::Map) {
      return metadata->error_at(*value, "labels." + key, "a text is expected");
    }
    into.labels[key] = value->text;
  }
  metadata->get("namespace");    // of a cluster; on a host it names nothing
  metadata->get("annotations");  // others'
  return metadata->finish();
}

Result<WantedApplication> read_document(const YamlNode& node, const std::string& file) {
  Fields document(node, file, "");
  if (node.kind != YamlNode::Kind::Map) {
    return document.error("", "a document with apiVersion, kind, metadata and spec is expected");
  }
  WantedApplication out;
  std::string version = TRY(document.text_or("apiVersion", ""));
  if (version != kVersion) {
    return document.error("apiVersion", "\"" + version + "\" is not " + std::string(kVersion));
  }
  out.kind = TRY(document.text_or("kind", ""));
  out.place = document.place();
  TRY(read_metadata(document, out));
  document.get("status");  // what a cluster has written, in a document taken from there
  std::optional<Fields> spec = TRY(document.map("spec"));
  TRY(document.finish());
  if (!spec.has_value()) {
    return document.error("spec", "it is missing");
  }
  TRY(read_cluster_fields(*spec));
  TRY(read_variables(*spec, out));
  if (std::optional<ProgramType> type = type_of_kind(out.kind)) {
    TRY(read_single(*spec, *type, out));
  } else if (std::find(kApplicationKinds.begin(), kApplicationKinds.end(), out.kind) !=
             kApplicationKinds.end()) {
    TRY(read_application(*spec, out));
  } else {
    Error error = document.error("kind", "\"" + out.kind + "\" is no kind that bpfman knows");
    return std::move(error).with_hint("one of " + join(kinds(), ", "));
  }
  TRY(spec->finish());
  return out;
}

}  // namespace

std::optional<ProgramType> type_of_kind(std::string_view kind) {
  const auto* single = std::find_if(
      kSingleKinds.begin(), kSingleKinds.end(), [&](auto& one) { return kind == one.kind; });
  return single == kSingleKinds.end() ? std::nullopt : std::optional(single->type);
}

std::string kind_of_title(std::string_view title) {
  for (const std::string& kind : kinds()) {
    if (title.starts_with(to_lower(kind) + ".bpfman.io/")) {
      return kind;
    }
  }
  return "";
}

std::string WantedApplication::title() const {
  return to_lower(kind) + ".bpfman.io/" + name;
}

Result<void> add_application(std::vector<WantedApplication>& into, WantedApplication one) {
  for (const WantedApplication& other : into) {
    if (other.name == one.name) {
      return Error(
          Code::InvalidArgument,
          one.place + ": application " + one.name + " stands in " + other.place + " already");
    }
  }
  into.push_back(std::move(one));
  return {};
}

Result<std::vector<WantedApplication>> parse_applications(std::string_view text,
                                                          const std::string& file) {
  std::vector<YamlNode> documents = TRY(parse_yaml(text, file));
  std::vector<WantedApplication> out;
  for (const YamlNode& node : documents) {
    WantedApplication one = TRY(read_document(node, file));
    TRY(add_application(out, std::move(one)));
  }
  if (out.empty()) {
    return Error(Code::InvalidArgument, file + ": there is no document in it");
  }
  return out;
}

}  // namespace bpfman
