// SPDX-License-Identifier: Apache-2.0
// The verbs about images in the database, over a real store: what they leave, and what is left when
// a step of theirs fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "bpfman/manager/session.h"
#include "bpfman/plan/plan_json.h"
#include "bpfman/store/sqlite.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ImageVerbsTest : public ::testing::Test {
 protected:
  ImageVerbsTest() : directory_(*TempDir::create("bpfman-image-verbs")) {
    layout_.root = directory_.path();
    kernel_.world.bpffs = true;
    manager_ = make();
    object_ = *read_file(BPFMAN_EXAMPLE_OBJECT, 1 << 20);
  }

  std::unique_ptr<Manager> make() {
    ManagerOptions options;
    options.layout = layout_;
    options.runtimes.docker_hosts = {"unix://" + directory_.path() + "/no-docker.sock"};
    options.runtimes.storage_roots = {directory_.path() + "/no-storage"};
    options.lock_timeout_ms = 1000;
    return std::make_unique<Manager>(std::move(options), kernel_);
  }

  // Puts bytes into the store as the image `reference`.
  Digest put(const std::string& reference, const Bytes& bytes) {
    WriteSession session = *WriteSession::open(layout_, kernel_, 1000);
    plan::Snapshot snapshot = *session.snapshot();
    plan::BytecodeFacts facts;
    facts.digest = Digest::sha256_of(bytes);
    facts.size = bytes.size();
    facts.image_reference = reference;
    facts.image = ImageRecord{.reference = reference,
                              .bytecode = facts.digest,
                              .bytecode_size = bytes.size(),
                              .file_name = "x.o"};
    plan::Plan plan = *plan::plan_image_pull(facts, snapshot);
    EXPECT_TRUE(session.run(plan, snapshot, {{facts.digest, ByteView(bytes)}}).ok());
    return facts.digest;
  }

  static Bytes text(std::string_view content) {
    ByteView view = as_bytes(content);
    return {view.begin(), view.end()};
  }

  // What a process leaves that dies when it has journalled the plan.
  void die_after_journalling(const plan::Plan& plan) {
    store::Store store = *store::Store::open(layout_);
    ASSERT_TRUE(
        store
            .begin_operation(store::JournalEntry{.id = *store.next_operation(),
                                                 .verb = plan.verb,
                                                 .boot_id = *kernel_.boot_id(),
                                                 .started_at = 1,
                                                 .pid = 1,
                                                 .plan_json = plan::to_json(plan),
                                                 .bindings_json = plan::to_json(plan::Bindings{})})
            .ok());
  }

  void next_command() {
    Result<WriteSession> next = WriteSession::open(layout_, kernel_, 1000);
    ASSERT_TRUE(next.ok());
    EXPECT_THAT(*next->store().open_operations(), IsEmpty());
  }

  bool has_blob(const Digest& digest) { return store::Store::open(layout_)->has_blob(digest); }

  // Every write to the table fails.
  void refuse(const std::string& event) {
    store::Database database =
        *store::Database::open(layout_.database(), store::Access::ReadWriteCreate);
    Result<void> done = database.execute(
        ("CREATE TRIGGER refused BEFORE " + event + " BEGIN SELECT RAISE(ABORT, 'refused'); END")
            .c_str());
    ASSERT_TRUE(done.ok()) << done.error().message();
  }

  void allow() {
    store::Database database =
        *store::Database::open(layout_.database(), store::Access::ReadWriteCreate);
    ASSERT_TRUE(database.execute("DROP TRIGGER refused").ok());
  }

  TempDir directory_;
  Layout layout_;
  FakeKernel kernel_;
  std::unique_ptr<Manager> manager_;
  Bytes object_;
};

TEST_F(ImageVerbsTest, InspectTellsAllOfTheRecordAndTheObject) {
  Digest digest = put("docker.io/library/x:dev", object_);
  put("docker.io/library/y:dev", object_);
  Result<InspectImageReply> reply = manager_->inspect_image("x:dev");
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_EQ(reply->record.bytecode, digest);
  EXPECT_THAT(reply->references, ElementsAre("docker.io/library/x:dev", "docker.io/library/y:dev"));
  ASSERT_THAT(reply->programs, SizeIs(1));
  EXPECT_EQ(reply->programs[0].name, "pass_counter");
  EXPECT_EQ(reply->maps.at("packet_stats"), "per_cpu_array");
  EXPECT_THAT(reply->used_by, IsEmpty());
  EXPECT_EQ(reply->damage, "");
  EXPECT_EQ(manager_->inspect_image(digest.short_hex())->record.bytecode, digest);
}

