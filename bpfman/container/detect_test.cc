// SPDX-License-Identifier: Apache-2.0
// Which runtimes there are for whom. The environment is a value; of the host only those sockets and
// directories are named that these tests made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kSystem = "docker unix:///var/run/docker.sock";
constexpr std::uint32_t kAlice = 424242;

class DetectTest : public ::testing::Test {
 protected:
  DetectTest() : directory_(*TempDir::create("bpfman-detect")) {
    environment_.effective_uid = ::geteuid();
    environment_.user = {.uid = ::geteuid(), .gid = ::getegid(), .name = "me", .home = at("me")};
    // What this host says in /etc/containers is kept out.
    environment_.variables["CONTAINERS_STORAGE_CONF"] = at("none");
    environment_.variables["CONTAINERS_REGISTRIES_CONF"] = at("none");
  }

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  // "NAME LOCATION" of each.
  std::vector<std::string> runtimes(RuntimeOptions options) const {
    // What this host has of it is kept out.
    options.containerd = options.containerd && !options.containerd_addresses.empty();
    return all_runtimes(options);
  }

  std::vector<std::string> all_runtimes(const RuntimeOptions& options) const {
    std::vector<std::string> out;
    for (const std::unique_ptr<ContainerRuntime>& runtime : make_runtimes(environment_, options)) {
      out.push_back(runtime->name() + " " + runtime->location());
    }
    return out;
  }

  std::vector<std::string> engines() const {
    return runtimes(RuntimeOptions{.containers_storage = false});
  }

  std::vector<std::string> stores() const { return runtimes(RuntimeOptions{.docker = false}); }

  // A context of a user's ~/.docker, or of another such directory.
  static void put_context(const std::string& docker_directory,
                          const std::string& name,
                          const std::string& host) {
    put_file(
        docker_directory + "/contexts/meta/" + std::string(digest_of(name).hex()) + "/meta.json",
        R"({"Name":")" + name + R"(","Endpoints":{"docker":{"Host":")" + host + "\"}}}");
  }

  static void choose_context(const std::string& docker_directory, const std::string& name) {
    put_file(docker_directory + "/config.json", R"({"currentContext":")" + name + "\"}");
  }

  void behind_sudo(std::uint32_t uid) {
    environment_.invoking_user =
        UserAccount{.uid = uid, .gid = uid, .name = "alice", .home = at("alice")};
  }

  TempDir directory_;
  Environment environment_;
};

TEST_F(DetectTest, DockerComesBeforePodman) {
  environment_.variables["DOCKER_HOST"] = "unix:///own.sock";
  environment_.effective_uid = 0;
  EXPECT_THAT(runtimes({}),
              ElementsAre("docker unix:///own.sock", "podman /var/lib/containers/storage"));
}

TEST_F(DetectTest, EitherCanBeLeftOut) {
  EXPECT_THAT(runtimes(RuntimeOptions{.docker = false, .containers_storage = false}), IsEmpty());
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, OptionsReplaceWhatWouldBeFound) {
  environment_.variables["DOCKER_HOST"] = "unix:///own.sock";
  behind_sudo(kAlice);
  EXPECT_THAT(runtimes(RuntimeOptions{.docker_hosts = {"unix:///a", "tcp://b:1"},
                                      .storage_roots = {"/c", "/d"}}),
              ElementsAre("docker unix:///a", "docker tcp://b:1", "podman /c", "podman /d"));
}

TEST_F(DetectTest, OptionsForOneLeaveTheOther) {
  EXPECT_THAT(runtimes(RuntimeOptions{.storage_roots = {"/c"}}), ElementsAre(kSystem, "podman /c"));
}

// ---- containerd

TEST_F(DetectTest, ContainerdComesLast) {
  EXPECT_THAT(
      runtimes(
          RuntimeOptions{.storage_roots = {"/c"}, .containerd_addresses = {"unix:///a/s", "/b/s"}}),
      ElementsAre(kSystem, "podman /c", "containerd unix:///a/s", "containerd unix:///b/s"));
}

TEST_F(DetectTest, ContainerdAddressAloneCounts) {
  environment_.variables["CONTAINERD_ADDRESS"] = "/run/k3s/containerd/containerd.sock";
  EXPECT_THAT(all_runtimes(RuntimeOptions{.docker = false, .containers_storage = false}),
              ElementsAre("containerd (k3s) unix:///run/k3s/containerd/containerd.sock"));
}

// ---- Docker

TEST_F(DetectTest, WithoutAnyWordTheEngineOfTheSystemIsMeant) {
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, DockerHostAloneCounts) {
  environment_.variables["DOCKER_HOST"] = "tcp://build.example:2375";
  environment_.variables["DOCKER_CONTEXT"] = "other";
  put_context(at("me/.docker"), "other", "unix:///other.sock");
  EXPECT_THAT(engines(), ElementsAre("docker tcp://build.example:2375"));
}

