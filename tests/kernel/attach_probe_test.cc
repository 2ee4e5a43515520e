// SPDX-License-Identifier: Apache-2.0
// Probes of kernel functions and of executables: real calls run the programs.
#include <cerrno>
#include <csignal>

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpfman/kernel/attach.h"
#include "bpfman/kernel/host_file.h"
#include "tests/kernel/attach_fixture.h"

// Not inlined and not folded into another one: a uprobe has to find it.
extern "C" __attribute__((noinline, used)) int bpfman_probe_target(int value);

extern "C" __attribute__((noinline, used)) int bpfman_probe_target(int value) {
  asm volatile("");
  return value + 1;
}

#if defined(__x86_64__)
// Static probe bpfman:reached with its value, at two places. As sys/sdt.h does it, without that
// header.
#define BPFMAN_REACHED(value)                                                                  \
  asm volatile(                                                                                \
      "990: nop\n"                                                                             \
      ".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n"                                  \
      ".4byte 992f-991f, 994f-993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n"              \
      "993: .8byte 990b, _.stapsdt.base, 0\n"                                                  \
      ".asciz \"bpfman\"\n.asciz \"reached\"\n.asciz \"-4@%0\"\n994: .balign 4\n.popsection\n" \
      ".ifndef _.stapsdt.base\n"                                                               \
      ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"                  \
      ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n"               \
      ".size _.stapsdt.base, 1\n.popsection\n.endif" ::"r"(value))

extern "C" __attribute__((noinline, used)) void bpfman_reach(int value);

extern "C" __attribute__((noinline, used)) void bpfman_reach(int value) {
  BPFMAN_REACHED(value);
  BPFMAN_REACHED(value + 1);
}
#endif

