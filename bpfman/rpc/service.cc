// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/service.h"

#include <algorithm>
#include <chrono>

#include "bpfman/base/clock.h"
#include "bpfman/base/scope_exit.h"
#include "bpfman/rpc/replies.h"
#include "bpfman/rpc/requests.h"
#include "bpfman/rpc/status.h"

namespace bpfman::rpc {
namespace {

// Facts of so many programs are kept; then all are read again.
constexpr std::size_t kMostFacts = 10'000;

// What is left until the client's deadline; 0 when there is none.
std::int64_t patience_ms(const grpc::ServerContext& context) {
  auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) {
    return 0;
  }
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::system_clock::now());
  return std::max<std::int64_t>(1, left.count());
}

// Our record, which every request but List and Get is about.
Result<ProgramRecord> own_program(Api& api, std::uint32_t id) {
  ProgramView view = TRY(api.get_program(std::to_string(id)));
  if (!view.record.has_value()) {
    return Error(
        Code::NotFound,
        "program " + std::to_string(id) + " exists in kernel but is not managed by bpfman");
  }
  return *std::move(view.record);
}

Result<void> check_owner(Api& api, std::uint32_t id) {
  Result<ProgramView> owner = api.get_program(std::to_string(id));
  if (owner.ok() && owner->record.has_value()) {
    return {};
  }
  if (!owner.ok() && owner.error().code() != Code::NotFound) {
    return std::move(owner).error();
  }
  return Error(Code::InvalidArgument, "map_owner_id " + std::to_string(id) + " does not exist");
}

// Ids come again when the kernel has counted round.
bool is_same(const KernelProgram& before, const KernelProgram& now) {
  return before.tag == now.tag && before.name == now.name;
}

// `record`: nullptr for a program of others.
bool fits(const ListProgramsQuery& query, const ProgramRecord* record) {
  if (record == nullptr) {
    return query.all && query.application.empty() && query.metadata.empty();
  }
  return (query.application.empty() || record->application == query.application) &&
         std::all_of(query.metadata.begin(), query.metadata.end(), [&](const auto& wanted) {
           auto found = record->metadata.find(wanted.first);
           return found != record->metadata.end() && found->second == wanted.second;
         });
}

Result<std::uint32_t> attach(Api& api, const v1::AttachRequest& request) {
  if (!request.has_attach()) {
    return Error(Code::InvalidArgument, "attach is missing");
  }
  AttachSpec spec = TRY(to_attach_spec(request.attach()));
  ProgramRecord program = TRY(own_program(api, request.id()));
  TRY(check_fit(request.id(), program.type, request.attach()));
  Result<AttachReply> reply = api.attach(std::to_string(request.id()), spec, DryRun::No);
  if (!reply.ok() && reply.error().code() == Code::NotFound && interface_of(spec.target)) {
    // The program is there; interfaces and namespaces are words of the request.
    return std::move(reply).error().with_code(Code::InvalidArgument);
  }
  if (!reply.ok()) {
    return std::move(reply).error();
  }
  if (reply->links.size() != 1) {
    return Error(Code::Internal,
                 std::to_string(reply->links.size()) + " links were made instead of one");
  }
  std::optional<std::uint32_t> link = to_wire(reply->links.front().record.id);
  if (!link.has_value()) {
    return Error(Code::ResourceExhausted,
                 "link " + to_string(reply->links.front().record.id) +
                     " is attached, but its id needs more than 32 bits");
  }
  return *link;
}

}  // namespace

Activity::Activity() : last_ns_(steady_now_ns()) {}

void Activity::begin() {
  running_.fetch_add(1);
}

void Activity::end() {
  last_ns_.store(steady_now_ns());
  running_.fetch_sub(1);
}

std::int64_t Activity::idle_ns() const {
  return running_.load() > 0 ? 0 : steady_now_ns() - last_ns_.load();
}

