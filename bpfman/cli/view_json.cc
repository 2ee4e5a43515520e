// SPDX-License-Identifier: Apache-2.0
// What programs read. Every documented member is always there; null where there is nothing.
#include "bpfman/base/sha256.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/json_parts.h"
#include "bpfman/cli/output.h"
#include "bpfman/plan/plan_json.h"

namespace bpfman::cli {
namespace {

using namespace parts;

Json texts(const std::map<std::string, std::string>& pairs) {
  Json json = Json::object();
  for (const auto& [name, value] : pairs) {
    json[name] = value;
  }
  return json;
}

Json view(const Provenance& provenance) {
  Json json;
  json["source"] = to_string(provenance.source);
  json["route"] = provenance.route;
  json["location"] = provenance.location;
  json["canonical_name"] = or_null(provenance.canonical_name);
  json["image_id"] = or_null(provenance.image_id.text());
  json["manifest_digest"] = or_null(provenance.manifest_digest.text());
  json["index_digest"] = or_null(provenance.index_digest.text());
  json["verification"] = to_string(provenance.verification);
  json["requested_by_uid"] = provenance.requested_by_uid;
  json["fetched_at"] = format_utc(provenance.fetched_at);
  json["trust"] = provenance.trust;
  json["policy"] = or_null(provenance.policy.text());
  return json;
}

Json view(const KernelProgram& program) {
  Json json;
  json["id"] = program.id.value();
  json["name"] = program.name;
  json["type"] = program.type;
  json["tag"] = program.tag;
  json["loaded_at"] = format_utc(program.loaded_at);
  json["uid"] = program.uid;
  json["btf_id"] = program.btf_id == 0 ? Json(nullptr) : Json(program.btf_id);
  json["map_ids"] = Json::array();
  for (MapId id : program.map_ids) {
    json["map_ids"].push_back(id.value());
  }
  json["xlated_bytes"] = program.xlated_bytes;
  json["jited_bytes"] = program.jited_bytes;
  json["verified_instructions"] = program.verified_instructions;
  json["gpl_compatible"] = program.gpl_compatible;
  json["run_count"] = program.run_count;
  json["run_time_ns"] = program.run_time_ns;
  return json;
}

Json view(const Budget& budget) {
  if (!budget.has_limit()) {
    return nullptr;
  }
  constexpr double kPpmOfPercent = 10'000;
  Json json;
  json["max_cpu_percent"] =
      budget.max_cpu_ppm == 0 ? Json(nullptr) : Json(budget.max_cpu_ppm / kPpmOfPercent);
  json["max_ns_per_run"] = budget.max_ns_per_run == 0 ? Json(nullptr) : Json(budget.max_ns_per_run);
  return json;
}

Json view(const ProgramView& program) {
  Json json;
  const ProgramRecord* record = program.record.has_value() ? &*program.record : nullptr;
  json["program_id"] = record != nullptr ? record->id.value() : program.kernel->id.value();
  json["managed"] = record != nullptr;
  json["loaded"] = program.kernel.has_value();
  json["application"] = record != nullptr ? Json(record->application) : Json(nullptr);
  json["name"] = record != nullptr ? record->name : program.kernel->name;
  json["type"] = record != nullptr ? std::string(to_string(record->type)) : program.kernel->type;
  json["links"] = Json::array();
  for (LinkId id : program.links) {
    json["links"].push_back(id.value());
  }
  json["section"] = record != nullptr ? Json(record->section) : Json(nullptr);
  json["license"] = record != nullptr ? Json(record->license) : Json(nullptr);
  json["bytecode"] = record != nullptr ? Json(record->bytecode.text()) : Json(nullptr);
  json["image"] = record != nullptr ? or_null(record->image_reference) : Json(nullptr);
  json["provenance"] = record != nullptr ? view(record->provenance) : Json(nullptr);
  json["pin_path"] = record != nullptr ? Json(record->pin_path) : Json(nullptr);
  json["map_directory"] = record != nullptr ? Json(record->map_directory) : Json(nullptr);
  json["maps"] = Json::array();
  json["metadata"] = Json::object();
  json["globals"] = Json::object();
  json["created_at"] = nullptr;
  json["lease"] =
      record != nullptr ? Json::parse(json_value_of(record->lease), nullptr, false) : Json(nullptr);
  json["kept_maps"] = record != nullptr ? Json(record->kept_maps) : Json(nullptr);
  json["on_rebuild"] = record != nullptr ? Json(record->on_rebuild) : Json(nullptr);
  json["budget"] = record != nullptr ? view(record->budget) : Json(nullptr);
  if (record != nullptr) {
    for (const MapRecord& map : record->maps) {
      Json entry;
      entry["id"] = map.id.value();
      entry["name"] = map.name;
      entry["pin_path"] = or_null(map.pin_path);
      json["maps"].push_back(std::move(entry));
    }
    json["metadata"] = texts(record->metadata);
    for (const auto& [name, value] : record->globals) {
      json["globals"][name] = to_hex(value);
    }
    json["created_at"] = format_utc(record->created_at);
  }
  json["kernel"] = program.kernel.has_value() ? view(*program.kernel) : Json(nullptr);
  return json;
}

Json view(const LinkView& link) {
  return Json::parse(json_value_of(link), nullptr, false);
}

Json view(const ImageRecord& image) {
  Json json;
  json["reference"] = image.reference;
  json["typed"] = image.typed;
  json["bytecode"] = image.bytecode.text();
  json["bytecode_size"] = image.bytecode_size;
  json["file_name"] = image.file_name;
  json["labels"] = texts(image.labels);
  json["provenance"] = view(image.provenance);
  json["last_used"] = format_utc(image.last_used);
  return json;
}

template <typename T>
Json views(const std::vector<T>& items) {
  Json json = Json::array();
  for (const T& item : items) {
    json.push_back(view(item));
  }
  return json;
}

Json plan_json(const plan::Plan& plan) {
  return Json::parse(plan::to_json(plan), nullptr, false);
}

Json flattened(const Json& json) {
  Json out = document();
  out.update(json);
  return out;
}

}  // namespace

std::string json_of(const LoadReply& reply) {
  Json json = document();
  json["programs"] = views(reply.programs);
  json["links"] = views(reply.links);
  json["selector"] = reply.selector.has_value()
                         ? Json::parse(json_value_of(*reply.selector), nullptr, false)
                         : Json(nullptr);
  json["bytecode"] = reply.bytecode.text();
  json["provenance"] = view(reply.provenance);
  json["from_database"] = reply.from_database;
  json["lookup_ns"] = reply.lookup_ns;
  json["total_ns"] = reply.total_ns;
  json["pruned"] = reply.pruned;
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of(const CheckReply& reply) {
  Json json = document();
  json["programs"] = Json::array();
  for (const ProgramCheck& check : reply.programs) {
    Json one;
    one["name"] = check.program.name;
    one["type"] = to_string(check.program.type);
    one["section"] = check.program.section;
    one["loads"] = check.figures.has_value();
    one["error"] = check.error.has_value() ? Json(check.error->message()) : Json();
    one["figures"] = Json();
    if (check.figures.has_value()) {
      one["figures"] = {{"verified_instructions", check.figures->verified_instructions},
                        {"instruction_limit", check.figures->instruction_limit},
                        {"total_states", check.figures->total_states},
                        {"peak_states", check.figures->peak_states},
                        {"xlated_bytes", check.figures->xlated_bytes},
                        {"jited_bytes", check.figures->jited_bytes}};
    }
    json["programs"].push_back(std::move(one));
  }
  json["attach_error"] =
      reply.attach_error.has_value() ? Json(reply.attach_error->message()) : Json();
  json["bytecode"] = reply.bytecode.text();
  json["provenance"] = view(reply.provenance);
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of(const ChangeReply& reply) {
  Json json = document();
  json["done"] = reply.done;
  return dump(json);
}

std::string json_of(const UpgradeReply& reply) {
  Json json = document();
  json["application"] = reply.application;
  json["changed"] = reply.changed;
  json["before"] = reply.before.text();
  json["after"] = reply.after.text();
  json["former_version"] = reply.version == 0 ? Json(nullptr) : Json(reply.version);
  json["programs"] = views(reply.programs);
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of(const ApplicationHistoryReply& reply) {
  Json json = document();
  auto view_programs = [](const std::vector<ProgramRecord>& programs) {
    Json out = Json::array();
    for (const ProgramRecord& program : programs) {
      Json one = Json::object();
      one["name"] = program.name;
      one["bytecode"] = program.bytecode.text();
      one["provenance"] = view(program.provenance);
      out.push_back(std::move(one));
    }
    return out;
  };
  json["former"] = Json::array();
  for (const ApplicationVersion& version : reply.former) {
    Json one = Json::object();
    one["version"] = version.number;
    one["until"] = format_utc(version.replaced_at);
    one["programs"] = view_programs(version.programs);
    json["former"].push_back(std::move(one));
  }
  json["current"] = view_programs(reply.current);
  return dump(json);
}

std::string json_line_of(const LedgerEntry& entry) {
  Json json = document();
  json["id"] = entry.id;
  json["at"] = format_utc(entry.at);
  json["verb"] = entry.verb;
  json["subject"] = entry.subject;
  json["outcome"] = to_string(entry.outcome);
  json["error"] = or_null(entry.error);
  json["boot_id"] = entry.boot_id;
  json["pid"] = entry.pid;
  json["uid"] = entry.uid;
  json["login_uid"] = entry.login_uid.has_value() ? Json(*entry.login_uid) : Json(nullptr);
  json["objects"] = Json::array();
  for (const LedgerObject& object : entry.objects) {
    Json one = Json::object();
    one["what"] = object.what;
    one["kind"] = object.kind;
    one["id"] = or_null(object.id);
    one["name"] = object.name;
    one["place"] = or_null(object.place);
    one["bytecode"] = or_null(object.bytecode);
    one["image"] = or_null(object.image);
    one["source"] = or_null(object.source);
    one["trust"] = or_null(object.trust);
    json["objects"].push_back(std::move(one));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string json_of(const PullReply& reply) {
  Json json = document();
  json["image"] = view(reply.record);
  json["from_database"] = reply.from_database;
  json["lookup_ns"] = reply.lookup_ns;
  json["pruned"] = reply.pruned;
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of_programs(const std::vector<ProgramView>& programs) {
  Json json = document();
  json["programs"] = views(programs);
  return dump(json);
}

std::string json_of(const ProgramView& program) {
  return dump(flattened(view(program)));
}

std::string json_of_images(const std::vector<ImageRecord>& images) {
  Json json = document();
  json["images"] = views(images);
  return dump(json);
}

std::string json_value_of(const ImageRecord& image) {
  return dump(view(image));
}

std::string json_value_of(const Provenance& provenance) {
  return dump(view(provenance));
}

std::string json_of_sources(const std::vector<RuntimeStatus>& sources) {
  Json json = document();
  json["sources"] = Json::array();
  for (const RuntimeStatus& source : sources) {
    Json entry;
    entry["name"] = source.name;
    entry["kind"] = to_string(source.kind);
    entry["location"] = source.location;
    entry["version"] = or_null(source.version);
    entry["driver"] = or_null(source.driver);
    entry["present"] = source.present;
    entry["usable"] = source.usable;
    entry["remark"] = or_null(source.reason);
    json["sources"].push_back(std::move(entry));
  }
  return dump(json);
}

std::string json_of_plan(const plan::Plan& plan) {
  Json json = document();
  json["plan"] = plan_json(plan);
  return dump(json);
}

std::string json_of_version(const std::string& version) {
  Json json = document();
  json["bpfman"] = version;
  return dump(json);
}

}  // namespace bpfman::cli
