// SPDX-License-Identifier: Apache-2.0
// Each struct lists its fields once, in fields(); the same list writes and reads it, so the two
// cannot drift apart. That is why this file is made of templates.
#include "bpfman/plan/plan_json.h"

#include <type_traits>

#include <nlohmann/json.hpp>

#include "bpfman/base/text.h"

namespace bpfman::plan {
namespace {

using Json = nlohmann::json;

// ---- values
// ----------------------------------------------------------------------------------------------------

class Writer;
class Reader;

template <typename T>
concept Record = requires(T value, Writer& writer) { fields(writer, value); };

Json encode(std::uint32_t value) {
  return value;
}

Json encode(std::int32_t value) {
  return value;
}

Json encode(std::uint64_t value) {
  return value;
}

Json encode(std::int64_t value) {
  return value;
}

Json encode(const std::string& value) {
  return value;
}

Json encode(const Bytes& value) {
  return encode_base64(value);
}

Json encode(const Digest& value) {
  return value.text();
}

Json encode(Slot value) {
  return value.index;
}

Json encode(ProgramType value) {
  return to_string(value);
}

Json encode(XdpMode value) {
  return to_string(value);
}

Json encode(Strategy value) {
  return to_string(value);
}

Json encode(SourceKind value) {
  return to_string(value);
}

Json encode(SignatureFormat value) {
  return to_string(value);
}

Json encode(Verification value) {
  return to_string(value);
}

Json encode(Recovery value) {
  return value == Recovery::Undo ? "undo" : "finish";
}

template <typename Tag, typename Rep>
Json encode(StrongId<Tag, Rep> value) {
  return value.value();
}

template <Record T>
Json encode(const T& value);
template <typename T>
Json encode(const std::optional<T>& value);
template <typename T>
Json encode(const std::map<std::string, T>& value);
Json encode(const std::variant<Slot, ProgramId>& value);
Json encode(const Action& value);
Json encode(const RecordChange& value);

template <typename T>
Json encode(const std::vector<T>& value) {
  Json out = Json::array();
  for (const T& item : value) {
    out.push_back(encode(item));
  }
  return out;
}

template <typename T>
bool decode_number(const Json& json, T& value) {
  if constexpr (std::is_signed_v<T>) {
    if (!json.is_number_integer()) {
      return false;
    }
    std::int64_t number = json.get<std::int64_t>();
    value = static_cast<T>(number);
    return static_cast<std::int64_t>(value) == number;
  } else {
    if (!json.is_number_unsigned()) {
      return false;
    }
    std::uint64_t number = json.get<std::uint64_t>();
    value = static_cast<T>(number);
    return static_cast<std::uint64_t>(value) == number;
  }
}

template <typename T>
bool decode_name(const Json& json, T& value, std::optional<T> (*parse)(std::string_view)) {
  if (!json.is_string()) {
    return false;
  }
  std::optional<T> parsed = parse(json.get_ref<const std::string&>());
  value = parsed.value_or(value);
  return parsed.has_value();
}

bool decode(const Json& json, std::uint32_t& value) {
  return decode_number(json, value);
}

bool decode(const Json& json, std::int32_t& value) {
  return decode_number(json, value);
}

bool decode(const Json& json, std::uint64_t& value) {
  return decode_number(json, value);
}

bool decode(const Json& json, std::int64_t& value) {
  return decode_number(json, value);
}

bool decode(const Json& json, std::string& value) {
  if (json.is_string()) {
    value = json.get_ref<const std::string&>();
  }
  return json.is_string();
}

bool decode(const Json& json, Bytes& value) {
  return decode_name<Bytes>(json, value, decode_base64);
}

bool decode(const Json& json, Digest& value) {
  if (json.is_string() && json.get_ref<const std::string&>().empty()) {
    value = Digest();
    return true;
  }
  return decode_name<Digest>(json, value, Digest::parse);
}

bool decode(const Json& json, Slot& value) {
  return decode_number(json, value.index);
}

bool decode(const Json& json, ProgramType& value) {
  if (json == "other") {
    value = ProgramType::Other;
    return true;
  }
  return decode_name<ProgramType>(json, value, parse_program_type);
}

bool decode(const Json& json, XdpMode& value) {
  return decode_name<XdpMode>(json, value, parse_xdp_mode);
}

bool decode(const Json& json, Strategy& value) {
  value = Strategy::Direct;
  return json == to_string(Strategy::Direct);
}

bool decode(const Json& json, SourceKind& value) {
  return decode_name<SourceKind>(json, value, parse_source_kind);
}

bool decode(const Json& json, SignatureFormat& value) {
  return decode_name<SignatureFormat>(json, value, parse_signature_format);
}

bool decode(const Json& json, Verification& value) {
  return decode_name<Verification>(json, value, parse_verification);
}

bool decode(const Json& json, Recovery& value) {
  value = json == "finish" ? Recovery::Finish : Recovery::Undo;
  return json == "finish" || json == "undo";
}

template <typename Tag, typename Rep>
bool decode(const Json& json, StrongId<Tag, Rep>& value) {
  Rep number{};
  bool good = decode_number(json, number);
  value = StrongId<Tag, Rep>(number);
  return good;
}

template <Record T>
bool decode(const Json& json, T& value);
template <typename T>
bool decode(const Json& json, std::optional<T>& value);
template <typename T>
bool decode(const Json& json, std::map<std::string, T>& value);
bool decode(const Json& json, std::variant<Slot, ProgramId>& value);
bool decode(const Json& json, Action& value);
bool decode(const Json& json, RecordChange& value);

template <typename T>
bool decode(const Json& json, std::vector<T>& value) {
  if (!json.is_array()) {
    return false;
  }
  value.clear();
  for (const Json& item : json) {
    T element{};
    if (!decode(item, element)) {
      return false;
    }
    value.push_back(std::move(element));
  }
  return true;
}

class Writer {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    out_[name] = encode(value);
  }

