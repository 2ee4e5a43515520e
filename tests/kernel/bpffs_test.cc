// SPDX-License-Identifier: Apache-2.0
// Where the bpffs is mounted, as seen from different mount namespaces. A process of the test stands
// for process 1; its mount namespace, with a /run of its own, is "the host" here, so that nothing
// of the real host changes.
#include <csignal>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpfman/base/process.h"
#include "bpfman/base/text.h"
#include "tests/support/netns_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kDirectory = "/run/bpfman-kernel-test/fs";
constexpr const char* kObject = KERNEL_TEST_OBJECTS "/xdp_pass_counter.bpf.o";

// A process in a mount namespace of its own. Dies with this object, and with the test process.
class StandIn {
 public:
  StandIn() {
    int ready[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      bool made = ::unshare(CLONE_NEWNS) == 0 &&
                  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                  ::mount("run", "/run", "tmpfs", 0, nullptr) == 0;
      [[maybe_unused]] ssize_t written = ::write(ready[1], made ? "1" : "0", 1);
      for (;;) {
        ::pause();
      }
    }
    char answer = '0';
    EXPECT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, '1') << "the namespace of the stand-in could not be made";
    ::close(ready[0]);
    ::close(ready[1]);
  }

  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  ~StandIn() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  std::string directory() const { return "/proc/" + std::to_string(pid_); }

  // Runs a command in this "host", in the network namespace `netns` if one is given.
  ProcessOutput run(std::vector<std::string> command, const std::string& netns = "") const {
    ProcessRequest request;
    request.arguments = {"nsenter", "--mount=" + directory() + "/ns/mnt"};
    if (!netns.empty()) {
      request.arguments.push_back("--net=" + netns);
    }
    request.arguments.emplace_back("--");
    request.arguments.insert(request.arguments.end(), command.begin(), command.end());
    Result<ProcessOutput> output = run_process(request);
    EXPECT_TRUE(output.ok()) << output.error().message();
    return output.ok() ? *std::move(output) : ProcessOutput{.status = -1};
  }

 private:
  pid_t pid_ = -1;
};

class Bpffs : public KernelTest {
 protected:
  std::vector<std::string> observe() const {
    return {KERNEL_TEST_COMMAND, "observe", kDirectory, host_.directory()};
  }

  std::vector<std::string> ensure() const {
    return {KERNEL_TEST_COMMAND, "ensure", kDirectory, host_.directory()};
  }

  std::vector<std::string> attach() const {
    return {KERNEL_TEST_COMMAND, "attach", kDirectory, host_.directory(), kObject, "kv0"};
  }

  static std::vector<std::string> after(std::vector<std::string> front,
                                        const std::vector<std::string>& back) {
    front.insert(front.end(), back.begin(), back.end());
    return front;
  }

  std::string host_output(const std::vector<std::string>& command) const {
    ProcessOutput output = host_.run(command);
    EXPECT_EQ(output.status, 0) << output.err;
    return output.out;
  }

  StandIn host_;
};

TEST_F(Bpffs, IsMountedOnTheHostWithoutSetuidDevicesOrPrograms) {
  EXPECT_EQ(host_output(observe()), "010 \n");
  EXPECT_EQ(host_output(ensure()), "");
  EXPECT_EQ(host_output(observe()), "110 \n");
  std::string mounts = host_output({"cat", "/proc/self/mountinfo"});
  EXPECT_THAT(mounts,
              HasSubstr(std::string(kDirectory) + " rw,nosuid,nodev,noexec,relatime - bpf"));
  std::string modes = host_output({"stat",
                                   "-c",
                                   "%a",
                                   kDirectory,
                                   join_path(kDirectory, "maps"),
                                   join_path(kDirectory, "links")});
  EXPECT_EQ(modes, "1755\n755\n755\n");
}

TEST_F(Bpffs, IsMountedOnceHoweverOftenItIsAskedFor) {
  host_output(ensure());
  host_output(ensure());
  std::string mounts = host_output({"cat", "/proc/self/mountinfo"});
  EXPECT_EQ(mounts.find(kDirectory), mounts.rfind(kDirectory));
}

TEST_F(Bpffs, OfAnUnsharedMountNamespaceKeepsPinsForTheHost) {
  ProcessOutput output = host_.run(after({"unshare", "-m"}, attach()), netns_->path());
  ASSERT_EQ(output.status, 0) << output.err;
  ASSERT_THAT(output.out, StartsWith("program "));
  // That process and its mount namespace are gone; the pins and the attachment are not.
  EXPECT_EQ(host_output({KERNEL_TEST_COMMAND, "show", kDirectory}), output.out);
  Result<plan::NetHook> hook = kernel_->observe_hook(HookKind::Xdp, "kv0", netns_->path());
  ASSERT_TRUE(hook.ok() && hook->occupants.size() == 1);
  EXPECT_EQ(hook->occupants[0].name, "pass_counter");
  EXPECT_EQ(host_output(observe()), "110 \n");
}