TEST_F(ImageVerbsTest, InspectOfDamagedBytecodeStillShowsTheRecord) {
  Digest digest = put("docker.io/library/x:dev", object_);
  ASSERT_TRUE(write_file_atomic(layout_.blob(digest), as_bytes("damage"), 0600).ok());
  Result<InspectImageReply> reply = manager_->inspect_image("x:dev");
  ASSERT_TRUE(reply.ok());
  EXPECT_THAT(reply->damage, HasSubstr("does not match its digest"));
}

TEST_F(ImageVerbsTest, WithoutADatabaseThereIsNothingToFind) {
  EXPECT_EQ(manager_->inspect_image("x:dev").error().code(), Code::NotFound);
  EXPECT_EQ(manager_->image_history("x:dev").error().code(), Code::NotFound);
  EXPECT_EQ(manager_->remove_images({"x:dev"}, DryRun::Yes).error().code(), Code::NotFound);
  EXPECT_THAT(*manager_->verify_images({}), IsEmpty());
  EXPECT_THAT(manager_->prune_images({}, DryRun::Yes)->freed, IsEmpty());
  EXPECT_THAT(*list_directory(directory_.path()), IsEmpty());
}

TEST_F(ImageVerbsTest, RemoveTakesTheReferenceAndItsBytecode) {
  Digest digest = put("docker.io/library/x:dev", text("one"));
  Result<RemoveImagesReply> dry = manager_->remove_images({"x:dev"}, DryRun::Yes);
  ASSERT_TRUE(dry.ok());
  EXPECT_TRUE(has_blob(digest));
  EXPECT_THAT(*manager_->list_images(), SizeIs(1));
  Result<RemoveImagesReply> reply = manager_->remove_images({"x:dev"}, DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_EQ(reply->plan, dry->plan);
  EXPECT_THAT(reply->freed, ElementsAre(StoredBlob{digest, 3}));
  EXPECT_FALSE(has_blob(digest));
  EXPECT_THAT(*manager_->list_images(), IsEmpty());
}

TEST_F(ImageVerbsTest, RemoveLeavesWhatALoadedProgramNeedsAndSaysSo) {
  LoadSpec spec;
  spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
  ASSERT_TRUE(manager_->load(spec, DryRun::No).ok());
  Digest digest = put("docker.io/library/x:dev", object_);
  Result<RemoveImagesReply> reply = manager_->remove_images({"x:dev"}, DryRun::No);
  ASSERT_TRUE(reply.ok());
  EXPECT_THAT(reply->freed, IsEmpty());
  ASSERT_THAT(reply->kept, SizeIs(1));
  EXPECT_THAT(reply->kept[0].programs, ElementsAre("xdp_pass_counter/pass_counter"));
  EXPECT_TRUE(has_blob(digest));
  // The last user takes it along.
  ASSERT_TRUE(manager_->unload_all(DryRun::No).ok());
  EXPECT_FALSE(has_blob(digest));
}

TEST_F(ImageVerbsTest, ARecordThatCannotBeWrittenLeavesEverythingAndIsFinishedLater) {
  Digest digest = put("docker.io/library/x:dev", text("one"));
  refuse("DELETE ON images");
  Result<RemoveImagesReply> reply = manager_->remove_images({"x:dev"}, DryRun::No);
  ASSERT_FALSE(reply.ok());
  EXPECT_TRUE(has_blob(digest));
  EXPECT_THAT(*store::Store::open(layout_)->list_images(), SizeIs(1));
  EXPECT_THAT(*store::Store::open(layout_)->list_history("docker.io/library/x:dev"), SizeIs(1));
  allow();
  {
    WriteSession next = *WriteSession::open(layout_, kernel_, 1000);
  }
  EXPECT_THAT(*manager_->list_images(), IsEmpty());
  EXPECT_FALSE(has_blob(digest));
}

TEST_F(ImageVerbsTest, BytecodeThatCannotBeRemovedIsNotSaidToBeFreedAndPrunedLater) {
  Digest digest = put("docker.io/library/x:dev", text("one"));
  // A directory in its place cannot be unlinked, whoever asks.
  ASSERT_TRUE(remove_file(layout_.blob(digest)).ok());
  ASSERT_TRUE(make_directories(layout_.blob(digest), 0700).ok());
  Result<RemoveImagesReply> reply = manager_->remove_images({"x:dev"}, DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->references, SizeIs(1));
  EXPECT_THAT(reply->freed, IsEmpty());
  Result<RemoveImagesReply> prune = manager_->prune_images({}, DryRun::No);
  ASSERT_FALSE(prune.ok());
  ASSERT_TRUE(remove_directory(layout_.blob(digest)).ok());
  ASSERT_TRUE(write_file_atomic(layout_.blob(digest), as_bytes("one"), 0600).ok());
  {
    WriteSession next = *WriteSession::open(layout_, kernel_, 1000);
  }
  EXPECT_FALSE(has_blob(digest)) << "the next command finishes what is open";
}

TEST_F(ImageVerbsTest, ARemovalWhoseProcessDiesIsFinishedAlsoAfterAReboot) {
  for (const char* boot : {"boot-1", "boot-2"}) {
    Digest digest = put("docker.io/library/x:dev", text("one"));
    plan::ImageStock stock;
    {
      store::Store store = *store::Store::open(layout_);
      stock.images = *store.list_images();
      stock.blobs = *store.list_blobs();
    }
    die_after_journalling(plan::plan_image_remove(stock.images, stock).plan);
    kernel_.boot = boot;
    next_command();
    EXPECT_THAT(*manager_->list_images(), IsEmpty());
    EXPECT_FALSE(has_blob(digest));
  }
}

TEST_F(ImageVerbsTest, AnImageLoadWhoseProcessDiesIsUndone) {
  Digest present = put("docker.io/library/x:dev", text("one"));
  std::vector<plan::BytecodeFacts> images(2);
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].digest = Digest::sha256_of(as_bytes(i == 0 ? "one" : "two"));
    images[i].image = ImageRecord{.reference = "docker.io/library/y:" + std::to_string(i),
                                  .bytecode = images[i].digest};
  }
  plan::Snapshot snapshot;
  die_after_journalling(plan::plan_image_load(images, snapshot));
  ASSERT_TRUE(store::Store::open(layout_)->put_blob(images[1].digest, as_bytes("two")).ok());
  next_command();
  EXPECT_THAT(*manager_->list_images(), SizeIs(1));
  EXPECT_TRUE(has_blob(present)) << "another image names it";
  EXPECT_FALSE(has_blob(images[1].digest));
}

