// SPDX-License-Identifier: Apache-2.0
// image build --push and image push, over a real store and a registry on loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/push_registry.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using bpfman::testing::PushRegistry;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kObject = BPFMAN_EXAMPLE_OBJECT;

class ImagePushTest : public ::testing::Test {
 protected:
  ImagePushTest() : directory_(*TempDir::create("bpfman-image-push")) {
    kernel_.world.bpffs = true;
    ManagerOptions options;
    options.layout.root = directory_.path() + "/root";
    options.environment.user.home = directory_.path();
    options.environment.variables = {{"CONTAINERS_REGISTRIES_CONF", path("registries.conf")},
                                     {"XDG_RUNTIME_DIR", directory_.path()}};
    EXPECT_TRUE(write_file_atomic(path("registries.conf"), as_bytes("\n"), 0600).ok());
    options.runtimes.docker_hosts = {"unix://" + path("no-docker.sock")};
    options.runtimes.storage_roots = {path("no-storage")};
    manager_ = std::make_unique<Manager>(std::move(options), kernel_);
  }

  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }

  BuildSpec build(BuildTarget target, const std::string& tag) const {
    return {.paths = {kObject}, .tag = tag, .target = target, .output_path = path("image.tar")};
  }

  std::string there() const { return registry_.address() + "/me/prog:dev"; }

  TempDir directory_;
  FakeKernel kernel_;
  PushRegistry registry_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(ImagePushTest, ABuildGoesToTheRegistryThatItsTagNames) {
  Result<BuildImageReply> built =
      manager_->build_image(build(BuildTarget::Registry, there()), DryRun::No);
  ASSERT_TRUE(built.ok()) << built.error().message();
  EXPECT_EQ(built->destination, registry_.address());
  EXPECT_EQ(built->reference, there());
  EXPECT_EQ(Digest::sha256_of(as_bytes(registry_.requests().back().body)), built->digest);
  EXPECT_FALSE(path_exists(path("root"))) << "the database is not touched";
  std::size_t puts = registry_.count("PUT");
  ASSERT_TRUE(manager_->build_image(build(BuildTarget::Registry, there()), DryRun::No).ok());
  EXPECT_EQ(registry_.count("PUT"), puts) << "the same files are the same image";
}

TEST_F(ImagePushTest, ABuildWithoutARegistryInItsNameIsRefusedBeforeItIsMade) {
  for (const char* tag : {"", "prog:dev", "localhost/prog:dev", "oci:x"}) {
    Result<BuildImageReply> built =
        manager_->build_image(build(BuildTarget::Registry, tag), DryRun::No);
    EXPECT_EQ(built.error().code(), Code::InvalidArgument) << tag;
  }
  EXPECT_TRUE(registry_.requests().empty());
}

TEST_F(ImagePushTest, AnArchiveKeepsItsDigest) {
  BuildSpec spec = build(BuildTarget::OciArchive, "x:dev");
  Result<BuildImageReply> built = manager_->build_image(spec, DryRun::No);
  ASSERT_TRUE(built.ok());
  PushSpec push{.image = "oci-archive:" + path("image.tar"), .destination = there()};
  Result<PushImageReply> pushed = manager_->push_image(push);
  ASSERT_TRUE(pushed.ok()) << pushed.error().message();
  EXPECT_EQ(pushed->digest, built->digest);
  EXPECT_EQ(pushed->uploaded, 3U);
  push.destination.clear();
  EXPECT_THAT(manager_->push_image(push).error().message(), HasSubstr("names no registry"))
      << "without a destination the name in the archive is meant";
}

TEST_F(ImagePushTest, AnImageOfTheDatabaseIsPushedUnderItsOwnNameOrAnother) {
  ASSERT_TRUE(manager_->build_image(build(BuildTarget::Database, there()), DryRun::No).ok());
  Result<PushImageReply> own = manager_->push_image({.image = there()});
  ASSERT_TRUE(own.ok()) << own.error().message();
  EXPECT_EQ(own->reference, there());
  Result<PushImageReply> other = manager_->push_image(
      {.image = there(), .destination = "docker://" + registry_.address() + "/me/prog:v2"});
  ASSERT_TRUE(other.ok()) << other.error().message();
  EXPECT_EQ(other->digest, own->digest);
  EXPECT_EQ(other->uploaded, 1U) << "the new tag only";
}

TEST_F(ImagePushTest, WhatCannotBePushedIsSaidByName) {
  EXPECT_EQ(manager_->push_image({.image = "absent:dev"}).error().code(), Code::NotFound);
  EXPECT_EQ(manager_->push_image({.image = "oci:/no/such/dir"}).error().code(), Code::NotFound);
  Error archive = manager_->push_image({.image = "docker-archive:/x.tar"}).error();
  EXPECT_EQ(archive.code(), Code::InvalidArgument);
  EXPECT_THAT(archive.hints(), ElementsAre(HasSubstr("bpfman image load -i /x.tar")));
}

}  // namespace
}  // namespace bpfman
