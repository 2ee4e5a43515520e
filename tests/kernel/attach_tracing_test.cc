// SPDX-License-Identifier: Apache-2.0
// Tracepoints, trampolines, perf events, iterators, struct_ops: real events run the programs.
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/attach.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"
#include "tests/kernel/attach_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr std::uint64_t kCookie = 0x1234567890abcdefU;

void call_getpgid() {
  ::syscall(SYS_getpgid, 0);
}

std::int64_t cpu_time_ns() {
  timespec now = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void burn_cpu() {
  std::int64_t end = cpu_time_ns() + 50'000'000;
  while (cpu_time_ns() < end) {
  }
}

void open_null() {
  UniqueFd file = UniqueFd::adopt(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

const Subject kTracepoint = {"k_tracing", "on_tracepoint", "tp/syscalls/sys_enter_getpgid"};
const Subject kEntry = {"k_tracing", "on_entry", "fentry/__x64_sys_getpgid"};

Subject with_cookie(Subject subject) {
  subject.with_cookie = true;
  return subject;
}

class Attach : public AttachTest {};

TEST_F(Attach, Tracepoint) {
  expect_round(kTracepoint, TracepointTarget{"syscalls/sys_enter_getpgid"}, call_getpgid);
}

TEST_F(Attach, TracepointGivesItsCookie) {
  LOAD(with_cookie(kTracepoint));
  kernel::AttachRequest wanted = request(TracepointTarget{"syscalls/sys_enter_getpgid"});
  wanted.cookie = kCookie;
  ATTACH(wanted);
  call_getpgid();
  EXPECT_EQ(last_cookie(), kCookie);
}

TEST_F(Attach, TracepointThatIsMistypedIsSuggested) {
  LOAD(kTracepoint);
  Error error = attach_error(TracepointTarget{"syscalls/sys_enter_getpgidd"});
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.hints(), Contains(HasSubstr("syscalls/sys_enter_getpgid")));
  EXPECT_THAT(attach_error(TracepointTarget{"shed/sched_switch"}).hints(),
              Contains(HasSubstr("sched/sched_switch")));
  EXPECT_EQ(attach_error(TracepointTarget{"sched_switch"}).code(), Code::InvalidArgument);
  EXPECT_EQ(attach_error(TracepointTarget{"../x"}).code(), Code::InvalidArgument);
}

TEST_F(Attach, TakesAPinThatADeadProcessLeft) {
  LOAD(kTracepoint);
  ATTACH(TracepointTarget{"syscalls/sys_enter_getpgid"});
  ATTACH(TracepointTarget{"syscalls/sys_enter_getpgid"});
  std::uint64_t before = runs();
  call_getpgid();
  EXPECT_EQ(runs(), before + 1);
}

TEST_F(Attach, NeedsAProgram) {
  EXPECT_EQ(attach_error(TracepointTarget{"sched/sched_switch"}).code(), Code::NotFound);
}

TEST_F(Attach, RawTracepoint) {
  expect_round({"k_tracing", "on_raw_tracepoint", "raw_tp/sys_enter"},
               TracepointTarget{"sys_enter"},
               call_getpgid);
}

TEST_F(Attach, RawTracepointThatIsMistypedIsSuggested) {
  LOAD({"k_tracing", "on_raw_tracepoint", "raw_tp/sys_enter"});
  Error error = attach_error(TracepointTarget{"sys_entr"});
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.hints(), Contains(HasSubstr("sys_enter")));
}

TEST_F(Attach, BtfTracepoint) {
  expect_round({"k_tracing", "on_btf_tracepoint", "tp_btf/sys_enter"}, FixedTarget{}, call_getpgid);
}

TEST_F(Attach, BtfTracepointByAnotherName) {
  LOAD({"k_tracing", "on_btf_tracepoint", "tp_btf/sys_enter", "sys_exit"});
  ATTACH(FixedTarget{});
  std::uint64_t before = runs();
  call_getpgid();
  EXPECT_GT(runs(), before);
}

TEST_F(Attach, BtfTracepointThatIsMistypedIsSuggested) {
  Error error = load_error({"k_tracing", "on_btf_tracepoint", "tp_btf/sys_enter", "sched_swich"});
  EXPECT_EQ(error.code(), Code::NotFound) << error.message();
  EXPECT_THAT(error.hints(), Contains(HasSubstr("sched_switch")));
}

TEST_F(Attach, PerfEventOnAllCpus) {
  expect_round({"k_tracing", "on_sample", "perf_event"},
               PerfTarget{.event = "cpu-clock", .period = 1'000'000},
               burn_cpu);
}

TEST_F(Attach, PerfEventIsADirectoryOfLinks) {
  LOAD({"k_tracing", "on_sample", "perf_event"});
  ATTACH(PerfTarget{.event = "cpu-clock", .frequency = 100});
  Result<std::optional<KernelLink>> link = kernel::pinned_link(fs("link"));
  ASSERT_TRUE(link.ok() && *link);
  EXPECT_EQ((*link)->id, *attached_->kernel_id);
  EXPECT_EQ((*link)->program, loaded_.id);
}

TEST_F(Attach, PerfEventOfOneProcess) {
  expect_round({"k_tracing", "on_sample", "perf_event"},
               PerfTarget{.event = "task-clock", .period = 1'000'000, .pid = ::getpid()},
               burn_cpu);
}

TEST_F(Attach, PerfEventThatIsUnknown) {
  LOAD({"k_tracing", "on_sample", "perf_event"});
  Error error = attach_error(PerfTarget{.event = "cpu-clok"});
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.hints(), Contains("did you mean cpu-clock?"));
  EXPECT_EQ(attach_error(PerfTarget{.cpu = 4000}).code(), Code::NotFound);
}

