// SPDX-License-Identifier: Apache-2.0
// The server over a unix socket, with a gRPC client and an Api of the test's own.
#include "bpfman/rpc/server.h"

#include <chrono>
#include <latch>
#include <mutex>
#include <thread>

#include <bpfman.grpc.pb.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/scope_exit.h"
#include "bpfman/manager/actor.h"
#include "bpfman/rpc/socket.h"
#include "bpfman/rpc/unused_api_test.h"

namespace bpfman::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What the Api of the test has, and what it was asked. Shared by the Apis of all calls.
struct Host {
  std::mutex lock;
  std::vector<ProgramView> programs;
  std::vector<std::string> asked;
  std::optional<LoadSpec> load;
  std::optional<AttachSpec> attach;
  std::optional<ImageSource> pull;
  std::vector<Actor> actors;
  std::vector<Call> calls;
  std::optional<Error> error;  // of verbs that change something
  LinkId next_link{3};
  int facts_read = 0;
  int records_read = 0;
  std::int64_t generation = 0;  // 0: not known
  std::latch* both = nullptr;   // a get waits for another one

  std::vector<KernelProgram> present() {
    std::lock_guard held(lock);
    std::vector<KernelProgram> out;
    for (const ProgramView& program : programs) {
      out.push_back(*program.kernel);
    }
    return out;
  }
};

class HostApi final : public testing::UnusedApi {
 public:
  explicit HostApi(Host& host) : host_(host) {}

  Result<LoadReply> load(const LoadSpec& spec, DryRun /*dry_run*/) override {
    TRY(note("load"));
    host_.load = spec;
    return LoadReply{.programs = {host_.programs.front()}};
  }

  Result<AttachReply> attach(const std::string& program,
                             const AttachSpec& spec,
                             DryRun /*dry_run*/) override {
    TRY(note("attach " + program));
    host_.attach = spec;
    AttachReply reply;
    reply.links.emplace_back().record.id = host_.next_link;
    return reply;
  }

  Result<ChangeReply> detach(const std::vector<std::string>& links, DryRun /*dry_run*/) override {
    TRY(note("detach " + links.at(0)));
    return ChangeReply();
  }

  Result<ChangeReply> unload(const std::vector<std::string>& programs,
                             DryRun /*dry_run*/) override {
    TRY(note("unload " + programs.at(0)));
    return ChangeReply();
  }

  Result<PullReply> pull_image(const ImageSource& source, DryRun /*dry_run*/) override {
    TRY(note("pull"));
    host_.pull = source;
    return PullReply();
  }

  Result<std::vector<ProgramView>> list_programs(const ListProgramsQuery& query) override {
    std::lock_guard held(host_.lock);
    ++host_.records_read;
    std::vector<ProgramView> found;
    for (const ProgramView& program : host_.programs) {
      if (program.record.has_value() || query.all) {
        found.push_back(program);
      }
    }
    return found;
  }

  Result<ProgramView> get_program(const std::string& word) override {
    std::lock_guard held(host_.lock);
    for (const ProgramView& program : host_.programs) {
      if (to_string(program.kernel->id) == word) {
        return program;
      }
    }
    return Error(Code::NotFound, "program " + word + " does not exist");
  }

 private:
  Result<void> note(const std::string& call) {
    std::lock_guard held(host_.lock);
    host_.asked.push_back(call);
    host_.actors.push_back(this_actor());
    if (host_.error.has_value()) {
      return *host_.error;
    }
    return {};
  }

  Host& host_;
};

