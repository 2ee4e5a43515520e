// SPDX-License-Identifier: Apache-2.0
// What tests against the running kernel stand on: a network namespace with a veth pair, a mount
// namespace with a bpffs of its own, and the check that nothing is left open. All of it vanishes
// with the test process, even when that is killed. Needs root; a host that lacks something makes
// the test fail, never pass or skip.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "bpfman/base/bytes.h"
#include "bpfman/base/file.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::testing {

// A new network namespace with the veth pair kv0 and kv1, both up. It lives as long as this object.
class TestNetns {
 public:
  static Result<TestNetns> create();

  // To pass as `netns`: a file of this process.
  std::string path() const;
  NetnsId id() const;
  // Runs a program inside ("ip", "link", ...), which must succeed.
  Result<void> run(const std::vector<std::string>& command) const;
  // The index of an interface there; fails the test when there is none.
  Ifindex ifindex(const std::string& interface) const;
  // Sets (or with -1 removes) an XDP program the old way, without a link. `flags` are XDP_FLAGS_*.
  Result<void> set_xdp(const std::string& interface, int program, std::uint32_t flags) const;
  // Sends one Ethernet frame out of `interface`, so that it arrives at its peer.
  Result<void> send_frame(const std::string& interface, std::size_t size) const;

 private:
  explicit TestNetns(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// Puts the calling thread, the only one of its process, into a private copy of its mount namespace
// for a while.
class PrivateMounts {
 public:
  static Result<PrivateMounts> enter();
  PrivateMounts(PrivateMounts&&) noexcept = default;
  PrivateMounts& operator=(PrivateMounts&&) = delete;
  ~PrivateMounts();

 private:
  PrivateMounts(UniqueFd before, UniqueFd directory)
      : before_(std::move(before)), directory_(std::move(directory)) {}

  UniqueFd before_;
  UniqueFd directory_;
};

class KernelTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Bytes of a compiled test program, by the name of its source without ".bpf.c".
  static Bytes object(const std::string& name);

  std::string fs(const std::string& name) const { return join_path(fs_, name); }

  // Loads `program` of `object` with pins fs("prog_NAME") and fs("maps/NAME"), which must succeed.
  kernel::LoadedProgram load(const std::string& object,
                             const std::string& program,
                             const std::string& name,
                             const std::map<std::string, Bytes>& globals = {},
                             ProgramType type = ProgramType::Xdp);
  // A seat on kv0: of a link pinned at fs("links/NAME"), or of a filter.
  plan::Seat link_seat(const std::string& name, HookKind kind = HookKind::Xdp) const;
  plan::Seat filter_seat(HookKind kind) const;
  // Runs a pinned XDP program `times` on a frame of 64 bytes; its last result.
  static std::uint32_t test_run(const std::string& pin, std::uint32_t times);

  std::unique_ptr<kernel::KernelOps> kernel_ = kernel::make_kernel_ops();
  std::optional<TestNetns> netns_;
  std::string fs_;  // a bpffs

 private:
  long descriptors_before_ = 0;
  std::size_t open_before_ = 0;
  std::optional<PrivateMounts> mounts_;
  std::optional<TempDir> directory_;
};

// The number of entries in /proc/self/fd: also sees descriptors that no UniqueFd owns.
std::size_t open_descriptors();

}  // namespace bpfman::testing