TEST_F(Attach, IteratorIsReadThroughItsPin) {
  LOAD({"k_tracing", "list_tasks", "iter/task"});
  ATTACH(IterTarget{.kind = "task", .map_pin = {}});
  Result<Bytes> text = read_file(fs("link"), 1 << 20);
  ASSERT_TRUE(text.ok()) << text.error().message();
  EXPECT_THAT(std::string(as_text(*text)), HasSubstr("task\n"));
  EXPECT_GT(runs(), 0U);
  EXPECT_TRUE(kernel::detach_link(fs("link")).ok());
  EXPECT_FALSE(path_exists(fs("link")));
}

TEST_F(Attach, Fentry) {
  expect_round(kEntry, FixedTarget{}, call_getpgid);
}

TEST_F(Attach, FentryGivesItsCookie) {
  LOAD(with_cookie(kEntry));
  kernel::AttachRequest wanted = request(FixedTarget{});
  wanted.cookie = kCookie;
  ATTACH(wanted);
  call_getpgid();
  EXPECT_EQ(last_cookie(), kCookie);
}

TEST_F(Attach, FexitOfAFunctionThatTheRequestNames) {
  expect_round({"k_tracing", "on_exit", "fexit", "__x64_sys_getpgid"}, FixedTarget{}, call_getpgid);
}

TEST_F(Attach, FexitOfNoFunction) {
  Error error = load_error({"k_tracing", "on_exit", "fexit"});
  SKIP_WHEN_MISSING(error);
  EXPECT_EQ(error.code(), Code::InvalidArgument);
}

TEST_F(Attach, FentryOfAFunctionThatIsMistypedIsSuggested) {
  Error error = load_error({"k_tracing", "on_entry", "fentry/x", "do_unlinkatt"});
  SKIP_WHEN_MISSING(error);
  EXPECT_EQ(error.code(), Code::NotFound);
}

TEST_F(Attach, FmodRet) {
  expect_round(
      {"k_tracing", "on_return_value", "fmod_ret/security_file_open"}, FixedTarget{}, open_null);
}

TEST_F(Attach, Lsm) {
  expect_round({"k_tracing", "on_file_open", "lsm/file_open"}, FixedTarget{}, open_null);
}

