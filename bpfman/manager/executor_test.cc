// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/executor.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/manager/session.h"
#include "bpfman/plan/chain_planner.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using bpfman::testing::FakeWorld;
using bpfman::testing::Fault;
using bpfman::testing::Killed;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Bytes object_bytes() {
  ByteView view = as_bytes("an object");
  return {view.begin(), view.end()};
}

plan::BytecodeFacts facts_of(const Bytes& object) {
  plan::BytecodeFacts facts;
  facts.digest = Digest::sha256_of(object);
  facts.size = object.size();
  facts.elf.programs = {{"pass", "xdp", ProgramType::Xdp}};
  facts.image_reference = "docker.io/library/x:dev";
  facts.default_application = "x";
  facts.image = ImageRecord{.reference = facts.image_reference, .bytecode = facts.digest};
  return facts;
}

// All that a command can leave behind: kernel, records, blobs, journal.
struct Everything {
  FakeWorld world;
  std::vector<ProgramRecord> programs;
  std::vector<LinkRecord> links;
  std::vector<ChainRecord> chains;
  std::vector<ImageRecord> images;
  bool blob = false;
  std::size_t open_operations = 0;
  bool operator==(const Everything&) const = default;
};

class ExecutorTest : public ::testing::Test {
 protected:
  ExecutorTest() : directory_(*TempDir::create("bpfman-executor")), object_(object_bytes()) {
    layout_.root = directory_.path();
    kernel_.world.bpffs = true;
  }

  Everything everything() {
    store::Store store = *store::Store::open(layout_);
    return Everything{.world = kernel_.world,
                      .programs = *store.list_programs(),
                      .links = *store.list_links(),
                      .chains = *store.list_chains(),
                      .images = *store.list_images(),
                      .blob = store.has_blob(Digest::sha256_of(object_)),
                      .open_operations = store.open_operations()->size()};
  }

  WriteSession open() {
    Result<WriteSession> session = WriteSession::open(layout_, kernel_, 1000);
    EXPECT_TRUE(session.ok()) << session.error().message();
    return std::move(*session);
  }

  // What the manager looks at before a plan is made.
  void look(plan::Snapshot& snapshot, const std::string& interface) {
    plan::NetHook hook = *kernel_.observe_hook(HookKind::Xdp, interface, "");
    const ChainRecord* chain = plan::chain_at(hook.key(), snapshot);
    snapshot.sights.push_back(plan::HookSight{.key = hook.key(),
                                              .hook = hook,
                                              .ours = chain != nullptr,
                                              .extensions = kernel_.extensions});
  }

  Result<plan::Bindings> load_on(const std::string& interface) {
    WriteSession session = open();
    plan::Snapshot snapshot = *session.snapshot();
    LoadSpec spec;
    spec.source = ImageSource{.reference = "x:dev"};
    spec.attach = AttachSpec{.target = ChainTarget{.interface = interface}};
    look(snapshot, interface);
    plan::Placement placement{.places = {{*spec.attach, snapshot.sights.back().hook}}};
    plan::Plan plan = *plan::plan_load(spec, facts_of(object_), placement, snapshot);
    return session.run(plan, snapshot, {{Digest::sha256_of(object_), ByteView(object_)}});
  }

  Result<plan::Bindings> unload_all() {
    WriteSession session = open();
    plan::Snapshot snapshot = *session.snapshot();
    look(snapshot, "eth0");
    look(snapshot, "eth1");
    plan::Plan plan = *plan::plan_unload(snapshot.programs, snapshot);
    return session.run(plan, snapshot, {});
  }

  Result<plan::Bindings> detach_first() {
    WriteSession session = open();
    plan::Snapshot snapshot = *session.snapshot();
    look(snapshot, "eth0");
    plan::Plan plan = *plan::plan_detach({snapshot.links.front()}, snapshot);
    return session.run(plan, snapshot, {});
  }

  Result<plan::Bindings> move_first_to_the_end() {
    WriteSession session = open();
    plan::Snapshot snapshot = *session.snapshot();
    look(snapshot, "eth0");
    plan::Plan plan =
        *plan::plan_set_link(snapshot.links.front(), plan::LinkChange{.priority = 900}, snapshot);
    return session.run(plan, snapshot, {});
  }

