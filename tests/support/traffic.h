// SPDX-License-Identifier: Apache-2.0
// UDP packets between two network namespaces while something changes on the way. The sender keeps
// at most a window of packets under way, so that none is lost for want of room: what is missing at
// the end was lost on a hook. tests/data/bpf/k_traffic.bpf.c counts these packets.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"

namespace bpfman::testing {

struct TrafficCounts {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

// How many packets a test sends: 200 000, or $BPFMAN_TEST_PACKETS where a packet takes long.
std::uint64_t test_packets();

// Both namespaces vanish with the object, and with the test process.
class Traffic {
 public:
  static constexpr const char* kSender = "ta";  // the interfaces
  static constexpr const char* kReceiver = "tb";

  static Result<std::unique_ptr<Traffic>> create();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
  ~Traffic() = default;

  // To pass as `netns`: files of this process.
  std::string sender_netns() const { return path_of(sender_); }

  std::string receiver_netns() const { return path_of(receiver_); }

  // Begins to send; one run at a time.
  void start(std::uint64_t packets);
  // Waits until so many are sent; false when the traffic has stopped before.
  bool wait_until_sent(std::uint64_t packets) const;
  // Waits for the end. An error: of a socket.
  Result<TrafficCounts> finish();

 private:
  using Clock = std::chrono::steady_clock;

  Traffic(UniqueFd sender, UniqueFd receiver)
      : sender_(std::move(sender)), receiver_(std::move(receiver)) {}

  static std::string path_of(const UniqueFd& netns);
  Result<void> send_all(std::uint64_t packets);
  Result<void> receive_all();
  void wait_for_room();

  UniqueFd sender_;
  UniqueFd receiver_;
  std::atomic<std::uint64_t> sent_ = 0;
  std::atomic<std::uint64_t> received_ = 0;
  std::uint64_t given_up_ = 0;  // of the sender: sent, and not waited for any more
  std::atomic<bool> listening_ = false;
  std::atomic<bool> stopped_ = false;  // nothing is sent any more
  Result<void> send_result_;
  Result<void> receive_result_;
  std::jthread receive_thread_;
  std::jthread send_thread_;
};

}  // namespace bpfman::testing
