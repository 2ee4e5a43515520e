// SPDX-License-Identifier: Apache-2.0
// What short names mean. The host's own files in /etc/containers are kept out by a variable, or by
// a user's file, which replaces them.
#include "bpfman/container/short_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

class ShortNamesTest : public ::testing::Test {
 protected:
  ShortNamesTest() : directory_(*TempDir::create("bpfman-names")) {
    alice_ = {.uid = ::geteuid(), .gid = ::getegid(), .name = "alice", .home = at("alice")};
    // Not root's cache, whoever runs the tests.
    environment_.effective_uid = 1000;
    environment_.user = alice_;
  }

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  void put_own(const std::string& name, const std::string& text) const {
    put_file(at("alice/.config/containers/" + name), text);
  }

  // Another process's user; alice's files are read as somebody else's.
  void look_as_another() {
    environment_.effective_uid = 0;
    environment_.user = {.uid = alice_.uid + 1, .name = "other", .home = at("other")};
  }

  ShortNames read() const { return read_short_names(environment_, alice_); }

  TempDir directory_;
  UserAccount alice_;
  Environment environment_;
};

TEST_F(ShortNamesTest, SearchRegistriesAreThoseOfTheUsersFile) {
  put_own("registries.conf", "unqualified-search-registries = [\"quay.io\", \"docker.io\"]\n");
  EXPECT_THAT(read().search_registries, ElementsAre("quay.io", "docker.io"));
}

TEST_F(ShortNamesTest, SearchRegistriesOfADropInReplaceThoseOfTheFile) {
  put_own("registries.conf", "unqualified-search-registries = [\"quay.io\"]\n");
  put_own("registries.conf.d/zz-last.conf", "unqualified-search-registries = [\"own.example\"]\n");
  EXPECT_THAT(read().search_registries, ElementsAre("own.example"));
}

TEST_F(ShortNamesTest, AChosenFileStandsAlone) {
  put_own("registries.conf", "unqualified-search-registries = [\"quay.io\"]\n");
  put_file(at("alice/.cache/containers/short-name-aliases.conf"),
           "[aliases]\nx = \"a.example/x\"\n");
  put_file(at("chosen"), "unqualified-search-registries = [\"chosen.example\"]\n");
  environment_.variables["CONTAINERS_REGISTRIES_CONF"] = at("chosen");
  EXPECT_THAT(read().search_registries, ElementsAre("chosen.example"));
  EXPECT_THAT(read().aliases, IsEmpty());
  environment_.variables["CONTAINERS_REGISTRIES_CONF"] = at("none");
  EXPECT_THAT(read().search_registries, IsEmpty());
}

TEST_F(ShortNamesTest, AliasesComeFromFilesDropInsAndWhatPodmanRemembers) {
  put_own("registries.conf", "[aliases]\none = \"a.example/one\"\nthree = \"a.example/three\"\n");
  put_own("registries.conf.d/zz-last.conf", "[aliases]\ntwo = \"a.example/two\"\n");
  put_file(at("alice/.cache/containers/short-name-aliases.conf"),
           "[aliases]\n\"three\" = \"b.example/three\"\n");
  ShortNames names = read();
  EXPECT_THAT(names.aliases, Contains(Pair("one", "a.example/one")));
  EXPECT_THAT(names.aliases, Contains(Pair("two", "a.example/two")));
  EXPECT_THAT(names.aliases, Contains(Pair("three", "b.example/three")));
}

TEST_F(ShortNamesTest, AnotherUsersFilesCountForTheirStore) {
  put_own("registries.conf", "unqualified-search-registries = [\"theirs.example\"]\n");
  put_own("registries.conf.d/zz.conf", "[aliases]\none = \"a.example/one\"\n");
  put_file(at("alice/.cache/containers/short-name-aliases.conf"),
           "[aliases]\ntwo = \"a.example/two\"\n");
  look_as_another();
  environment_.variables["CONTAINERS_REGISTRIES_CONF"] = at("none");
  environment_.variables["XDG_CONFIG_HOME"] = at("none");
  ShortNames names = read();
  EXPECT_THAT(names.search_registries, ElementsAre("theirs.example"));
  EXPECT_THAT(names.aliases, Contains(Key("one")));
  EXPECT_THAT(names.aliases, Contains(Key("two")));
}

TEST_F(ShortNamesTest, ALinkInAnotherUsersFilesIsNotFollowed) {
  put_file(at("secret"), "unqualified-search-registries = [\"secret.example\"]\n");
  put_own("registries.conf.d/a.conf", "");
  ASSERT_EQ(::symlink(at("secret").c_str(), at("alice/.config/containers/registries.conf").c_str()),
            0);
  look_as_another();
  EXPECT_THAT(read().search_registries, Not(Contains("secret.example")));
}

TEST_F(ShortNamesTest, AFileOfSomebodyElseDoesNotCountForAUser) {
  put_own("registries.conf", "unqualified-search-registries = [\"evil.example\"]\n");
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(at("alice/.config/containers/registries.conf").c_str(), 4242, 4242), 0);
  }
  alice_.uid = ::geteuid() + 1;
  look_as_another();
  EXPECT_THAT(read().search_registries, Not(Contains("evil.example")));
}

TEST(NamesInStorage, AnAliasIsLookedForBeforeTheRest) {
  ShortNames names{.search_registries = {"quay.io"}, .aliases = {{"x", "own.example/me/x"}}};
  EXPECT_THAT(
      names_in_storage(reference("x:dev"), names),
      ElementsAre(
          "own.example/me/x:dev", "localhost/x:dev", "quay.io/x:dev", "docker.io/library/x:dev"));
  EXPECT_THAT(names_in_storage(reference("docker.io/library/x:dev"), names),
              ElementsAre("docker.io/library/x:dev"));
}

TEST(NamesInStorage, AnAliasThatIsAmongTheRestIsLookedForOnce) {
  ShortNames names{.search_registries = {}, .aliases = {{"x", "docker.io/library/x"}}};
  EXPECT_THAT(names_in_storage(reference("x"), names),
              ElementsAre("docker.io/library/x:latest", "localhost/x:latest"));
}

TEST(NamesInStorage, AnAliasThatIsNoNameIsPassedOver) {
  ShortNames names{.search_registries = {}, .aliases = {{"x", "NO NAME"}}};
  EXPECT_THAT(names_in_storage(reference("x"), names),
              ElementsAre("localhost/x:latest", "docker.io/library/x:latest"));
}

}  // namespace
}  // namespace bpfman::container