  // What the hook runs is what the records say: every member in its slot, in order, and nobody
  // else.
  void expect_truth() {
    Everything now = everything();
    EXPECT_EQ(now.open_operations, 0U);
    ASSERT_EQ(now.chains.size(), now.links.empty() ? 0U : 1U);
    if (now.links.empty()) {
      EXPECT_THAT(now.world.hooks, IsEmpty());
      EXPECT_THAT(now.world.chains, IsEmpty());
      return;
    }
    const ChainRecord& chain = now.chains[0];
    ASSERT_EQ(chain.slots.size(), now.links.size());
    // What a process left when it died after the commit is known, and goes with the next change.
    for (const std::string& stale : chain.stale) {
      now.world.chains.erase(stale);
    }
    if (chain.strategy == Strategy::Direct) {
      EXPECT_EQ(now.world.hooks.at("eth0").program, now.links[0].program);
      EXPECT_THAT(now.world.chains, IsEmpty());
      return;
    }
    ASSERT_TRUE(now.world.chains.contains(chain.directory));
    EXPECT_THAT(now.world.chains, SizeIs(1));
    const bpfman::testing::FakeChain& image = now.world.chains.at(chain.directory);
    EXPECT_EQ(now.world.hooks.at("eth0").program, image.dispatcher);
    std::uint64_t live = 0;
    for (const auto& [link, slot] : chain.slots) {
      EXPECT_EQ(image.slots.at(slot).first, link);
      live |= std::uint64_t{1} << slot;
    }
    if (chain.strategy == Strategy::Freplace) {
      EXPECT_EQ(image.live, live);
    }
  }

  TempDir directory_;
  Layout layout_;
  FakeKernel kernel_;
  Bytes object_;
};

TEST_F(ExecutorTest, ALoadLeavesPinsRecordsAndAClosedJournal) {
  Result<plan::Bindings> done = load_on("eth0");
  ASSERT_TRUE(done.ok()) << done.error().message();
  Everything after = everything();
  EXPECT_THAT(after.programs, SizeIs(1));
  EXPECT_EQ(after.programs[0].pin_path, layout_.program_pin(ProgramId(100)));
  EXPECT_EQ(after.programs[0].maps[0].pin_path, layout_.map_directory(ProgramId(100)) + "/stats");
  EXPECT_TRUE(after.world.program_pins.contains(layout_.program_pin(ProgramId(100))));
  EXPECT_THAT(after.links, SizeIs(1));
  EXPECT_EQ(after.links[0].program, ProgramId(100));
  EXPECT_TRUE(after.world.link_pins.contains(after.chains[0].link_pin));
  EXPECT_THAT(after.images, SizeIs(1));
  EXPECT_TRUE(after.blob);
  EXPECT_EQ(after.open_operations, 0U);
}

TEST_F(ExecutorTest, UnloadingTakesEverythingAway) {
  Everything before = everything();
  ASSERT_TRUE(load_on("eth0").ok());
  ASSERT_TRUE(unload_all().ok());
  Everything after = everything();
  EXPECT_EQ(after.world, before.world);
  EXPECT_THAT(after.programs, IsEmpty());
  EXPECT_THAT(after.links, IsEmpty());
  EXPECT_TRUE(after.blob) << "the image record still names it";
}

// Runs `verb` with `fault` at its 1st, 2nd, ... effect until a run is not hit any more; `check`
// sees each outcome.
void for_each_failure_point(FakeKernel& kernel,
                            Fault fault,
                            const std::function<void()>& verb,
                            const std::function<void(int)>& check) {
  int points = 0;
  for (int at = 1; at < 100; ++at) {
    kernel.arm(fault, at);
    verb();
    bool hit = kernel.effects() >= at;
    kernel.arm(Fault::None, 0);
    if (!hit) {
      break;
    }
    ++points;
    check(at);
  }
  EXPECT_GE(points, 1);
}

TEST_F(ExecutorTest, AnErrorAtAnyStepOfALoadLeavesEverythingAsItWas) {
  Everything before = everything();
  int points = 0;
  for_each_failure_point(
      kernel_,
      Fault::Error,
      [&] {
        Result<plan::Bindings> done = load_on("eth0");
        if (!done.ok()) {
          EXPECT_THAT(done.error().message(), HasSubstr("injected fault"));
        }
      },
      [&](int at) {
        EXPECT_EQ(everything(), before) << "fault at effect " << at;
        ++points;
      });
  // ensure_bpffs, load, two renames, attach; each is followed by its own undo calls, which are hit
  // by later numbers.
  EXPECT_GE(points, 5);
}

