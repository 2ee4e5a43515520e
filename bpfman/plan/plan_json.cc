// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/plan_json.h"

#include "bpfman/plan/fields_json.h"

// The codec finds these by their arguments, and that look-up does not see unnamed namespaces.
// NOLINTBEGIN(misc-use-anonymous-namespace, misc-use-internal-linkage)

namespace bpfman::plan {

// Found by the codec through the namespace of their types.
using codec::Json;

static std::string_view to_string(Recovery value) {
  return value == Recovery::Undo ? "undo" : "finish";
}

static Json encode(Slot value) {
  return value.index;
}

static bool decode(const Json& json, Slot& value) {
  return codec::decode(json, value.index);
}

static Json encode(const ProgramRef& value) {
  Json out = Json::object();
  if (const Slot* slot = std::get_if<Slot>(&value)) {
    out["slot"] = slot->index;
  } else {
    out["program_id"] = std::get<ProgramId>(value).value();
  }
  return out;
}

static bool decode(const Json& json, ProgramRef& value) {
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
  bool good = found != json.end() && codec::decode(*found, id);
  value = id;
  return good;
}

namespace codec {

template <>
constexpr const char* kTag<Action> = "action";
template <>
constexpr const char* kTag<RecordChange> = "change";

static bool from_name(Here /*here*/, const std::string& text, Recovery& value) {
  value = text == "finish" ? Recovery::Finish : Recovery::Undo;
  return text == "finish" || text == "undo";
}

template <typename Io, Same<Member> T>
void fields(Io& io, T& v) {
  io("link", v.link);
  io("program", v.program);
  io("bytecode", v.bytecode);
  io("name", v.name);
  io("type", v.type);
  io("globals", v.globals);
  io("maps", v.maps);
  io("proceed_on", v.proceed_on);
  io("slot", v.slot);
}

template <typename Io, Same<Runner> T>
void fields(Io& io, T& v) {
  io("pin", v.pin);
  io("program", v.program);
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
  io.added("attach_function", v.attach_function);
  io.added("attach_pin", v.attach_pin);
  io.added("shared_maps", v.shared_maps);
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

template <typename Io, Same<RepinProgram> T>
void fields(Io& io, T& v) {
  io("id", v.id);
  io("pin", v.pin);
}

template <typename Io, Same<RepinMap> T>
void fields(Io& io, T& v) {
  io("id", v.id);
  io("pin", v.pin);
}

template <typename Io, Same<AttachLink> T>
void fields(Io& io, T& v) {
  io("program", v.program);
  io("link", v.link);
  io("link_pin", v.link_pin);
  io("type", v.type);
  io("section", v.section);
  io("target", v.target);
  io("cookie", v.cookie);
  io.optional("anchor", v.anchor);
}

template <typename Io, Same<DetachLink> T>
void fields(Io& io, T& v) {
  io("link_pin", v.link_pin);
}

template <typename Io, Same<BuildChain> T>
void fields(Io& io, T& v) {
  io("hook", v.hook);
  io("strategy", v.strategy);
  io("directory", v.directory);
  io("capacity", v.capacity);
  io("frags", v.frags);
  io("timing", v.timing);
  io("exhausted", v.exhausted);
  io("members", v.members);
}

template <typename Io, Same<DropChain> T>
void fields(Io& io, T& v) {
  io("directory", v.directory);
}

template <typename Io, Same<JoinChain> T>
void fields(Io& io, T& v) {
  io("hook", v.hook);
  io("directory", v.directory);
  io("members", v.members);
}

template <typename Io, Same<SetLive> T>
void fields(Io& io, T& v) {
  io("directory", v.directory);
  io("live", v.live);
  io("masks", v.masks);
}

template <typename Io, Same<LeaveChain> T>
void fields(Io& io, T& v) {
  io("directory", v.directory);
  io("slots", v.slots);
}

template <typename Io, Same<AttachHook> T>
void fields(Io& io, T& v) {
  io("seat", v.seat);
  io("runner", v.runner);
}

template <typename Io, Same<SwitchHook> T>
void fields(Io& io, T& v) {
  io("seat", v.seat);
  io("runner", v.runner);
}

template <typename Io, Same<DetachHook> T>
void fields(Io& io, T& v) {
  io("seat", v.seat);
  io("runners", v.runners);
}

template <typename Io, Same<InsertProgram> T>
void fields(Io& io, T& v) {
  io("slot", v.slot);
  io("record", v.record);
  io("staged_maps", v.staged_maps);
}

template <typename Io, Same<InsertLink> T>
void fields(Io& io, T& v) {
  io("program", v.program);
  io("record", v.record);
}

template <typename Io, Same<UpdateProgram> T>
void fields(Io& io, T& v) {
  io("slot", v.slot);
  io("record", v.record);
  io("staged_maps", v.staged_maps);
}

template <typename Io, Same<ReattachLink> T>
void fields(Io& io, T& v) {
  io("program", v.program);
  io("record", v.record);
}

template <typename Io, Same<UpdateLink> T>
void fields(Io& io, T& v) {
  io("record", v.record);
}

template <typename Io, Same<PutChain> T>
void fields(Io& io, T& v) {
  io("record", v.record);
  io("binds_mode", v.binds_mode);
}

template <typename Io, Same<DeleteChain> T>
void fields(Io& io, T& v) {
  io("hook", v.hook);
  io("boot_id", v.boot_id);
}

template <typename Io, Same<PutSelector> T>
void fields(Io& io, T& v) {
  io("record", v.record);
}

template <typename Io, Same<DeleteSelector> T>
void fields(Io& io, T& v) {
  io("id", v.id);
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

static const char* name_of(Here /*here*/, const EnsureRuntime& /*value*/) {
  return "ensure_runtime";
}

static const char* name_of(Here /*here*/, const StoreBlob& /*value*/) {
  return "store_blob";
}

static const char* name_of(Here /*here*/, const RemoveUnusedBlob& /*value*/) {
  return "remove_unused_blob";
}

static const char* name_of(Here /*here*/, const LoadProgram& /*value*/) {
  return "load_program";
}

static const char* name_of(Here /*here*/, const PublishProgram& /*value*/) {
  return "publish_program";
}

static const char* name_of(Here /*here*/, const UnpublishProgram& /*value*/) {
  return "unpublish_program";
}

static const char* name_of(Here /*here*/, const RemovePins& /*value*/) {
  return "remove_pins";
}

static const char* name_of(Here /*here*/, const RepinProgram& /*value*/) {
  return "repin_program";
}

static const char* name_of(Here /*here*/, const RepinMap& /*value*/) {
  return "repin_map";
}

static const char* name_of(Here /*here*/, const AttachLink& /*value*/) {
  return "attach_link";
}

static const char* name_of(Here /*here*/, const DetachLink& /*value*/) {
  return "detach_link";
}

static const char* name_of(Here /*here*/, const BuildChain& /*value*/) {
  return "build_chain";
}

static const char* name_of(Here /*here*/, const DropChain& /*value*/) {
  return "drop_chain";
}

static const char* name_of(Here /*here*/, const JoinChain& /*value*/) {
  return "join_chain";
}

static const char* name_of(Here /*here*/, const SetLive& /*value*/) {
  return "set_live";
}

static const char* name_of(Here /*here*/, const LeaveChain& /*value*/) {
  return "leave_chain";
}

static const char* name_of(Here /*here*/, const AttachHook& /*value*/) {
  return "attach_hook";
}

static const char* name_of(Here /*here*/, const SwitchHook& /*value*/) {
  return "switch_hook";
}

static const char* name_of(Here /*here*/, const DetachHook& /*value*/) {
  return "detach_hook";
}

static const char* name_of(Here /*here*/, const InsertProgram& /*value*/) {
  return "insert_program";
}

static const char* name_of(Here /*here*/, const InsertLink& /*value*/) {
  return "insert_link";
}

static const char* name_of(Here /*here*/, const UpdateProgram& /*value*/) {
  return "update_program";
}

static const char* name_of(Here /*here*/, const ReattachLink& /*value*/) {
  return "reattach_link";
}

static const char* name_of(Here /*here*/, const UpdateLink& /*value*/) {
  return "update_link";
}

static const char* name_of(Here /*here*/, const PutChain& /*value*/) {
  return "put_chain";
}

static const char* name_of(Here /*here*/, const DeleteChain& /*value*/) {
  return "delete_chain";
}

static const char* name_of(Here /*here*/, const PutSelector& /*value*/) {
  return "put_selector";
}

static const char* name_of(Here /*here*/, const DeleteSelector& /*value*/) {
  return "delete_selector";
}

static const char* name_of(Here /*here*/, const DeleteLink& /*value*/) {
  return "delete_link";
}

static const char* name_of(Here /*here*/, const DeleteProgram& /*value*/) {
  return "delete_program";
}

static const char* name_of(Here /*here*/, const PutImage& /*value*/) {
  return "put_image";
}

static const char* name_of(Here /*here*/, const TouchImage& /*value*/) {
  return "touch_image";
}

static const char* name_of(Here /*here*/, const DeleteImage& /*value*/) {
  return "delete_image";
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

template <typename Io, Same<BoundProgram> T>
void fields(Io& io, T& v) {
  io("id", v.id);
  io("maps", v.maps);
}

template <typename Io, Same<BoundLink> T>
void fields(Io& io, T& v) {
  io("kernel_id", v.kernel_id);
  io("target", v.target);
}

template <typename Io, Same<Bindings> T>
void fields(Io& io, T& v) {
  io("programs", v.programs);
  io("links", v.links);
  io("hook_modes", v.hook_modes);
}

}  // namespace codec

// NOLINTEND(misc-use-anonymous-namespace, misc-use-internal-linkage)

std::string to_json(const Plan& plan) {
  return codec::dump(codec::encode(plan));
}

std::string to_json(const Bindings& bindings) {
  return codec::dump(codec::encode(bindings));
}

Result<Plan> plan_from_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  Plan plan;
  if (json.is_discarded() || !codec::decode(json, plan)) {
    return Error(Code::DataLoss, "a journalled plan cannot be read")
        .with_hint("it was written by another version of bpfman, or the database is damaged");
  }
  return plan;
}

Result<Bindings> bindings_from_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  Bindings bindings;
  if (json.is_discarded() || !codec::decode(json, bindings)) {
    return Error(Code::DataLoss, "the journalled bindings of a plan cannot be read");
  }
  return bindings;
}

}  // namespace bpfman::plan