TEST_F(ImageVerbsTest, ANoteOfUseThatFailsUndoesThePull) {
  put("docker.io/library/x:dev", text("one"));
  refuse("UPDATE OF last_used ON images");
  WriteSession session = *WriteSession::open(layout_, kernel_, 1000);
  plan::Snapshot snapshot = *session.snapshot();
  plan::BytecodeFacts facts;
  facts.image_reference = "docker.io/library/x:dev";
  plan::Plan plan = *plan::plan_image_pull(facts, snapshot);
  EXPECT_FALSE(session.run(plan, snapshot, {}).ok());
  EXPECT_THAT(*session.store().open_operations(), IsEmpty());
}

TEST_F(ImageVerbsTest, PruneTakesWhatNothingNamesAndWithAllWhatNoProgramUses) {
  Digest named = put("docker.io/library/x:dev", text("named"));
  Digest orphan = Digest::sha256_of(as_bytes("orphan"));
  ASSERT_TRUE(store::Store::open(layout_)->put_blob(orphan, as_bytes("orphan")).ok());
  Result<RemoveImagesReply> first = manager_->prune_images({}, DryRun::No);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(first->freed, ElementsAre(StoredBlob{orphan, 6}));
  EXPECT_TRUE(has_blob(named));
  Result<RemoveImagesReply> all =
      manager_->prune_images(PruneSpec{.scope = plan::PruneScope::Unused}, DryRun::No);
  ASSERT_TRUE(all.ok());
  EXPECT_THAT(all->references, ElementsAre("docker.io/library/x:dev"));
  EXPECT_THAT(all->freed, ElementsAre(StoredBlob{named, 5}));
  EXPECT_FALSE(has_blob(named));
}

TEST_F(ImageVerbsTest, VerifyNamesWhatIsMissingAndWhatIsDamaged) {
  put("docker.io/library/whole:1", text("whole"));
  Digest missing = put("docker.io/library/missing:1", text("missing"));
  Digest damaged = put("docker.io/library/damaged:1", text("damaged"));
  ASSERT_TRUE(remove_file(layout_.blob(missing)).ok());
  ASSERT_TRUE(write_file_atomic(layout_.blob(damaged), as_bytes("DAMAGED"), 0600).ok());
  Result<std::vector<VerifiedBytecode>> all = manager_->verify_images({});
  ASSERT_TRUE(all.ok());
  ASSERT_THAT(*all, SizeIs(3));
  for (const VerifiedBytecode& entry : *all) {
    BlobState expected = entry.digest == missing   ? BlobState::Missing
                         : entry.digest == damaged ? BlobState::Damaged
                                                   : BlobState::Whole;
    EXPECT_EQ(entry.state, expected) << entry.references.front();
    EXPECT_EQ(entry.detail.empty(), expected == BlobState::Whole);
  }
  Result<std::vector<VerifiedBytecode>> one = manager_->verify_images({"whole:1"});
  ASSERT_TRUE(one.ok());
  EXPECT_THAT(*one, SizeIs(1));
}

