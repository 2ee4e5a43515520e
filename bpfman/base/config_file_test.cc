// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConfigFileTest : public ::testing::Test {
 protected:
  std::string at(const std::string& path) const { return join_path(directory_.path(), path); }

  void write(const std::string& path, std::string_view text) {
    ASSERT_TRUE(make_directories(parent_path(at(path)), 0755).ok());
    ASSERT_TRUE(write_file_atomic(at(path), as_bytes(text), 0644).ok());
  }

  Result<std::optional<Bytes>> read_of_owner(const std::string& path) {
    return read_config_file_of(directory_.path(), path, ::geteuid());
  }

  TempDir directory_ = *TempDir::create("config-file");
};

TEST_F(ConfigFileTest, ReadsRegularFilesAndTellsAbsence) {
  write("one", "text");
  EXPECT_EQ(as_text(**read_config_file(at("one"))), "text");
  EXPECT_FALSE(read_config_file(at("none"))->has_value());
  EXPECT_EQ(read_config_file(at("one"), 3).error().code(), Code::ResourceExhausted);
  EXPECT_EQ(as_text(**read_of_owner("one")), "text");
  EXPECT_FALSE(read_of_owner("none/at/all")->has_value());
  EXPECT_FALSE(read_config_file_of(at("nowhere"), "one", 0)->has_value());
}

TEST_F(ConfigFileTest, NeverWaitsForAFifo) {
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_config_file(at("fifo")).error().code(), Code::DataLoss);
  EXPECT_EQ(read_of_owner("fifo").error().code(), Code::DataLoss);
}

TEST_F(ConfigFileTest, FollowsLinksForOneselfOnly) {
  write("real/file", "text");
  ASSERT_EQ(::symlink("real/file", at("link").c_str()), 0);
  ASSERT_EQ(::symlink("real", at("other").c_str()), 0);
  EXPECT_EQ(as_text(**read_config_file(at("link"))), "text");
  for (const char* path : {"link", "other/file"}) {
    Result<std::optional<Bytes>> read = read_of_owner(path);
    ASSERT_FALSE(read.ok()) << path;
    EXPECT_EQ(read.error().code(), Code::PermissionDenied);
    EXPECT_THAT(read.error().message(), HasSubstr("symbolic link"));
  }
}

TEST_F(ConfigFileTest, LaysDropInsOverTheHighestMainFile) {
  write("low/x.conf", "a = 1");
  write("high/x.conf", "a = 2");
  write("low/x.conf.d/10.conf", "b = 1");
  write("high/x.conf.d/10.conf", "b = 2");
  write("low/x.conf.d/05.conf", "c = 1");
  write("low/x.conf.d/readme", "no toml");
  TomlLayers layers = read_toml_layers("x.conf", {at("low"), at("high")}, {"x.conf.d"});
  EXPECT_THAT(layers.warnings, IsEmpty());
  ASSERT_THAT(layers.documents, SizeIs(3));
  EXPECT_EQ(layers.documents[0].document.get("a"), "2");
  EXPECT_EQ(layers.documents[1].document.get("c"), "1");
  EXPECT_EQ(layers.documents[2].document.get("b"), "2");
}

TEST_F(ConfigFileTest, NamesWhatIsNoToml) {
  write("x.conf", "a = ");
  EXPECT_THAT(read_toml_layer(at("x.conf")).warnings, ElementsAre(HasSubstr("x.conf:1:")));
}

}  // namespace
}  // namespace bpfman
