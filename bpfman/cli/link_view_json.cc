// SPDX-License-Identifier: Apache-2.0
// Links and chains as programs read them. Every member is always there; null where there is
// nothing.
#include "bpfman/base/text.h"
#include "bpfman/cli/json_parts.h"
#include "bpfman/cli/output.h"

namespace bpfman::cli {
namespace {

using namespace parts;

// The members that only some kinds of targets have.
class TargetView {
 public:
  explicit TargetView(Json& json) : json_(json) {}

  void operator()(const ChainTarget& t) {
    json_["hook"] = to_string(t.hook);
    json_["priority"] = t.order.priority;
    json_["class"] = or_null(t.order.role);
    json_["before"] = t.order.before;
    json_["after"] = t.order.after;
    json_["proceed_on"] = Json::array();
    for (std::int32_t code : t.proceed_on) {
      json_["proceed_on"].push_back(action_name(t.hook, code));
    }
    json_["place"] = or_null(to_string(t.place));
  }

  void operator()(const ListTarget& t) {
    json_["list"] = to_string(t.list);
    json_["priority"] = t.priority;
    json_["place"] = or_null(to_string(t.place));
  }

  void operator()(const TracepointTarget& t) { json_["tracepoint"] = t.name; }

  void operator()(const KprobeTarget& t) {
    json_["functions"] = t.functions;
    json_["offset"] = t.offset;
  }

  void operator()(const UprobeTarget& t) {
    json_["binary"] = t.binary;
    json_["functions"] = t.functions;
    json_["offset"] = t.offset;
    json_["provider"] = or_null(t.provider);
    json_["pid"] = t.pid;
    json_["container_pid"] = t.container_pid;
  }

  void operator()(const FixedTarget& t) { json_["function"] = t.function; }

  void operator()(const CgroupTarget& t) { json_["cgroup"] = t.path; }

  void operator()(const PerfTarget& t) {
    json_["event"] = t.event;
    json_["frequency"] = t.frequency;
    json_["period"] = t.period;
    json_["cpu"] = t.cpu;
    json_["pid"] = t.pid;
  }

  void operator()(const SockmapTarget& t) { json_["map_pin"] = t.map_pin; }

  void operator()(const NetnsTarget& /*target*/) {}

  void operator()(const NetfilterTarget& t) {
    json_["family"] = t.family;
    json_["hook"] = t.hook;
    json_["priority"] = t.priority;
    json_["defragment"] = t.defragment;
  }

  void operator()(const IterTarget& t) {
    json_["iterator"] = t.kind;
    json_["map_pin"] = or_null(t.map_pin);
  }