TEST_F(DetectTest, AnEmptyDockerHostIsNone) {
  environment_.variables["DOCKER_HOST"] = "";
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, TheCurrentContextSaysWhereTheEngineIs) {
  put_context(at("me/.docker"), "lab", "unix:///lab.sock");
  choose_context(at("me/.docker"), "lab");
  EXPECT_THAT(engines(), ElementsAre("docker unix:///lab.sock"));
}

TEST_F(DetectTest, AContextChosenByVariableCountsMoreThanTheCurrentOne) {
  put_context(at("me/.docker"), "lab", "unix:///lab.sock");
  put_context(at("me/.docker"), "other", "unix:///other.sock");
  choose_context(at("me/.docker"), "lab");
  environment_.variables["DOCKER_CONTEXT"] = "other";
  EXPECT_THAT(engines(), ElementsAre("docker unix:///other.sock"));
  environment_.variables["DOCKER_CONTEXT"] = "default";
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, ContextsAreWhereDockerConfigSays) {
  environment_.variables["DOCKER_CONFIG"] = at("conf");
  put_context(at("conf"), "lab", "unix:///lab.sock");
  choose_context(at("conf"), "lab");
  put_context(at("me/.docker"), "lab", "unix:///wrong.sock");
  EXPECT_THAT(engines(), ElementsAre("docker unix:///lab.sock"));
}

TEST_F(DetectTest, AContextThatSaysNothingLeavesTheEngineOfTheSystem) {
  environment_.variables["DOCKER_CONTEXT"] = "unknown";
  EXPECT_THAT(engines(), ElementsAre(kSystem));
  put_file(at("me/.docker/contexts/meta/" + std::string(digest_of("unknown").hex()) + "/meta.json"),
           "{torn");
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, AConfigurationThatIsAFifoIsNotWaitedFor) {
  make_tree(at("me/.docker"));
  ASSERT_EQ(::mkfifo(at("me/.docker/config.json").c_str(), 0600), 0);
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, ARootlessSocketOfThisUserCountsToo) {
  environment_.variables["XDG_RUNTIME_DIR"] = at("");
  EXPECT_THAT(engines(), ElementsAre(kSystem));
  leave_socket(at("docker.sock"));
  EXPECT_THAT(engines(), ElementsAre(kSystem, "docker (rootless) unix://" + at("docker.sock")));
}

TEST_F(DetectTest, ASocketIsNamedOnce) {
  environment_.variables["XDG_RUNTIME_DIR"] = at("");
  leave_socket(at("docker.sock"));
  put_context(at("me/.docker"), "rootless", "unix://" + at("docker.sock"));
  choose_context(at("me/.docker"), "rootless");
  EXPECT_THAT(engines(), ElementsAre("docker unix://" + at("docker.sock")));
}

TEST_F(DetectTest, AFileInPlaceOfASocketDoesNotCount) {
  environment_.variables["XDG_RUNTIME_DIR"] = at("");
  put_file(at("docker.sock"), "");
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, TheContextOfTheUserBehindSudoCountsToo) {
  behind_sudo(::geteuid());
  leave_socket(at("alice.sock"));
  put_context(at("alice/.docker"), "mine", "unix://" + at("alice.sock"));
  choose_context(at("alice/.docker"), "mine");
  EXPECT_THAT(engines(), Contains("docker (user alice) unix://" + at("alice.sock")));
}

TEST_F(DetectTest, ASocketOfSomebodyElseDoesNotCountForTheUserBehindSudo) {
  behind_sudo(kAlice);
  leave_socket(at("alice.sock"));
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(at("alice.sock").c_str(), kAlice + 1, kAlice + 1), 0);
  }
  put_context(at("alice/.docker"), "mine", "unix://" + at("alice.sock"));
  choose_context(at("alice/.docker"), "mine");
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, ARemoteContextOfTheUserBehindSudoDoesNotCount) {
  behind_sudo(kAlice);
  put_context(at("alice/.docker"), "far", "tcp://far.example:2375");
  choose_context(at("alice/.docker"), "far");
  EXPECT_THAT(engines(), ElementsAre(kSystem));
}

TEST_F(DetectTest, TheEngineOfTheSystemHasTwoPathsAndIsNamedOnce) {
  put_context(at("me/.docker"), "sys", "unix:///run/docker.sock");
  choose_context(at("me/.docker"), "sys");
  EXPECT_THAT(engines(), ElementsAre("docker unix:///run/docker.sock"));
}

// ---- containers-storage

