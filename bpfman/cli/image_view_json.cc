// SPDX-License-Identifier: Apache-2.0
// What programs read of the verbs about stored images.
#include "bpfman/base/text.h"
#include "bpfman/cli/json_parts.h"
#include "bpfman/cli/output.h"
#include "bpfman/plan/plan_json.h"

namespace bpfman::cli {
namespace {

using namespace parts;

// What view_json.cc writes, as a member.
Json parsed(const std::string& text) {
  return Json::parse(text, nullptr, false);
}

}  // namespace

std::string json_of(const JudgeImageReply& reply) {
  Json json = document();
  json.update(parsed(json_value_of(reply.record)));
  json["allowed"] = reply.allowed;
  json["decision"] = reply.allowed ? reply.trust : reply.reason;
  json["signatures"] = Json::array();
  for (const SignatureFinding& finding : reply.signatures) {
    Json entry;
    entry["signer"] = or_null(finding.signer);
    entry["who"] = or_null(finding.who);
    entry["subject"] = or_null(finding.subject.text());
    entry["reference"] = or_null(finding.reference);
    entry["signed_at"] =
        finding.signed_at == 0 ? Json(nullptr) : Json(format_utc(finding.signed_at));
    entry["location"] = finding.location;
    entry["why"] = or_null(finding.why);
    json["signatures"].push_back(std::move(entry));
  }
  return dump(json);
}

namespace {

Json json_value(const TrustRootView& root) {
  auto time = [](std::int64_t value) {
    return value == 0 ? Json(nullptr) : Json(format_utc(value));
  };
  Json json;
  json["path"] = root.path;
  json["digest"] = or_null(root.digest.text());
  json["damage"] = or_null(root.damage);
  json["origin"] = or_null(root.origin);
  json["updated_at"] = time(root.updated_at);
  json["expires_at"] = time(root.expires);
  json["tuf_root_version"] = root.root_version == 0 ? Json(nullptr) : Json(root.root_version);
  json["certificate_authorities"] = root.authorities;
  json["timestamp_authorities"] = root.timestamp_authorities;
  json["logs"] = root.logs;
  json["certificate_logs"] = root.certificate_logs;
  return json;
}

}  // namespace

std::string json_of(const TrustRootView& root) {
  Json json = document();
  json["trust_root"] = json_value(root);
  return dump(json);
}

std::string json_of(const UpdateTrustRootReply& reply) {
  Json json = document();
  json["trust_root"] = json_value(reply.root);
  json["changed"] = reply.changed;
  json["copy"] = or_null(reply.copy);
  return dump(json);
}

std::string json_of(const InspectImageReply& reply) {
  Json json = document();
  json.update(parsed(json_value_of(reply.record)));
  json["stored"] = reply.stored;
  json["references"] = reply.references;
  json["programs"] = Json::array();
  for (const ElfProgram& program : reply.programs) {
    Json entry;
    entry["name"] = program.name;
    entry["type"] = to_string(program.type);
    entry["section"] = program.section;
    json["programs"].push_back(std::move(entry));
  }
  json["maps"] = Json::object();
  for (const auto& [name, type] : reply.maps) {
    json["maps"][name] = type;
  }
  json["license"] = or_null(reply.license);
  json["used_by"] = Json::array();
  for (const ProgramView& program : reply.used_by) {
    Json entry;
    entry["program_id"] = program.record->id.value();
    entry["name"] = program.record->stable_name();
    entry["loaded"] = program.kernel.has_value();
    json["used_by"].push_back(std::move(entry));
  }
  json["damage"] = or_null(reply.damage);
  return dump(json);
}

std::string json_of(const RemoveImagesReply& reply) {
  Json json = document();
  json["references"] = reply.references;
  json["freed"] = Json::array();
  std::uint64_t total = 0;
  for (const StoredBlob& blob : reply.freed) {
    Json entry;
    entry["bytecode"] = blob.digest.text();
    entry["size"] = blob.size;
    json["freed"].push_back(std::move(entry));
    total += blob.size;
  }
  json["freed_bytes"] = total;
  json["kept"] = Json::array();
  for (const plan::KeptBytecode& kept : reply.kept) {
    Json entry;
    entry["bytecode"] = kept.digest.text();
    entry["programs"] = kept.programs;
    json["kept"].push_back(std::move(entry));
  }
  return dump(json);
}

std::string json_of_verified(const std::vector<VerifiedBytecode>& entries) {
  Json json = document();
  json["bytecode"] = Json::array();
  for (const VerifiedBytecode& entry : entries) {
    Json item;
    item["digest"] = entry.digest.text();
    item["size"] = entry.size == 0 ? Json(nullptr) : Json(entry.size);
    item["state"] = to_string(entry.state);
    item["references"] = entry.references;
    item["refused"] = Json::object();
    for (const auto& [reference, reason] : entry.refused) {
      item["refused"][reference] = reason;
    }
    item["programs"] = entry.programs;
    item["detail"] = or_null(entry.detail);
    json["bytecode"].push_back(std::move(item));
  }
  return dump(json);
}

std::string json_of_history(const std::vector<ImageHistoryEntry>& entries) {
  Json json = document();
  json["history"] = Json::array();
  for (const ImageHistoryEntry& entry : entries) {
    Json item;
    item["bytecode"] = entry.bytecode.text();
    item["bytecode_size"] = entry.bytecode_size;
    item["file_name"] = entry.file_name;
    item["provenance"] = parsed(json_value_of(entry.provenance));
    json["history"].push_back(std::move(item));
  }
  return dump(json);
}

std::string json_of(const LoadImagesReply& reply) {
  Json json = document();
  json["images"] = Json::array();
  for (const ImageRecord& record : reply.records) {
    json["images"].push_back(parsed(json_value_of(record)));
  }
  json["pruned"] = reply.pruned;
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of(const BuildImageReply& reply) {
  Json json = document();
  json["reference"] = or_null(reply.reference);
  json["digest"] = reply.digest.text();
  json["platforms"] = Json::array();
  for (const BuiltPlatform& platform : reply.platforms) {
    Json entry;
    entry["platform"] = to_string(platform.platform);
    entry["image_id"] = platform.image_id.text();
    entry["manifest_digest"] = platform.manifest_digest.text();
    json["platforms"].push_back(std::move(entry));
  }
  json["labels"] = Json(reply.labels);
  json["destination"] = reply.destination;
  json["pruned"] = reply.pruned;
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of(const PushImageReply& reply) {
  Json json = document();
  json["reference"] = reply.reference;
  json["registry"] = reply.registry;
  json["digest"] = reply.digest.text();
  json["uploaded"] = reply.uploaded;
  json["present"] = reply.present;
  json["bytes"] = reply.bytes;
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of(const BuildArgumentsReply& reply) {
  Json json = document();
  json["platforms"] = reply.platforms;
  json["build_args"] = Json::array();
  for (const auto& [name, path] : reply.arguments) {
    json["build_args"].push_back(name + "=" + path);
  }
  json["programs"] = Json(reply.labels.programs);
  json["maps"] = Json(reply.labels.maps);
  return dump(json);
}

std::string build_argument_lines(const BuildArgumentsReply& reply) {
  std::string out;
  for (const auto& [name, path] : reply.arguments) {
    out += name + "=" + printable(path) + "\n";
  }
  auto text = [](const std::map<std::string, std::string>& pairs) {
    return Json(pairs).dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  return out + "PROGRAMS=" + text(reply.labels.programs) + "\nMAPS=" + text(reply.labels.maps) +
         "\n";
}

}  // namespace bpfman::cli