namespace bpfman::testing {
namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr std::uint64_t kCookie = 77;

void call_target() {
  bpfman_probe_target(1);
}

void call_getpgid() {
  ::syscall(SYS_getpgid, 0);
}

std::string own_executable() {
  return *read_link("/proc/self/exe");
}

UprobeTarget own_function() {
  return {.binary = own_executable(), .functions = {"bpfman_probe_target"}, .provider = {}};
}

class Probe : public AttachTest {};

TEST_F(Probe, Uprobe) {
  expect_round({"k_probes", "on_uprobe", "uprobe"}, own_function(), call_target);
}

TEST_F(Probe, UprobeGivesItsCookieOncePerCall) {
  LOAD({"k_probes", "on_uprobe", "uprobe", {}, {}, true});
  kernel::AttachRequest wanted = request(own_function());
  wanted.cookie = kCookie;
  ATTACH(wanted);
  call_target();
  EXPECT_EQ(last_cookie(), kCookie);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(Probe, Uretprobe) {
  expect_round({"k_probes", "on_uretprobe", "uretprobe"}, own_function(), call_target);
}

TEST_F(Probe, UprobeOfOneProcess) {
  UprobeTarget target = own_function();
  target.pid = ::getpid();
  expect_round({"k_probes", "on_uprobe", "uprobe"}, target, call_target);
}

TEST_F(Probe, UprobeOfAnotherProcessOnly) {
  LOAD({"k_probes", "on_uprobe", "uprobe"});
  UprobeTarget target = own_function();
  target.pid = 1;
  ATTACH(target);
  call_target();
  EXPECT_EQ(runs(), 0U);
}

TEST_F(Probe, UprobeInALibraryByItsName) {
  if (!kernel::find_host_file({.name = "libc"}).ok()) {
    GTEST_SKIP() << "no C library here";
  }
  UprobeTarget target{.binary = "libc", .functions = {"getpgid"}, .provider = {}};
  expect_round({"k_probes", "on_uprobe", "uprobe"}, target, [] { ::getpgid(0); });
  if (IsSkipped() || HasFatalFailure()) {
    return;
  }
  const auto& found = std::get<UprobeTarget>(attached_->target);
  EXPECT_THAT(found.binary, HasSubstr("/libc.so"));
}

TEST_F(Probe, UprobeInALibraryOfAProcess) {
  if (!kernel::find_host_file({.name = "libc", .pid = ::getpid()}).ok()) {
    GTEST_SKIP() << "no C library here";
  }
  UprobeTarget target{
      .binary = "libc.so.6", .functions = {"getpgid"}, .provider = {}, .pid = ::getpid()};
  expect_round({"k_probes", "on_uprobe", "uprobe"}, target, [] { ::getpgid(0); });
}

// The child's root directory has the executable under another name, and an absolute symlink to it.
TEST_F(Probe, UprobeWhereAnotherProcessLives) {
  Result<TempDir> root = TempDir::create("bpfman-root");
  ASSERT_TRUE(root.ok());
  std::string file = join_path(root->path(), "real");
  ASSERT_TRUE(write_file_atomic(file, {}, 0644).ok());
  ASSERT_EQ(::mount(own_executable().c_str(), file.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::symlink("/real", join_path(root->path(), "link").c_str()), 0);
  pid_t child = ::fork();
  if (child == 0) {
    if (::chroot(root->path().c_str()) != 0) {
      ::_exit(1);
    }
    for (;;) {
      ::pause();
    }
  }
  // The child has left our root when its own shows the symlink.
  std::string seen = "/proc/" + std::to_string(child) + "/root/link";
  while (!read_link(seen).ok()) {
    ::sched_yield();
  }
  UprobeTarget target = own_function();
  target.binary = "/link";
  target.container_pid = child;
  expect_round({"k_probes", "on_uprobe", "uprobe"}, target, call_target);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::umount2(file.c_str(), MNT_DETACH);
}

TEST_F(Probe, UprobeByOffset) {
  LOAD({"k_probes", "on_uprobe", "uprobe"});
  UprobeTarget nothing{.binary = own_executable(), .functions = {}, .provider = {}};
  EXPECT_EQ(attach_error(nothing).code(), Code::InvalidArgument);
  UprobeTarget behind = own_function();
  behind.offset = 1 << 20;
  EXPECT_THAT(attach_error(behind).message(), HasSubstr("is behind them"));
}

TEST_F(Probe, UprobeOfAFunctionThatIsMistypedIsSuggested) {
  LOAD({"k_probes", "on_uprobe", "uprobe"});
  UprobeTarget target = own_function();
  target.functions = {"bpfman_probe_targt"};
  Error error = attach_error(target);
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.hints(), Contains("did you mean bpfman_probe_target?"));
  target.binary = "/proc/version";
  EXPECT_THAT(attach_error(target).message(), HasSubstr("is not an ELF file"));
  target.binary = "/no/such/file";
  EXPECT_EQ(attach_error(target).code(), Code::NotFound);
  target.binary = "libnosuch";
  EXPECT_EQ(attach_error(target).code(), Code::NotFound);
}

TEST_F(Probe, UprobeMulti) {
  UprobeTarget target = own_function();
  target.functions = {"bpfman_probe_*"};
  expect_round({"k_probes", "on_uprobe_multi", "uprobe.multi"}, target, call_target);
}

TEST_F(Probe, UretprobeMulti) {
  expect_round({"k_probes", "on_uretprobe_multi", "uretprobe.multi"}, own_function(), call_target);
}

TEST_F(Probe, UprobeMultiOfOneProcess) {
  UprobeTarget target = own_function();
  target.pid = ::getpid();
  expect_round({"k_probes", "on_uprobe_multi", "uprobe.multi"}, target, call_target);
}

#if defined(__x86_64__)
UprobeTarget own_static_probe() {
  return {.binary = own_executable(), .functions = {"reached"}, .provider = "bpfman"};
}

TEST_F(Probe, Usdt) {
  expect_round({"k_usdt", "on_probe", "usdt"}, own_static_probe(), [] { bpfman_reach(5); });
}

TEST_F(Probe, UsdtReadsArgumentsAtEveryPlace) {
  LOAD({"k_usdt", "on_probe", "usdt"});
  ATTACH(own_static_probe());
  bpfman_reach(-41);
  EXPECT_EQ(runs(), 2U);
  EXPECT_EQ(static_cast<std::int64_t>(last_cookie()), -40);
}

TEST_F(Probe, UsdtThatIsMistypedIsSuggested) {
  LOAD({"k_usdt", "on_probe", "usdt"});
  UprobeTarget target = own_static_probe();
  target.functions = {"reachd"};
  Error error = attach_error(target);
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.hints(), Contains("did you mean bpfman:reached?"));
}
#endif

TEST_F(Probe, Kprobe) {
  expect_round({"k_probes", "on_kprobe", "kprobe"},
               KprobeTarget{.functions = {"__x64_sys_getpgid"}},
               call_getpgid);
}

TEST_F(Probe, KprobeGivesItsCookie) {
  LOAD({"k_probes", "on_kprobe", "kprobe", {}, {}, true});
  kernel::AttachRequest wanted = request(KprobeTarget{.functions = {"__x64_sys_getpgid"}});
  wanted.cookie = kCookie;
  ATTACH(wanted);
  call_getpgid();
  EXPECT_EQ(last_cookie(), kCookie);
}

TEST_F(Probe, Kretprobe) {
  expect_round({"k_probes", "on_kretprobe", "kretprobe"},
               KprobeTarget{.functions = {"__x64_sys_getpgid"}},
               call_getpgid);
}

TEST_F(Probe, Ksyscall) {
  expect_round({"k_probes", "on_ksyscall", "ksyscall"},
               KprobeTarget{.functions = {"getpgid"}},
               call_getpgid);
}

TEST_F(Probe, KprobeThatIsMistypedIsSuggested) {
  LOAD({"k_probes", "on_kprobe", "kprobe"});
  Error error = attach_error(KprobeTarget{.functions = {"vfs_reed"}});
  EXPECT_EQ(error.code(), Code::NotFound) << error.message();
  EXPECT_THAT(error.hints(), Contains(HasSubstr("vfs_read")));
  Error behind = attach_error(KprobeTarget{.functions = {"vfs_read"}, .offset = 1 << 20});
  EXPECT_EQ(behind.code(), Code::InvalidArgument);
  EXPECT_THAT(behind.message(), HasSubstr("is behind them"));
}

// A session sees the call and, as it returned 0 then, the return.
TEST_F(Probe, KprobeSessionRunsTwiceACall) {
  LOAD({"k_probes", "on_kprobe_session", "kprobe.session", {}, "kprobe.multi"});
  ATTACH(KprobeTarget{.functions = {"__x64_sys_getpgid"}});
  call_getpgid();
  call_getpgid();
  EXPECT_EQ(runs(), 4U);
  EXPECT_TRUE(kernel::detach_link(fs("link")).ok());
  call_getpgid();
  EXPECT_EQ(runs(), 4U);
}

TEST_F(Probe, UprobeSessionRunsTwiceACall) {
  LOAD({"k_probes", "on_uprobe_session", "uprobe.session", {}, "uprobe.multi"});
  ATTACH(own_function());
  call_target();
  call_target();
  EXPECT_EQ(runs(), 4U);
  EXPECT_TRUE(kernel::detach_link(fs("link")).ok());
  call_target();
  EXPECT_EQ(runs(), 4U);
}

TEST_F(Probe, KretprobeMulti) {
  expect_round({"k_probes", "on_kretprobe_multi", "kretprobe.multi"},
               KprobeTarget{.functions = {"__x64_sys_getpg*"}},
               call_getpgid);
}

TEST_F(Probe, KretprobeMultiRunsOnceACall) {
  LOAD({"k_probes", "on_kretprobe_multi", "kretprobe.multi"});
  ATTACH(KprobeTarget{.functions = {"__x64_sys_getpgid"}});
  call_getpgid();
  call_getpgid();
  EXPECT_EQ(runs(), 2U);
}

TEST_F(Probe, KprobeMulti) {
  expect_round({"k_probes", "on_kprobe_multi", "kprobe.multi"},
               KprobeTarget{.functions = {"__x64_sys_getpg*"}},
               call_getpgid);
}

}  // namespace
}  // namespace bpfman::testing
