// SPDX-License-Identifier: Apache-2.0
// What tests of chains stand on: a bpffs of the test's own, and members loaded from k_chain.bpf.c
// whose verdicts, counts and places in the chain can be read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bpfman/base/bytes.h"
#include "bpfman/base/file.h"
#include "bpfman/kernel/chain_image.h"

namespace bpfman::testing {

// `notes` of k_chain.bpf.c.
struct MemberNotes {
  std::uint64_t seen = 0;
  std::uint64_t sum = 0;
  std::uint64_t position = 0;
};

// A program that is loaded; it stays so as long as this object.
struct LoadedMember {
  UniqueFd program;
  std::vector<UniqueFd> maps;
  kernel::ObjectProgram what;

  MemberNotes notes() const;
  std::uint64_t pinned_count() const;
  int map(const std::string& name) const;
};

class ChainTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::string fs(const std::string& name) const { return join_path(fs_, name); }

  // Fails the test when it cannot be loaded, and returns one without programs.
  LoadedMember load(const std::string& program, std::int32_t verdict = 2);
  // False where the kernel is too old for the program.
  bool can_load(const std::string& program);
  std::vector<LoadedMember> load_many(const std::string& program, unsigned count);

  // In slots 0, 1, ... with links 1, 2, ...
  static kernel::ChainMember member(const LoadedMember& loaded,
                                    unsigned slot,
                                    std::uint32_t proceed_on);
  // As default_proceed_on() has it.
  static std::uint32_t usual_mask(HookKind hook);
  kernel::BuildChainRequest request(Strategy strategy,
                                    const std::string& name,
                                    const std::vector<const LoadedMember*>& members,
                                    HookKind hook = HookKind::Xdp) const;
  // The result of the chain for a packet of zeros.
  std::uint32_t run(const std::string& name, std::uint32_t times = 1) const;

  std::string fs_;  // a bpffs

 private:
  std::optional<LoadedMember> try_load(const std::string& program,
                                       std::int32_t verdict,
                                       std::string& why_not);

  Bytes object_;
  std::optional<TempDir> directory_;
  long descriptors_before_ = 0;
  unsigned loaded_ = 0;
};

}  // namespace bpfman::testing
