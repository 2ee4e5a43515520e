// SPDX-License-Identifier: Apache-2.0
// Loading, pins and program facts on the running kernel.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <thread>

#include <gmock/gmock.h>

#include "bpfman/base/process.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "tests/support/netns_fixture.h"
#include "tests/support/skip.h"

namespace bpfman::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

template <typename T>
Bytes bytes_of(const T& value) {
  ByteView view = std::as_bytes(std::span(&value, 1));
  return Bytes(view.begin(), view.end());
}

class Load : public KernelTest {
 protected:
  // Loads with pins named after `name`, and expects that nothing is there afterwards.
  Error refused(const std::string& object_name,
                const std::string& program,
                const std::map<std::string, Bytes>& globals = {}) {
    Bytes bytes = object(object_name);
    Result<kernel::LoadedProgram> loaded =
        kernel_->load_program({.what = {.object = bytes, .program = program, .globals = globals},
                               .program_pin = fs("prog_x"),
                               .map_directory = fs("maps/x")});
    EXPECT_FALSE(loaded.ok());
    expect_nothing_left();
    return loaded.ok() ? Error(Code::Internal, "loaded") : loaded.error();
  }

  void expect_nothing_left() const {
    EXPECT_THAT(*list_directory(fs_), Not(Contains("prog_x")));
    EXPECT_THAT(*list_directory(fs("maps")), IsEmpty());
  }
};

TEST_F(Load, PinsTheProgramAndItsMapsByTheirWholeNames) {
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "a");
  Result<std::optional<ProgramId>> pinned = kernel_->pinned_program(fs("prog_a"));
  ASSERT_TRUE(pinned.ok()) << pinned.error().message();
  EXPECT_EQ(*pinned, loaded.id);
  EXPECT_THAT(*list_directory(fs("maps/a")), ElementsAre("seen_values_of_variables"));
  std::map<std::string, std::string> pins;
  for (const MapRecord& map : loaded.maps) {
    pins[map.name] = map.pin_path;
    EXPECT_TRUE(*kernel_->find_map(map.id)) << map.name;
  }
  EXPECT_EQ(pins,
            (std::map<std::string, std::string>{
                {"seen_values_of_variables", fs("maps/a/seen_values_of_variables")},
                {".rodata", ""},
                {".data", ""},
                {".bss", ""}}));
}

TEST_F(Load, TellsTheFactsOfAProgram) {
  std::int64_t before = ::time(nullptr);
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "a");
  Result<std::optional<KernelProgram>> found = kernel_->find_program(loaded.id);
  ASSERT_TRUE(found.ok() && *found);
  const KernelProgram& program = **found;
  EXPECT_EQ(program.id, loaded.id);
  EXPECT_EQ(program.name, "report_all_the_variables");  // the kernel itself keeps 15 bytes
  EXPECT_EQ(program.type, "xdp");
  EXPECT_THAT(program.tag, ::testing::MatchesRegex("[0-9a-f]{16}"));
  EXPECT_GE(program.loaded_at, before - 1);
  EXPECT_LE(program.loaded_at, ::time(nullptr) + 1);
  EXPECT_EQ(program.uid, 0U);
  EXPECT_NE(program.btf_id, 0U);
  EXPECT_EQ(program.map_ids.size(), 4U);
  EXPECT_GT(program.xlated_bytes, 0U);
  EXPECT_GT(program.jited_bytes, 0U);
  EXPECT_EQ(program.verified_instructions > 0, !kernel_is_older_than("5.16"));
  EXPECT_TRUE(program.gpl_compatible);
}

TEST_F(Load, TellsMemoryAndRestrictionsOnAWholeLook) {
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "a");
  Result<std::optional<KernelProgram>> found = kernel_->describe_program(loaded.id);
  ASSERT_TRUE(found.ok() && *found);
  KernelProgram whole = **found;
  ASSERT_TRUE(whole.memlock_bytes.has_value());
  EXPECT_GE(*whole.memlock_bytes, whole.xlated_bytes);
  EXPECT_FALSE(whole.restricted) << "root sees instructions";
  KernelProgram quick = **kernel_->find_program(loaded.id);
  EXPECT_EQ(quick.memlock_bytes, std::nullopt);
  whole.memlock_bytes = std::nullopt;
  whole.loaded_at = quick.loaded_at;  // two readings of the clocks
  EXPECT_EQ(whole, quick);
  EXPECT_FALSE(kernel_->describe_program(ProgramId(0x7fffffff))->has_value());
}