ProgramView program_of(std::uint32_t id, bool ours) {
  ProgramView view;
  view.kernel.emplace();
  view.kernel->id = ProgramId(id);
  view.kernel->loaded_at = 1'700'000'000;
  if (ours) {
    view.record.emplace();
    view.record->key = ProgramKey(id);
    view.record->id = ProgramId(id);
    view.record->name = "pass";
    view.record->type = ProgramType::Xdp;
    view.links = {LinkId(3)};
  }
  return view;
}

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    host_.programs = {program_of(57, true), program_of(90, false)};
    ServerOptions options;
    options.world = World{
        .make_api = [this](const Call& call) -> Result<std::unique_ptr<Api>> {
          std::lock_guard held(host_.lock);
          host_.calls.push_back(call);
          return std::unique_ptr<Api>(std::make_unique<HostApi>(host_));
        },
        .find_facts = [this](ProgramId id) -> Result<std::optional<KernelFacts>> {
          std::lock_guard held(host_.lock);
          ++host_.facts_read;
          return std::optional(KernelFacts{.type = id.value() == 57 ? 6U : 2U, .memlock_bytes = 1});
        },
        .find_program = [this](ProgramId id) { return find_program(id); },
        .list_programs = [this] { return host_.present(); },
        .find_generation = [this]() -> std::optional<Generation> {
          return host_.generation == 0 ? std::nullopt
                                       : std::optional(Generation{.version = host_.generation});
        }};
    options.socket = *listen_at(path_);
    server_ = *Server::start(std::move(options));
    stub_ = v1::Bpfman::NewStub(
        grpc::CreateChannel("unix:" + path_, grpc::InsecureChannelCredentials()));
  }

  Result<std::optional<KernelProgram>> find_program(ProgramId id) {
    if (host_.both != nullptr) {
      host_.both->arrive_and_wait();
    }
    for (const KernelProgram& program : host_.present()) {
      if (program.id == id) {
        return std::optional(program);
      }
    }
    return std::optional<KernelProgram>();
  }

  template <typename Request, typename Response>
  grpc::Status call(grpc::Status (v1::Bpfman::Stub::*method)(grpc::ClientContext*,
                                                             const Request&,
                                                             Response*),
                    const Request& request,
                    Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return (stub_.get()->*method)(&context, request, &response);
  }

  TempDir directory_ = *TempDir::create("bpfman-rpc");
  std::string path_ = join_path(directory_.path(), "bpfman.sock");
  Host host_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::Bpfman::Stub> stub_;
};

TEST_F(ServerTest, GetOfOursAndOfOthers) {
  v1::GetRequest request;
  v1::GetResponse response;
  request.set_id(57);
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  EXPECT_EQ(response.info().name(), "pass");
  EXPECT_THAT(response.info().links(), ElementsAre(3));
  EXPECT_EQ(response.kernel_info().program_type(), 6U);
  request.set_id(90);
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  EXPECT_FALSE(response.has_info());
  EXPECT_EQ(response.kernel_info().id(), 90U);
  request.set_id(5);
  grpc::Status status = call(&v1::Bpfman::Stub::Get, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "program 5 does not exist");
}

TEST_F(ServerTest, FactsOfAProgramAreReadOnce) {
  v1::GetRequest request;
  v1::GetResponse response;
  request.set_id(57);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  }
  EXPECT_EQ(host_.facts_read, 1);
  host_.programs.front().kernel->loaded_at += 1;  // another program with the same number
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  EXPECT_EQ(host_.facts_read, 2);
}

TEST_F(ServerTest, RecordsAreReadWhenTheDatabaseHasChanged) {
  v1::GetRequest request;
  v1::GetResponse response;
  request.set_id(57);
  host_.generation = 1;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  }
  EXPECT_EQ(host_.records_read, 1);
  host_.programs.front().links = {LinkId(3), LinkId(4)};
  host_.generation = 2;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  EXPECT_THAT(response.info().links(), ElementsAre(3, 4));
  host_.generation = 0;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  EXPECT_EQ(host_.records_read, 4);
}

TEST_F(ServerTest, AnotherProgramWithAnIdOfOursIsNotOurs) {
  v1::GetRequest request;
  v1::GetResponse response;
  request.set_id(57);
  host_.generation = 1;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  host_.programs.front().kernel->tag = "another";
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Get, request, response).ok());
  EXPECT_FALSE(response.has_info());
  host_.programs.erase(host_.programs.begin());
  grpc::Status status = call(&v1::Bpfman::Stub::Get, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(),
            "program 57 exists in store but not in kernel (requires reconciliation)");
}