TEST_F(ExecutorTest, AKillAtAnyStepOfALoadIsUndoneByTheNextCommand) {
  Everything before = everything();
  for (Fault fault : {Fault::KillBefore, Fault::KillAfter}) {
    int points = 0;
    for_each_failure_point(
        kernel_,
        fault,
        [&] {
          try {
            EXPECT_TRUE(load_on("eth0").ok());
          } catch (const Killed&) {
          }
        },
        [&](int at) {
          {
            WriteSession next = open();
          }
          EXPECT_EQ(everything(), before) << "killed at effect " << at;
          ++points;
        });
    EXPECT_EQ(points, 5);
    ASSERT_TRUE(unload_all().ok());
    // The image of the last, undisturbed run stays known; from here on that is the state to come
    // back to.
    before = everything();
  }
}

TEST_F(ExecutorTest, AKillAtAnyStepOfAnUnloadIsFinishedByTheNextCommand) {
  FakeWorld empty = kernel_.world;
  for (Fault fault : {Fault::KillBefore, Fault::KillAfter}) {
    for (int at = 1; at <= 2; ++at) {
      ASSERT_TRUE(load_on("eth0").ok());
      kernel_.arm(fault, at);
      EXPECT_THROW((void)unload_all(), Killed);
      kernel_.arm(Fault::None, 0);
      {
        WriteSession next = open();
      }
      Everything after = everything();
      EXPECT_EQ(after.world, empty) << at;
      EXPECT_THAT(after.programs, IsEmpty());
      EXPECT_THAT(after.links, IsEmpty());
      EXPECT_EQ(after.open_operations, 0U);
    }
  }
}

// Every verb on a chain of two, killed at each effect, by each strategy: afterwards the hook runs
// what the records say, which is all or nothing of the verb.
class ChainFaultTest : public ExecutorTest, public ::testing::WithParamInterface<bool> {};