  template <typename T>
  void added(const char* name, const T& value) {
    (*this)(name, value);
  }

  Json take() { return std::move(out_); }

 private:
  Json out_ = Json::object();
};

class Reader {
 public:
  explicit Reader(const Json& json) : json_(json), good_(json.is_object()) {}

  template <typename T>
  void operator()(const char* name, T& value) {
    if (!good_) {
      return;
    }
    auto found = json_.find(name);
    good_ = found != json_.end() && decode(*found, value);
  }

  // A member that plans of older versions do not have: a journal must outlive an upgrade.
  template <typename T>
  void added(const char* name, T& value) {
    if (good_ && json_.contains(name)) {
      (*this)(name, value);
    }
  }

  bool good() const { return good_; }

 private:
  const Json& json_;
  bool good_;
};

// ---- the fields of every struct
// -------------------------------------------------------------------------------- `Io` is Writer
// or Reader, `T` accordingly const or not.

template <typename T, typename Expected>
concept Same = std::is_same_v<std::remove_const_t<T>, Expected>;

template <typename Io, Same<NetnsId> T>
void fields(Io& io, T& v) {
  io("device", v.device);
  io("inode", v.inode);
}

template <typename Io, Same<MapRecord> T>
void fields(Io& io, T& v) {
  io("name", v.name);
  io("pin_path", v.pin_path);
  io("id", v.id);
}

template <typename Io, Same<Provenance> T>
void fields(Io& io, T& v) {
  io("source", v.source);
  io("route", v.route);
  io("location", v.location);
  io("canonical_name", v.canonical_name);
  io("image_id", v.image_id);
  io("manifest_digest", v.manifest_digest);
  io("verification", v.verification);
  io("requested_by_uid", v.requested_by_uid);
  io("fetched_at", v.fetched_at);
  io("trust", v.trust);
  io.added("index_digest", v.index_digest);
  io.added("policy", v.policy);
}

template <typename Io, Same<SignatureDocument> T>
void fields(Io& io, T& v) {
  io("format", v.format);
  io("document", v.document);
  io("location", v.location);
}

template <typename Io, Same<ImageRecord> T>
void fields(Io& io, T& v) {
  io("reference", v.reference);
  io("typed", v.typed);
  io("bytecode", v.bytecode);
  io("bytecode_size", v.bytecode_size);
  io("file_name", v.file_name);
  io("labels", v.labels);
  io("provenance", v.provenance);
  io.added("last_used", v.last_used);
  io.added("signatures", v.signatures);
}

template <typename Io, Same<ProgramRecord> T>
void fields(Io& io, T& v) {
  io("key", v.key);
  io("id", v.id);
  io("boot_id", v.boot_id);
  io("application", v.application);
  io("name", v.name);
  io("type", v.type);
  io("section", v.section);
  io("bytecode", v.bytecode);
  io("license", v.license);
  io("pin_path", v.pin_path);
  io("map_directory", v.map_directory);
  io("maps", v.maps);
  io("metadata", v.metadata);
  io("globals", v.globals);
  io("image_reference", v.image_reference);
  io("provenance", v.provenance);
  io("created_at", v.created_at);
}

template <typename Io, Same<LinkRecord> T>
void fields(Io& io, T& v) {
  io("id", v.id);
  io("program_key", v.program_key);
  io("program", v.program);
  io("boot_id", v.boot_id);
  io("kind", v.kind);
  io("strategy", v.strategy);
  io("interface", v.interface);
  io("ifindex", v.ifindex);
  io("netns", v.netns);
  io("netns_id", v.netns_id);
  io("mode", v.mode);
  io("priority", v.priority);
  io("proceed_on", v.proceed_on);
  io("pin_path", v.pin_path);
  io("kernel_id", v.kernel_id);
  io("metadata", v.metadata);
  io("created_at", v.created_at);
}

template <typename Io, Same<EnsureRuntime> T>
void fields(Io& /*io*/, T& /*v*/) {}

template <typename Io, Same<StoreBlob> T>
void fields(Io& io, T& v) {
  io("digest", v.digest);
  io("size", v.size);
}

template <typename Io, Same<RemoveUnusedBlob> T>
void fields(Io& io, T& v) {
  io("digest", v.digest);
}

template <typename Io, Same<LoadProgram> T>
void fields(Io& io, T& v) {
  io("slot", v.slot);
  io("bytecode", v.bytecode);
  io("name", v.name);
  io("type", v.type);
  io("globals", v.globals);
  io("staged_program", v.staged_program);
  io("staged_maps", v.staged_maps);
}

template <typename Io, Same<PublishProgram> T>
void fields(Io& io, T& v) {
  io("slot", v.slot);
  io("staged_program", v.staged_program);
  io("staged_maps", v.staged_maps);
}

template <typename Io, Same<UnpublishProgram> T>
void fields(Io& io, T& v) {
  io("slot", v.slot);
}

template <typename Io, Same<RemovePins> T>
void fields(Io& io, T& v) {
  io("program_pin", v.program_pin);
  io("map_directory", v.map_directory);
}

template <typename Io, Same<AttachXdp> T>
void fields(Io& io, T& v) {
  io("program", v.program);
  io("link", v.link);
  io("link_pin", v.link_pin);
  io("interface", v.interface);
  io("ifindex", v.ifindex);
  io("netns", v.netns);
  io("mode", v.mode);
}

template <typename Io, Same<DetachLink> T>
void fields(Io& io, T& v) {
  io("link_pin", v.link_pin);
}

template <typename Io, Same<InsertProgram> T>
void fields(Io& io, T& v) {
  io("slot", v.slot);
  io("record", v.record);
}

template <typename Io, Same<InsertLink> T>
void fields(Io& io, T& v) {
  io("program", v.program);
  io("record", v.record);
}

template <typename Io, Same<DeleteLink> T>
void fields(Io& io, T& v) {
  io("id", v.id);
}

template <typename Io, Same<DeleteProgram> T>
void fields(Io& io, T& v) {
  io("key", v.key);
}

template <typename Io, Same<PutImage> T>
void fields(Io& io, T& v) {
  io("record", v.record);
}

template <typename Io, Same<TouchImage> T>
void fields(Io& io, T& v) {
  io("reference", v.reference);
  io("at", v.at);
}

template <typename Io, Same<DeleteImage> T>
void fields(Io& io, T& v) {
  io("reference", v.reference);
}

template <typename Io, Same<Step> T>
void fields(Io& io, T& v) {
  io("action", v.action);
  io("undo", v.undo);
}

template <typename Io, Same<Plan> T>
void fields(Io& io, T& v) {
  io("verb", v.verb);
  io("subject", v.subject);
  io("recovery", v.recovery);
  io("steps", v.steps);
  io("commit", v.commit);
  io("cleanup", v.cleanup);
}

// Maps with keys that are no text are kept as arrays of {key..., value...}.
struct ProgramBinding {
  Slot slot;
  ProgramId id;
  std::vector<MapRecord> maps;
};

template <typename Io, Same<ProgramBinding> T>
void fields(Io& io, T& v) {
  io("slot", v.slot);
  io("program_id", v.id);
  io("maps", v.maps);
}

struct LinkBinding {
  LinkId link;
  KernelLinkId kernel_id;
  XdpMode mode = XdpMode::Native;
};

template <typename Io, Same<LinkBinding> T>
void fields(Io& io, T& v) {
  io("link", v.link);
  io("kernel_id", v.kernel_id);
  io("mode", v.mode);
}

// ---- names of the alternatives
// ---------------------------------------------------------------------------------

template <typename T>
constexpr const char* kName = nullptr;
template <>
constexpr const char* kName<EnsureRuntime> = "ensure_runtime";
template <>
constexpr const char* kName<StoreBlob> = "store_blob";
template <>
constexpr const char* kName<RemoveUnusedBlob> = "remove_unused_blob";
template <>
constexpr const char* kName<LoadProgram> = "load_program";
template <>
constexpr const char* kName<PublishProgram> = "publish_program";
template <>
constexpr const char* kName<UnpublishProgram> = "unpublish_program";
template <>
constexpr const char* kName<RemovePins> = "remove_pins";
template <>
constexpr const char* kName<AttachXdp> = "attach_xdp";
template <>
constexpr const char* kName<DetachLink> = "detach_link";
template <>
constexpr const char* kName<InsertProgram> = "insert_program";
template <>
constexpr const char* kName<InsertLink> = "insert_link";
template <>
constexpr const char* kName<DeleteLink> = "delete_link";
template <>
constexpr const char* kName<DeleteProgram> = "delete_program";
template <>
constexpr const char* kName<PutImage> = "put_image";
template <>
constexpr const char* kName<TouchImage> = "touch_image";
template <>
constexpr const char* kName<DeleteImage> = "delete_image";

template <typename Variant>
Json encode_alternative(const Variant& value, const char* tag) {
  return std::visit(
      [tag]<typename T>(const T& alternative) {
        Writer writer;
        fields(writer, alternative);
        Json out = writer.take();
        out[tag] = kName<T>;
        return out;
      },
      value);
}

template <typename Variant, std::size_t Index = 0>
bool decode_alternative(const Json& json, const std::string& name, Variant& value) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    return false;
  } else {
    using T = std::variant_alternative_t<Index, Variant>;
    if (name != kName<T>) {
      return decode_alternative<Variant, Index + 1>(json, name, value);
    }
    T alternative{};
    Reader reader(json);
    fields(reader, alternative);
    value = std::move(alternative);
    return reader.good();
  }
}

