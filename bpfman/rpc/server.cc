// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/server.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/log.h"
#include "bpfman/rpc/health.h"
#include "bpfman/rpc/service.h"
#include "bpfman/rpc/socket.h"

namespace bpfman::rpc {
namespace {

constexpr std::string_view kComponent = "rpc";
constexpr std::chrono::seconds kGrace(5);
// gRPC knows a connection by the number of its descriptor. Numbers are given round this ring, so
// that one means the same client until so many others have come; those are below it are ours.
constexpr int kFirstConnection = 256;
constexpr int kMostConnections = 8192;

// A thread that is made here keeps its hands off the signals of the daemon.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }

  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_ = {};
};

// How many descriptors this process may have, of those that the ring wants.
int raise_limit() {
  struct rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t kWanted = kFirstConnection + kMostConnections;
  if (limit.rlim_cur < kWanted) {
    struct rlimit raised = {.rlim_cur = std::min(kWanted, limit.rlim_max),
                            .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
      limit = raised;
    }
  }
  return static_cast<int>(std::min(kWanted, limit.rlim_cur));
}

// One gRPC server with its services. It has no other connections than those handed to it.
class Half {
 public:
  Half(const World& world, const FindActor& find_actor, Activity& activity, Access access)
      : service_(world, find_actor, activity, access) {}

  bool start() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    builder.RegisterService(&health_);
    builder.SetMaxReceiveMessageSize(4 << 20);
    // One queue, and threads as they are needed; nobody wakes up to look whether one is.
    constexpr int kOneHour = 3'600'000;
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
    builder.SetSyncServerOption(grpc::ServerBuilder::CQ_TIMEOUT_MSEC, kOneHour);
    server_ = builder.BuildAndStart();
    return server_ != nullptr;
  }

  // Takes `fd` over.
  void take(int fd) { grpc::AddInsecureChannelFromFd(server_.get(), fd); }

  void stop() { server_->Shutdown(std::chrono::system_clock::now() + kGrace); }

 private:
  Service service_;
  Health health_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

class Server::Impl {
 public:
  explicit Impl(ServerOptions options)
      : socket_(std::move(options.socket)),
        world_(std::move(options.world)),
        find_actor_([this](const std::string& name) { return actor_of(name); }) {}

  Result<void> start() {
    NoSignals quiet;
    limit_ = raise_limit();
    if (limit_ <= kFirstConnection) {
      return Error(
          Code::ResourceExhausted,
          "the daemon may have " + std::to_string(limit_) + " open files only (RLIMIT_NOFILE)");
    }
    wake_ = UniqueFd::adopt(::eventfd(0, EFD_CLOEXEC));
    if (!wake_.valid()) {
      return os_error(errno, "make an eventfd");
    }
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    acceptor_ = std::jthread([this] { accept_all(); });
    return {};
  }

  void stop() {
    std::uint64_t one = 1;
    if (::write(wake_.get(), &one, sizeof one) < 0) {
      log::write(log::Level::Error, kComponent, "cannot wake the thread that accepts");
    }
    acceptor_.join();
    socket_.reset();
    for (Half* half : {changing_.get(), looking_.get()}) {
      if (half != nullptr) {
        half->stop();
      }
    }
  }

  std::int64_t idle_ns() const { return activity_.idle_ns(); }

 private:
  Result<std::unique_ptr<Half>> make_half(Access access) {
    auto half = std::make_unique<Half>(world_, find_actor_, activity_, access);
    if (!half->start()) {
      return Error(Code::Internal, "gRPC cannot start a server");
    }
    return half;
  }

  void accept_all() {
    std::array<pollfd, 2> waiting = {pollfd{.fd = socket_.get(), .events = POLLIN},
                                     pollfd{.fd = wake_.get(), .events = POLLIN}};
    for (;;) {
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) {
        return;
      }
      if (waiting[1].revents != 0) {
        return;
      }
      UniqueFd fd =
          UniqueFd::adopt(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd.valid()) {
        wait_after(errno);
        continue;
      }
      Result<void> served = serve(fd);
      if (!served.ok()) {
        log::write(log::Level::Warn, kComponent, "a client: " + served.error().message());
      }
    }
  }

  // Without descriptors or memory the client still waits: trying at once would not help.
  static void wait_after(int error) {
    if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  Result<void> serve(const UniqueFd& accepted) {
    Peer peer = TRY(read_peer(accepted.get()));
    Access access = access_of(peer, ::geteuid(), socket_group());
    // As a rule the socket's mode keeps those out that may only look.
    std::unique_ptr<Half>& half = access == Access::Change ? changing_ : looking_;
    if (half == nullptr) {
      half = TRY(make_half(access));
    }
    int number = TRY(give_number(accepted));
    {
      std::lock_guard held(actors_lock_);
      actors_["fd:" + std::to_string(number)] = to_actor(peer);
    }
    half->take(number);
    return {};
  }

  Result<int> give_number(const UniqueFd& accepted) {
    int number = ::fcntl(accepted.get(), F_DUPFD_CLOEXEC, next_);
    if (number < 0 && (errno == EMFILE || errno == EINVAL)) {
      number = ::fcntl(accepted.get(), F_DUPFD_CLOEXEC, kFirstConnection);
    }
    if (number < 0) {
      return os_error(errno, "too many clients");
    }
    next_ = number + 1 < limit_ ? number + 1 : kFirstConnection;
    return number;
  }

  // It may be changed while the daemon runs.
  std::uint32_t socket_group() const {
    struct stat info = {};
    std::string path = socket_path(socket_.get());
    return !path.empty() && ::stat(path.c_str(), &info) == 0 ? info.st_gid : ::getegid();
  }

  Actor actor_of(const std::string& connection) {
    std::lock_guard held(actors_lock_);
    auto found = actors_.find(connection);
    return found != actors_.end() ? found->second : this_actor();
  }

  UniqueFd socket_;
  UniqueFd wake_;
  World world_;
  FindActor find_actor_;
  Activity activity_;
  int limit_ = 0;
  int next_ = kFirstConnection;
  std::mutex actors_lock_;
  std::unordered_map<std::string, Actor> actors_;  // by gRPC's name of the connection
  // Two servers instead of a question at every call: which calls a connection may make is settled
  // when it is made, whatever becomes of its number. Null until the first client comes that needs
  // it: gRPC has threads that wake up every second, which nobody shall pay for who has no clients.
  std::unique_ptr<Half> changing_;
  std::unique_ptr<Half> looking_;
  std::jthread acceptor_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  impl_->stop();
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  TRY(impl->start());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::int64_t Server::idle_ns() const {
  return impl_->idle_ns();
}

}  // namespace bpfman::rpc
