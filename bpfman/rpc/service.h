// SPDX-License-Identifier: Apache-2.0
// The calls of bpfman.v1 over an Api. Every call has an Api of its own, made when it comes: an Api
// is not for several threads, and what it reads once (policy, configuration) is read anew. What
// keeps calls apart is what keeps commands apart: the writer lock, and a database that readers see
// whole.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_map>

#include <bpfman.grpc.pb.h>

#include "bpfman/rpc/peer.h"
#include "bpfman/rpc/ports.h"
#include "bpfman/rpc/records.h"

namespace bpfman::rpc {

// Who made a call, by the name that gRPC has for its connection. Called by several threads at once.
using FindActor = std::function<Actor(const std::string& connection)>;

// How busy the daemon is.
class Activity {
 public:
  Activity();
  void begin();
  void end();
  // How long there has been no call; 0 while one runs.
  std::int64_t idle_ns() const;

 private:
  std::atomic<int> running_ = 0;
  std::atomic<std::int64_t> last_ns_;
};

class Service final : public v1::Bpfman::Service {
 public:
  // World, `find_actor` and `activity` outlive the service.
  Service(const World& world, const FindActor& find_actor, Activity& activity, Access access);

  grpc::Status Load(grpc::ServerContext* context,
                    const v1::LoadRequest* request,
                    v1::LoadResponse* response) override;
  grpc::Status Unload(grpc::ServerContext* context,
                      const v1::UnloadRequest* request,
                      v1::UnloadResponse* response) override;
  grpc::Status Attach(grpc::ServerContext* context,
                      const v1::AttachRequest* request,
                      v1::AttachResponse* response) override;
  grpc::Status Detach(grpc::ServerContext* context,
                      const v1::DetachRequest* request,
                      v1::DetachResponse* response) override;
  grpc::Status List(grpc::ServerContext* context,
                    const v1::ListRequest* request,
                    v1::ListResponse* response) override;
  grpc::Status PullBytecode(grpc::ServerContext* context,
                            const v1::PullBytecodeRequest* request,
                            v1::PullBytecodeResponse* response) override;
  grpc::Status Get(grpc::ServerContext* context,
                   const v1::GetRequest* request,
                   v1::GetResponse* response) override;

 private:
  using Work = std::function<Result<void>(Api&)>;
  // Without an Api, unless records have to be read.
  grpc::Status look(const std::function<Result<void>()>& work);
  // Makes the Api and does the work with it, for whoever called, if he may.
  grpc::Status change(const grpc::ServerContext& context, bool finds_images, const Work& work);
  Result<void> load(Api& api, const v1::LoadRequest& request, v1::LoadResponse& response);
  Result<void> list(const v1::ListRequest& request, v1::ListResponse& response);
  Result<void> get(std::uint32_t id, v1::GetResponse& response);
  std::optional<KernelFacts> facts_of(const KernelProgram& program);

  const World& world_;
  const FindActor& find_actor_;
  Activity& activity_;
  Access access_;
  Records records_;
  // Facts of programs never change; by id, with the time of the load, since ids come again.
  std::mutex facts_lock_;
  std::unordered_map<std::uint32_t, std::pair<std::int64_t, KernelFacts>> facts_;
};

}  // namespace bpfman::rpc