TEST_F(DetectTest, RootHasTheStoreOfTheHost) {
  environment_.effective_uid = 0;
  environment_.user.uid = 0;
  EXPECT_THAT(stores(), ElementsAre("podman /var/lib/containers/storage"));
}

TEST_F(DetectTest, AUserHasTheirOwnStore) {
  environment_.effective_uid = kAlice;
  environment_.user.uid = kAlice;
  EXPECT_THAT(stores(), ElementsAre("podman " + at("me/.local/share/containers/storage")));
}

TEST_F(DetectTest, TheStoreOfTheUserBehindSudoComesAfterRoots) {
  environment_.effective_uid = 0;
  environment_.user.uid = 0;
  behind_sudo(kAlice);
  put_file(at("alice/.config/containers/storage.conf"),
           "[storage]\ngraphroot = \"$HOME/images\"\n");
  EXPECT_THAT(stores(),
              ElementsAre("podman /var/lib/containers/storage",
                          "podman (user alice) " + at("alice/images")));
}

class CrioTest : public DetectTest {
 protected:
  CrioTest() {
    environment_.effective_uid = 0;
    environment_.user.uid = 0;
  }

  std::vector<std::string> stores() const {
    return runtimes(RuntimeOptions{.crio_directory = at("crio"), .docker = false});
  }
};

TEST_F(CrioTest, WithAStoreOfItsOwnIsListed) {
  put_file(at("crio/crio.conf.d/10.conf"), "[crio]\nroot = \"/crio/storage\"\n");
  behind_sudo(kAlice);
  EXPECT_THAT(stores(),
              ElementsAre("podman /var/lib/containers/storage",
                          "crio /crio/storage",
                          "podman (user alice) " + at("alice/.local/share/containers/storage")));
}

TEST_F(CrioTest, InRootsStoreIsNotListedTwice) {
  put_file(at("crio/crio.conf"), "[crio]\nroot = \"/var/lib/containers/storage\"\n");
  EXPECT_THAT(stores(), ElementsAre("podman /var/lib/containers/storage"));
}

TEST_F(CrioTest, OfAnotherUserIsNotLookedFor) {
  put_file(at("crio/crio.conf"), "[crio]\nroot = \"/crio/storage\"\n");
  environment_.effective_uid = kAlice;
  EXPECT_THAT(stores(), ElementsAre("podman " + at("me/.local/share/containers/storage")));
}

TEST_F(CrioTest, AStoreThatItAddsToRootsIsLookedIn) {
  put_file(at("none"), "[storage]\ngraphroot = \"" + at("roots") + "\"\n");
  put_file(at("crio/crio.conf"),
           "[crio]\nstorage_option = [\"overlay.imagestore=" + at("shared") + "\"]\n");
  StorageBuilder store(at("shared"));
  store.add_image({"localhost/x:dev"}, {"x"});
  store.write_books();
  auto found =
      make_runtimes(environment_, RuntimeOptions{.crio_directory = at("crio"), .docker = false});
  Result<ContainerRuntime::Answer> answer = found.front()->find(reference("x:dev"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_NE(answer->image, nullptr);
}

TEST_F(DetectTest, AnAliasReachesTheStores) {
  put_file(at("registries.conf"), "[aliases]\nx = \"own.example/me/x\"\n");
  environment_.variables["CONTAINERS_REGISTRIES_CONF"] = at("registries.conf");
  StorageBuilder store(at("store"));
  store.add_image({"own.example/me/x:dev"}, {"x"});
  store.write_books();
  auto runtimes =
      make_runtimes(environment_, RuntimeOptions{.storage_roots = {at("store")}, .docker = false});
  Result<ContainerRuntime::Answer> answer = runtimes.front()->find(reference("x:dev"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_NE(answer->image, nullptr);
}

TEST_F(DetectTest, SearchRegistriesReachTheStores) {
  put_file(at("registries.conf"), "unqualified-search-registries = [\"own.example\"]\n");
  environment_.variables["CONTAINERS_REGISTRIES_CONF"] = at("registries.conf");
  StorageBuilder store(at("store"));
  store.add_image({"own.example/x:dev"}, {"x"});
  store.write_books();
  auto runtimes =
      make_runtimes(environment_, RuntimeOptions{.storage_roots = {at("store")}, .docker = false});
  Result<ContainerRuntime::Answer> answer = runtimes.front()->find(reference("x:dev"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_NE(answer->image, nullptr);
}

TEST_F(DetectTest, NothingIsAskedOrReadBeforeARuntimeIs) {
  FakeEngine fake(at("s"), {});
  make_runtimes(environment_,
                RuntimeOptions{.docker_hosts = {"unix://" + at("s")}, .storage_roots = {"/none"}});
  EXPECT_THAT(fake.asked(), IsEmpty());
}

}  // namespace
}  // namespace bpfman::container