TEST_F(Load, CountsRunsWhileStatisticsAreOn) {
  kernel::LoadedProgram loaded = load("xdp_pass_counter", "pass_counter", "a");
  EXPECT_EQ((*kernel_->find_program(loaded.id))->run_count, 0U);
  Result<UniqueFd> statistics = kernel_->enable_statistics();
  ASSERT_TRUE(statistics.ok()) << statistics.error().message();
  test_run(fs("prog_a"), 5);
  KernelProgram counted = **kernel_->find_program(loaded.id);
  EXPECT_EQ(counted.run_count, 5U);
  EXPECT_GT(counted.run_time_ns, 0U);
  *statistics = UniqueFd();
  test_run(fs("prog_a"), 5);
  EXPECT_EQ((*kernel_->find_program(loaded.id))->run_count, 5U);
}

TEST_F(Load, ListsProgramsByIdWithTheSameFacts) {
  kernel::LoadedProgram first = load("k_globals", "report_all_the_variables", "a");
  kernel::LoadedProgram second = load("xdp_pass_counter", "pass_counter", "b");
  Result<std::vector<KernelProgram>> programs = kernel_->list_programs();
  ASSERT_TRUE(programs.ok()) << programs.error().message();
  EXPECT_TRUE(std::is_sorted(
      programs->begin(),
      programs->end(),
      [](const KernelProgram& left, const KernelProgram& right) { return left.id < right.id; }));
  for (ProgramId id : {first.id, second.id}) {
    KernelProgram alone = **kernel_->find_program(id);
    alone.loaded_at = 0;  // two readings of the clocks may fall on both sides of a second
    std::vector<KernelProgram> listed = *programs;
    for (KernelProgram& one : listed) {
      one.loaded_at = 0;
    }
    EXPECT_THAT(listed, Contains(alone));
  }
}

TEST_F(Load, FindsNoProgramForAnUnusedId) {
  Result<std::optional<KernelProgram>> found = kernel_->find_program(ProgramId(0x7fffffff));
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_FALSE(*found);
}

TEST_F(Load, LeavesTheOtherProgramsOfTheObjectAlone) {
  load("k_bad_access", "drop_all", "a");
  EXPECT_EQ(test_run(fs("prog_a"), 1), 1U);  // XDP_DROP
}

TEST_F(Load, ReportsWhatTheVerifierDisliked) {
  Error error = refused("k_bad_access", "reads_through_number");
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  std::string reason = kernel_is_older_than("5.18") ? "R1 invalid mem access 'inv'"
                                                    : "R1 invalid mem access 'scalar'";
  EXPECT_EQ(error.message(),
            "load program reads_through_number: the kernel's verifier rejected it: " + reason);
  const VerifierLog* log = std::get_if<VerifierLog>(&error.detail());
  ASSERT_NE(log, nullptr);
  ASSERT_EQ(log->tail.size(), 2U);
  EXPECT_EQ(log->tail[1], reason);
  EXPECT_GT(log->omitted_lines, 0U);
  EXPECT_THAT(log->full, HasSubstr("processed "));
}

TEST_F(Load, SuggestsProgramsForAnUnknownName) {
  Error error = refused("k_bad_access", "drop_al");
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.hints(), Contains("did you mean drop_all?"));
  EXPECT_THAT(error.hints(), Contains("programs in it: reads_through_number, drop_all"));
}

TEST_F(Load, RefusesBytesThatAreNoObject) {
  Result<kernel::LoadedProgram> loaded =
      kernel_->load_program({.what = {.object = as_bytes("#!/bin/sh"), .program = "pass"},
                             .program_pin = fs("prog_x"),
                             .map_directory = fs("maps/x")});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code(), Code::InvalidArgument);
  expect_nothing_left();
}

TEST_F(Load, SetsVariablesOfEverySection) {
  struct {
    std::uint32_t port = 8080;
    std::uint8_t enabled = 1;
    char label[11] = "mine";
  } settings;

  kernel::LoadedProgram loaded = load("k_globals",
                                      "report_all_the_variables",
                                      "a",
                                      {{"sampling", bytes_of(std::uint32_t{7})},
                                       {"threshold", bytes_of(std::uint64_t{1} << 40)},
                                       {"settings", bytes_of(settings)},
                                       {"runs", bytes_of(std::uint64_t{100})}});
  test_run(fs("prog_a"), 5);
  std::map<std::string, std::string> values;
  for (const MapRecord& map : loaded.maps) {
    Result<MapDump> dump = kernel_->dump_map(map.id, 10);
    ASSERT_TRUE(dump.ok()) << dump.error().message();
    values[map.name] = to_text(dump->entries.at(0).values.at(0));
  }
  EXPECT_EQ(values,
            (std::map<std::string, std::string>{
                {"seen_values_of_variables", "[7, 1099511627776, 8080]"},
                {".rodata", "{sampling: 7}"},
                {".data",
                 "{threshold: 1099511627776, settings: {port: 8080, enabled: 1, label: \"mine\"}}"},
                {".bss", "{runs: 105, verdict_sum: 10}"}}));
}