template <typename Variant>
bool decode_tagged(const Json& json, Variant& value, const char* tag) {
  if (!json.is_object()) {
    return false;
  }
  auto name = json.find(tag);
  return name != json.end() && name->is_string() &&
         decode_alternative(json, name->template get_ref<const std::string&>(), value);
}

// ---- definitions that need the above
// ---------------------------------------------------------------------------

template <Record T>
Json encode(const T& value) {
  Writer writer;
  fields(writer, value);
  return writer.take();
}

template <typename T>
Json encode(const std::optional<T>& value) {
  return value.has_value() ? encode(*value) : Json(nullptr);
}

template <typename T>
Json encode(const std::map<std::string, T>& value) {
  Json out = Json::object();
  for (const auto& [name, item] : value) {
    out[name] = encode(item);
  }
  return out;
}

Json encode(const std::variant<Slot, ProgramId>& value) {
  Json out = Json::object();
  if (const Slot* slot = std::get_if<Slot>(&value)) {
    out["slot"] = slot->index;
  } else {
    out["program_id"] = std::get<ProgramId>(value).value();
  }
  return out;
}

Json encode(const Action& value) {
  return encode_alternative(value, "action");
}

Json encode(const RecordChange& value) {
  return encode_alternative(value, "change");
}

template <Record T>
bool decode(const Json& json, T& value) {
  Reader reader(json);
  fields(reader, value);
  return reader.good();
}

