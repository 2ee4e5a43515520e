// SPDX-License-Identifier: Apache-2.0
// Where storage.conf and registries.conf say that images are. What the host's own files in
// /etc/containers say is kept out by variables, or by a user's file, which replaces them.
#include "bpfman/container/storage_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kAlice = 1000;

class StorageConfTest : public ::testing::Test {
 protected:
  StorageConfTest() : directory_(*TempDir::create("bpfman-conf")) {
    alice_ = {.uid = kAlice, .gid = kAlice, .name = "alice", .home = at("alice")};
    environment_.effective_uid = kAlice;
    environment_.user = alice_;
  }

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  // Alice's own configuration file.
  void put_own(const std::string& name, const std::string& text) const {
    put_file(at("alice/.config/containers/" + name), text);
  }

  void choose(const std::string& text) {
    put_file(at("chosen.conf"), text);
    environment_.variables["CONTAINERS_STORAGE_CONF"] = at("chosen.conf");
  }

  StorageOptions own() const { return read_storage_options(environment_, alice_, false); }

  TempDir directory_;
  UserAccount alice_;
  Environment environment_;
};

TEST_F(StorageConfTest, WithoutFilesAUserHasAStoreInTheirHome) {
  environment_.variables["CONTAINERS_STORAGE_CONF"] = at("none");
  StorageOptions options = own();
  EXPECT_EQ(options.graph_root, at("alice/.local/share/containers/storage"));
  EXPECT_EQ(options.driver, "");
  EXPECT_EQ(options.image_store, "");
  EXPECT_THAT(options.additional, IsEmpty());
}

TEST_F(StorageConfTest, WithoutFilesRootHasTheStoreOfTheHost) {
  environment_.effective_uid = 0;
  environment_.user = {.uid = 0, .gid = 0, .name = "root", .home = at("root")};
  environment_.variables["CONTAINERS_STORAGE_CONF"] = at("none");
  EXPECT_EQ(read_storage_options(environment_, environment_.user, true).graph_root,
            "/var/lib/containers/storage");
}

TEST_F(StorageConfTest, DataHomeIsWhereTheVariableSays) {
  environment_.variables["CONTAINERS_STORAGE_CONF"] = at("none");
  environment_.variables["XDG_DATA_HOME"] = at("data");
  EXPECT_EQ(own().graph_root, at("data/containers/storage"));
}

TEST_F(StorageConfTest, AUsersFileSaysWhereTheirStoreIs) {
  put_own("storage.conf", R"([storage]
driver = "vfs"
graphroot = "$HOME/images"
imagestore = "${XDG_DATA_HOME}/split"
[storage.options]
additionalimagestores = ["/usr/lib/$USER", "/shared"]
)");
  StorageOptions options = own();
  EXPECT_EQ(options.driver, "vfs");
  EXPECT_EQ(options.graph_root, at("alice/images"));
  EXPECT_EQ(options.image_store, at("alice/.local/share/split"));
  EXPECT_THAT(options.additional, ElementsAre("/usr/lib/alice", "/shared"));
}

TEST_F(StorageConfTest, TheOldNameOfARootlessStoreStillCounts) {
  put_own("storage.conf",
          "[storage]\ngraphroot = \"/ignored\"\nrootless_storage_path = \"/s/$UID\"\n");
  EXPECT_EQ(own().graph_root, "/s/1000");
}

TEST_F(StorageConfTest, DropInsComeOverTheFileInTheOrderOfTheirNames) {
  put_own("storage.conf", "[storage]\ndriver = \"vfs\"\ngraphroot = \"/main\"\n");
  put_own("storage.conf.d/20-b.conf", "[storage]\ngraphroot = \"/b\"\n");
  put_own("storage.conf.d/10-a.conf", "[storage]\ngraphroot = \"/a\"\n");
  put_own("storage.conf.d/30-c.txt", "[storage]\ngraphroot = \"/c\"\n");
  EXPECT_EQ(own().graph_root, "/b");
  EXPECT_EQ(own().driver, "vfs");
}

TEST_F(StorageConfTest, ADropInOfTheSameNameIsReplacedByTheMoreSpecialOne) {
  put_own("storage.conf", "");
  put_own("storage.conf.d/10-a.conf", "[storage]\ngraphroot = \"/a\"\ndriver = \"vfs\"\n");
  put_own("storage.rootless.conf.d/1000/10-a.conf", "[storage]\ngraphroot = \"/mine\"\n");
  put_own("storage.rootless.conf.d/1001/20-b.conf", "[storage]\ngraphroot = \"/other\"\n");
  put_own("storage.rootful.conf.d/30-c.conf", "[storage]\ngraphroot = \"/root\"\n");
  EXPECT_EQ(own().graph_root, "/mine");
  EXPECT_EQ(own().driver, "");
}

TEST_F(StorageConfTest, AFileChosenByVariableStandsAlone) {
  put_own("storage.conf", "[storage]\ngraphroot = \"/own\"\n");
  put_own("storage.conf.d/10.conf", "[storage]\ngraphroot = \"/drop-in\"\n");
  choose("[storage]\ngraphroot = \"/chosen\"\n");
  EXPECT_EQ(own().graph_root, "/chosen");
}

TEST_F(StorageConfTest, ADriverChosenByVariableCountsMoreThanTheFile) {
  choose("[storage]\ndriver = \"overlay\"\n");
  environment_.variables["STORAGE_DRIVER"] = "vfs";
  EXPECT_EQ(own().driver, "vfs");
}