TEST_F(Bpffs, OfIpNetnsExecKeepsPinsForTheHost) {
  std::string name = "bpfman-kt-" + std::to_string(::getpid());
  host_output({"ip", "netns", "add", name});  // below the stand-in's own /run
  host_output({"ip", "-n", name, "link", "add", "kv0", "type", "veth", "peer", "name", "kv1"});
  ProcessOutput output = host_.run(after({"ip", "netns", "exec", name}, attach()));
  ASSERT_EQ(output.status, 0) << output.err;
  ASSERT_THAT(output.out, StartsWith("program "));
  EXPECT_EQ(host_output({KERNEL_TEST_COMMAND, "show", kDirectory}), output.out);
  EXPECT_EQ(host_output(observe()), "110 \n");
  // Another `ip netns exec` sees the same instance.
  EXPECT_EQ(host_output({"ip", "netns", "exec", name, KERNEL_TEST_COMMAND, "show", kDirectory}),
            output.out);
}

TEST_F(Bpffs, ThatTheHostHasAlreadyIsShownInAnUnsharedNamespaceThatMissesIt) {
  host_output(ensure());
  host_output({"mkdir", join_path(kDirectory, "maps/mine")});
  std::string script = "umount " + std::string(kDirectory) + " && " + join(ensure(), " ") +
                       " && ls " + join_path(kDirectory, "maps") + " && " + join(observe(), " ");
  EXPECT_EQ(host_output({"unshare", "-m", "sh", "-c", script}), "mine\n110 \n");
}

TEST_F(Bpffs, OfAnUnsharedNamespaceWithItsOwnRunIsRefused) {
  std::string script =
      "mount -t tmpfs own /run && " + join(observe(), " ") + " && " + join(ensure(), " ");
  ProcessOutput output = host_.run({"unshare", "-m", "sh", "-c", script});
  EXPECT_EQ(output.status, exit_status(Code::FailedPrecondition)) << output.err;
  EXPECT_THAT(output.out, StartsWith("000 no bpffs is mounted at"));
  EXPECT_THAT(output.err, HasSubstr("pins made here would vanish with it"));
  EXPECT_THAT(output.err, HasSubstr("hint: mount the host's /run/bpfman-kernel-test into"));
  EXPECT_THAT(output.err, HasSubstr("hint: or run bpfman on the host"));
}

TEST_F(Bpffs, SaysWhenProcessOneMayNotBeLookedInto) {
  // Without CAP_SYS_PTRACE, a process with more capabilities is out of sight.
  std::string script = join(observe(), " ") + " && " + join(ensure(), " ");
  ProcessOutput output =
      host_.run({"unshare", "-m", "setpriv", "--bounding-set=-sys_ptrace", "sh", "-c", script});
  EXPECT_EQ(output.status, exit_status(Code::FailedPrecondition)) << output.err;
  EXPECT_THAT(output.out, HasSubstr("we may not look into the mount namespace of process 1"));
  EXPECT_THAT(output.err, HasSubstr("mount a bpffs in the mount namespace of process 1"));
  EXPECT_THAT(output.err, HasSubstr("hint: run bpfman once outside of this mount namespace"));
  EXPECT_EQ(host_output(observe()), "010 \n");
}

TEST_F(Bpffs, ThatOnlyThisNamespaceHasIsUsedAndNoted) {
  std::string script = "mkdir -p " + std::string(kDirectory) + " && mount -t bpf own " +
                       kDirectory + " && " + join(ensure(), " ") + " && " + join(observe(), " ");
  EXPECT_THAT(host_output({"unshare", "-m", "sh", "-c", script}),
              StartsWith("100 the bpffs at /run/bpfman-kernel-test/fs is not mounted in the mount "
                         "namespace of process 1"));
}

TEST_F(Bpffs, OfAContainerEndsWithIt) {
  // A pid namespace of its own, whose process 1 shares the mount namespace with the command.
  std::string command = std::string(KERNEL_TEST_COMMAND) + " ";
  std::string script = command + "ensure " + kDirectory + " /proc/1 && " + command + "observe " +
                       kDirectory + " /proc/1; true";
  EXPECT_EQ(
      host_output({"unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script}),
      "111 this is a container: what is loaded here ends with it, unless "
      "/run/bpfman-kernel-test/fs is a bpffs of the host\n");
  EXPECT_THAT(host_output({"cat", "/proc/self/mountinfo"}), Not(HasSubstr(kDirectory)));
}

TEST_F(Bpffs, OfAnUnsharedNamespaceInAContainerIsRefused) {
  std::string script = "unshare -m " + std::string(KERNEL_TEST_COMMAND) + " ensure " + kDirectory +
                       " /proc/1; exit $?";
  ProcessOutput output =
      host_.run({"unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script});
  EXPECT_EQ(output.status, exit_status(Code::FailedPrecondition)) << output.err;
  EXPECT_THAT(output.err, HasSubstr("this mount namespace is not the host's"));
}

TEST_F(Bpffs, IsReportedByTheInterfaceForTheRealHost) {
  Result<kernel::BpffsState> state = kernel_->observe_bpffs(fs_);
  ASSERT_TRUE(state.ok()) << state.error().message();
  EXPECT_TRUE(state->mounted);
  EXPECT_FALSE(state->shared_with_init);  // the fixture is in a mount namespace of its own
  ASSERT_TRUE(kernel_->ensure_bpffs(fs_).ok());
  EXPECT_THAT(*list_directory(fs("maps")), IsEmpty());
}

}  // namespace
}  // namespace bpfman::testing