template <typename T>
bool decode(const Json& json, std::optional<T>& value) {
  if (json.is_null()) {
    value.reset();
    return true;
  }
  T inner{};
  bool good = decode(json, inner);
  value = std::move(inner);
  return good;
}

template <typename T>
bool decode(const Json& json, std::map<std::string, T>& value) {
  if (!json.is_object()) {
    return false;
  }
  value.clear();
  for (const auto& [name, item] : json.items()) {
    if (!decode(item, value[name])) {
      return false;
    }
  }
  return true;
}

bool decode(const Json& json, std::variant<Slot, ProgramId>& value) {
  if (!json.is_object()) {
    return false;
  }
  if (auto slot = json.find("slot"); slot != json.end()) {
    Slot index;
    bool good = decode(*slot, index);
    value = index;
    return good;
  }
  ProgramId id;
  auto found = json.find("program_id");
  bool good = found != json.end() && decode(*found, id);
  value = id;
  return good;
}

bool decode(const Json& json, Action& value) {
  return decode_tagged(json, value, "action");
}

bool decode(const Json& json, RecordChange& value) {
  return decode_tagged(json, value, "change");
}

std::string dump(const Json& json) {
  // Names come from ELF files and command lines; what is no UTF-8 is replaced rather than thrown
  // at.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const Plan& plan) {
  return dump(encode(plan));
}

