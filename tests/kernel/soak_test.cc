// SPDX-License-Identifier: Apache-2.0
// One Manager for thousands of cycles, as a daemon has it: nothing but the ledger grows.
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpffs.h"
#include "bpfman/manager/manager.h"
#include "tests/support/netns_fixture.h"

namespace bpfman::testing {
namespace {

// Of this process, in pages.
long resident_pages() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) {
    return -1;
  }
  long size = 0;
  long resident = -1;
  if (std::fscanf(file, "%ld %ld", &size, &resident) != 2) {
    resident = -1;
  }
  std::fclose(file);
  return resident;
}

class Soak : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    Result<TempDir> directory = TempDir::create("bpfman-soak");
    ASSERT_TRUE(directory.ok()) << directory.error().message();
    directory_.emplace(*std::move(directory));
    options_.layout.root = directory_->path();
    options_.runtimes.docker_hosts = {"unix:///nowhere/docker.sock"};
    object_ = join_path(std::string(KERNEL_TEST_OBJECTS), "xdp_pass_counter.bpf.o");
    Result<void> made = make_directories(options_.layout.runtime_directory(), 0755);
    ASSERT_TRUE(made.ok()) << made.error().message();
    Result<void> mounted =
        kernel::ensure_bpffs(options_.layout.bpffs(), {.directory = "/proc/self"});
    ASSERT_TRUE(mounted.ok()) << mounted.error().message();
    manager_ = std::make_unique<Manager>(options_, *kernel_);
  }

  void TearDown() override {
    manager_.reset();
    KernelTest::TearDown();
  }

  AttachSpec place(std::int32_t priority) const {
    ChainTarget target{.hook = HookKind::Xdp, .interface = "kv0", .netns = netns_->path()};
    target.order.priority = priority;
    return AttachSpec{.target = target};
  }

  // A program beside the one that stays, so that the chain is made anew; its id.
  Result<ProgramId> cycle() {
    LoadReply loaded = TRY(manager_->load(
        LoadSpec{.source = FileSource{object_}, .application = "comes"}, DryRun::No));
    const ProgramView& program = loaded.programs.front();
    AttachReply attached =
        TRY(manager_->attach("comes/" + program.record->name, place(20), DryRun::No));
    TRY(manager_->list_links());
    TRY(manager_->doctor());
    TRY(manager_->detach({to_string(attached.links.front().record.id)}, DryRun::No));
    TRY(manager_->unload({"comes/" + program.record->name}, DryRun::No));
    return program.record->id;
  }

  void run(int cycles) {
    for (int i = 0; i < cycles; ++i) {
      Result<ProgramId> program = cycle();
      ASSERT_TRUE(program.ok()) << "cycle " << i << ": " << program.error().message();
      last_ = *program;
    }
  }

  ManagerOptions options_;
  std::string object_;
  std::unique_ptr<Manager> manager_;
  ProgramId last_;

 private:
  std::optional<TempDir> directory_;
};

TEST_F(Soak, ThousandsOfCyclesInOneProcessLeaveNothing) {
  const int cycles = std::getenv("BPFMAN_TEST_FULL") != nullptr ? 10'000 : 50;
  Result<LoadReply> stays = manager_->load(
      LoadSpec{.source = FileSource{object_}, .application = "stays", .attach = place(10)},
      DryRun::No);
  ASSERT_TRUE(stays.ok()) << stays.error().message();
  run(40);  // until buffers and caches have their size
  std::vector<std::string> pins = *list_directory(options_.layout.bpffs());
  std::size_t descriptors = open_descriptors();
  long pages = resident_pages();
  ASSERT_GT(pages, 0);
  run(cycles);
  EXPECT_EQ(*list_directory(options_.layout.bpffs()), pins);
  EXPECT_EQ(*list_directory(options_.layout.links_directory()), std::vector<std::string>());
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ((*manager_->list_links()).size(), 1U);
  Result<std::optional<KernelProgram>> gone = kernel_->find_program(last_);
  for (int i = 0; i < 500 && gone.ok() && gone->has_value(); ++i) {
    ::usleep(10'000);  // freed behind a grace period
    gone = kernel_->find_program(last_);
  }
  EXPECT_FALSE(gone->has_value());
  // What a leak of a hundred bytes a cycle comes to in a long run, and a page a cycle in a short
  // one.
  long grown = resident_pages() - pages;
  std::printf("%d cycles, %ld pages grown\n", cycles, grown);
  EXPECT_LT(grown * ::sysconf(_SC_PAGESIZE), 1'000'000L) << "over " << cycles << " cycles";
  EXPECT_TRUE(manager_->unload_all(DryRun::No).ok());
}

}  // namespace
}  // namespace bpfman::testing
