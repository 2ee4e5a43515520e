// SPDX-License-Identifier: Apache-2.0
// The fields of the model's values, for codec_json.h.
#pragma once

#include "bpfman/model/ledger.h"
#include "bpfman/model/records.h"
#include "bpfman/plan/codec_json.h"
#include "bpfman/plan/hooks.h"

namespace bpfman::plan::codec {

// ---- names of enumerations
// ---------------------------------------------------------------------------------

template <typename T>
bool take_name(std::optional<T> parsed, T& value) {
  value = parsed.value_or(value);
  return parsed.has_value();
}

inline bool from_name(Here /*here*/, const std::string& text, ProgramType& value) {
  if (text == "other") {
    value = ProgramType::Other;
    return true;
  }
  return take_name(parse_program_type(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, XdpMode& value) {
  return take_name(parse_xdp_mode(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, HookKind& value) {
  return take_name(parse_hook_kind(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, ListKind& value) {
  return take_name(parse_list_kind(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, Place::Side& value) {
  return take_name(parse_place_side(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, Anchor::Side& value) {
  for (Anchor::Side side :
       {Anchor::Side::End, Anchor::Side::Head, Anchor::Side::Before, Anchor::Side::After}) {
    if (to_string(side) == text) {
      value = side;
      return true;
    }
  }
  return false;
}

inline bool from_name(Here /*here*/, const std::string& text, Strategy& value) {
  return take_name(parse_strategy(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, StrategyChoice& value) {
  if (text == to_string(StrategyChoice::Keep)) {
    value = StrategyChoice::Keep;
    return true;
  }
  return take_name(parse_strategy_choice(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, SourceKind& value) {
  return take_name(parse_source_kind(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, SignatureFormat& value) {
  return take_name(parse_signature_format(text), value);
}

inline bool from_name(Here /*here*/, const std::string& text, Verification& value) {
  return take_name(parse_verification(text), value);
}

// ---- structs
// -----------------------------------------------------------------------------------------------

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

template <typename Io, Same<Order> T>
void fields(Io& io, T& v) {
  io("priority", v.priority);
  io("role", v.role);
  io("before", v.before);
  io("after", v.after);
}

template <typename Io, Same<Place> T>
void fields(Io& io, T& v) {
  io("side", v.side);
  io("who", v.who);
}

template <typename Io, Same<ChainTarget> T>
void fields(Io& io, T& v) {
  io("hook", v.hook);
  io("interface", v.interface);
  io("netns", v.netns);
  io("mode", v.mode);
  io("order", v.order);
  io("proceed_on", v.proceed_on);
  io.optional("place", v.place);
}

template <typename Io, Same<ListTarget> T>
void fields(Io& io, T& v) {
  io("list", v.list);
  io("interface", v.interface);
  io("netns", v.netns);
  io("priority", v.priority);
  io.optional("place", v.place);
}

template <typename Io, Same<TracepointTarget> T>
void fields(Io& io, T& v) {
  io("name", v.name);
}

template <typename Io, Same<KprobeTarget> T>
void fields(Io& io, T& v) {
  io("functions", v.functions);
  io("offset", v.offset);
}

template <typename Io, Same<UprobeTarget> T>
void fields(Io& io, T& v) {
  io("binary", v.binary);
  io("functions", v.functions);
  io("offset", v.offset);
  io("provider", v.provider);
  io("pid", v.pid);
  io("container_pid", v.container_pid);
}

template <typename Io, Same<FixedTarget> T>
void fields(Io& io, T& v) {
  io("function", v.function);
}

template <typename Io, Same<CgroupTarget> T>
void fields(Io& io, T& v) {
  io("path", v.path);
}

template <typename Io, Same<PerfTarget> T>
void fields(Io& io, T& v) {
  io("event", v.event);
  io("frequency", v.frequency);
  io("period", v.period);
  io("cpu", v.cpu);
  io("pid", v.pid);
}

template <typename Io, Same<SockmapTarget> T>
void fields(Io& io, T& v) {
  io("map_pin", v.map_pin);
}

template <typename Io, Same<NetnsTarget> T>
void fields(Io& io, T& v) {
  io("netns", v.netns);
}

template <typename Io, Same<NetfilterTarget> T>
void fields(Io& io, T& v) {
  io("netns", v.netns);
  io("family", v.family);
  io("hook", v.hook);
  io("priority", v.priority);
  io("defragment", v.defragment);
}

template <typename Io, Same<IterTarget> T>
void fields(Io& io, T& v) {
  io("kind", v.kind);
  io("map_pin", v.map_pin);
}

inline const char* name_of(Here /*here*/, const ChainTarget& /*value*/) {
  return "chain";
}

inline const char* name_of(Here /*here*/, const ListTarget& /*value*/) {
  return "list";
}

inline const char* name_of(Here /*here*/, const TracepointTarget& /*value*/) {
  return "tracepoint";
}

inline const char* name_of(Here /*here*/, const KprobeTarget& /*value*/) {
  return "kprobe";
}

inline const char* name_of(Here /*here*/, const UprobeTarget& /*value*/) {
  return "uprobe";
}

inline const char* name_of(Here /*here*/, const FixedTarget& /*value*/) {
  return "fixed";
}

inline const char* name_of(Here /*here*/, const CgroupTarget& /*value*/) {
  return "cgroup";
}

inline const char* name_of(Here /*here*/, const PerfTarget& /*value*/) {
  return "perf";
}

inline const char* name_of(Here /*here*/, const SockmapTarget& /*value*/) {
  return "sockmap";
}

inline const char* name_of(Here /*here*/, const NetnsTarget& /*value*/) {
  return "netns";
}

inline const char* name_of(Here /*here*/, const NetfilterTarget& /*value*/) {
  return "netfilter";
}

inline const char* name_of(Here /*here*/, const IterTarget& /*value*/) {
  return "iter";
}

template <typename Io, Same<HookKey> T>
void fields(Io& io, T& v) {
  io("kind", v.kind);
  io("netns", v.netns);
  io("ifindex", v.ifindex);
}

template <typename Io, Same<Anchor> T>
void fields(Io& io, T& v) {
  io("side", v.side);
  io("link", v.link);
  io("program", v.program);
}

template <typename Io, Same<Seat> T>
void fields(Io& io, T& v) {
  io("kind", v.kind);
  io("interface", v.interface);
  io("ifindex", v.ifindex);
  io("netns", v.netns);
  io("netns_id", v.netns_id);
  io("mode", v.mode);
  io("link_pin", v.link_pin);
  io("filter_priority", v.filter_priority);
  io("filter_handle", v.filter_handle);
  io.optional("anchor", v.anchor);
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

template <typename Io, Same<ProcessKey> T>
void fields(Io& io, T& v) {
  io("pid", v.pid);
  io("started", v.started);
  io("pid_namespace", v.pid_namespace);
}

template <typename Io, Same<LeaseHolder> T>
void fields(Io& io, T& v) {
  io("process", v.process);
  io("boot_id", v.boot_id);
}

template <typename Io, Same<Lease> T>
void fields(Io& io, T& v) {
  io("expires_at", v.expires_at);
  io("holder", v.holder);
}

template <typename Io, Same<Budget> T>
void fields(Io& io, T& v) {
  io("max_cpu_ppm", v.max_cpu_ppm);
  io("max_ns_per_run", v.max_ns_per_run);
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
  io.added("map_owner", v.map_owner);
  io.added("attach_function", v.attach_function);
  io.optional("lease", v.lease);
  io.optional("budget", v.budget);
  io.optional("on_rebuild", v.on_rebuild);
  io.optional("kept_maps", v.kept_maps);
}

template <typename Io, Same<ApplicationVersion> T>
void fields(Io& io, T& v) {
  io("application", v.application);
  io("number", v.number);
  io("replaced_at", v.replaced_at);
  io("programs", v.programs);
}

template <typename Io, Same<LedgerObject> T>
void fields(Io& io, T& v) {
  io("what", v.what);
  io("kind", v.kind);
  io("id", v.id);
  io("name", v.name);
  io("place", v.place);
  io("bytecode", v.bytecode);
  io("image", v.image);
  io("source", v.source);
  io("trust", v.trust);
}

template <typename Io, Same<LinkRecord> T>
void fields(Io& io, T& v) {
  io("id", v.id);
  io("program_key", v.program_key);
  io("program", v.program);
  io("boot_id", v.boot_id);
  io("kind", v.kind);
  io("target", v.target);
  io("cookie", v.cookie);
  io("ifindex", v.ifindex);
  io("netns_id", v.netns_id);
  io("pin_path", v.pin_path);
  io("kernel_id", v.kernel_id);
  io("metadata", v.metadata);
  io("created_at", v.created_at);
  io.added("selector", v.selector);
  io.optional("lease", v.lease);
}

template <typename Io, Same<AttachSpec> T>
void fields(Io& io, T& v) {
  io("target", v.target);
  io("cookie", v.cookie);
  io("strategy", v.strategy);
  io("container", v.container);
  io("metadata", v.metadata);
  io.optional("lease", v.lease);
}

template <typename Io, Same<SelectorRecord> T>
void fields(Io& io, T& v) {
  io("id", v.id);
  io("program_key", v.program_key);
  io("spec", v.spec);
  io("except", v.except);
  io("created_at", v.created_at);
}

template <typename Io, Same<ChainRecord> T>
void fields(Io& io, T& v) {
  io("hook", v.hook);
  io("boot_id", v.boot_id);
  io("interface", v.interface);
  io("netns", v.netns);
  io("mode", v.mode);
  io("strategy", v.strategy);
  io("wanted", v.wanted);
  io("reason", v.reason);
  io("revision", v.revision);
  io("link_pin", v.link_pin);
  io("filter_priority", v.filter_priority);
  io("filter_handle", v.filter_handle);
  io("directory", v.directory);
  io("capacity", v.capacity);
  io("slots", v.slots);
  io("frags", v.frags);
  io("timing", v.timing);
  io.added("stale", v.stale);
}

}  // namespace bpfman::plan::codec
