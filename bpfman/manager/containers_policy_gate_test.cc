// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/containers_policy_gate.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// tests/data/signatures: an image that a real cosign has signed with four keys, for this name.
std::string data() {
  return BPFMAN_SIGNATURES;
}

std::string signed_image() {
  return "oci:" + data() + "/layout:signed-prog:v1";
}

std::string object() {
  return data() + "/program.bpf.o";
}

std::string signed_name() {
  return "127.0.0.1:57031/signed-prog";
}

constexpr const char* kAcceptAll = R"({"default":[{"type":"insecureAcceptAnything"}]})";
constexpr const char* kRejectAll = R"({"default":[{"type":"reject"}]})";

class ContainersPolicyGateTest : public ::testing::Test {
 protected:
  ContainersPolicyGateTest() : directory_(*TempDir::create("bpfman-policy-json")) {
    kernel_.world.bpffs = true;
  }

  std::unique_ptr<Manager> manager() {
    ManagerOptions options;
    options.layout.root = directory_.path();
    options.runtimes.docker_hosts = {"unix://" + directory_.path() + "/no-docker.sock"};
    options.runtimes.storage_roots = {directory_.path() + "/no-storage"};
    options.runtimes.containerd_addresses = {directory_.path() + "/no-containerd.sock"};
    return std::make_unique<Manager>(std::move(options), kernel_);
  }

  void write(const std::string& path, const std::string& text, mode_t mode = 0644) {
    std::string whole = join_path(directory_.path(), path);
    ASSERT_TRUE(make_directories(parent_path(whole), 0755).ok());
    ASSERT_TRUE(write_file_atomic(whole, as_bytes(text), mode).ok());
  }

  void write_policy(const std::string& text, mode_t mode = 0644) {
    write("etc/containers/policy.json", text, mode);
  }

  // One sigstoreSigned for layouts; all else is rejected.
  void want(const std::string& key, const std::string& identity, const std::string& more = "") {
    write_policy(R"({"default":[{"type":"reject"}],"transports":{"oci":{"":[{"type":)"
                 R"("sigstoreSigned","keyPath":")" +
                 data() + "/" + key + ".pub\",\"signedIdentity\":" + identity + more + "}]}}}");
  }

  static std::string repository() {
    return R"({"type":"exactRepository","dockerRepository":")" + signed_name() + "\"}";
  }

  Result<PullReply> pull(const std::string& reference = signed_image()) {
    return manager()->pull_image(ImageSource{.reference = reference, .policy = PullPolicy::Never},
                                 DryRun::No);
  }

  std::string refusal(const std::string& reference = signed_image()) {
    Result<PullReply> reply = pull(reference);
    EXPECT_FALSE(reply.ok());
    return reply.ok() ? "" : reply.error().message();
  }

  std::string file() const { return directory_.path() + "/etc/containers/policy.json"; }

  TempDir directory_;
  FakeKernel kernel_;
};

TEST_F(ContainersPolicyGateTest, WithoutAFileOrWithADistributionsNothingChanges) {
  EXPECT_EQ(pull()->record.provenance.trust, "local");
  write_policy(kAcceptAll);
  Result<PullReply> reply = pull();
  EXPECT_EQ(reply->record.provenance.trust, "local");
  EXPECT_TRUE(reply->record.provenance.policy.empty());
}

TEST_F(ContainersPolicyGateTest, ARejectionSaysWhere) {
  write_policy(kRejectAll);
  EXPECT_EQ(refusal(),
            "image " + signed_image() + " is refused by " + file() + ", default: reject");
  EXPECT_EQ(pull().error().code(), Code::PermissionDenied);
  EXPECT_THAT(*manager()->list_images(), IsEmpty());
}

TEST_F(ContainersPolicyGateTest, ObjectFilesAreNoneOfItsBusiness) {
  write_policy(kRejectAll);
  LoadSpec spec;
  spec.source = FileSource{object()};
  EXPECT_TRUE(manager()->load(spec, DryRun::No).ok());
}

