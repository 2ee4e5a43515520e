// SPDX-License-Identifier: Apache-2.0
// The workflow of an update, and each way in which a repository can be wrong.
#include "bpfman/trust/tuf_client.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "bpfman/base/sha256.h"
#include "bpfman/trust/trust_test_support.h"
#include "bpfman/trust/tuf_test_repository.h"

namespace bpfman::trust {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TufUpdate : public ::testing::Test {
 protected:
  // Publishes, and begins with the root of now.
  void begin() {
    repository_.publish();
    state_ = TufState{.root = repository_.root()};
  }

  Result<TufTarget> update(std::int64_t now = kTestNow) {
    repository_.fetched.clear();
    return update_tuf(state_, repository_, kTestTarget, now);
  }

  void expect_good() {
    Result<TufTarget> done = update();
    ASSERT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(as_text(done->bytes), repository_.content);
  }

  void expect_error(Code code, const std::string& text, std::int64_t now = kTestNow) {
    Result<TufTarget> done = update(now);
    ASSERT_FALSE(done.ok()) << text;
    EXPECT_EQ(done.error().code(), code) << done.error().message();
    EXPECT_THAT(done.error().message(), HasSubstr(text));
  }

  TestRole& role(TufRole name) { return repository_.role(name); }

  TufTestRepository repository_;
  TufState state_;
};

TEST_F(TufUpdate, FollowsTheWorkflow) {
  begin();
  Result<TufTarget> done = update();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(as_text(done->bytes), "the target");
  EXPECT_EQ(done->root_version, 1U);
  EXPECT_EQ(done->expires, kTestEnd);
  std::string digest = to_hex(sha256(as_bytes("the target")));
  EXPECT_THAT(repository_.fetched,
              ElementsAre("2.root.json",
                          "timestamp.json",
                          "1.snapshot.json",
                          "1.targets.json",
                          "targets/" + digest + ".trusted_root.json"));
  EXPECT_EQ(state_.timestamp, repository_.files["timestamp.json"]);
  EXPECT_EQ(state_.snapshot, repository_.files["1.snapshot.json"]);
  EXPECT_EQ(state_.targets, repository_.files["1.targets.json"]);
  expect_good();  // nothing is new
}

TEST_F(TufUpdate, OfARepositoryWithoutConsistentSnapshotsAndWithoutDigests) {
  repository_.consistent = false;
  repository_.digests = false;
  begin();
  expect_good();
  EXPECT_THAT(repository_.fetched,
              ElementsAre("2.root.json",
                          "timestamp.json",
                          "snapshot.json",
                          "targets.json",
                          "targets/trusted_root.json"));
}

TEST_F(TufUpdate, TakesADigestOfEitherKind) {
  repository_.sha512_only = true;
  begin();
  expect_good();
  repository_.content = "another one";
  repository_.files[repository_.fetched.back()] = "THE TARGET";
  expect_error(Code::DataLoss, "its sha512 is");
}

TEST_F(TufUpdate, BelievesKeysOfEveryKind) {
  for (TestKeyKind kind : {TestKeyKind::P256,
                           TestKeyKind::P256ByName,
                           TestKeyKind::P256Hex,
                           TestKeyKind::P384,
                           TestKeyKind::Ed25519,
                           TestKeyKind::Rsa}) {
    std::string key = "key " + std::to_string(static_cast<int>(kind));
    repository_.kinds[key] = kind;
    for (TufRole name : {TufRole::Root, TufRole::Timestamp, TufRole::Snapshot, TufRole::Targets}) {
      role(name).keys = {key};
      role(name).signers = {key};
    }
    begin();
    expect_good();
  }
}

TEST_F(TufUpdate, BelievesNoKeyOfAKindThatIsNotKnown) {
  for (TestKeyKind kind : {TestKeyKind::Unknown, TestKeyKind::NotWhatItIs}) {
    repository_.kinds["strange"] = kind;
    role(TufRole::Timestamp).keys = {"strange"};
    role(TufRole::Timestamp).signers = {"strange"};
    begin();
    expect_error(Code::PermissionDenied, "timestamp.json: it is signed by 0 of the 1 keys");
    role(TufRole::Timestamp).keys = {"strange", "online"};
    role(TufRole::Timestamp).signers = {"strange", "online"};
    begin();
    expect_good();
  }
}

TEST_F(TufUpdate, WantsAsManySignersOfEachRoleAsTheRootSays) {
  struct Case {
    TufRole role;
    const char* text;
  };

  for (const Case& c :
       {Case{TufRole::Timestamp, "timestamp.json: it is signed by 1 of the 2 keys for timestamp"},
        Case{TufRole::Snapshot, "1.snapshot.json: it is signed by 1 of the 2 keys for snapshot"},
        Case{TufRole::Targets, "1.targets.json: it is signed by 1 of the 2 keys for targets"},
        Case{TufRole::Root, "the trusted root: it is signed by 1 of the 2 keys for root"}}) {
    TestRole before = role(c.role);
    role(c.role) = TestRole{.keys = {"one", "two", "three"}, .threshold = 2, .signers = {"one"}};
    begin();
    expect_error(Code::PermissionDenied, c.text);
    role(c.role).signers = {"one", "one", "stranger"};
    begin();
    expect_error(Code::PermissionDenied, c.text);
    role(c.role).signers = {"three", "one"};
    begin();
    expect_good();
    role(c.role) = before;
  }
}

TEST_F(TufUpdate, CountsOneKeyUnderTwoIdsOnce) {
  repository_.same_as["alias"] = "one";
  role(TufRole::Targets) =
      TestRole{.keys = {"one", "alias"}, .threshold = 2, .signers = {"one", "alias"}};
  begin();
  expect_error(Code::PermissionDenied, "it is signed by 1 of the 2 keys for targets");
}

TEST_F(TufUpdate, FollowsTheRootThroughItsVersions) {
  role(TufRole::Root).expires = kTestNow - 5;  // of those in the middle it does not matter
  begin();
  repository_.rotate_root({"second"});
  repository_.rotate_root({"third"});
  role(TufRole::Root).expires = kTestEnd;
  repository_.rotate_root({"third", "fourth"});
  Result<TufTarget> done = update();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->root_version, 4U);
  EXPECT_EQ(state_.root, repository_.root());
}