TEST_F(Load, TakesSettingsAsPeopleWriteThem) {
  Result<std::map<std::string, Bytes>> globals = kernel_->encode_settings(
      object("k_globals"),
      {{"sampling", "0x10"}, {"settings.port", "443"}, {"settings.label", "abc"}},
      {});
  ASSERT_TRUE(globals.ok()) << globals.error().message();
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "a", *globals);
  for (const MapRecord& map : loaded.maps) {
    if (map.name == ".data") {
      // What was not said stays as the object has it.
      EXPECT_EQ(to_text(kernel_->dump_map(map.id, 10)->entries.at(0).values.at(0)),
                "{threshold: 1000, settings: {port: 443, enabled: 0, label: \"abc\"}}");
    }
  }
  Error unknown =
      kernel_->encode_settings(object("k_globals"), {{"setings.port", "1"}}, {}).error();
  EXPECT_THAT(unknown.hints(), Contains("did you mean settings?"));
  EXPECT_THAT(unknown.hints(), Contains(HasSubstr("settings (struct settings)")));
  Error twice =
      kernel_->encode_settings(object("k_globals"), {{"sampling", "1"}}, *globals).error();
  EXPECT_THAT(twice.message(), HasSubstr("set twice"));
}

TEST_F(Load, RefusesAVariableOfAnotherLength) {
  Error error =
      refused("k_globals", "report_all_the_variables", {{"sampling", Bytes(3, std::byte{0})}});
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(),
              HasSubstr("set variable \"sampling\": it has 4 bytes, 3 were given"));
}

TEST_F(Load, ListsTheVariablesForAnUnknownName) {
  Error error =
      refused("k_globals", "report_all_the_variables", {{"sampleing", Bytes(4, std::byte{0})}});
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(),
              HasSubstr("global variable \"sampleing\" not found in program; available: "
                        "[runs, sampling, settings, threshold, verdict_sum]"));
  EXPECT_THAT(error.hints(), Contains("did you mean sampling?"));
}

TEST_F(Load, LeavesNothingWhenAPinIsInTheWay) {
  load("k_bad_access", "drop_all", "taken");
  Bytes bytes = object("k_globals");
  Result<kernel::LoadedProgram> loaded =
      kernel_->load_program({.what = {.object = bytes, .program = "report_all_the_variables"},
                             .program_pin = fs("prog_taken"),
                             .map_directory = fs("maps/x")});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code(), Code::AlreadyExists);
  EXPECT_EQ(loaded.error().os(), EEXIST);
  EXPECT_THAT(loaded.error().message(), HasSubstr(fs("prog_taken")));
  EXPECT_THAT(*list_directory(fs("maps")), ElementsAre("taken"));
  EXPECT_EQ(test_run(fs("prog_taken"), 1), 1U);  // what was there is as it was
}

TEST_F(Load, LeavesNothingWhenAMapPinIsInTheWay) {
  load("k_globals", "report_all_the_variables", "a");
  Bytes bytes = object("k_globals");
  Result<kernel::LoadedProgram> loaded =
      kernel_->load_program({.what = {.object = bytes, .program = "report_all_the_variables"},
                             .program_pin = fs("prog_x"),
                             .map_directory = fs("maps/a")});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code(), Code::AlreadyExists);
  EXPECT_THAT(*list_directory(fs("maps/a")), ElementsAre("seen_values_of_variables"));
  EXPECT_FALSE(path_exists(fs("prog_x")));
}

TEST_F(Load, SaysThatAPlaceIsNoBpffs) {
  Bytes bytes = object("xdp_pass_counter");
  std::string outside = parent_path(fs_);
  Result<kernel::LoadedProgram> loaded =
      kernel_->load_program({.what = {.object = bytes, .program = "pass_counter"},
                             .program_pin = join_path(outside, "prog"),
                             .map_directory = join_path(outside, "maps")});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(loaded.error().message(), HasSubstr(outside + " is not on a bpffs"));
  EXPECT_THAT(*list_directory(outside), ElementsAre("fs"));
}