TEST_F(StorageConfTest, VariablesOfRootSayNothingAboutAnotherUsersStore) {
  environment_.effective_uid = 0;
  environment_.user = {.uid = 0, .gid = 0, .name = "root", .home = at("root")};
  choose("[storage]\ngraphroot = \"/roots\"\n");
  environment_.variables["STORAGE_DRIVER"] = "btrfs";
  environment_.variables["XDG_DATA_HOME"] = at("data");
  environment_.variables["XDG_CONFIG_HOME"] = at("config");
  put_own("storage.conf", "[storage]\ndriver = \"vfs\"\ngraphroot = \"$XDG_DATA_HOME/x\"\n");
  StorageOptions options = own();
  EXPECT_EQ(options.graph_root, at("alice/.local/share/x"));
  EXPECT_EQ(options.driver, "vfs");
}

TEST_F(StorageConfTest, AFileThatIsNoTomlIsPassedOver) {
  choose("graphroot = = 1");
  EXPECT_EQ(own().graph_root, at("alice/.local/share/containers/storage"));
}

TEST_F(StorageConfTest, AFifoInPlaceOfAFileIsNotWaitedFor) {
  make_tree(at("alice/.config/containers"));
  ASSERT_EQ(::mkfifo(at("alice/.config/containers/storage.conf").c_str(), 0600), 0);
  EXPECT_EQ(own().graph_root, at("alice/.local/share/containers/storage"));
}

TEST_F(StorageConfTest, DriverOptionsOfAVariableNameMoreStores) {
  choose("[storage.options]\nadditionalimagestores = [\"/a\"]\n");
  environment_.variables["STORAGE_OPTS"] =
      "overlay.mount_program=/bin/x,overlay.imagestore=/b,.imagestore=/c,additionalimagestore=/d";
  EXPECT_THAT(own().additional, ElementsAre("/a", "/b", "/c", "/d"));
}

TEST_F(StorageConfTest, DriverOptionsOfRootSayNothingAboutAnotherUsersStore) {
  environment_.effective_uid = 0;
  environment_.variables["STORAGE_OPTS"] = "overlay.imagestore=/b";
  put_own("storage.conf", "");
  EXPECT_THAT(own().additional, IsEmpty());
}

// ---- CRI-O

class CrioConfTest : public StorageConfTest {
 protected:
  std::optional<StorageOptions> read() const { return read_crio_options(at("crio"), roots_); }

  const StorageOptions roots_{.graph_root = "/roots",
                              .driver = "overlay",
                              .image_store = "/images",
                              .additional = {"/more"},
                              .names = {}};
};

TEST_F(CrioConfTest, WithoutAConfigurationThereIsNoCrio) {
  EXPECT_FALSE(read().has_value());
}

TEST_F(CrioConfTest, WhatItDoesNotSayIsAsInRootsStore) {
  put_file(at("crio/crio.conf"), "[crio]\n[crio.api]\nlisten = \"/run/x\"\n");
  std::optional<StorageOptions> crio = read();
  ASSERT_TRUE(crio.has_value());
  EXPECT_EQ(crio->graph_root, "/roots");
  EXPECT_EQ(crio->image_store, "/images");
  EXPECT_EQ(crio->driver, "overlay");
  EXPECT_THAT(crio->additional, ElementsAre("/more"));
}

TEST_F(CrioConfTest, DropInsSayWhereItsStoreIs) {
  put_file(at("crio/crio.conf"), "[crio]\nroot = \"/main\"\nstorage_driver = \"vfs\"\n");
  put_file(at("crio/crio.conf.d/10-x.conf"),
           "[crio]\nroot = \"/crio\"\nstorage_option = [\"overlay.imagestore=/shared\"]\n");
  std::optional<StorageOptions> crio = read();
  ASSERT_TRUE(crio.has_value());
  EXPECT_EQ(crio->graph_root, "/crio");
  EXPECT_EQ(crio->image_store, "");
  EXPECT_EQ(crio->driver, "vfs");
  EXPECT_THAT(crio->additional, ElementsAre("/shared"));
}

TEST_F(CrioConfTest, ItsImageStoreIsKept) {
  put_file(at("crio/crio.conf"), "[crio]\nroot = \"/crio\"\nimagestore = \"/split\"\n");
  EXPECT_EQ(read()->image_store, "/split");
}

TEST(ExpandVariables, PutsInWhatIsKnownAndNothingForTheRest) {
  std::map<std::string, std::string> values = {{"HOME", "/h"}, {"A_1", "x"}};
  EXPECT_EQ(expand_variables("$HOME/${A_1}/y", values), "/h/x/y");
  EXPECT_EQ(expand_variables("/a$HOME-$HOME", values), "/a/h-/h");
  EXPECT_EQ(expand_variables("$NONE${NONE}z", values), "z");
  EXPECT_EQ(expand_variables("plain", values), "plain");
  EXPECT_EQ(expand_variables("", values), "");
  EXPECT_EQ(expand_variables("a$", values), "a");
  EXPECT_EQ(expand_variables("${HOME", values), "/h");
}

TEST(ExpandVariables, DoesNotExpandWhatItPutIn) {
  EXPECT_EQ(expand_variables("$A", {{"A", "$B"}, {"B", "no"}}), "$B");
}

}  // namespace
}  // namespace bpfman::container