TEST_F(TufUpdate, KeepsTheNewestGoodRootWhenALaterStepFails) {
  begin();
  repository_.rotate_root({"second"});
  std::string second = repository_.root();
  repository_.rotate_root({"third"});
  role(TufRole::Root).signers = {"third"};
  repository_.publish_root();
  expect_error(Code::PermissionDenied,
               "3.root.json: it is signed by 0 of the 1 keys for root that root version 2 demands");
  EXPECT_EQ(state_.root, second);
}

TEST_F(TufUpdate, WantsANewRootToBeSignedByItsOwnKeysToo) {
  begin();
  repository_.rotate_root({"second"});
  role(TufRole::Root).signers = {"root"};
  repository_.publish_root();
  expect_error(Code::PermissionDenied,
               "2.root.json: it is signed by 0 of the 1 keys for root that root version 2 demands");
}

TEST_F(TufUpdate, WantsTheNextRootToHaveTheNextVersion) {
  begin();
  std::string first = repository_.root();
  repository_.files["2.root.json"] = first;
  expect_error(Code::PermissionDenied, "2.root.json: it has version 1");
  role(TufRole::Root).version = 7;
  repository_.publish_root();
  repository_.files["2.root.json"] = repository_.files["7.root.json"];
  expect_error(Code::PermissionDenied, "2.root.json: it has version 7");
  EXPECT_EQ(state_.root, first);
}

TEST_F(TufUpdate, StopsAfterSoManyRoots) {
  begin();
  for (int i = 0; i < kMaxTufRotations + 2; ++i) {
    repository_.rotate_root({"root"});
  }
  expect_good();
  EXPECT_EQ(std::count_if(repository_.fetched.begin(),
                          repository_.fetched.end(),
                          [](const std::string& path) { return path.ends_with(".root.json"); }),
            kMaxTufRotations);
}

TEST_F(TufUpdate, TakesNothingThatHasExpired) {
  struct Case {
    TufRole role;
    const char* text;
  };

  for (const Case& c : {Case{TufRole::Root, "root.json: version 1 has expired: 2027-"},
                        Case{TufRole::Timestamp, "timestamp.json: version 1 has expired"},
                        Case{TufRole::Snapshot, "1.snapshot.json: version 1 has expired"},
                        Case{TufRole::Targets, "1.targets.json: version 1 has expired"}}) {
    role(c.role).expires = kTestNow;
    begin();
    expect_error(Code::FailedPrecondition, c.text);
    role(c.role).expires = kTestNow + 1;
    begin();
    expect_good();
    // A mirror that holds back what is new is noticed, too.
    expect_error(Code::FailedPrecondition, "has expired", kTestNow + 1);
    role(c.role).expires = kTestEnd;
  }
}

}  // namespace
}  // namespace bpfman::trust