Service::Service(const World& world, const FindActor& find_actor, Activity& activity, Access access)
    : world_(world),
      find_actor_(find_actor),
      activity_(activity),
      access_(access),
      records_(world) {}

grpc::Status Service::look(const std::function<Result<void>()>& work) {
  activity_.begin();
  ScopeExit ended([&] { activity_.end(); });
  Result<void> done = work();
  return done.ok() ? grpc::Status::OK : to_status(done.error());
}

grpc::Status Service::change(const grpc::ServerContext& context,
                             bool finds_images,
                             const Work& work) {
  if (access_ != Access::Change) {
    return to_status(Error(Code::PermissionDenied, "you may look, but not change anything")
                         .with_hint("root and members of the socket's group may"));
  }
  activity_.begin();
  ScopeExit ended([&] { activity_.end(); });
  ActingFor acting(find_actor_(context.peer()));
  Result<std::unique_ptr<Api>> api =
      world_.make_api(Call{.finds_images = finds_images, .patience_ms = patience_ms(context)});
  Result<void> done = api.ok() ? work(**api) : Result<void>(std::move(api).error());
  if (done.ok()) {
    return grpc::Status::OK;
  }
  bool waited = done.error().code() == Code::Aborted;
  if (waited && context.deadline() <= std::chrono::system_clock::now()) {
    return {grpc::StatusCode::DEADLINE_EXCEEDED, done.error().message()};
  }
  if (waited && context.IsCancelled()) {
    return {grpc::StatusCode::CANCELLED, done.error().message()};
  }
  return to_status(done.error());
}

std::optional<KernelFacts> Service::facts_of(const KernelProgram& program) {
  {
    std::lock_guard held(facts_lock_);
    auto known = facts_.find(program.id.value());
    if (known != facts_.end() && known->second.first == program.loaded_at) {
      return known->second.second;
    }
  }
  std::optional<KernelFacts> facts = world_.find_facts(program.id).value_or(std::nullopt);
  if (facts.has_value()) {
    std::lock_guard held(facts_lock_);
    if (facts_.size() >= kMostFacts) {
      facts_.clear();
    }
    facts_[program.id.value()] = {program.loaded_at, *facts};
  }
  return facts;
}

Result<void> Service::load(Api& api, const v1::LoadRequest& request, v1::LoadResponse& response) {
  LoadSpec spec = TRY(to_load_spec(request));
  if (request.map_owner_id() != 0) {
    TRY(check_owner(api, request.map_owner_id()));
  }
  LoadReply reply = TRY(api.load(spec, DryRun::No));
  // Loaded they are; who else has their maps is the smaller part of the answer.
  Result<Records::Views> all = records_.read();
  const std::vector<ProgramView>& programs = all.ok() ? **all : reply.programs;
  for (const ProgramView& program : reply.programs) {
    v1::LoadResponseInfo& out = *response.add_programs();
    *out.mutable_info() = to_program_info(program, programs);
    *out.mutable_info()->mutable_bytecode() = request.bytecode();
    if (request.bytecode().has_image()) {
      out.mutable_info()->mutable_bytecode()->mutable_image()->clear_username();
      out.mutable_info()->mutable_bytecode()->mutable_image()->clear_password();
    }
    if (program.kernel.has_value()) {
      *out.mutable_kernel_info() = to_kernel_info(*program.kernel, facts_of(*program.kernel));
    }
  }
  return {};
}