TEST_F(ContainersPolicyGateTest, ASignatureByTheRightKeyForTheRightName) {
  for (const char* key : {"p256", "p384", "rsa", "ed25519"}) {
    want(key, repository());
    Result<PullReply> reply = pull();
    ASSERT_TRUE(reply.ok()) << key << ": " << reply.error().message();
    EXPECT_THAT(reply->record.provenance.trust,
                AllOf(StartsWith("local; " + file() + ", oci \"\": signed by key sha256:")));
    EXPECT_FALSE(reply->record.provenance.policy.empty());
  }
}

TEST_F(ContainersPolicyGateTest, ForAnotherName) {
  want("p256", R"({"type":"matchRepository"})");
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("none of its 8 signatures is accepted"),
                    HasSubstr("it is for " + signed_name() +
                              ", wanted is a name in the repository "
                              "docker.io/library/signed-prog")));
}

TEST_F(ContainersPolicyGateTest, AKeyThatIsNotThereOrThatOthersMayWrite) {
  want("none", repository());
  EXPECT_THAT(refusal(), HasSubstr("the key: " + data() + "/none.pub does not exist"));
  write("key.pub", "nonsense", 0666);
  ASSERT_EQ(::chmod((directory_.path() + "/key.pub").c_str(), 0666), 0);
  write_policy(R"({"default":[{"type":"sigstoreSigned","keyPath":")" + directory_.path() +
               "/key.pub\"}]}");
  EXPECT_THAT(refusal(), HasSubstr("may be written by others"));
  write_policy(R"({"default":[{"type":"sigstoreSigned","keyPath":"key.pub"}]})");
  EXPECT_THAT(refusal(), HasSubstr("the path key.pub is not absolute"));
}

TEST_F(ContainersPolicyGateTest, WhatHasToBeInALogIsNotAcceptedWithoutOne) {
  want("p256", repository(), R"(,"rekorPublicKeyPath":")" + data() + "/p384.pub\"");
  EXPECT_THAT(refusal(), HasSubstr("by the right key, and in none of the logs"));
}

TEST_F(ContainersPolicyGateTest, ABrokenFileLetsNoImageInAndSaysWhy) {
  write_policy("{\"default\":[{\"type\":\"reject\"}],\n\"defaults\":1}");
  Result<PullReply> reply = pull();
  EXPECT_EQ(reply.error().code(), Code::InvalidArgument);
  EXPECT_THAT(reply.error().message(), HasSubstr(file() + ": unknown key \"defaults\""));
  LoadSpec spec;
  spec.source = FileSource{object()};
  EXPECT_TRUE(manager()->load(spec, DryRun::No).ok()) << "no image";
  write_policy(kAcceptAll);
  ASSERT_EQ(::chmod(file().c_str(), 0666), 0);
  EXPECT_THAT(refusal(), HasSubstr("may be written by others"));
}

TEST_F(ContainersPolicyGateTest, ItNeverLoosensOurOwnPolicy) {
  write_policy(kAcceptAll);
  write("etc/bpfman/policy.toml", "default = \"refuse\"\n");
  EXPECT_THAT(refusal(), HasSubstr("is refused by default of"));
  want("p256", repository());
  EXPECT_THAT(refusal(), HasSubstr("is refused by default of"));
  write("etc/bpfman/policy.toml",
        "default = \"refuse\"\n[[rules]]\nname = \"layouts\"\nsources = [\"oci-layout\"]\n"
        "decision = \"allow\"\n");
  EXPECT_THAT(
      pull()->record.provenance.trust,
      AllOf(HasSubstr("rule \"layouts\": allowed; "), HasSubstr("oci \"\": signed by key")));
  write_policy(kRejectAll);
  EXPECT_THAT(refusal(), HasSubstr(", default: reject"));
}