TEST_F(ServerTest, ListByOwnerAndType) {
  v1::ListRequest request;
  v1::ListResponse response;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::List, request, response).ok());
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_TRUE(response.results(0).has_info());
  EXPECT_FALSE(response.results(1).has_info());
  request.set_bpfman_programs_only(true);
  ASSERT_TRUE(call(&v1::Bpfman::Stub::List, request, response).ok());
  EXPECT_EQ(response.results_size(), 1);
  (*request.mutable_match_metadata())["owner"] = "me";
  ASSERT_TRUE(call(&v1::Bpfman::Stub::List, request, response).ok());
  EXPECT_EQ(response.results_size(), 0);
  host_.programs.front().record->metadata = {{"owner", "me"}, {"more", "of it"}};
  request.clear_bpfman_programs_only();
  ASSERT_TRUE(call(&v1::Bpfman::Stub::List, request, response).ok());
  EXPECT_EQ(response.results_size(), 1);
  request.clear_match_metadata();
  request.set_program_type(2);
  ASSERT_TRUE(call(&v1::Bpfman::Stub::List, request, response).ok());
  ASSERT_EQ(response.results_size(), 1);
  EXPECT_EQ(response.results(0).kernel_info().id(), 90U);
}

TEST_F(ServerTest, LoadNeverEchoesALogin) {
  v1::LoadRequest request;
  v1::BytecodeImage& image = *request.mutable_bytecode()->mutable_image();
  image.set_url("quay.io/x/y:1");
  image.set_username("user");
  image.set_password("secret");
  request.add_info()->set_name("pass");
  v1::LoadResponse response;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Load, request, response).ok());
  ASSERT_EQ(response.programs_size(), 1);
  EXPECT_EQ(response.programs(0).info().bytecode().image().url(), "quay.io/x/y:1");
  EXPECT_EQ(response.DebugString().find("secret"), std::string::npos);
  EXPECT_EQ(response.DebugString().find("user\""), std::string::npos);
  EXPECT_NE(std::get<ImageSource>(host_.load->source).registry_auth, "");
  EXPECT_TRUE(host_.calls.front().finds_images);
}

TEST_F(ServerTest, LoadWithMapsOfNobody) {
  v1::LoadRequest request;
  request.mutable_bytecode()->set_file("/x.o");
  request.add_info()->set_name("pass");
  request.set_map_owner_id(90);
  v1::LoadResponse response;
  grpc::Status status = call(&v1::Bpfman::Stub::Load, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "map_owner_id 90 does not exist");
}

TEST_F(ServerTest, AttachAndDetach) {
  v1::AttachRequest request;
  request.set_id(57);
  request.mutable_attach()->mutable_xdp_attach_info()->set_iface("eth0");
  (*request.mutable_attach()->mutable_xdp_attach_info()->mutable_metadata())["a"] = "b";
  v1::AttachResponse response;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Attach, request, response).ok());
  EXPECT_EQ(response.link_id(), 3U);
  EXPECT_EQ(host_.attach->metadata.at("a"), "b");
  v1::DetachRequest detach;
  detach.set_link_id(3);
  v1::DetachResponse detached;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Detach, detach, detached).ok());
  EXPECT_THAT(host_.asked, ElementsAre("attach 57", "detach 3"));
}