 private:
  Json& json_;
};

Json view(const std::optional<MemberCounts>& counts, HookKind hook) {
  if (!counts.has_value()) {
    return nullptr;
  }
  Json json;
  json["runs"] = counts->runs;
  json["time_ns"] = counts->time_ns;
  json["verdicts"] = Json::object();
  for (const auto& [code, times] : counts->verdicts) {
    json["verdicts"][action_name(hook, code)] = times;
  }
  json["other_verdicts"] = counts->other_verdicts;
  return json;
}

Json view(const plan::Occupant& occupant, const char* runs) {
  Json json;
  bool without = !occupant.filter_kind.empty();
  json["program_id"] = without ? Json(nullptr) : Json(occupant.program.value());
  json["name"] = without ? Json(nullptr) : Json(occupant.name);
  json["seat"] = to_string(occupant.seat);
  json["kernel_link_id"] = occupant.link.has_value() ? Json(occupant.link->value()) : Json(nullptr);
  json["filter_priority"] = occupant.filter_priority;
  json["filter_kind"] = or_null(occupant.filter_kind);
  json["filter_handle"] = occupant.filter_handle;
  json["offloaded"] = occupant.offloaded;
  json["holder"] = or_null(occupant.holder);
  json["runs"] = runs == nullptr ? Json(nullptr) : Json(runs);
  return json;
}

// In the order in which they run; "runs" tells on which side of ours.
Json view(const plan::Neighbours& neighbours) {
  Json json = Json::array();
  for (std::size_t i = 0; i < neighbours.others.size(); ++i) {
    const char* runs = !neighbours.before.has_value() ? nullptr
                       : i < *neighbours.before       ? "before"
                                                      : "after";
    json.push_back(view(neighbours.others[i], runs));
  }
  return json;
}

Json view(const Lease& lease) {
  if (!lease.has_end()) {
    return nullptr;
  }
  Json json;
  json["expires_at"] = lease.expires_at == 0 ? Json(nullptr) : Json(format_utc(lease.expires_at));
  json["pid"] = lease.holder.has_value() ? Json(lease.holder->process.pid) : Json(nullptr);
  return json;
}

Json view(const LinkView& link) {
  const LinkRecord& record = link.record;
  const std::string* interface = interface_of(record.target);
  const std::string* netns = netns_of(record.target);
  const ChainRecord* chain = link.chain.has_value() ? &*link.chain : nullptr;
  Json json;
  json["link_id"] = record.id.value();
  json["program_id"] = record.program.value();
  json["program"] = link.program_name;
  json["kind"] = to_string(record.kind);
  json["attachment"] = describe(record.target);
  json["interface"] = interface == nullptr ? Json(nullptr) : Json(*interface);
  json["ifindex"] = interface == nullptr ? Json(nullptr) : Json(record.ifindex.value());
  json["netns"] = netns == nullptr ? Json(nullptr) : or_null(*netns);
  json["netns_inode"] = interface == nullptr ? Json(nullptr) : Json(record.netns_id.inode);
  json["strategy"] = chain == nullptr ? Json(nullptr) : Json(to_string(chain->strategy));
  json["mode"] = chain == nullptr || chain->hook.kind != HookKind::Xdp
                     ? Json(nullptr)
                     : Json(to_string(chain->mode));
  json["position"] = chain == nullptr ? Json(nullptr) : Json(link.position);
  json["counts"] = chain == nullptr ? Json(nullptr) : view(link.counts, chain->hook.kind);
  std::visit(TargetView(json), record.target);
  json["cookie"] = record.cookie;
  json["pin_path"] = or_null(chain == nullptr ? record.pin_path : chain->link_pin);
  json["kernel_link_id"] = link.kernel.has_value() ? Json(link.kernel->id.value()) : Json(nullptr);
  json["others"] = link.neighbours.before.has_value() ? view(link.neighbours) : Json(nullptr);
  json["attached"] = link.state == LinkState::Attached;
  json["state"] = to_string(link.state);
  json["selector_id"] =
      record.selector.value() == 0 ? Json(nullptr) : Json(record.selector.value());
  json["metadata"] = Json::object();
  for (const auto& [name, value] : record.metadata) {
    json["metadata"][name] = value;
  }
  json["created_at"] = format_utc(record.created_at);
  json["lease"] = view(record.lease);
  return json;
}

Json view(const ChainView& chain) {
  const ChainRecord& record = chain.record;
  Json json;
  json["hook"] = to_string(record.hook.kind);
  json["interface"] = record.interface;
  json["ifindex"] = record.hook.ifindex.value();
  json["netns"] = or_null(record.netns);
  json["netns_inode"] = record.hook.netns.inode;
  json["strategy"] = chain.members.empty() ? Json(nullptr) : Json(to_string(record.strategy));
  json["strategy_set"] = record.wanted.has_value();
  json["reason"] = or_null(record.reason);
  json["mode"] = record.hook.kind == HookKind::Xdp ? Json(to_string(record.mode)) : Json(nullptr);
  json["revision"] = record.revision;
  json["capacity"] = record.capacity;
  json["frags"] = record.frags;
  json["timing"] = record.timing;
  json["dispatcher_id"] =
      chain.dispatcher.has_value() ? Json(chain.dispatcher->value()) : Json(nullptr);
  json["link_pin"] = or_null(record.link_pin);
  json["filter_priority"] =
      record.filter_handle == 0 ? Json(nullptr) : Json(record.filter_priority);
  json["directory"] = or_null(record.directory);
  json["state"] = to_string(chain.state);
  json["members"] = Json::array();
  for (const ChainMemberView& member : chain.members) {
    Json one = view(member.link);
    one["why"] = member.why;
    json["members"].push_back(std::move(one));
  }
  json["place"] = or_null(place_of(chain));
  json["others"] = view(chain.neighbours);
  return json;
}

Json view(const std::vector<Repair>& repairs) {
  Json json = Json::array();
  for (const Repair& repair : repairs) {
    json.push_back(
        {{"what", repair.what},
         {"error", repair.error.has_value() ? Json(repair.error->message()) : Json(nullptr)}});
  }
  return json;
}

Json view(const SelectorRecord& selector) {
  Json json;
  json["selector_id"] = selector.id.value();
  json["kind"] = attach_word(selector.spec.target);
  json["interfaces"] = *interface_of(selector.spec.target);
  json["netns"] = or_null(*netns_of(selector.spec.target));
  json["container"] = or_null(selector.spec.container);
  json["except"] = selector.except;
  json["created_at"] = format_utc(selector.created_at);
  json["lease"] = view(selector.spec.lease);
  return json;
}

}  // namespace

std::string json_value_of(const LinkView& link) {
  return dump(view(link));
}

std::string json_of(const LinkView& link) {
  Json json = document();
  json.update(view(link));
  return dump(json);
}

std::string json_of_links(const std::vector<LinkView>& links) {
  Json json = document();
  json["links"] = Json::array();
  for (const LinkView& link : links) {
    json["links"].push_back(view(link));
  }
  return dump(json);
}

std::string json_value_of(const Lease& lease) {
  return dump(view(lease));
}

std::string json_value_of(const SelectorRecord& selector) {
  return dump(view(selector));
}

std::string json_of(const AttachReply& reply) {
  Json json = document();
  json["link"] = reply.links.empty() ? Json(nullptr) : view(reply.links.front());
  json["links"] = Json::array();
  for (const LinkView& link : reply.links) {
    json["links"].push_back(view(link));
  }
  json["selector"] = reply.selector.has_value() ? view(*reply.selector) : Json(nullptr);
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of_selectors(const std::vector<SelectorView>& selectors) {
  Json json = document();
  json["selectors"] = Json::array();
  for (const SelectorView& selector : selectors) {
    Json one = view(selector.record);
    one["program"] = selector.program_name;
    one["links"] = Json::array();
    for (const LinkView& link : selector.links) {
      one["links"].push_back(view(link));
    }
    json["selectors"].push_back(std::move(one));
  }
  return dump(json);
}

std::string json_of(const ReconcileReply& reply) {
  Json json = document();
  json["repairs"] = view(reply.repairs);
  json["warnings"] = reply.warnings;
  return dump(json);
}

namespace {

Json view(const RescueReply& reply) {
  Json json = Json::object();
  json["damage"] = reply.damage;
  json["kept_as"] = reply.kept;
  json["tables"] = Json::array();
  for (const RescuedTable& table : reply.tables) {
    json["tables"].push_back({{"name", table.name},
                              {"saved", table.kept},
                              {"lost", table.lost},
                              {"unreadable", table.unreadable}});
  }
  json["adopted"] = reply.adopted;
  json["left"] = reply.left;
  return json;
}

}  // namespace

std::string json_of(const DoctorReply& reply, const std::optional<RescueReply>& rescue) {
  Json json = document();
  json["database_damage"] = reply.damage;
  json["rescue"] = rescue.has_value() ? view(*rescue) : Json(nullptr);
  json["differences"] = Json::array();
  for (const plan::Drift& drift : reply.drifts) {
    json["differences"].push_back(
        {{"what", drift.what}, {"why", drift.why}, {"remedy", or_null(drift.remedy)}});
  }
  json["selectors"] = view(reply.selectors);
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of(const ApplyReply& reply) {
  Json json = document();
  json["applications"] = Json::array();
  for (const AppliedApplication& one : reply.applications) {
    Json entry = Json::object();
    entry["name"] = one.title;
    entry["outcome"] = one.error.has_value() ? "failed" : std::string(to_string(one.outcome));
    entry["steps"] = one.steps;
    entry["error"] = or_null(one.error.has_value() ? one.error->message() : "");
    entry["warnings"] = one.warnings;
    json["applications"].push_back(std::move(entry));
  }
  return dump(json);
}

std::string json_of(const SetLinkReply& reply) {
  Json json = document();
  json["link"] = view(reply.link);
  json["warnings"] = reply.warnings;
  return dump(json);
}

std::string json_of_chains(const std::vector<ChainView>& chains) {
  Json json = document();
  json["chains"] = Json::array();
  for (const ChainView& chain : chains) {
    json["chains"].push_back(view(chain));
  }
  return dump(json);
}

}  // namespace bpfman::cli
