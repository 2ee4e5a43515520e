// SPDX-License-Identifier: Apache-2.0
// Maps as programs read them.
#include "bpfman/base/overload.h"
#include "bpfman/base/sha256.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/json_parts.h"
#include "bpfman/cli/output.h"

namespace bpfman::cli {
namespace {

using namespace parts;

Json view(const TypedValue& value);

Json views(const std::vector<TypedValue>& items) {
  Json json = Json::array();
  for (const TypedValue& item : items) {
    json.push_back(view(item));
  }
  return json;
}

Json view(const TypedValue& value) {
  return std::visit(Overload{
                        [](const Bytes& bytes) { return Json("0x" + to_hex(bytes)); },
                        [](const TypedStruct& members) {
                          Json json = Json::object();
                          for (const auto& [name, member] : members.members) {
                            json[name] = view(member);
                          }
                          return json;
                        },
                        [](const TypedArray& array) { return views(array.elements); },
                        [](const auto& plain) { return Json(plain); },
                    },
                    value.value);
}

}  // namespace

std::string json_of(const SaveMapsReply& reply) {
  Json json = document();
  json["maps"] = Json::array();
  for (const auto& [program, map] : reply.maps) {
    Json one;
    one["program"] = program;
    one["name"] = map.name;
    one["saved_at"] = format_utc(map.saved_at);
    one["bytes"] = map.size;
    json["maps"].push_back(std::move(one));
  }
  return dump(json);
}

std::string json_of(const MapDump& dump_of_map) {
  const KernelMap& map = dump_of_map.map;
  Json json = document();
  json["id"] = map.id.value();
  json["name"] = dump_of_map.name.empty() ? map.name : dump_of_map.name;
  json["type"] = map.type;
  json["key_size"] = map.key_size;
  json["value_size"] = map.value_size;
  json["max_entries"] = map.max_entries;
  json["per_cpu"] = dump_of_map.per_cpu;
  json["typed"] = dump_of_map.typed;
  json["truncated"] = dump_of_map.truncated;
  json["entries"] = Json::array();
  for (const MapEntry& entry : dump_of_map.entries) {
    Json item;
    item["key"] = view(entry.key);
    item["values"] = views(entry.values);
    json["entries"].push_back(std::move(item));
  }
  return dump(json);
}

}  // namespace bpfman::cli
