// SPDX-License-Identifier: Apache-2.0
// Old, mixed, cut and swollen files of a TUF repository; and the public Sigstore's own.
#include <gmock/gmock.h>

#include "bpfman/base/sha256.h"
#include "bpfman/trust/trust_test_support.h"
#include "bpfman/trust/trusted_root.h"
#include "bpfman/trust/tuf_test_repository.h"

namespace bpfman::trust {
namespace {

using ::testing::HasSubstr;

class TufAttack : public ::testing::Test {
 protected:
  // An update to the second version of everything has been made.
  TufAttack() {
    for (TufRole name : {TufRole::Timestamp, TufRole::Snapshot, TufRole::Targets}) {
      role(name).version = 2;
    }
    repository_.publish();
    state_.root = repository_.root();
    first_ = update();
  }

  Result<TufTarget> update() { return update_tuf(state_, repository_, kTestTarget, kTestNow); }

  void expect_error(Code code, const std::string& text) {
    TufState before = state_;
    Result<TufTarget> done = update();
    ASSERT_FALSE(done.ok()) << text;
    EXPECT_EQ(done.error().code(), code) << done.error().message();
    EXPECT_THAT(done.error().message(), HasSubstr(text));
    EXPECT_EQ(state_.root, before.root);
  }

  TestRole& role(TufRole name) { return repository_.role(name); }

  TufTestRepository repository_;
  TufState state_;
  std::optional<Result<TufTarget>> first_;
};

TEST_F(TufAttack, NoRoleGoesBack) {
  ASSERT_TRUE((*first_).ok());
  TufState before = state_;
  role(TufRole::Timestamp).version = 1;
  repository_.publish();
  expect_error(Code::PermissionDenied, "timestamp.json goes back from version 2 to 1");
  EXPECT_EQ(state_, before);

  role(TufRole::Timestamp).version = 3;
  role(TufRole::Snapshot).version = 1;
  repository_.publish();
  expect_error(Code::PermissionDenied,
               "timestamp.json: snapshot.json goes back from version 2 to 1");
  EXPECT_EQ(state_, before);

  role(TufRole::Snapshot).version = 3;
  role(TufRole::Targets).version = 1;
  repository_.publish();
  expect_error(Code::PermissionDenied,
               "3.snapshot.json: targets.json goes back from version 2 to 1");
  EXPECT_EQ(state_.snapshot, before.snapshot);
  EXPECT_EQ(state_.timestamp, repository_.files["timestamp.json"]) << "that one was good";
}

TEST_F(TufAttack, FilesOfASnapshotStayListed) {
  repository_.more_files["registry.json"] = 4;
  role(TufRole::Timestamp).version = 3;
  role(TufRole::Snapshot).version = 3;
  repository_.publish();
  ASSERT_TRUE(update().ok());
  role(TufRole::Timestamp).version = 4;
  role(TufRole::Snapshot).version = 4;
  repository_.more_files["registry.json"] = 3;
  repository_.publish();
  expect_error(Code::PermissionDenied, "registry.json goes back from version 4 to 3");
  role(TufRole::Timestamp).version = 5;
  repository_.more_files.clear();
  repository_.publish();
  expect_error(Code::PermissionDenied, "it does not list registry.json any more");
}

TEST_F(TufAttack, AFreshTimestampOfTheSameVersionChangesNothing) {
  repository_.content = "another target";
  TufState before = state_;
  repository_.publish();  // all versions are as before
  Result<TufTarget> done = update();
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message(), HasSubstr("2.snapshot.json"));
  EXPECT_EQ(state_, before);
}

TEST_F(TufAttack, NewOnlineKeysLetVersionsBeginAnew) {
  for (TufRole name : {TufRole::Timestamp, TufRole::Snapshot}) {
    role(name) = TestRole{.keys = {"fresh"}, .signers = {"fresh"}};
  }
  role(TufRole::Targets).version = 1;
  repository_.publish();
  repository_.rotate_root({"root"});
  Result<TufTarget> done = update();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->timestamp_version, 1U);
}

TEST_F(TufAttack, AKeptFileThatIsDamagedIsNone) {
  state_.timestamp = "{}";
  state_.snapshot = "damaged";
  EXPECT_TRUE(update().ok());
  state_.root = "damaged";
  Result<TufTarget> done = update();
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message(), HasSubstr("the trusted root: no TUF metadata"));
}

TEST_F(TufAttack, FilesThatDoNotBelongTogether) {
  repository_.digests = false;
  role(TufRole::Timestamp).version = 3;
  role(TufRole::Snapshot).version = 3;
  repository_.snapshot_version_said = 4;
  repository_.publish();
  repository_.files["4.snapshot.json"] = repository_.files["3.snapshot.json"];
  expect_error(Code::PermissionDenied,
               "4.snapshot.json: it has version 3; timestamp.json names version 4");

  repository_.snapshot_version_said.reset();
  role(TufRole::Timestamp).version = 4;
  role(TufRole::Snapshot).version = 5;
  repository_.targets_version_said = 9;
  repository_.publish();
  repository_.files["9.targets.json"] = repository_.files["2.targets.json"];
  expect_error(Code::PermissionDenied,
               "9.targets.json: it has version 2; snapshot.json names version 9");
}

