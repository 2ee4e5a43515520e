// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/upstream_link_json.h"

#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/upstream_json.h"

namespace bpfman::cli::upstream {
namespace {

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

bool is_ingress(const ListTarget& target) {
  return target.list == ListKind::TcxIngress || target.list == ListKind::NetkitPrimary;
}

std::vector<std::int32_t> sorted(std::vector<std::int32_t> codes) {
  std::sort(codes.begin(), codes.end());
  return codes;
}

// The details of a link by the kind of its target; null where upstream has no such kind.
class Details {
 public:
  explicit Details(const LinkView& link) : link_(link) {}

  Json operator()(const ChainTarget& target) const {
    Json json;
    json["interface"] = target.interface;
    json["ifindex"] = link_.record.ifindex.value();
    if (target.hook != HookKind::Xdp) {
      json["direction"] = target.hook == HookKind::TcIngress ? "ingress" : "egress";
    }
    json["priority"] = target.order.priority;
    json["position"] = link_.position;
    json["proceed_on"] = sorted(target.proceed_on);
    json["netns"] = target.netns;
    json["nsid"] = link_.record.netns_id.inode;
    json["dispatcher_id"] = link_.dispatcher.has_value() ? link_.dispatcher->value() : 0;
    json["revision"] = link_.chain.has_value() ? link_.chain->revision : 0;
    return json;
  }

  Json operator()(const ListTarget& target) const {
    Json json;
    json["interface"] = target.interface;
    json["ifindex"] = link_.record.ifindex.value();
    json["direction"] = is_ingress(target) ? "ingress" : "egress";
    json["priority"] = target.priority;
    json["position"] = link_.position;
    json["netns"] = target.netns;
    json["nsid"] = link_.record.netns_id.inode;
    return json;
  }

  Json operator()(const TracepointTarget& target) const {
    std::size_t slash = target.name.find('/');
    bool whole = slash != std::string::npos;
    return {{"group", whole ? target.name.substr(0, slash) : ""},
            {"name", whole ? target.name.substr(slash + 1) : target.name}};
  }

  Json operator()(const KprobeTarget& target) const {
    return {{"fn_name", join(target.functions, ",")},
            {"offset", target.offset},
            {"retprobe", link_.record.kind == ProgramType::Kretprobe}};
  }

  Json operator()(const UprobeTarget& target) const {
    return {{"target", target.binary},
            {"fn_name", join(target.functions, ",")},
            {"offset", target.offset},
            {"pid", target.pid},
            {"retprobe", link_.record.kind == ProgramType::Uretprobe},
            {"container_pid", target.container_pid}};
  }

  Json operator()(const FixedTarget& target) const {
    return {{link_.record.kind == ProgramType::Lsm ? "hook_name" : "fn_name", target.function}};
  }

  template <typename Other>
  Json operator()(const Other& /*target*/) const {
    return nullptr;
  }