std::string to_json(const Bindings& bindings) {
  std::vector<ProgramBinding> programs;
  for (const auto& [slot, bound] : bindings.programs) {
    programs.push_back(ProgramBinding{slot, bound.id, bound.maps});
  }
  std::vector<LinkBinding> links;
  for (const auto& [link, bound] : bindings.links) {
    links.push_back(LinkBinding{link, bound.kernel_id, bound.mode});
  }
  Json out = Json::object();
  out["programs"] = encode(programs);
  out["links"] = encode(links);
  return dump(out);
}

Result<Plan> plan_from_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  Plan plan;
  if (json.is_discarded() || !decode(json, plan)) {
    return Error(Code::DataLoss, "a journalled plan cannot be read")
        .with_hint("it was written by another version of bpfman, or the database is damaged");
  }
  return plan;
}

Result<Bindings> bindings_from_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  std::vector<ProgramBinding> programs;
  std::vector<LinkBinding> links;
  Bindings bindings;
  bool good = json.is_object() && json.contains("programs") && json.contains("links") &&
              decode(json["programs"], programs) && decode(json["links"], links);
  if (!good) {
    return Error(Code::DataLoss, "the journalled bindings of a plan cannot be read");
  }
  for (ProgramBinding& program : programs) {
    bindings.programs[program.slot] = BoundProgram{program.id, std::move(program.maps)};
  }
  for (const LinkBinding& link : links) {
    bindings.links[link.link] = BoundLink{link.kernel_id, link.mode};
  }
  return bindings;
}

}  // namespace bpfman::plan
