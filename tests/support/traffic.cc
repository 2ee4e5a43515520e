// SPDX-License-Identifier: Apache-2.0
#include "tests/support/traffic.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/process.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/netns.h"

namespace bpfman::testing {
namespace {

constexpr std::uint64_t kUsualPackets = 200'000;
constexpr std::uint64_t kWindow = 64;
constexpr std::uint16_t kPort = 7777;
constexpr const char* kReceiverAddress = "10.9.0.2";
constexpr std::chrono::milliseconds kPatience(500);  // a packet that takes longer is lost
// A packet of native XDP counts as a page or more: the usual buffer does not hold a window of them.
constexpr int kReceiveBuffer = 8 << 20;
constexpr timeval kReceiveTimeout = {.tv_sec = 0, .tv_usec = 50'000};

Result<UniqueFd> make_netns() {
  UniqueFd fd;
  auto make = [&]() -> Result<void> {
    if (::unshare(CLONE_NEWNET) != 0) {
      return os_error(errno, "make a network namespace");
    }
    fd = TRY(open_file("/proc/thread-self/ns/net", O_RDONLY));
    return {};
  };
  TRY(kernel::run_on_thread(make));
  return fd;
}

Result<void> run_in(const std::string& netns, const std::vector<std::string>& command) {
  ProcessRequest request;
  request.arguments = {"nsenter", "--net=" + netns, "--"};
  request.arguments.insert(request.arguments.end(), command.begin(), command.end());
  ProcessOutput output = TRY(run_process(request));
  if (output.status != 0) {
    return Error(Code::Internal, command.front() + " failed: " + output.err);
  }
  return {};
}

sockaddr_in address_of(std::uint32_t host) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  address.sin_addr.s_addr = host;
  return address;
}

Result<UniqueFd> open_socket() {
  UniqueFd socket = UniqueFd::adopt(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    return os_error(errno, "open a UDP socket");
  }
  return socket;
}

}  // namespace

std::uint64_t test_packets() {
  const char* wanted = std::getenv("BPFMAN_TEST_PACKETS");
  std::optional<std::uint64_t> number = parse_unsigned(wanted == nullptr ? "" : wanted);
  return number.value_or(kUsualPackets);
}

Result<std::unique_ptr<Traffic>> Traffic::create() {
  UniqueFd sender = TRY(make_netns());
  UniqueFd receiver = TRY(make_netns());
  std::unique_ptr<Traffic> traffic(new Traffic(std::move(sender), std::move(receiver)));
  std::string a = traffic->sender_netns();
  std::string b = traffic->receiver_netns();
  // Neighbours are fixed, so that no packet waits for an answer to ARP.
  const std::vector<std::pair<std::string, std::vector<std::string>>> commands = {
      {a,
       {"ip",
        "link",
        "add",
        kSender,
        "address",
        "02:00:00:00:00:01",
        "type",
        "veth",
        "peer",
        "name",
        kReceiver,
        "address",
        "02:00:00:00:00:02"}},
      {a, {"ip", "link", "set", kReceiver, "netns", b}},
      {a, {"ip", "addr", "add", "10.9.0.1/24", "dev", kSender}},
      {b, {"ip", "addr", "add", "10.9.0.2/24", "dev", kReceiver}},
      {a, {"ip", "link", "set", kSender, "up"}},
      {b, {"ip", "link", "set", kReceiver, "up"}},
      {a, {"ip", "neigh", "add", kReceiverAddress, "lladdr", "02:00:00:00:00:02", "dev", kSender}},
  };
  for (const auto& [netns, command] : commands) {
    TRY(run_in(netns, command));
  }
  return traffic;
}

std::string Traffic::path_of(const UniqueFd& netns) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(netns.get());
}

void Traffic::start(std::uint64_t packets) {
  sent_ = 0;
  received_ = 0;
  given_up_ = 0;
  listening_ = false;
  stopped_ = false;
  receive_thread_ = std::jthread([this] {
    Result<kernel::Netns> netns = kernel::Netns::open(receiver_netns());
    receive_result_ = netns->run([this] { return receive_all(); });
    listening_ = true;  // also when it failed: nobody waits for it for ever
  });
  send_thread_ = std::jthread([this, packets] {
    Result<kernel::Netns> netns = kernel::Netns::open(sender_netns());
    send_result_ = netns->run([this, packets] { return send_all(packets); });
    stopped_ = true;
  });
}

bool Traffic::wait_until_sent(std::uint64_t packets) const {
  while (sent_ < packets && !stopped_) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return sent_ >= packets;
}

Result<TrafficCounts> Traffic::finish() {
  send_thread_.join();
  receive_thread_.join();
  TRY(std::exchange(send_result_, {}));
  TRY(std::exchange(receive_result_, {}));
  return TrafficCounts{.sent = sent_, .received = received_};
}

void Traffic::wait_for_room() {
  auto deadline = Clock::now() + kPatience;
  while (sent_ - received_ - given_up_ >= kWindow) {
    if (Clock::now() > deadline) {
      given_up_ = sent_ - received_;
      return;
    }
    ::sched_yield();
  }
}

Result<void> Traffic::send_all(std::uint64_t packets) {
  UniqueFd socket = TRY(open_socket());
  sockaddr_in to = address_of(::inet_addr(kReceiverAddress));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    return os_error(errno, "connect a UDP socket");
  }
  while (!listening_) {
    ::sched_yield();
  }
  std::array<char, 18> payload = {};
  while (sent_ < packets) {
    wait_for_room();
    if (::send(socket.get(), payload.data(), payload.size(), 0) > 0) {
      ++sent_;
    } else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
      return os_error(errno, "send a packet");
    }
  }
  return {};
}

Result<void> Traffic::receive_all() {
  UniqueFd socket = TRY(open_socket());
  sockaddr_in own = address_of(INADDR_ANY);
  if (::setsockopt(
          socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kReceiveTimeout, sizeof kReceiveTimeout) != 0 ||
      ::setsockopt(
          socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0 ||
      ::bind(socket.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) {
    return os_error(errno, "listen for UDP packets");
  }
  listening_ = true;
  std::array<char, 64> payload = {};
  Clock::time_point last = Clock::now();
  // Until nothing is sent any more and either all is there, or what is missing had its time.
  while (!stopped_ || (received_ < sent_ && Clock::now() - last < kPatience)) {
    if (::recv(socket.get(), payload.data(), payload.size(), 0) > 0) {
      ++received_;
      last = Clock::now();
    }
  }
  return {};
}

}  // namespace bpfman::testing