TEST_F(TufAttack, BytesOtherThanThoseThatWereMeant) {
  struct Case {
    std::string path;
    const char* cut;
    const char* changed;
  };

  std::string target =
      "targets/" + to_hex(sha256(as_bytes(repository_.content))) + "." + kTestTarget;
  for (const Case& c : {Case{"2.snapshot.json", "bytes, not", "its sha256 is"},
                        Case{"2.targets.json", "bytes, not", "its sha256 is"},
                        Case{target, "bytes, not", "its sha256 is"}}) {
    std::string whole = repository_.files[c.path];
    repository_.files[c.path] = whole.substr(1);
    expect_error(Code::DataLoss, c.cut);
    repository_.files[c.path] = whole;
    repository_.files[c.path].back() ^= 1;
    expect_error(Code::DataLoss, c.changed);
    repository_.files[c.path] = whole + std::string(kTufTargetsLimit, ' ');
    expect_error(Code::ResourceExhausted, c.path + " has more than the");
    repository_.files.erase(c.path);
    expect_error(Code::NotFound, c.path + " is not in the TUF repository");
    repository_.files[c.path] = whole;
  }
}

TEST_F(TufAttack, FilesOfUnknownSizeHaveALimit) {
  repository_.files["timestamp.json"] += std::string(kTufTimestampLimit, ' ');
  expect_error(Code::ResourceExhausted, "timestamp.json has more than the 65536 bytes");
  repository_.files["2.root.json"] = std::string(kTufRootLimit + 1, ' ');
  expect_error(Code::ResourceExhausted, "2.root.json has more than the 524288 bytes");
}

TEST_F(TufAttack, AChangedWordBreaksTheSignature) {
  std::string& text = repository_.files["timestamp.json"];
  text.replace(text.find("\"version\": 2"), 12, "\"version\": 7");
  expect_error(Code::PermissionDenied, "timestamp.json: it is signed by 0 of the 1 keys");
}

TEST_F(TufAttack, FilesOfOtherRolesAndKinds) {
  std::string good = repository_.files["timestamp.json"];
  for (const std::string& text : {repository_.files["2.snapshot.json"],
                                  std::string(),
                                  std::string("[]"),
                                  std::string(R"({"signed":{}})"),
                                  good.substr(0, good.size() / 2)}) {
    repository_.files["timestamp.json"] = text;
    expect_error(Code::DataLoss, "timestamp.json: no TUF metadata");
  }
  repository_.specification = "2.0.0";
  repository_.publish();
  expect_error(Code::DataLoss, "it follows version \"2.0.0\" of the specification");
}

TEST_F(TufAttack, ATargetThatIsNotListedIsNotLookedForElsewhere) {
  repository_.lists_target = false;
  repository_.delegates = true;
  for (TufRole name : {TufRole::Timestamp, TufRole::Snapshot, TufRole::Targets}) {
    role(name).version = 3;
  }
  repository_.publish();
  expect_error(Code::NotFound,
               "targets.json lists no trusted_root.json; what it delegates to others is not");
}

// tests/data/tuf/public: see the README there.
class PublicSigstore final : public TufSource {
 public:
  Result<std::optional<Bytes>> fetch(const std::string& path, std::size_t) override {
    std::string text;
    if (path == "10.root.json" || path == "timestamp.json" || path == "156.snapshot.json" ||
        path == "10.targets.json") {
      text = test_file("../tuf/public/" + path);
    } else if (path.ends_with(".trusted_root.json")) {
      text = test_file("public/trusted_root.json");
    } else {
      return std::optional<Bytes>();
    }
    return std::optional(Bytes(as_bytes(text).begin(), as_bytes(text).end()));
  }
};

constexpr std::int64_t kWhenItWasValid = 1'732'800'000;  // 2024-11-28T13:20:00Z

TEST(TufOfThePublicSigstore, LeadsFromAnOldRootToTheTrustedRoot) {
  PublicSigstore source;
  TufState state{.root = test_file("../tuf/public/9.root.json")};
  Result<TufTarget> done = update_tuf(state, source, "trusted_root.json", kWhenItWasValid);
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->root_version, 10U);
  EXPECT_EQ(done->timestamp_version, 243U);
  EXPECT_EQ(done->snapshot_version, 156U);
  EXPECT_EQ(done->targets_version, 10U);
  EXPECT_TRUE(parse_trusted_root(as_text(done->bytes)).ok());
  Result<TufTarget> late = update_tuf(state, source, "trusted_root.json", 1'733'000'000);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().message(),
            "timestamp.json: version 243 has expired: 2024-11-30T07:24:43Z is over");
}

TEST(TufOfThePublicSigstore, TheRootThatIsBuiltInFollowsFromOlderOnes) {
  EXPECT_EQ(to_hex(sha256(as_bytes(sigstore_tuf_root()))),
            "a0dfcc5d51c1ce4a66b541a3fff0afa97225ccc40456b21140bb2e2f113122e2");
  Result<TufRoot> built_in = parse_tuf_root(sigstore_tuf_root());
  ASSERT_TRUE(built_in.ok()) << built_in.error().message();
  EXPECT_EQ(built_in->document.version, 14U);
  EXPECT_GE(count_signers(built_in->document, built_in->keys_of(TufRole::Root)), 3U);
  Result<TufRoot> twelve = parse_tuf_root(test_file("../tuf/public/12.root.json"));
  Result<TufRoot> thirteen = parse_tuf_root(test_file("../tuf/public/13.root.json"));
  ASSERT_TRUE(twelve.ok() && thirteen.ok());
  EXPECT_GE(count_signers(thirteen->document, twelve->keys_of(TufRole::Root)), 3U);
  EXPECT_GE(count_signers(built_in->document, thirteen->keys_of(TufRole::Root)), 3U);
}

}  // namespace
}  // namespace bpfman::trust