Result<void> Service::list(const v1::ListRequest& request, v1::ListResponse& response) {
  ListProgramsQuery query = to_query(request);
  Records::Views records = TRY(records_.read());
  std::map<ProgramId, const ProgramView*> ours;
  for (const ProgramView& view : *records) {
    if (view.kernel.has_value()) {
      ours.emplace(view.record->id, &view);
    }
  }
  std::vector<KernelProgram> present = TRY(world_.list_programs());
  for (const KernelProgram& program : present) {
    auto found = ours.find(program.id);
    bool is_ours = found != ours.end() && is_same(*found->second->kernel, program);
    if (!fits(query, is_ours ? &*found->second->record : nullptr)) {
      continue;
    }
    std::optional<KernelFacts> facts = facts_of(program);
    if (request.has_program_type() && (!facts || facts->type != request.program_type())) {
      continue;
    }
    v1::ListResponse::ListResult& out = *response.add_results();
    *out.mutable_kernel_info() = to_kernel_info(program, facts);
    if (is_ours) {
      *out.mutable_info() = to_program_info(*found->second, *records);
    }
  }
  return {};
}

Result<void> Service::get(std::uint32_t id, v1::GetResponse& response) {
  Records::Views records = TRY(records_.read());
  std::optional<KernelProgram> present = TRY(world_.find_program(ProgramId(id)));
  auto record = std::find_if(records->begin(), records->end(), [&](const ProgramView& view) {
    return view.record->id == ProgramId(id);
  });
  bool is_ours = record != records->end() && record->kernel.has_value() && present.has_value() &&
                 is_same(*record->kernel, *present);
  if (!present.has_value() && record != records->end()) {
    return Error(Code::FailedPrecondition,
                 "program " + std::to_string(id) +
                     " exists in store but not in kernel (requires reconciliation)");
  }
  if (!present.has_value()) {
    return Error(Code::NotFound, "program " + std::to_string(id) + " does not exist");
  }
  *response.mutable_kernel_info() = to_kernel_info(*present, facts_of(*present));
  if (is_ours) {
    *response.mutable_info() = to_program_info(*record, *records);
  }
  return {};
}

grpc::Status Service::Load(grpc::ServerContext* context,
                           const v1::LoadRequest* request,
                           v1::LoadResponse* response) {
  return change(*context, true, [&](Api& api) { return load(api, *request, *response); });
}

grpc::Status Service::Unload(grpc::ServerContext* context,
                             const v1::UnloadRequest* request,
                             v1::UnloadResponse* /*response*/) {
  return change(*context, false, [&](Api& api) -> Result<void> {
    Result<ChangeReply> done = api.unload({std::to_string(request->id())}, DryRun::No);
    if (done.ok()) {
      return {};
    }
    if (done.error().code() == Code::FailedPrecondition) {
      TRY(own_program(api, request->id()));  // one of others is not found
    }
    return std::move(done).error();
  });
}

grpc::Status Service::Attach(grpc::ServerContext* context,
                             const v1::AttachRequest* request,
                             v1::AttachResponse* response) {
  return change(*context, false, [&](Api& api) -> Result<void> {
    std::uint32_t link = TRY(attach(api, *request));
    response->set_link_id(link);
    return {};
  });
}

grpc::Status Service::Detach(grpc::ServerContext* context,
                             const v1::DetachRequest* request,
                             v1::DetachResponse* /*response*/) {
  return change(*context, false, [&](Api& api) -> Result<void> {
    TRY(api.detach({std::to_string(request->link_id())}, DryRun::No));
    return {};
  });
}

grpc::Status Service::List(grpc::ServerContext* /*context*/,
                           const v1::ListRequest* request,
                           v1::ListResponse* response) {
  return look([&] { return list(*request, *response); });
}

grpc::Status Service::PullBytecode(grpc::ServerContext* context,
                                   const v1::PullBytecodeRequest* request,
                                   v1::PullBytecodeResponse* /*response*/) {
  return change(*context, true, [&](Api& api) -> Result<void> {
    ImageSource source = TRY(to_image_source(request->image()));
    TRY(api.pull_image(source, DryRun::No));
    return {};
  });
}

grpc::Status Service::Get(grpc::ServerContext* /*context*/,
                          const v1::GetRequest* request,
                          v1::GetResponse* response) {
  return look([&] { return get(request->id(), *response); });
}

}  // namespace bpfman::rpc