TEST_F(Load, PinsMapsThatAskForAPinByNameOnlyWhereTheCallerSays) {
  load("k_map_kinds", "owns_many_maps", "a");
  EXPECT_THAT(*list_directory(fs("maps/a")), IsSupersetOf({"k_pinned_by_name", "flows"}));
  EXPECT_FALSE(path_exists("/sys/fs/bpf/k_pinned_by_name"));
  // A second load gets a map of its own, where libbpf would have shared the pinned one.
  kernel::LoadedProgram second = load("k_map_kinds", "owns_many_maps", "b");
  EXPECT_THAT(second.maps, Contains(Field(&MapRecord::pin_path, fs("maps/b/k_pinned_by_name"))));
}

TEST_F(Load, SaysWhichCapabilitiesAreMissing) {
  ProcessRequest request;
  request.arguments = {"setpriv",
                       "--bounding-set=-bpf,-sys_admin,-net_admin,-perfmon",
                       KERNEL_TEST_COMMAND,
                       "load",
                       fs_,
                       "/proc/self",
                       KERNEL_TEST_OBJECTS "/xdp_pass_counter.bpf.o"};
  Result<ProcessOutput> output = run_process(request);
  ASSERT_TRUE(output.ok()) << output.error().message();
  EXPECT_EQ(output->status, exit_status(Code::PermissionDenied));
  EXPECT_THAT(output->err,
              HasSubstr("load program pass_counter: this process lacks CAP_BPF and "
                        "CAP_NET_ADMIN"));
  EXPECT_THAT(*list_directory(fs("maps")), IsEmpty());
}

TEST_F(Load, HasTheBootIdOfTheHost) {
  Result<std::string> id = kernel_->boot_id();
  ASSERT_TRUE(id.ok());
  EXPECT_THAT(*id, ::testing::MatchesRegex("[0-9a-f-]{36}"));
}

using Pins = Load;

TEST_F(Pins, AreRenamedAsFilesAndDirectories) {
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "staged");
  ASSERT_TRUE(kernel_->rename_pin(fs("prog_staged"), fs("prog_7")).ok());
  ASSERT_TRUE(kernel_->rename_pin(fs("maps/staged"), fs("maps/7")).ok());
  EXPECT_EQ(*kernel_->pinned_program(fs("prog_7")), loaded.id);
  EXPECT_EQ(*kernel_->pinned_program(fs("prog_staged")), std::nullopt);
  EXPECT_THAT(*list_directory(fs("maps/7")), ElementsAre("seen_values_of_variables"));
}

TEST_F(Pins, OfNothingCannotBeRenamed) {
  Result<void> renamed = kernel_->rename_pin(fs("prog_none"), fs("prog_7"));
  ASSERT_FALSE(renamed.ok());
  EXPECT_EQ(renamed.error().code(), Code::NotFound);
}

TEST_F(Pins, KeepTheProgramUntilTheyAreRemoved) {
  kernel::LoadedProgram loaded = load("k_globals", "report_all_the_variables", "a");
  ASSERT_TRUE(*kernel_->find_program(loaded.id));
  ASSERT_TRUE(kernel_->remove_pins(fs("prog_a"), fs("maps/a")).ok());
  EXPECT_FALSE(path_exists(fs("prog_a")));
  EXPECT_FALSE(path_exists(fs("maps/a")));
  // The kernel drops the reference of a removed pin after a grace period.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (*kernel_->find_program(loaded.id)) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the program is still there";
    std::this_thread::yield();
  }
}

TEST_F(Pins, ThatAreAbsentAreRemovedWithSuccess) {
  EXPECT_TRUE(kernel_->remove_pins(fs("prog_none"), fs("maps/none")).ok());
  EXPECT_TRUE(kernel_->remove_pins("/nowhere/at/all", "").ok());
}

TEST_F(Pins, AreNotSearchedOnOtherFileSystems) {
  std::string outside = join_path(parent_path(fs_), "precious");
  ASSERT_TRUE(make_directories(outside, 0700).ok());
  Result<void> removed = kernel_->remove_pins("", outside);
  ASSERT_FALSE(removed.ok());
  EXPECT_EQ(removed.error().code(), Code::FailedPrecondition);
  EXPECT_TRUE(path_exists(outside));
}

TEST_F(Pins, OfMapsAreNotTakenForPrograms) {
  load("k_globals", "report_all_the_variables", "a");
  Result<std::optional<ProgramId>> pinned =
      kernel_->pinned_program(fs("maps/a/seen_values_of_variables"));
  ASSERT_FALSE(pinned.ok());
  EXPECT_EQ(pinned.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(pinned.error().message(), HasSubstr("is not a program but a map"));
}

}  // namespace
}  // namespace bpfman::testing
