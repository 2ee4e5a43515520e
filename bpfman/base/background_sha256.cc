// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/background_sha256.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include <pthread.h>
#include <sched.h>

namespace bpfman {
namespace {

constexpr std::uint32_t kRing = std::uint32_t{64} << 10;
// How much is hashed before the caller hears of it.
constexpr std::uint32_t kPiece = std::uint32_t{16} << 10;
// Counters of bytes run modulo 2^31; the bit above says that no more will come.
constexpr std::uint32_t kEnd = std::uint32_t{1} << 31;
constexpr std::uint32_t kCount = kEnd - 1;
constexpr std::size_t kCacheLine = 64;

bool has_second_processor() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 1;
}

}  // namespace

struct BackgroundSha256::State {
  std::array<std::byte, kRing> ring;
  alignas(kCacheLine) std::atomic<std::uint32_t> written{0};
  alignas(kCacheLine) std::atomic<std::uint32_t> hashed{0};
  Sha256 hash;
  pthread_t thread = {};
  bool running = false;

  static void* run(void* self) {
    static_cast<State*>(self)->work();
    return nullptr;
  }

  void work() {
    std::uint32_t done = 0;
    for (;;) {
      std::uint32_t seen = written.load(std::memory_order_acquire);
      std::uint32_t ready = (seen - done) & kCount;
      if (ready == 0 && (seen & kEnd) != 0) {
        return;
      }
      if (ready == 0) {
        written.wait(seen, std::memory_order_acquire);
        continue;
      }
      std::uint32_t place = done % kRing;
      std::uint32_t count = std::min({ready, kRing - place, kPiece});
      hash.update(ByteView(ring).subspan(place, count));
      done = (done + count) & kCount;
      hashed.store(done, std::memory_order_release);
      hashed.notify_one();
    }
  }
};

BackgroundSha256::BackgroundSha256(std::unique_ptr<State> state) : state_(std::move(state)) {}

std::unique_ptr<BackgroundSha256> BackgroundSha256::start() {
  if (!has_second_processor()) {
    return nullptr;
  }
  auto state = std::make_unique<State>();
  if (::pthread_create(&state->thread, nullptr, &State::run, state.get()) != 0) {
    return nullptr;
  }
  state->running = true;
  return std::unique_ptr<BackgroundSha256>(new BackgroundSha256(std::move(state)));
}

BackgroundSha256::~BackgroundSha256() {
  end();
}

void BackgroundSha256::update(ByteView bytes) {
  std::uint32_t written = state_->written.load(std::memory_order_relaxed);
  while (!bytes.empty()) {
    std::uint32_t hashed = state_->hashed.load(std::memory_order_acquire);
    std::uint32_t room = kRing - ((written - hashed) & kCount);
    if (room == 0) {
      state_->hashed.wait(hashed, std::memory_order_acquire);
      continue;
    }
    std::uint32_t place = written % kRing;
    std::size_t count = std::min<std::size_t>({bytes.size(), room, kRing - place});
    std::memcpy(state_->ring.data() + place, bytes.data(), count);
    bytes = bytes.subspan(count);
    written = (written + static_cast<std::uint32_t>(count)) & kCount;
    state_->written.store(written, std::memory_order_release);
    state_->written.notify_one();
  }
}

void BackgroundSha256::end() {
  if (state_->running) {
    state_->written.fetch_or(kEnd, std::memory_order_release);
    state_->written.notify_one();
    ::pthread_join(state_->thread, nullptr);
    state_->running = false;
  }
}

Sha256Value BackgroundSha256::finish() {
  end();
  return state_->hash.finish();
}

}  // namespace bpfman