TEST_F(ContainersPolicyGateTest, TheDatabaseIsJudgedAgain) {
  ASSERT_TRUE(manager()->load_images(data() + "/layout", "", DryRun::No).ok());
  write_policy(kRejectAll);
  EXPECT_THAT(refusal("signed-prog:v1"), HasSubstr("default: reject"));
  Result<std::vector<VerifiedBytecode>> verified = manager()->verify_images({});
  EXPECT_THAT(verified->front().refused.begin()->second, HasSubstr("default: reject"));
  want("p256", repository());
  Result<PullReply> reply = pull("signed-prog:v1");
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_TRUE(reply->from_database);
}

TEST_F(ContainersPolicyGateTest, ALoadedProgramIsNotAttachedAgainstIt) {
  LoadSpec spec;
  spec.source = ImageSource{.reference = signed_image(), .policy = PullPolicy::Never};
  Result<LoadReply> loaded = manager()->load(spec, DryRun::No);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  write_policy(kRejectAll);
  Result<AttachReply> attached =
      manager()->attach(to_string(loaded->programs.front().record->id),
                        AttachSpec{.target = ChainTarget{.interface = "eth0"}},
                        DryRun::No);
  ASSERT_FALSE(attached.ok());
  EXPECT_THAT(attached.error().message(), HasSubstr("default: reject"));
}

TEST_F(ContainersPolicyGateTest, ScopesArePathsWithoutLinks) {
  ASSERT_EQ(::symlink((data() + "/layout").c_str(), (directory_.path() + "/link").c_str()), 0);
  write_policy(R"({"default":[{"type":"insecureAcceptAnything"}],"transports":{"oci":{")" + data() +
               R"(/layout":[{"type":"reject"}]}}})");
  EXPECT_THAT(refusal("oci:" + directory_.path() + "/link:signed-prog:v1"),
              HasSubstr("oci \"" + data() + "/layout\": reject"));
}

TEST_F(ContainersPolicyGateTest, OnTheHostItselfAUsersOwnFileCounts) {
  Environment environment;
  environment.user = UserAccount{.name = "root", .home = directory_.path() + "/root"};
  environment.invoking_user =
      UserAccount{.uid = ::geteuid(), .name = "alice", .home = directory_.path() + "/alice"};
  write("root/.config/containers/policy.json",
        R"({"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"quay.io":[)"
        R"({"type":"reject"}]}}})");
  write("alice/.config/containers/policy.json",
        R"({"default":[{"type":"reject"}],"transports":{"containers-storage":{"":[)"
        R"({"type":"reject"}]}}})");
  ContainersPolicyGate gate = ContainersPolicyGate::open(Layout{}, environment);
  auto refusal_of = [&](SourceKind source, const std::string& name, const std::string& location) {
    plan::TrustSubject subject{
        .what = "image",
        .provenance = {.source = source, .location = location, .canonical_name = name},
        .reference = name,
        .bytecode = {}};
    Result<ContainersPolicyGate::Verdict> verdict = gate.check(subject, {}, "");
    return verdict.ok() ? std::string() : verdict.error().message();
  };
  EXPECT_THAT(refusal_of(SourceKind::Registry, "quay.io/prog:v1", "quay.io"),
              HasSubstr("root/.config/containers/policy.json, docker \"quay.io\": reject"));
  EXPECT_EQ(refusal_of(SourceKind::Registry, "docker.io/library/prog:v1", "docker.io"), "");
  EXPECT_THAT(refusal_of(SourceKind::Podman, "localhost/prog:v1", directory_.path() + "/alice/s"),
              HasSubstr("alice/.config/containers/policy.json, containers-storage \"\": reject"));
  EXPECT_EQ(refusal_of(SourceKind::Podman, "localhost/prog:v1", "/var/lib/containers/storage"), "");
}

}  // namespace
}  // namespace bpfman
