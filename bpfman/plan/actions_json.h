// SPDX-License-Identifier: Apache-2.0
// The fields of actions and record changes, for codec_json.h.
#pragma once

#include "bpfman/plan/actions.h"
#include "bpfman/plan/fields_json.h"

namespace bpfman::plan {

using codec::Json;

inline Json encode(Slot value) {
  return value.index;
}

inline bool decode(const Json& json, Slot& value) {
  return codec::decode(json, value.index);
}

inline Json encode(const ProgramRef& value) {
  Json out = Json::object();
  if (const Slot* slot = std::get_if<Slot>(&value)) {
    out["slot"] = slot->index;
  } else {
    out["program_id"] = std::get<ProgramId>(value).value();
  }
  return out;
}

inline bool decode(const Json& json, ProgramRef& value) {
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
inline constexpr const char* kTag<Action> = "action";
template <>
inline constexpr const char* kTag<RecordChange> = "change";

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

template <typename Io, Same<SwitchLink> T>
void fields(Io& io, T& v) {
  io("link", v.link);
  io("link_pin", v.link_pin);
  io("program", v.program);
  io("kernel_id", v.kernel_id);
  io("target", v.target);
}

template <typename Io, Same<RepinMap> T>
void fields(Io& io, T& v) {
  io("id", v.id);
  io("pin", v.pin);
}

template <typename Io, Same<FillMap> T>
void fields(Io& io, T& v) {
  io("program", v.program);
  io("name", v.name);
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

template <typename Io, Same<PutVersion> T>
void fields(Io& io, T& v) {
  io("record", v.record);
}

template <typename Io, Same<DeleteVersions> T>
void fields(Io& io, T& v) {
  io("application", v.application);
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

inline const char* name_of(Here /*here*/, const EnsureRuntime& /*value*/) {
  return "ensure_runtime";
}

inline const char* name_of(Here /*here*/, const StoreBlob& /*value*/) {
  return "store_blob";
}

inline const char* name_of(Here /*here*/, const RemoveUnusedBlob& /*value*/) {
  return "remove_unused_blob";
}

inline const char* name_of(Here /*here*/, const LoadProgram& /*value*/) {
  return "load_program";
}

inline const char* name_of(Here /*here*/, const PublishProgram& /*value*/) {
  return "publish_program";
}

inline const char* name_of(Here /*here*/, const UnpublishProgram& /*value*/) {
  return "unpublish_program";
}

inline const char* name_of(Here /*here*/, const RemovePins& /*value*/) {
  return "remove_pins";
}

inline const char* name_of(Here /*here*/, const RepinProgram& /*value*/) {
  return "repin_program";
}

inline const char* name_of(Here /*here*/, const FillMap& /*value*/) {
  return "fill map";
}

inline const char* name_of(Here /*here*/, const RepinMap& /*value*/) {
  return "repin_map";
}

inline const char* name_of(Here /*here*/, const SwitchLink& /*value*/) {
  return "switch_link";
}

inline const char* name_of(Here /*here*/, const AttachLink& /*value*/) {
  return "attach_link";
}

inline const char* name_of(Here /*here*/, const DetachLink& /*value*/) {
  return "detach_link";
}

inline const char* name_of(Here /*here*/, const BuildChain& /*value*/) {
  return "build_chain";
}

inline const char* name_of(Here /*here*/, const DropChain& /*value*/) {
  return "drop_chain";
}

inline const char* name_of(Here /*here*/, const JoinChain& /*value*/) {
  return "join_chain";
}

inline const char* name_of(Here /*here*/, const SetLive& /*value*/) {
  return "set_live";
}

inline const char* name_of(Here /*here*/, const LeaveChain& /*value*/) {
  return "leave_chain";
}

inline const char* name_of(Here /*here*/, const AttachHook& /*value*/) {
  return "attach_hook";
}

inline const char* name_of(Here /*here*/, const SwitchHook& /*value*/) {
  return "switch_hook";
}

inline const char* name_of(Here /*here*/, const DetachHook& /*value*/) {
  return "detach_hook";
}

inline const char* name_of(Here /*here*/, const InsertProgram& /*value*/) {
  return "insert_program";
}

inline const char* name_of(Here /*here*/, const InsertLink& /*value*/) {
  return "insert_link";
}

inline const char* name_of(Here /*here*/, const UpdateProgram& /*value*/) {
  return "update_program";
}

inline const char* name_of(Here /*here*/, const ReattachLink& /*value*/) {
  return "reattach_link";
}

inline const char* name_of(Here /*here*/, const UpdateLink& /*value*/) {
  return "update_link";
}

inline const char* name_of(Here /*here*/, const PutChain& /*value*/) {
  return "put_chain";
}

inline const char* name_of(Here /*here*/, const DeleteChain& /*value*/) {
  return "delete_chain";
}

inline const char* name_of(Here /*here*/, const PutSelector& /*value*/) {
  return "put_selector";
}

inline const char* name_of(Here /*here*/, const PutVersion& /*value*/) {
  return "put_version";
}

inline const char* name_of(Here /*here*/, const DeleteVersions& /*value*/) {
  return "delete_versions";
}

inline const char* name_of(Here /*here*/, const DeleteSelector& /*value*/) {
  return "delete_selector";
}

inline const char* name_of(Here /*here*/, const DeleteLink& /*value*/) {
  return "delete_link";
}

inline const char* name_of(Here /*here*/, const DeleteProgram& /*value*/) {
  return "delete_program";
}

inline const char* name_of(Here /*here*/, const PutImage& /*value*/) {
  return "put_image";
}

inline const char* name_of(Here /*here*/, const TouchImage& /*value*/) {
  return "touch_image";
}

inline const char* name_of(Here /*here*/, const DeleteImage& /*value*/) {
  return "delete_image";
}

}  // namespace codec
}  // namespace bpfman::plan