// fentry and fexit on a program: a tracepoint program that runs at getpgid(2).
class Traced : public AttachTest {
 protected:
  // Loads and attaches it, and makes room for the pins of the next one.
  void SetUp() override {
    AttachTest::SetUp();
    load(kTracepoint);
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    kernel::AttachRequest wanted = request(TracepointTarget{"syscalls/sys_enter_getpgid"});
    wanted.link_pin = fs("traced_link");
    attach(wanted);
    ASSERT_TRUE(kernel::rename_pin(fs("prog"), fs("traced")).ok());
    ASSERT_TRUE(remove_file(fs("maps/events")).ok());
  }

  void TearDown() override {
    EXPECT_TRUE(kernel::detach_link(fs("traced_link")).ok());
    AttachTest::TearDown();
  }

  Subject tracer(const std::string& program, const std::string& function) {
    return {.object = "k_tracing",
            .program = program,
            .section = program == "on_exit" ? "fexit" : "fentry/__x64_sys_getpgid",
            .attach_function = function,
            .attach_pin = fs("traced")};
  }
};

TEST_F(Traced, ByFentry) {
  expect_round(tracer("on_entry", "on_tracepoint"), FixedTarget{}, call_getpgid);
}

TEST_F(Traced, ByFexit) {
  expect_round(tracer("on_exit", "on_tracepoint"), FixedTarget{}, call_getpgid);
}

TEST_F(Traced, InAFunctionThatItDoesNotHave) {
  Error error = load_error(tracer("on_entry", "on_tracepointt"));
  SKIP_WHEN_MISSING(error);
  EXPECT_EQ(error.code(), Code::NotFound) << error.message();
  EXPECT_THAT(error.message(), HasSubstr("has no function \"on_tracepointt\""));
}

TEST_F(Traced, OfAPinThatIsNotThere) {
  Subject subject = tracer("on_entry", "on_tracepoint");
  subject.attach_pin = fs("nothing");
  Error error = load_error(subject);
  SKIP_WHEN_MISSING(error);
  EXPECT_EQ(error.code(), Code::NotFound) << error.message();
}

TEST_F(Attach, StructOps) {
  expect_round({"k_struct_ops", "start", "struct_ops/start"}, FixedTarget{"bpfman_test"}, [] {
    connect_tcp("bpfman_test");
  });
}

std::string scheduler_state() {
  Result<Bytes> text = read_file("/sys/kernel/sched_ext/state", 1 << 16);
  return text.ok() ? std::string(trim(as_text(*text))) : text.error().message();
}

// The kernel ends a scheduler a little later.
std::string scheduler_state_soon(const std::string& wanted) {
  for (int tries = 0; scheduler_state() != wanted && tries < 500; ++tries) {
    ::usleep(10'000);
  }
  return scheduler_state();
}

TEST_F(Attach, Scheduler) {
  if (!path_exists("/sys/kernel/sched_ext/state")) {
    Error error = load_error({"k_sched_ext", "running", "struct_ops/running"});
    ASSERT_TRUE(is_missing_feature(error)) << error.message();
    GTEST_SKIP() << error.message();
  }
  ASSERT_EQ(scheduler_state(), "disabled");
  LOAD({"k_sched_ext", "running", "struct_ops/running"});
  EXPECT_EQ(scheduler_state(), "disabled") << "loading must not register it";
  ATTACH(FixedTarget{"bpfman_sched"});
  EXPECT_EQ(scheduler_state_soon("enabled"), "enabled");
  std::uint64_t before = runs();
  for (int i = 0; i < 20; ++i) {
    ::usleep(1000);
  }
  EXPECT_GT(runs(), before) << "it schedules";
  EXPECT_TRUE(kernel::detach_link(fs("link")).ok());
  EXPECT_EQ(scheduler_state_soon("disabled"), "disabled");
}

}  // namespace
}  // namespace bpfman::testing
