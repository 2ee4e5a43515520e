// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/regular_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using ::testing::HasSubstr;

class RegularFileTest : public ::testing::Test {
 protected:
  RegularFileTest() : directory_(*TempDir::create("bpfman-regular")) {
    make_tree(at("store"));
    put_file(at("secret"), "secret");
    put_file(at("store/sub/plain"), "plain");
    root_ = *open_directory(at("store"));
    EXPECT_EQ(::mkfifo(at("store/fifo").c_str(), 0600), 0);
    EXPECT_EQ(::symlink("sub/plain", at("store/link").c_str()), 0);
    EXPECT_EQ(::symlink("../secret", at("store/out").c_str()), 0);
    EXPECT_EQ(::symlink("sub", at("store/sublink").c_str()), 0);
    EXPECT_EQ(::symlink("/dev/zero", at("store/zero").c_str()), 0);
    server_.emplace(at("store/socket"), [](const auto&) { return bpfman::testing::ServerReply(); });
  }

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  Result<Bytes> read(const std::string& path) const {
    return read_regular_beneath(root_.get(), at("store"), path, 100);
  }

  TempDir directory_;
  UniqueFd root_;
  std::optional<bpfman::testing::HttpServer> server_;
};

TEST_F(RegularFileTest, IsReadBelowItsStore) {
  EXPECT_EQ(as_text(*read("sub/plain")), "plain");
}

TEST_F(RegularFileTest, ThatIsAbsentIsNotFound) {
  Result<Bytes> bytes = read("sub/none");
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error().code(), Code::NotFound);
  EXPECT_THAT(bytes.error().message(), HasSubstr(at("store")));
}

TEST_F(RegularFileTest, IsNoFifoSocketLinkOrDirectory) {
  for (const char* path : {"fifo",
                           "socket",
                           "link",
                           "out",
                           "zero",
                           "sublink/plain",
                           "sub",
                           "../secret",
                           "/etc/passwd"}) {
    Result<Bytes> bytes = read(path);
    ASSERT_FALSE(bytes.ok()) << path;
    EXPECT_EQ(bytes.error().code(), Code::DataLoss) << path;
    EXPECT_THAT(bytes.error().message(), HasSubstr("is no regular file")) << path;
  }
}

TEST_F(RegularFileTest, AFifoWithAWriterIsNotWaitedForEither) {
  UniqueFd writer = *open_file(at("store/fifo"), O_RDWR | O_NONBLOCK);
  EXPECT_EQ(read("fifo").error().code(), Code::DataLoss);
}

TEST_F(RegularFileTest, HasALimit) {
  put_file(at("store/big"), std::string(101, 'x'));
  EXPECT_EQ(read("big").error().code(), Code::ResourceExhausted);
}

TEST_F(RegularFileTest, ThatMayNotBeReadIsNotTakenForAbsent) {
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  Unreadable plain(at("store/sub/plain"));
  WithoutPrivileges nobody;
  EXPECT_EQ(read("sub/plain").error().code(), Code::PermissionDenied);
}

TEST_F(RegularFileTest, DirectoriesBehindLinksAreAnotherPlace) {
  EXPECT_TRUE(open_directory_beneath(root_.get(), "r", "sub").ok());
  for (const char* path : {"sublink", "../store", "/tmp"}) {
    EXPECT_EQ(open_directory_beneath(root_.get(), "r", path).error().code(), Code::Unimplemented)
        << path;
  }
  EXPECT_EQ(open_directory_beneath(root_.get(), "r", "none").error().code(), Code::NotFound);
}

TEST_F(RegularFileTest, OfAConfigurationMayBeALink) {
  EXPECT_EQ(as_text(*read_regular(at("store/out"), 100)), "secret");
  EXPECT_EQ(read_regular(at("store/none"), 100).error().code(), Code::NotFound);
}

TEST_F(RegularFileTest, OfAConfigurationIsNoFifoSocketDeviceOrDirectory) {
  for (const char* path : {"store/fifo", "store/socket", "store/zero", "store/sub"}) {
    Result<Bytes> bytes = read_regular(at(path), 100);
    ASSERT_FALSE(bytes.ok()) << path;
    EXPECT_EQ(bytes.error().code(), Code::DataLoss) << path;
  }
}

}  // namespace
}  // namespace bpfman::container
