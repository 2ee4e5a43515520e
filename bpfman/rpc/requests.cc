// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/requests.h"

#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/model/interface_selector.h"

namespace bpfman::rpc {
namespace {

using Metadata = google::protobuf::Map<std::string, std::string>;

Error missing(const std::string& what) {
  return Error(Code::InvalidArgument, what + " is missing");
}

std::map<std::string, std::string> to_map(const Metadata& metadata) {
  return {metadata.begin(), metadata.end()};
}

std::map<std::string, Bytes> to_globals(
    const google::protobuf::Map<std::string, std::string>& values) {
  std::map<std::string, Bytes> globals;
  for (const auto& [name, value] : values) {
    ByteView view = as_bytes(value);
    globals.emplace(name, Bytes(view.begin(), view.end()));
  }
  return globals;
}

// The word of a LoadInfo's details, if they are those of the type.
Result<std::string> attach_function_of(const v1::LoadInfo& info) {
  const v1::ProgSpecificInfo& details = info.info();
  bool fits = false;
  std::string function;
  switch (details.info_case()) {
    case v1::ProgSpecificInfo::kFentryLoadInfo:
      fits = info.program_type() == v1::FENTRY;
      function = details.fentry_load_info().fn_name();
      break;
    case v1::ProgSpecificInfo::kFexitLoadInfo:
      fits = info.program_type() == v1::FEXIT;
      function = details.fexit_load_info().fn_name();
      break;
    case v1::ProgSpecificInfo::kLsmLoadInfo:
      fits = info.program_type() == v1::LSM;
      function = details.lsm_load_info().hook_name();
      break;
    case v1::ProgSpecificInfo::INFO_NOT_SET:
      return std::string();
  }
  if (!fits) {
    return Error(Code::InvalidArgument,
                 "info of program " + info.name() + " is that of another program type");
  }
  return function;
}

Result<ProgramChoice> to_choice(const v1::LoadInfo& info,
                                const std::map<std::string, std::string>& metadata) {
  if (info.name().empty()) {
    return missing("the name of a program");
  }
  std::optional<ProgramType> type = to_program_type(info.program_type());
  if (!type.has_value()) {
    return Error(Code::Unimplemented,
                 "unknown program type " + std::to_string(info.program_type()) + " of program " +
                     info.name());
  }
  auto actual = metadata.find(std::string(kActualTypeKey) + info.name());
  if (actual != metadata.end()) {
    bool returns = (*type == ProgramType::Kprobe && actual->second == "kretprobe") ||
                   (*type == ProgramType::Uprobe && actual->second == "uretprobe");
    type = returns ? parse_program_type(actual->second) : type;
  }
  ProgramChoice choice{.name = info.name(), .type = type};
  choice.attach_function = TRY(attach_function_of(info));
  return choice;
}

Result<std::string> to_interface(const std::string& name) {
  if (name.empty()) {
    return missing("iface");
  }
  if (InterfaceSelector::is_one(name)) {
    return Error(Code::InvalidArgument,
                 "iface \"" + name + "\" may mean several interfaces; a link has one");
  }
  return name;
}

Result<bool> is_ingress(const std::string& direction) {
  std::string word = to_lower(direction);
  if (word != "ingress" && word != "egress") {
    return Error(Code::InvalidArgument, "invalid TC direction \"" + direction + "\"")
        .with_hint("ingress or egress");
  }
  return word == "ingress";
}

Result<std::int32_t> to_priority(std::int32_t priority) {
  if (priority < 0) {
    return Error(Code::InvalidArgument,
                 "priority must be non-negative, got " + std::to_string(priority));
  }
  return priority;
}

Result<std::int32_t> to_pid(const std::string& what, std::int32_t pid) {
  if (pid < 0) {
    return Error(Code::InvalidArgument, what + " must be non-negative, got " + std::to_string(pid));
  }
  return pid;
}

template <typename Codes>
std::vector<std::int32_t> to_proceed_on(HookKind hook, const Codes& codes) {
  return codes.empty() ? default_proceed_on(hook)
                       : std::vector<std::int32_t>(codes.begin(), codes.end());
}

// Xdp and tc.
template <typename Info>
Result<AttachSpec> to_chain(HookKind hook, const Info& info) {
  ChainTarget target{.hook = hook, .netns = info.netns()};
  target.interface = TRY(to_interface(info.iface()));
  target.order.priority = TRY(to_priority(info.priority()));
  target.proceed_on = to_proceed_on(hook, info.proceed_on());
  return AttachSpec{.target = std::move(target), .metadata = to_map(info.metadata())};
}

Result<AttachSpec> to_tc(const v1::TCAttachInfo& info) {
  bool ingress = TRY(is_ingress(info.direction()));
  return to_chain(ingress ? HookKind::TcIngress : HookKind::TcEgress, info);
}

Result<AttachSpec> to_tcx(const v1::TCXAttachInfo& info) {
  bool ingress = TRY(is_ingress(info.direction()));
  ListTarget target{.list = ingress ? ListKind::TcxIngress : ListKind::TcxEgress,
                    .netns = info.netns()};
  target.interface = TRY(to_interface(info.iface()));
  target.priority = TRY(to_priority(info.priority()));
  return AttachSpec{.target = std::move(target), .metadata = to_map(info.metadata())};
}

Result<AttachSpec> to_tracepoint(const v1::TracepointAttachInfo& info) {
  if (info.tracepoint().empty()) {
    return missing("tracepoint");
  }
  return AttachSpec{.target = TracepointTarget{.name = info.tracepoint()},
                    .metadata = to_map(info.metadata())};
}

Result<AttachSpec> to_kprobe(const v1::KprobeAttachInfo& info) {
  if (info.fn_name().empty()) {
    return missing("fn_name");
  }
  // The kernel is the same in every container: container_pid says nothing.
  return AttachSpec{.target = KprobeTarget{.functions = {info.fn_name()}, .offset = info.offset()},
                    .metadata = to_map(info.metadata())};
}

Result<AttachSpec> to_uprobe(const v1::UprobeAttachInfo& info) {
  if (info.target().empty()) {
    return missing("target");
  }
  if (info.fn_name().empty() && info.offset() == 0) {
    return Error(Code::InvalidArgument,
                 "uprobe attach requires a function name or a non-zero offset");
  }
  UprobeTarget target{.binary = info.target(), .offset = info.offset()};
  if (!info.fn_name().empty()) {
    target.functions = {info.fn_name()};
  }
  target.pid = TRY(to_pid("pid", info.pid()));
  target.container_pid = TRY(to_pid("container_pid", info.container_pid()));
  return AttachSpec{.target = std::move(target), .metadata = to_map(info.metadata())};
}

AttachSpec to_fixed(const Metadata& metadata) {
  return AttachSpec{.target = FixedTarget{}, .metadata = to_map(metadata)};
}

// The word of a kind, and the programs that it takes.
struct Taken {
  std::string_view word;
  std::vector<ProgramType> types;
};

Taken taken_by(const v1::AttachInfo& info) {
  switch (info.info_case()) {
    case v1::AttachInfo::kXdpAttachInfo:
      return {"xdp", {ProgramType::Xdp}};
    case v1::AttachInfo::kTcAttachInfo:
      return {"tc", {ProgramType::Tc, ProgramType::Tcx}};
    case v1::AttachInfo::kTcxAttachInfo:
      return {"tcx", {ProgramType::Tcx, ProgramType::Tc}};
    case v1::AttachInfo::kTracepointAttachInfo:
      return {"tracepoint", {ProgramType::Tracepoint}};
    case v1::AttachInfo::kKprobeAttachInfo:
      return {"kprobe", {ProgramType::Kprobe, ProgramType::Kretprobe}};
    case v1::AttachInfo::kUprobeAttachInfo:
      return {"uprobe", {ProgramType::Uprobe, ProgramType::Uretprobe}};
    case v1::AttachInfo::kFentryAttachInfo:
      return {"fentry", {ProgramType::Fentry}};
    case v1::AttachInfo::kFexitAttachInfo:
      return {"fexit", {ProgramType::Fexit}};
    case v1::AttachInfo::kLsmAttachInfo:
      return {"lsm", {ProgramType::Lsm}};
    case v1::AttachInfo::INFO_NOT_SET:
      break;
  }
  return {};
}

}  // namespace

std::optional<ProgramType> to_program_type(v1::BpfmanProgramType type) {
  static constexpr std::array kTypes = {std::pair(v1::XDP, ProgramType::Xdp),
                                        std::pair(v1::TC, ProgramType::Tc),
                                        std::pair(v1::TRACEPOINT, ProgramType::Tracepoint),
                                        std::pair(v1::KPROBE, ProgramType::Kprobe),
                                        std::pair(v1::UPROBE, ProgramType::Uprobe),
                                        std::pair(v1::FENTRY, ProgramType::Fentry),
                                        std::pair(v1::FEXIT, ProgramType::Fexit),
                                        std::pair(v1::TCX, ProgramType::Tcx),
                                        std::pair(v1::LSM, ProgramType::Lsm)};
  for (const auto& [theirs, ours] : kTypes) {
    if (theirs == type) {
      return ours;
    }
  }
  return std::nullopt;
}

Result<ImageSource> to_image_source(const v1::BytecodeImage& image) {
  if (image.url().empty()) {
    return missing("the url of the image");
  }
  static constexpr std::array kPolicies = {
      PullPolicy::Always, PullPolicy::IfNotPresent, PullPolicy::Never};
  std::int32_t policy = image.image_pull_policy();
  if (policy < 0 || static_cast<std::size_t>(policy) >= kPolicies.size()) {
    return Error(Code::InvalidArgument, "unknown pull policy \"" + std::to_string(policy) + "\"")
        .with_hint("0 is Always, 1 IfNotPresent, 2 Never");
  }
  ImageSource source{.reference = image.url(),
                     .policy = kPolicies.at(static_cast<std::size_t>(policy))};
  if (!image.username().empty() && !image.password().empty()) {
    source.registry_auth = encode_base64(as_bytes(image.username() + ":" + image.password()));
  }
  return source;
}

Result<LoadSpec> to_load_spec(const v1::LoadRequest& request) {
  LoadSpec spec;
  switch (request.bytecode().location_case()) {
    case v1::BytecodeLocation::kImage: {
      spec.source = TRY(to_image_source(request.bytecode().image()));
      break;
    }
    case v1::BytecodeLocation::kFile:
      if (request.bytecode().file().empty()) {
        return missing("the path of the object file");
      }
      if (!request.bytecode().file().starts_with('/')) {
        return Error(Code::InvalidArgument,
                     "object file \"" + request.bytecode().file() + "\": the path must be absolute")
            .with_hint("the daemon has another working directory than its clients");
      }
      spec.source = FileSource{.path = request.bytecode().file()};
      break;
    case v1::BytecodeLocation::LOCATION_NOT_SET:
      return missing("bytecode");
  }
  if (request.info().empty()) {
    return missing("info: the programs to load");
  }
  spec.metadata = to_map(request.metadata());
  for (const v1::LoadInfo& info : request.info()) {
    ProgramChoice choice = TRY(to_choice(info, spec.metadata));
    spec.programs.push_back(std::move(choice));
  }
  spec.globals = to_globals(request.global_data());
  if (request.map_owner_id() != 0) {
    spec.map_owner = std::to_string(request.map_owner_id());
  }
  for (std::string_view key : {kFormerApplicationKey, kApplicationKey}) {
    auto found = spec.metadata.find(std::string(key));
    spec.application = found != spec.metadata.end() ? found->second : spec.application;
  }
  return spec;
}

Result<AttachSpec> to_attach_spec(const v1::AttachInfo& info) {
  switch (info.info_case()) {
    case v1::AttachInfo::kXdpAttachInfo:
      return to_chain(HookKind::Xdp, info.xdp_attach_info());
    case v1::AttachInfo::kTcAttachInfo:
      return to_tc(info.tc_attach_info());
    case v1::AttachInfo::kTcxAttachInfo:
      return to_tcx(info.tcx_attach_info());
    case v1::AttachInfo::kTracepointAttachInfo:
      return to_tracepoint(info.tracepoint_attach_info());
    case v1::AttachInfo::kKprobeAttachInfo:
      return to_kprobe(info.kprobe_attach_info());
    case v1::AttachInfo::kUprobeAttachInfo:
      return to_uprobe(info.uprobe_attach_info());
    case v1::AttachInfo::kFentryAttachInfo:
      return to_fixed(info.fentry_attach_info().metadata());
    case v1::AttachInfo::kFexitAttachInfo:
      return to_fixed(info.fexit_attach_info().metadata());
    case v1::AttachInfo::kLsmAttachInfo:
      return to_fixed(info.lsm_attach_info().metadata());
    case v1::AttachInfo::INFO_NOT_SET:
      break;
  }
  return Error(Code::Unimplemented, "unknown kind of attach request");
}

Result<void> check_fit(std::uint32_t id, ProgramType type, const v1::AttachInfo& info) {
  Taken taken = taken_by(info);
  if (std::find(taken.types.begin(), taken.types.end(), type) != taken.types.end()) {
    return {};
  }
  std::vector<std::string> names;
  for (ProgramType accepted : taken.types) {
    names.emplace_back(to_string(accepted));
  }
  return Error(Code::FailedPrecondition,
               "program " + std::to_string(id) + " is a " + std::string(to_string(type)) +
                   " program; the " + std::string(taken.word) + " attach accepts " +
                   join(names, " or "));
}

ListProgramsQuery to_query(const v1::ListRequest& request) {
  ListProgramsQuery query{.all = !request.bpfman_programs_only()};
  query.metadata = to_map(request.match_metadata());
  auto application = query.metadata.find(std::string(kApplicationKey));
  if (application != query.metadata.end()) {
    query.application = application->second;
    query.metadata.erase(application);
  }
  return query;
}

}  // namespace bpfman::rpc