TEST_F(ImageVerbsTest, HistoryTellsWhatAReferenceMeant) {
  Digest first = put("docker.io/library/x:dev", text("one"));
  Digest second = put("docker.io/library/x:dev", text("two"));
  Result<std::vector<ImageHistoryEntry>> history = manager_->image_history("x:dev");
  ASSERT_TRUE(history.ok());
  ASSERT_THAT(*history, SizeIs(2));
  EXPECT_EQ((*history)[0].bytecode, first);
  EXPECT_EQ((*history)[1].bytecode, second);
}

// ---- a store that is kept below a limit

class LimitedStore : public ImageVerbsTest {
 protected:
  LimitedStore() {
    archive_ = directory_.path() + "/x.tar";
    Result<BuildImageReply> built =
        manager_->build_image(BuildSpec{.paths = {BPFMAN_EXAMPLE_OBJECT},
                                        .tag = "x:dev",
                                        .target = BuildTarget::OciArchive,
                                        .output_path = archive_},
                              DryRun::No);
    EXPECT_TRUE(built.ok()) << built.error().message();
  }

  // Room for the object and that much more.
  std::unique_ptr<Manager> limited(std::uint64_t more) {
    ManagerOptions options;
    options.layout = layout_;
    options.lock_timeout_ms = 1000;
    options.max_store_bytes = object_.size() + more;
    return std::make_unique<Manager>(std::move(options), kernel_);
  }

  ImageSource source() const { return ImageSource{.reference = "oci-archive:" + archive_}; }

  std::vector<std::string> stored() {
    std::vector<std::string> names;
    std::vector<ImageRecord> images = *manager_->list_images();
    for (const ImageRecord& image : images) {
      names.push_back(image.reference);
    }
    return names;
  }

  std::string archive_;
};

TEST_F(LimitedStore, APullThatFitsRemovesNothing) {
  put("docker.io/library/a:dev", text("aaaa"));
  Result<PullReply> reply = limited(4)->pull_image(source(), DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->pruned, IsEmpty());
  EXPECT_THAT(reply->warnings, IsEmpty());
  EXPECT_THAT(stored(), SizeIs(2));
}

TEST_F(LimitedStore, APullRemovesWhatWasNotUsedForLongest) {
  Digest old = put("docker.io/library/a:dev", text("aaaa"));
  Digest kept = put("docker.io/library/b:dev", text("bbb"));
  Result<PullReply> reply = limited(3)->pull_image(source(), DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->pruned, ElementsAre("docker.io/library/a:dev"));
  EXPECT_FALSE(has_blob(old));
  EXPECT_TRUE(has_blob(kept));
}

TEST_F(LimitedStore, ADryRunRemovesNothing) {
  put("docker.io/library/a:dev", text("aaaa"));
  Result<PullReply> reply = limited(0)->pull_image(source(), DryRun::Yes);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->pruned, IsEmpty());
  EXPECT_THAT(stored(), ElementsAre("docker.io/library/a:dev"));
}

TEST_F(LimitedStore, WhatWasJustPulledStaysAndTheRestThatCannotGoIsSaid) {
  ManagerOptions options;
  options.layout = layout_;
  options.max_store_bytes = 10;
  Result<PullReply> reply = Manager(std::move(options), kernel_).pull_image(source(), DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->pruned, IsEmpty());
  ASSERT_THAT(reply->warnings, SizeIs(1));
  EXPECT_THAT(reply->warnings[0], HasSubstr("more than the 10 B of images.max_store_size"));
  EXPECT_THAT(stored(), SizeIs(1));
}

TEST_F(LimitedStore, ALoadSparesWhatProgramsWereLoadedFrom) {
  put("docker.io/library/a:dev", text("aaaa"));
  LoadSpec spec;
  spec.source = source();
  ASSERT_TRUE(limited(4)->load(spec, DryRun::No).ok());
  Bytes other = object_;
  other.push_back(std::byte{0});
  put("docker.io/library/c:dev", other);
  Result<LoadReply> reply = limited(1)->load(spec, DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->pruned, ElementsAre("docker.io/library/a:dev", "docker.io/library/c:dev"));
  EXPECT_TRUE(has_blob(Digest::sha256_of(object_)));
  EXPECT_THAT(reply->warnings, IsEmpty());
}

}  // namespace
}  // namespace bpfman
