// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/trust_gate.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// tests/data/signatures: an image that a real cosign has signed with four keys.
const std::string kData = BPFMAN_SIGNATURES;
const std::string kSigned = "oci:" + kData + "/layout:signed-prog:v1";

class TrustGateTest : public ::testing::Test {
 protected:
  TrustGateTest() : directory_(*TempDir::create("bpfman-trust")) { kernel_.world.bpffs = true; }

  // A new process: the policy is read again.
  std::unique_ptr<Manager> manager() {
    ManagerOptions options;
    options.layout.root = directory_.path();
    options.runtimes.docker_hosts = {"unix://" + directory_.path() + "/no-docker.sock"};
    options.runtimes.storage_roots = {directory_.path() + "/no-storage"};
    options.runtimes.containerd_addresses = {directory_.path() + "/no-containerd.sock"};
    return std::make_unique<Manager>(std::move(options), kernel_);
  }

  void write_policy(const std::string& text, mode_t mode = 0644) {
    std::string directory = directory_.path() + "/etc/bpfman";
    ASSERT_TRUE(make_directories(directory, 0755).ok());
    ASSERT_TRUE(write_file_atomic(directory + "/policy.toml", as_bytes(text), mode).ok());
  }

  void require(const std::string& key, const std::string& more = "") {
    write_policy("default = \"refuse\"\n[signers." + key + "]\nkey = \"" + kData + "/" + key +
                 ".pub\"\n[[rules]]\nname = \"ours\"\nsigned_by = [\"" + key + "\"]\n" + more);
  }

  static LoadSpec image(const std::string& reference, const std::string& interface = "") {
    LoadSpec spec;
    spec.source = ImageSource{.reference = reference, .policy = PullPolicy::Never};
    if (!interface.empty()) {
      spec.attach = AttachSpec{.target = ChainTarget{.interface = interface}};
    }
    return spec;
  }

  static LoadSpec file(const std::string& path) {
    LoadSpec spec;
    spec.source = FileSource{path};
    return spec;
  }

  std::string refusal(const LoadSpec& spec) {
    Result<LoadReply> reply = manager()->load(spec, DryRun::No);
    EXPECT_FALSE(reply.ok());
    if (reply.ok()) {
      return "";
    }
    EXPECT_EQ(reply.error().code(), Code::PermissionDenied) << reply.error().message();
    EXPECT_THAT(kernel_.world.program_pins, IsEmpty());
    return reply.error().message();
  }

  TempDir directory_;
  FakeKernel kernel_;
};