TEST_P(ChainFaultTest, AKillAnywhereLeavesATrueChain) {
  kernel_.extensions.available = GetParam();
  using Verb = std::function<Result<plan::Bindings>()>;
  const std::vector<Verb> verbs = {[this] { return load_on("eth0"); },
                                   [this] { return move_first_to_the_end(); },
                                   [this] { return detach_first(); },
                                   [this] { return unload_all(); }};
  for (const Verb& verb : verbs) {
    for (Fault fault : {Fault::KillBefore, Fault::KillAfter, Fault::Error}) {
      for (int at = 1; at < 40; ++at) {
        ASSERT_TRUE(load_on("eth0").ok());
        ASSERT_TRUE(load_on("eth0").ok());
        ASSERT_TRUE(load_on("eth0").ok());
        kernel_.arm(fault, at);
        try {
          (void)verb();
        } catch (const Killed&) {
        }
        bool hit = kernel_.effects() >= at;
        kernel_.arm(Fault::None, 0);
        {
          WriteSession next = open();
        }
        expect_truth();
        ASSERT_TRUE(unload_all().ok());
        expect_truth();
        if (!hit) {
          break;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Strategies, ChainFaultTest, ::testing::Bool());

TEST_F(ExecutorTest, ADetachThatCannotMakeWhatShallStayChangesNothing) {
  kernel_.extensions.available = false;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(load_on("eth0").ok());
  }
  Everything before = everything();
  kernel_.arm(Fault::Error, 1);
  Result<plan::Bindings> done = detach_first();
  kernel_.arm(Fault::None, 0);
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message(), HasSubstr("build_chain"));
  EXPECT_EQ(everything(), before);
  EXPECT_EQ(everything().open_operations, 0U);
  // The same when the process was killed, and what it began can never be made.
  kernel_.arm(Fault::KillBefore, 1);
  EXPECT_THROW((void)detach_first(), Killed);
  EXPECT_EQ(everything().open_operations, 1U);
  kernel_.arm(Fault::Error, 1);
  {
    WriteSession next = open();
  }
  kernel_.arm(Fault::None, 0);
  EXPECT_EQ(everything(), before);
}

TEST_F(ExecutorTest, ADetachThatFailsIsFinishedByTheNextCommand) {
  ASSERT_TRUE(load_on("eth0").ok());
  kernel_.arm(Fault::Error, 1);
  Result<plan::Bindings> done = detach_first();
  kernel_.arm(Fault::None, 0);
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().hints().back(), HasSubstr("the next bpfman command takes up the rest"));
  EXPECT_EQ(everything().open_operations, 1U);
  {
    WriteSession next = open();
  }
  Everything after = everything();
  EXPECT_THAT(after.links, IsEmpty());
  EXPECT_THAT(after.programs, SizeIs(1));
  EXPECT_THAT(after.world.hooks, IsEmpty());
  EXPECT_EQ(after.open_operations, 0U);
}

TEST_F(ExecutorTest, ADetachThatCannotBeFinishedIsNotPlayedOverLaterCommands) {
  ASSERT_TRUE(load_on("eth0").ok());
  kernel_.arm(Fault::Error, 1);
  ASSERT_FALSE(detach_first().ok());
  kernel_.arm(Fault::Error, 1);  // of the attempt to finish it
  ASSERT_TRUE(load_on("eth1").ok());
  kernel_.arm(Fault::None, 0);
  Everything before = everything();
  EXPECT_EQ(before.open_operations, 1U);
  before.open_operations = 0;
  {
    WriteSession next = open();
  }
  EXPECT_EQ(everything(), before);
  EXPECT_THAT(before.links, SizeIs(2));
  EXPECT_THAT(before.world.hooks, SizeIs(2));
  store::Store store = *store::Store::open(layout_);
  std::vector<LedgerEntry> entries = *store.list_ledger(LedgerQuery());
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_EQ(entries.back().verb, "detach");
  EXPECT_EQ(entries.back().outcome, LedgerOutcome::Failed);
  EXPECT_THAT(entries.back().error, HasSubstr("bpfman doctor"));
}

TEST_F(ExecutorTest, ACommitThatIsRefusedUndoesTheKernelSide) {
  ASSERT_TRUE(load_on("eth0").ok());
  Everything before = everything();
  // The kernel hands out an id that a record of this boot already has: the transaction breaks a
  // constraint.
  kernel_.next_program = ProgramId(100);
  kernel_.world.program_pins.clear();
  before.world.program_pins.clear();
  before.world.map_directories.erase(layout_.map_directory(ProgramId(100)));
  Result<plan::Bindings> done = load_on("eth1");
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(everything(), before);
}

TEST_F(ExecutorTest, AfterARebootOnlyWhatOutlivesItIsUndone) {
  kernel_.arm(Fault::KillAfter, 5);
  EXPECT_THROW((void)load_on("eth0"), Killed);
  kernel_.arm(Fault::None, 0);
  // Another boot: a new bpffs in which another program happens to have the same id and so the same
  // pin.
  kernel_.boot = "boot-2";
  kernel_.world = FakeWorld{.bpffs = true};
  kernel_.world.program_pins[layout_.program_pin(ProgramId(100))] = ProgramId(100);
  FakeWorld after_boot = kernel_.world;
  {
    WriteSession next = open();
  }
  Everything after = everything();
  EXPECT_EQ(after.world, after_boot);
  EXPECT_FALSE(after.blob);
  EXPECT_EQ(after.open_operations, 0U);
}

TEST_F(ExecutorTest, AnUndoThatFailsKeepsTheJournalOpenAndIsTriedAgain) {
  Everything before = everything();
  // Effect 5 is the attach; effect 6 the first undo.
  kernel_.arm(Fault::KillAfter, 5);
  EXPECT_THROW((void)load_on("eth0"), Killed);
  kernel_.arm(Fault::Error, 1);
  {
    WriteSession next = open();
  }
  kernel_.arm(Fault::None, 0);
  EXPECT_EQ(everything().open_operations, 1U);
  {
    WriteSession next = open();
  }
  EXPECT_EQ(everything(), before);
}

TEST_F(ExecutorTest, ASecondWriterIsToldWhoHoldsTheLock) {
  WriteSession first = open();
  Result<WriteSession> second = WriteSession::open(layout_, kernel_, 20);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::Aborted);
  EXPECT_THAT(second.error().message(), HasSubstr("held by pid"));
}

TEST_F(ExecutorTest, AReaderClearsUpAfterADeadProcess) {
  Everything before = everything();
  kernel_.arm(Fault::KillAfter, 5);
  EXPECT_THROW((void)load_on("eth0"), Killed);
  kernel_.arm(Fault::None, 0);
  ASSERT_TRUE(open_for_reading(layout_, kernel_).ok());
  EXPECT_EQ(everything(), before);
}

TEST_F(ExecutorTest, AReaderDoesNotWaitForALivingWriter) {
  kernel_.arm(Fault::KillAfter, 5);
  EXPECT_THROW((void)load_on("eth0"), Killed);
  kernel_.arm(Fault::None, 0);
  FileLock held = *FileLock::acquire(layout_.lock_file(), 1000);
  EXPECT_TRUE(open_for_reading(layout_, kernel_).ok());
  EXPECT_EQ(everything().open_operations, 1U);
}

}  // namespace
}  // namespace bpfman