TEST_F(ServerTest, AttachThatCannotBe) {
  v1::AttachRequest request;
  v1::AttachResponse response;
  grpc::Status status = call(&v1::Bpfman::Stub::Attach, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_attach()->mutable_xdp_attach_info()->set_iface("eth0");
  request.set_id(5);
  status = call(&v1::Bpfman::Stub::Attach, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_id(57);
  request.mutable_attach()->mutable_fentry_attach_info();
  status = call(&v1::Bpfman::Stub::Attach, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(),
            "program 57 is a xdp program; the fentry attach accepts fentry");
  EXPECT_TRUE(host_.asked.empty());
}

TEST_F(ServerTest, UnknownInterfaceIsTheRequestsFault) {
  host_.error = Error(Code::NotFound, "no interface \"eth7\" in this network namespace");
  v1::AttachRequest request;
  request.set_id(57);
  request.mutable_attach()->mutable_xdp_attach_info()->set_iface("eth7");
  v1::AttachResponse response;
  grpc::Status status = call(&v1::Bpfman::Stub::Attach, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("eth7"));
}

TEST_F(ServerTest, UnloadOfOthersIsNotFound) {
  host_.error = Error(Code::FailedPrecondition, "not managed");
  v1::UnloadRequest request;
  v1::UnloadResponse response;
  request.set_id(90);
  grpc::Status status = call(&v1::Bpfman::Stub::Unload, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "program 90 exists in kernel but is not managed by bpfman");
  request.set_id(57);
  status = call(&v1::Bpfman::Stub::Unload, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  host_.error.reset();
  EXPECT_TRUE(call(&v1::Bpfman::Stub::Unload, request, response).ok());
}

TEST_F(ServerTest, PullTellsThePolicy) {
  v1::PullBytecodeRequest request;
  request.mutable_image()->set_url("x:1");
  request.mutable_image()->set_image_pull_policy(1);
  v1::PullBytecodeResponse response;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::PullBytecode, request, response).ok());
  EXPECT_EQ(host_.pull->policy, PullPolicy::IfNotPresent);
}

TEST_F(ServerTest, ChangesAreTheClients) {
  v1::DetachRequest request;
  v1::DetachResponse response;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Detach, request, response).ok());
  ASSERT_EQ(host_.actors.size(), 1U);
  EXPECT_EQ(host_.actors[0].pid, ::getpid());  // the client is this process, too
  EXPECT_EQ(host_.actors[0].uid, ::geteuid());
}

TEST_F(ServerTest, DeadlineIsThePatienceForOthers) {
  v1::DetachRequest request;
  v1::DetachResponse response;
  ASSERT_TRUE(call(&v1::Bpfman::Stub::Detach, request, response).ok());
  EXPECT_GT(host_.calls.back().patience_ms, 10'000);
  EXPECT_LE(host_.calls.back().patience_ms, 21'000);  // on the wire it is rounded up
  grpc::ClientContext endless;
  ASSERT_TRUE(stub_->Detach(&endless, request, &response).ok());
  EXPECT_EQ(host_.calls.back().patience_ms, 0);
}

TEST_F(ServerTest, ClientsAreServedAtOnce) {
  std::latch both(2);
  host_.both = &both;
  auto get = [&] {
    auto channel = grpc::CreateChannel("unix:" + path_, grpc::InsecureChannelCredentials());
    v1::GetRequest request;
    request.set_id(57);
    v1::GetResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return v1::Bpfman::NewStub(channel)->Get(&context, request, &response);
  };
  grpc::Status other;
  std::jthread thread([&] { other = get(); });
  EXPECT_TRUE(get().ok());  // neither goes on without the other
  thread.join();
  EXPECT_TRUE(other.ok());
}

TEST_F(ServerTest, IdleTimeBeginsAnewWithEveryCall) {
  constexpr std::int64_t kPause = 50;
  std::this_thread::sleep_for(std::chrono::milliseconds(kPause));
  EXPECT_GE(server_->idle_ns(), kPause * 1'000'000);
  v1::ListRequest request;
  v1::ListResponse response;
  std::int64_t before = server_->idle_ns();
  ASSERT_TRUE(call(&v1::Bpfman::Stub::List, request, response).ok());
  EXPECT_LT(server_->idle_ns(), before);
}

TEST_F(ServerTest, NobodyIsServedAfterTheEnd) {
  server_.reset();
  v1::ListRequest request;
  v1::ListResponse response;
  grpc::Status status = call(&v1::Bpfman::Stub::List, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace bpfman::rpc
