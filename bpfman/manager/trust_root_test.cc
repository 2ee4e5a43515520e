// SPDX-License-Identifier: Apache-2.0
// Updates of the trust root out of a repository on loopback: what they leave on disk, and what they
// never touch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "bpfman/manager/session.h"
#include "bpfman/manager/trust_root_files.h"
#include "bpfman/trust/tuf_test_repository.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/http_server.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using bpfman::testing::HttpServer;
using bpfman::testing::ServerReply;
using bpfman::testing::ServerRequest;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using trust::TestRole;
using trust::TufRole;

constexpr std::size_t kLimit = std::size_t{1} << 20;

class TrustRootTest : public ::testing::Test {
 protected:
  TrustRootTest()
      : directory_(*TempDir::create("bpfman-trust-root")),
        server_("", [this](const auto& request) { return answer(request); }) {
    layout_.root = directory_.path();
    ManagerOptions options;
    options.layout = layout_;
    options.lock_timeout_ms = 1000;
    manager_ = std::make_unique<Manager>(std::move(options), kernel_);
    repository_.content = public_root();
    publish(1);
    write("root.json", repository_.root());
  }

  ServerReply answer(const ServerRequest& request) {
    if (status_ != 200) {
      return {.status = status_};
    }
    auto found = repository_.files.find(request.target.substr(1));
    return found == repository_.files.end() ? ServerReply{.status = 404}
                                            : ServerReply{.body = found->second};
  }

  static std::string read(const std::string& path) {
    Result<Bytes> bytes = read_file(path, kLimit);
    return bytes.ok() ? std::string(as_text(*bytes)) : "(none)";
  }

  static std::string public_root() {
    return read(std::string(BPFMAN_SIGNATURES) + "/public/trusted_root.json");
  }

  void publish(std::uint64_t version) {
    for (TufRole name : {TufRole::Root, TufRole::Timestamp, TufRole::Snapshot, TufRole::Targets}) {
      TestRole& role = repository_.role(name);
      role.expires = unix_now() + 1000;
      role.version = name == TufRole::Root ? role.version : version;
    }
    repository_.publish();
  }

  std::string write(const std::string& name, const std::string& text) {
    std::string path = join_path(directory_.path(), name);
    EXPECT_TRUE(make_directories(parent_path(path), 0755).ok());
    EXPECT_TRUE(write_file_atomic(path, as_bytes(text), 0644).ok());
    return path;
  }

  std::string mirror() const { return "http://" + server_.address(); }

  TrustRootSpec spec() const {
    return {.mirror = mirror(), .root = join_path(directory_.path(), "root.json")};
  }

  void expect_error(const TrustRootSpec& spec,
                    Code code,
                    const std::string& text,
                    const std::string& hint) {
    Result<UpdateTrustRootReply> done = manager_->update_trust_root(spec);
    ASSERT_FALSE(done.ok()) << text;
    EXPECT_EQ(done.error().code(), code) << done.error().message();
    EXPECT_THAT(done.error().message(), HasSubstr(text));
    if (!hint.empty()) {
      EXPECT_THAT(done.error().hints(), Contains(HasSubstr(hint)));
    }
  }

  void expect_good(const TrustRootSpec& spec, bool changed) {
    Result<UpdateTrustRootReply> done = manager_->update_trust_root(spec);
    ASSERT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(done->changed, changed);
    EXPECT_EQ(read(layout_.trusted_root()), repository_.content);
  }

