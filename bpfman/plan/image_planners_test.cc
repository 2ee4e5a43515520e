// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/image_planners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ImageRecord image(const std::string& reference, const std::string& object, std::int64_t used = 0) {
  ImageRecord record{.reference = reference, .typed = reference, .bytecode = digest_of(object)};
  record.provenance.image_id = digest_of("image of " + object);
  record.last_used = used;
  return record;
}

// a: 10 bytes, used by app/a; b: 20, two references; c: 30; d: 40 bytes that nothing names.
ImageStock stock() {
  ImageStock out;
  out.programs = {program_record(1, 57, "a")};
  out.images = {image("docker.io/library/a:1", "a", 1),
                image("docker.io/library/b:1", "b", 2),
                image("docker.io/library/b:2", "b", 9),
                image("docker.io/library/c:1", "c", 3)};
  out.blobs = {
      {digest_of("a"), 10}, {digest_of("b"), 20}, {digest_of("c"), 30}, {digest_of("d"), 40}};
  return out;
}

TEST(FindImage, ByNameOrById) {
  std::vector<ImageRecord> images = stock().images;
  EXPECT_EQ(find_image("c:1", images)->reference, "docker.io/library/c:1");
  std::string id(digest_of("image of c").hex());
  EXPECT_EQ(find_image(id, images)->reference, "docker.io/library/c:1");
  EXPECT_EQ(find_image("sha256:" + id, images)->reference, "docker.io/library/c:1");
  EXPECT_EQ(find_image(id.substr(0, 12), images)->reference, "docker.io/library/c:1");
  EXPECT_EQ(find_image(digest_of("c").hex(), images)->reference, "docker.io/library/c:1");
  EXPECT_EQ(find_image(digest_of("b").short_hex(), images)->bytecode, digest_of("b"));
}

TEST(FindImage, SaysWhatIsNearAndWhatIsMeantTwice) {
  std::vector<ImageRecord> images = stock().images;
  Error missing = find_image("docker.io/library/c:2", images).error();
  EXPECT_EQ(missing.code(), Code::NotFound);
  EXPECT_THAT(missing.hints(), ElementsAre(HasSubstr("docker.io/library/c:1")));
  EXPECT_EQ(find_image("UPPER", images).error().code(), Code::InvalidArgument);
  images[3].provenance.image_id = images[0].provenance.image_id;
  Error twice = find_image(images[0].provenance.image_id.short_hex(), images).error();
  EXPECT_EQ(twice.code(), Code::InvalidArgument);
  EXPECT_THAT(twice.message(), HasSubstr("docker.io/library/a:1, docker.io/library/c:1"));
}

TEST(ImageRemove, TakesTheReferenceAndTheBytecodeThatNothingElseNames) {
  ImageRemoval removal = plan_image_remove({stock().images[3]}, stock());
  EXPECT_EQ(removal.plan.recovery, Recovery::Finish);
  EXPECT_THAT(removal.plan.steps, IsEmpty());
  EXPECT_THAT(removal.plan.commit, ElementsAre(RecordChange(DeleteImage{"docker.io/library/c:1"})));
  EXPECT_THAT(removal.plan.cleanup, ElementsAre(Action(RemoveUnusedBlob{digest_of("c")})));
  EXPECT_THAT(removal.freed, ElementsAre(StoredBlob{digest_of("c"), 30}));
  EXPECT_THAT(removal.kept, IsEmpty());
}

TEST(ImageRemove, LeavesWhatAProgramOrAnotherReferenceNeeds) {
  ImageRemoval used = plan_image_remove({stock().images[0]}, stock());
  EXPECT_THAT(used.freed, IsEmpty());
  EXPECT_THAT(used.plan.cleanup, IsEmpty());
  EXPECT_THAT(used.kept, ElementsAre(KeptBytecode{digest_of("a"), {"app/a"}}));
  EXPECT_THAT(plan_image_remove({stock().images[1]}, stock()).freed, IsEmpty());
}

TEST(ImageRemove, TheSameTwiceIsOnce) {
  ImageRecord c = stock().images[3];
  EXPECT_EQ(plan_image_remove({c, c}, stock()).plan, plan_image_remove({c}, stock()).plan);
}

TEST(ImagePrune, ByItselfTakesOnlyWhatNothingNames) {
  ImageRemoval removal = plan_image_prune(PruneScope::Unnamed, 0, "", stock());
  EXPECT_THAT(removal.references, IsEmpty());
  EXPECT_THAT(removal.plan.steps, ElementsAre(Step{.action = RemoveUnusedBlob{digest_of("d")}}));
  EXPECT_THAT(removal.freed, ElementsAre(StoredBlob{digest_of("d"), 40}));
}

TEST(ImagePrune, OfAllLeavesWhatProgramsUse) {
  ImageRemoval removal = plan_image_prune(PruneScope::Unused, 0, "", stock());
  EXPECT_THAT(
      removal.references,
      ElementsAre("docker.io/library/b:1", "docker.io/library/b:2", "docker.io/library/c:1"));
  EXPECT_THAT(removal.freed,
              ElementsAre(StoredBlob{digest_of("b"), 20},
                          StoredBlob{digest_of("c"), 30},
                          StoredBlob{digest_of("d"), 40}));
}

TEST(ImagePrune, ToASizeTakesTheLeastRecentlyUsedFirst) {
  // 60 bytes are named. b:1 is oldest but its bytecode stays with b:2; then c goes.
  ImageRemoval removal = plan_image_prune(PruneScope::Unnamed, 30, "", stock());
  EXPECT_THAT(removal.references, ElementsAre("docker.io/library/b:1", "docker.io/library/c:1"));
  EXPECT_THAT(removal.freed,
              ElementsAre(StoredBlob{digest_of("c"), 30}, StoredBlob{digest_of("d"), 40}));
  EXPECT_THAT(plan_image_prune(PruneScope::Unnamed, 60, "", stock()).references, IsEmpty());
}

TEST(ImagePrune, NoLimitTakesWhatAProgramNeeds) {
  ImageRemoval removal = plan_image_prune(PruneScope::Unnamed, 1, "", stock());
  for (const StoredBlob& blob : removal.freed) {
    EXPECT_NE(blob.digest, digest_of("a"));
  }
  EXPECT_EQ(removal.references.size(), 3U);
}

TEST(ImagePrune, WhatIsToBeKeptStaysWhateverItsSize) {
  ImageRemoval removal = plan_image_prune(PruneScope::Unnamed, 1, "docker.io/library/c:1", stock());
  EXPECT_THAT(removal.references, ElementsAre("docker.io/library/b:1", "docker.io/library/b:2"));
}

TEST(ImagePlans, ANoteOfUseIsMadeWhereNothingElseIsWritten) {
  BytecodeFacts facts = one_program();
  EXPECT_EQ(
      std::get<PutImage>(plan_image_pull(facts, empty_snapshot())->commit[0]).record.last_used,
      1'700'000'000);
  facts.image.reset();
  EXPECT_THAT(plan_image_pull(facts, empty_snapshot())->commit,
              ElementsAre(RecordChange(TouchImage{facts.image_reference, 1'700'000'000})));
  EXPECT_EQ(plan_load(load_on_eth0(), facts, at(load_on_eth0(), free_hook()), seen(free_hook()))
                ->commit[0],
            RecordChange(TouchImage{facts.image_reference, 1'700'000'000}));
}

}  // namespace
}  // namespace bpfman::plan