TEST_F(TrustGateTest, WithoutAPolicyEverythingIsLetInAndSaidSo) {
  Result<LoadReply> reply = manager()->load(image(kSigned), DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_EQ(reply->provenance.trust, "local");
  EXPECT_TRUE(reply->provenance.policy.empty());
}

TEST_F(TrustGateTest, EveryKeyThatSignedLetsTheImageIn) {
  for (const char* key : {"p256", "p384", "rsa", "ed25519"}) {
    require(key);
    Result<LoadReply> reply = manager()->load(image(kSigned), DryRun::Yes);
    ASSERT_TRUE(reply.ok()) << key << ": " << reply.error().message();
    EXPECT_THAT(reply->provenance.trust,
                HasSubstr("rule \"ours\": signed by " + std::string(key) + ", key sha256:"));
    EXPECT_FALSE(reply->provenance.policy.empty());
  }
}

TEST_F(TrustGateTest, AnotherKeyDoesNot) {
  write_policy(
      "default = \"refuse\"\n[signers.other]\nkey_pem = \"\"\"\n"
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
      "-----END PUBLIC KEY-----\n\"\"\"\n"
      "[[rules]]\nsigned_by = [\"other\"]\n");
  EXPECT_THAT(refusal(image(kSigned)), HasSubstr("none of its 8 signatures is by other"));
}

TEST_F(TrustGateTest, TheDatabaseIsJudgedAgainWhenThePolicyChanges) {
  ASSERT_TRUE(manager()->load_images(kData + "/layout", "", DryRun::No).ok());
  require("p256");
  Result<LoadReply> reply = manager()->load(image("signed-prog:v1"), DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_TRUE(reply->from_database);
  Result<std::vector<ImageRecord>> images = manager()->list_images();
  ASSERT_THAT(*images, SizeIs(1));
  EXPECT_THAT(images->front().provenance.trust, HasSubstr("signed by p256"));
  EXPECT_THAT(images->front().signatures, SizeIs(8));
  ASSERT_TRUE(manager()->unload_all(DryRun::No).ok());

  write_policy("default = \"refuse\"\n");
  EXPECT_THAT(refusal(image("signed-prog:v1")), HasSubstr("refused by default"));
  Result<std::vector<VerifiedBytecode>> verified = manager()->verify_images({});
  ASSERT_THAT(*verified, SizeIs(1));
  EXPECT_THAT(verified->front().refused, SizeIs(1));
}

TEST_F(TrustGateTest, AnImageThatIsRefusedIsNotKept) {
  write_policy("default = \"refuse\"\n");
  EXPECT_FALSE(manager()->load_images(kData + "/layout", "", DryRun::No).ok());
  EXPECT_FALSE(manager()->pull_image(ImageSource{.reference = kSigned}, DryRun::No).ok());
  EXPECT_THAT(*manager()->list_images(), IsEmpty());
}

TEST_F(TrustGateTest, AFileWithItsSignatureBeside) {
  require("p256");
  Result<LoadReply> reply = manager()->load(file(kData + "/program.bpf.o"), DryRun::Yes);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->provenance.trust, HasSubstr("signed by p256"));
  Bytes bytes = *read_file(kData + "/program.bpf.o", 1 << 20);
  std::string alone = directory_.path() + "/alone.bpf.o";
  ASSERT_TRUE(write_file_atomic(alone, bytes, 0644).ok());
  EXPECT_THAT(refusal(file(alone)), HasSubstr("it is not signed"));
}

TEST_F(TrustGateTest, APinnedFile) {
  Bytes bytes = *read_file(kData + "/program.bpf.o", 1 << 20);
  write_policy("default = \"refuse\"\n[[rules]]\ndigests = [\"" + Digest::sha256_of(bytes).text() +
               "\"]\n");
  EXPECT_TRUE(manager()->load(file(kData + "/program.bpf.o"), DryRun::Yes).ok());
  EXPECT_TRUE(manager()->load(image(kSigned), DryRun::Yes).ok()) << "the same bytecode";
}

TEST_F(TrustGateTest, WhatTheProgramIs) {
  require("p256", "[rules.programs]\ninterfaces = [\"veth*\"]\n");
  EXPECT_THAT(refusal(image(kSigned, "eth0")), HasSubstr("it is to be attached to eth0"));
  require("p256", "[rules.programs]\nhelpers = [\"bpf_ktime_*\"]\n");
  EXPECT_THAT(refusal(image(kSigned)),
              HasSubstr("program pass_counter calls bpf_map_lookup_elem; allowed are bpf_ktime_*"));
  require("p256", "[rules.programs]\ntypes = [\"tc\"]\n");
  EXPECT_THAT(refusal(image(kSigned)), HasSubstr("is of type xdp"));
}

TEST_F(TrustGateTest, ALoadedProgramIsNotAttachedAgainstThePolicyOfToday) {
  ASSERT_TRUE(manager()->load_images(kData + "/layout", "", DryRun::No).ok());
  ASSERT_TRUE(manager()->load(image("signed-prog:v1"), DryRun::No).ok());
  require("p256", "[rules.programs]\ninterfaces = [\"veth*\"]\n");
  Result<AttachReply> reply =
      manager()->attach("signed-prog/pass_counter",
                        AttachSpec{.target = ChainTarget{.interface = "eth0"}},
                        DryRun::No);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code(), Code::PermissionDenied) << reply.error().message();
  require("p256", "[rules.programs]\ninterfaces = [\"eth*\"]\n");
  reply = manager()->attach("signed-prog/pass_counter",
                            AttachSpec{.target = ChainTarget{.interface = "eth0"}},
                            DryRun::No);
  EXPECT_TRUE(reply.ok()) << reply.error().message();
}

TEST_F(TrustGateTest, JudgesAgainstAPolicyOfTheMoment) {
  TrustPolicy policy{.path = "the command line"};
  policy.signers = {Signer{.name = "k", .who = KeySigner{.path = kData + "/rsa.pub"}}};
  policy.rules = {TrustRule{.name = "flags", .demand = TrustDemand::Signed, .signed_by = {"k"}}};
  ASSERT_TRUE(read_policy_files(policy, "").ok());
  Result<JudgeImageReply> reply = manager()->judge_image(ImageSource{.reference = kSigned}, policy);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_TRUE(reply->allowed) << reply->reason;
  EXPECT_THAT(reply->signatures, SizeIs(8));
  EXPECT_THAT(*manager()->list_images(), IsEmpty()) << "nothing was changed";
}

TEST_F(TrustGateTest, ABrokenPolicyLetsNothingIn) {
  write_policy("default = ");
  Result<LoadReply> reply = manager()->load(file(kData + "/program.bpf.o"), DryRun::No);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code(), Code::InvalidArgument);
  EXPECT_THAT(reply.error().message(), HasSubstr("policy.toml:1:"));
  write_policy("default = \"allow\"\n", 0666);
  ASSERT_EQ(::chmod((directory_.path() + "/etc/bpfman/policy.toml").c_str(), 0666), 0);
  reply = manager()->load(file(kData + "/program.bpf.o"), DryRun::No);
  ASSERT_FALSE(reply.ok());
  EXPECT_THAT(reply.error().message(), HasSubstr("may be written by others"));
  write_policy("default = \"allow\"\n[signers.a]\nkey = \"/nowhere/a.pub\"\n");
  reply = manager()->load(file(kData + "/program.bpf.o"), DryRun::No);
  ASSERT_FALSE(reply.ok());
  EXPECT_THAT(reply.error().message(), HasSubstr("signer a: /nowhere/a.pub does not exist"));
}

}  // namespace
}  // namespace bpfman
