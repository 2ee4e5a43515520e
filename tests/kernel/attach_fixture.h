// SPDX-License-Identifier: Apache-2.0
// What the tests of links stand on: mount and network namespaces of this process's own, a bpffs,
// and the round that every kind of program has to pass. It needs no command and no file of the host
// but the test objects (in BPFMAN_TEST_OBJECTS, or where they were built), so that it runs in a
// virtual machine with nothing else in it, too. Needs root.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::testing {

struct Subject {
  std::string object;  // name of a source in tests/data/bpf without ".bpf.c"
  std::string program;
  std::string section;  // of the program
  std::string attach_function = {};
  std::string type = {};  // "": the section's
  bool with_cookie = false;
  std::string attach_pin = {};  // of the program whose function attach_function is
};

// Bytes of a compiled test program.
Bytes test_object(const std::string& name);

class AttachTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::string fs(const std::string& name) const { return join_path(fs_, name); }

  // Loads with the pins fs("prog") and fs("maps"). Skips the test when this kernel cannot.
  void load(const Subject& subject, const std::vector<MapRecord>& shared_maps = {});
  Error load_error(const Subject& subject, const std::vector<MapRecord>& shared_maps = {});
  // Of what was loaded last, to fs("link").
  kernel::AttachRequest request(const AttachTarget& target) const;
  // Skips the test when this kernel cannot.
  void attach(const AttachTarget& target);
  void attach(const kernel::AttachRequest& request);
  Error attach_error(const AttachTarget& target) const;

  std::uint64_t runs() const { return element(0); }

  std::uint64_t last_cookie() const { return element(1); }

  // Loads, attaches, and expects that `event` runs the program, also when no descriptor and no pin
  // but the link's is left, and no longer after detaching.
  void expect_round(const Subject& subject,
                    const AttachTarget& target,
                    const std::function<void()>& event);

  kernel::LoadedProgram loaded_;
  std::optional<kernel::AttachedLink> attached_;

 private:
  std::uint64_t element(std::uint32_t key) const;

  Subject subject_;
  std::string fs_;
  std::optional<TempDir> directory_;
};

// Whether `error` is a test's end, not its failure: what the kernel cannot do, said as it should
// be.
bool is_missing_feature(const Error& error);

// Packets to and from 127.0.0.1, TCP connections there, ...; all in this process.
void send_udp();
void connect_tcp(const std::string& congestion_control = {});

}  // namespace bpfman::testing

// load() and attach() of the fixture, which end the test when they skip it or fail.
#define LOAD(...)                         \
  load(__VA_ARGS__);                      \
  if (IsSkipped() || HasFatalFailure()) { \
    return;                               \
  }
#define ATTACH(...)                       \
  attach(__VA_ARGS__);                    \
  if (IsSkipped() || HasFatalFailure()) { \
    return;                               \
  }

// Ends the test without a failure when `error` says what this kernel lacks.
#define SKIP_WHEN_MISSING(error)                      \
  if (::bpfman::testing::is_missing_feature(error)) { \
    GTEST_SKIP() << (error).message();                \
  }