 private:
  const LinkView& link_;
};

Json record_value(const LinkView& link) {
  const LinkRecord& record = link.record;
  std::optional<KernelLinkId> kernel =
      link.kernel.has_value() ? std::optional(link.kernel->id) : record.kernel_id;
  Json json;
  json["id"] = record.id.value();
  json["program_id"] = record.program.value();
  json["kernel_link_id"] = kernel.has_value() ? Json(kernel->value()) : Json(nullptr);
  json["kind"] = to_string(record.kind);
  json["pin_path"] = text_or_null(pin_of(link));
  json["details"] = std::visit(Details(link), record.target);
  json["created_at"] = format_utc(record.created_at);
  json["metadata"] = record.metadata.empty() ? Json(nullptr) : texts_value(record.metadata);
  return json;
}

Json kernel_value(const KernelLink& link) {
  const KernelLinkPlace& place = link.place;
  Json json;
  json["id"] = link.id.value();
  json["program_id"] = link.program.value();
  json["link_type"] = link.type;
  json["attach_type"] =
      place.attach_type.has_value() ? std::to_string(*place.attach_type) : std::string();
  json["ifindex"] = link.ifindex.value();
  json["target_obj_id"] = place.target_object_id;
  json["target_btf_id"] = place.target_btf_id;
  json["cgroup_id"] = place.cgroup_id;
  json["netns_ino"] = place.netns_inode;
  json["netfilter_pf"] = place.netfilter_family;
  json["netfilter_hooknum"] = place.netfilter_hook;
  json["netfilter_priority"] = place.netfilter_priority;
  json["netfilter_flags"] = place.netfilter_flags;
  json["kprobe_multi_count"] = place.kprobe_multi_count;
  json["kprobe_multi_flags"] = place.kprobe_multi_flags;
  json["kprobe_multi_missed"] = place.kprobe_multi_missed;
  json["kprobe_address"] = place.kprobe_address;
  json["kprobe_missed"] = place.kprobe_missed;
  return json;
}

Json key_value(const HookKey& hook) {
  return {{"type", to_string(hook.kind)},
          {"nsid", hook.netns.inode},
          {"ifindex", hook.ifindex.value()}};
}

Json runtime_value(const ChainView& chain) {
  Json json;
  json["program_id"] = chain.runs.has_value() ? chain.runs->value() : 0;
  if (chain.kernel_link.has_value()) {
    json["kernel_link_id"] = chain.kernel_link->value();
  }
  if (chain.record.link_pin.empty()) {
    json["filter_priority"] = chain.record.filter_priority;
    json["filter_handle"] = chain.record.filter_handle;
  }
  json["netns_path"] = chain.record.netns;
  return json;
}

Json member_value(const ChainMemberView& member, const Layout& layout) {
  const LinkView& link = member.link;
  Json json;
  json["program_id"] = link.record.program.value();
  json["program_name"] = function_of(link);
  json["prog_pin_path"] = layout.program_pin(link.record.program);
  json["link_id"] = link.record.id.value();
  json["kernel_link_id"] = link.kernel.has_value() ? Json(link.kernel->id.value()) : Json(nullptr);
  json["link_pin_path"] = pin_of(link);
  json["position"] = link.position;
  json["priority"] = link.record.chain()->order.priority;
  json["proceed_on"] = mask_of(link.record);
  json["ifname"] = link.record.chain()->interface;
  json["metadata"] =
      link.record.metadata.empty() ? Json(nullptr) : texts_value(link.record.metadata);
  return json;
}

}  // namespace

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json texts_value(const std::map<std::string, std::string>& pairs) {
  Json json = Json::object();
  for (const auto& [name, value] : pairs) {
    json[name] = value;
  }
  return json;
}

std::string pin_of(const LinkView& link) {
  if (!link.chain.has_value()) {
    return link.record.pin_path;
  }
  const ChainRecord& chain = *link.chain;
  auto slot = chain.slots.find(link.record.id);
  if (chain.strategy == Strategy::Freplace && slot != chain.slots.end()) {
    return join_path(chain.directory, "link_" + std::to_string(slot->second));
  }
  return chain.link_pin;
}

std::uint32_t mask_of(const LinkRecord& link) {
  return proceed_on_mask(link.chain()->hook, link.chain()->proceed_on);
}

std::string function_of(const LinkView& link) {
  return link.program_name.substr(link.program_name.rfind('/') + 1);
}

Json link_value(const LinkView& link) {
  Json json;
  json["record"] = record_value(link);
  Json status;
  status["kernel"] = link.kernel.has_value() ? kernel_value(*link.kernel) : Json(nullptr);
  status["kernel_seen"] = link.kernel.has_value();
  // The kernel's part was read through the pin.
  status["pin_present"] = link.kernel.has_value() && !pin_of(link).empty();
  json["status"] = std::move(status);
  return json;
}

std::string json_of_link(const LinkView& link) {
  return dump(link_value(link));
}

std::string json_of_link_list(const std::vector<LinkView>& links) {
  Json json;
  json["links"] = Json::array();
  for (const LinkView& link : links) {
    json["links"].push_back(record_value(link));
  }
  return dump(json);
}

std::string json_of_dispatcher(const ChainView& chain, const Layout& layout) {
  Json json;
  json["key"] = key_value(chain.record.hook);
  json["revision"] = chain.record.revision;
  json["runtime"] = runtime_value(chain);
  json["members"] = Json::array();
  for (const ChainMemberView& member : chain.members) {
    json["members"].push_back(member_value(member, layout));
  }
  return dump(json);
}

std::string json_of_dispatcher_list(const std::vector<ChainView>& chains) {
  Json json;
  json["dispatchers"] = Json::array();
  for (const ChainView& chain : chains) {
    Json one;
    one["key"] = key_value(chain.record.hook);
    one["revision"] = chain.record.revision;
    one["runtime"] = runtime_value(chain);
    one["member_count"] = chain.members.size();
    json["dispatchers"].push_back(std::move(one));
  }
  return dump(json);
}

}  // namespace bpfman::cli::upstream