  TempDir directory_;
  Layout layout_;
  FakeKernel kernel_;
  int status_ = 200;
  trust::TufTestRepository repository_;
  HttpServer server_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(TrustRootTest, IsFetchedAndInstalled) {
  Result<UpdateTrustRootReply> done = manager_->update_trust_root(spec());
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_TRUE(done->changed);
  EXPECT_EQ(done->copy, "");
  EXPECT_EQ(done->root.origin, mirror());
  EXPECT_EQ(done->root.root_version, 1U);
  EXPECT_EQ(done->root.logs, std::vector<std::string>{"https://rekor.sigstore.dev"});
  EXPECT_EQ(read(layout_.trusted_root()), public_root());
  EXPECT_EQ(read(layout_.tuf_directory() + "/root.json"), repository_.root());
  EXPECT_EQ(read(layout_.tuf_directory() + "/timestamp.json"), repository_.files["timestamp.json"]);
  struct ::stat info = {};
  ASSERT_EQ(::stat(layout_.trusted_root().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0644U);
  ASSERT_EQ(::stat(layout_.tuf_directory().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  // From now on neither the mirror nor the root need be named.
  expect_good({}, false);
  Result<TrustRootView> view = manager_->get_trust_root();
  ASSERT_TRUE(view.ok());
  EXPECT_TRUE(view->is_ours);
}

TEST_F(TrustRootTest, KeepsTheFormerOneAndFollowsRotations) {
  expect_good(spec(), true);
  std::string former = repository_.content;
  repository_.rotate_root({"second"});
  repository_.role(TufRole::Root).signers = {"root", "second"};
  repository_.content += "\n";
  publish(2);
  Result<UpdateTrustRootReply> done = manager_->update_trust_root({});
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->copy, layout_.trusted_root() + ".old");
  EXPECT_EQ(read(done->copy), former);
  EXPECT_EQ(done->root.root_version, 2U);
  expect_good(spec(), false);  // the root of the first time is no beginning anew
  EXPECT_EQ(read(layout_.tuf_directory() + "/root.json"), repository_.root());
}

TEST_F(TrustRootTest, NeverLosesAFileOfOthers) {
  write("etc/bpfman/trusted_root.json", "mine");
  expect_error(spec(), Code::AlreadyExists, "was not put there by bpfman", "--force");
  EXPECT_EQ(read(layout_.trusted_root()), "mine");
  TrustRootSpec forced = spec();
  forced.force = true;
  Result<UpdateTrustRootReply> done = manager_->update_trust_root(forced);
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(read(done->copy), "mine");
  std::string copy = done->copy;
  // Neither a second force nor updates touch that copy.
  write("etc/bpfman/trusted_root.json", "mine again");
  expect_error({}, Code::AlreadyExists, "or was changed since", "--force");
  expect_good({.force = true}, true);
  repository_.content += "\n";
  publish(2);
  expect_good({}, true);
  repository_.content += "\n";
  publish(3);
  expect_good({}, true);
  EXPECT_EQ(read(copy), "mine");
}

TEST_F(TrustRootTest, TakesTheSameFileOfOthersForItsOwn) {
  write("etc/bpfman/trusted_root.json", public_root());
  expect_good(spec(), false);
  repository_.content += "\n";
  publish(2);
  expect_good({}, true);
}

TEST_F(TrustRootTest, StaysWhenAnUpdateFails) {
  expect_good(spec(), true);
  std::string former = repository_.content;
  repository_.content = "{}";
  publish(2);
  expect_error({}, Code::InvalidArgument, "no trusted root of a Sigstore", "");
  publish(1);
  expect_error({}, Code::PermissionDenied, "timestamp.json goes back from version 2 to 1", "old");
  status_ = 503;
  expect_error({}, Code::Unavailable, "2.root.json: HTTP status 503", "--from FILE");
  EXPECT_EQ(read(layout_.trusted_root()), former);
}

TEST_F(TrustRootTest, KeepsTheStepsThatWereGood) {
  expect_good(spec(), true);
  repository_.rotate_root({"second"});
  repository_.files.erase("timestamp.json");
  expect_error({}, Code::NotFound, "timestamp.json is not in the TUF repository", "");
  EXPECT_EQ(read(layout_.tuf_directory() + "/root.json"), repository_.root());
}

TEST_F(TrustRootTest, OfAnotherSigstoreNeedsItsRoot) {
  expect_error({.mirror = mirror()}, Code::FailedPrecondition, "has expired", "--root FILE");
  EXPECT_FALSE(path_exists(layout_.tuf_directory() + "/root.json"));
  expect_good(spec(), true);
  std::string kept = read(layout_.tuf_directory() + "/root.json");
  // The same names of keys, but other keys.
  trust::TufTestRepository other;
  other.role(TufRole::Root).expires = unix_now() + 1000;
  other.publish();
  std::string root = write("other.json", other.root());
  expect_error({.root = root}, Code::InvalidArgument, "its mirror is missing", "--mirror");
  expect_error({.mirror = mirror(), .root = root},
               Code::PermissionDenied,
               "timestamp.json: it is signed by 0 of the 1 keys",
               "");
  EXPECT_EQ(read(layout_.tuf_directory() + "/root.json"), kept);
  std::swap(repository_.files, other.files);
  expect_error({}, Code::PermissionDenied, "timestamp.json: it is signed by 0 of the 1 keys", "");
  EXPECT_EQ(read(layout_.trusted_root()), public_root());
}

TEST_F(TrustRootTest, BeginsAnewWhenWhatWasTrustedIsDamaged) {
  expect_good(spec(), true);
  write("var/lib/bpfman/tuf/root.json", "{");
  expect_error({}, Code::DataLoss, "the root that is trusted so far: no TUF metadata", "--root");
  expect_good(spec(), false);
  expect_good({}, false);
}

TEST_F(TrustRootTest, ComesOutOfFilesWithoutANetwork) {
  std::string file = write("carried.json", public_root());
  Result<UpdateTrustRootReply> done = manager_->update_trust_root({.from = file});
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->root.origin, file);
  EXPECT_EQ(done->root.root_version, 0U);
  for (const auto& [path, text] : repository_.files) {
    write("copy/" + path, text);
  }
  std::string copy = join_path(directory_.path(), "copy");
  done = manager_->update_trust_root({.root = spec().root, .from = copy});
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->root.root_version, 1U);
  EXPECT_THAT(server_.requests(), IsEmpty());
  expect_error({.from = write("bad.json", "{}")}, Code::InvalidArgument, "no trusted root", "");
  expect_error({.from = "/nowhere"}, Code::NotFound, "/nowhere does not exist", "");
  expect_error({.mirror = mirror(), .from = copy}, Code::InvalidArgument, "without --mirror", "");
  expect_error({.root = "x", .from = file}, Code::InvalidArgument, "without --root", "");
}

TEST_F(TrustRootTest, IsAskedForOverHttpsOnly) {
  for (const char* url : {"http://tuf.example",
                          "tuf.example",
                          "ftp://tuf.example",
                          "https://",
                          "https://tuf.example/?x",
                          "https://me@tuf.example",
                          "https://tuf example"}) {
    expect_error({.mirror = url}, Code::InvalidArgument, "the mirror \"", "--mirror");
  }
  expect_error({.mirror = mirror(), .root = "/nowhere"}, Code::NotFound, "/nowhere", "");
  expect_error({.mirror = mirror(), .root = write("bad.json", "{}")},
               Code::InvalidArgument,
               "no TUF metadata",
               "root.json of a TUF repository");
}

TEST_F(TrustRootTest, SaysWhenThePolicyNamesAnotherOne) {
  write("etc/bpfman/policy.toml", "default = \"allow\"\ntrusted_root = \"/etc/other.json\"\n");
  Result<UpdateTrustRootReply> done = manager_->update_trust_root(spec());
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_THAT(done->root.warnings, ElementsAre(HasSubstr("/etc/other.json")));
}

TEST_F(TrustRootTest, RecordsWhatItsWordsMayBe) {
  ASSERT_TRUE(make_directories(layout_.tuf_directory(), 0700).ok());
  TrustRootRecord record{.mirror = "https://tuf.example",
                         .installed = Digest::sha256_of(as_bytes("x")),
                         .origin = "/a \"b\" \\ \n \x7f é",
                         .updated_at = 7,
                         .root_version = 3,
                         .expires = 9};
  ASSERT_TRUE(write_trust_root_record(layout_, record).ok());
  Result<TrustRootRecord> read_back = read_trust_root_record(layout_);
  ASSERT_TRUE(read_back.ok()) << read_back.error().message();
  EXPECT_EQ(*read_back, record);
  write("var/lib/bpfman/tuf/record.toml", "installed = \"x\"\n");
  Result<TrustRootRecord> damaged = read_trust_root_record(layout_);
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman
