// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Result<Config> parse(const std::string& text) {
  TomlDocument document = TRY(parse_toml(text, "b.toml"));
  return parse_config(document);
}

TEST(Config, WithoutAnyKeySaysNothing) {
  Result<Config> config = parse("");
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->images, ImagesConfig());
  EXPECT_EQ(config->path, "b.toml");
}

TEST(Config, ReadsEveryKeyOfImages) {
  Result<Config> config = parse(R"([images]
sources = ["containerd", "registry"]
pull_policy = "never"
strict = true
trust_database = false
max_store_size = "500MiB"
[images.docker]
host = "unix:///run/own.sock"
[images.podman]
root = ["/a", "/b"]
[images.containerd]
address = "/run/c.sock"
root = "/var/lib/c"
namespaces = ["mine", "default"]
)");
  ASSERT_TRUE(config.ok()) << config.error().message();
  const ImagesConfig& images = config->images;
  EXPECT_THAT(images.sources, ElementsAre(SourceKind::Containerd, SourceKind::Registry));
  EXPECT_EQ(images.pull_policy, PullPolicy::Never);
  EXPECT_EQ(images.strict, true);
  EXPECT_EQ(images.trust_database, false);
  EXPECT_EQ(images.max_store_bytes, std::uint64_t{500} << 20U);
  EXPECT_THAT(images.docker_hosts, ElementsAre("unix:///run/own.sock"));
  EXPECT_THAT(images.storage_roots, ElementsAre("/a", "/b"));
  EXPECT_THAT(images.containerd_addresses, ElementsAre("/run/c.sock"));
  EXPECT_THAT(images.containerd_roots, ElementsAre("/var/lib/c"));
  EXPECT_THAT(images.containerd_namespaces, ElementsAre("mine", "default"));
}

TEST(Config, TablesOfOthersAreTheirs) {
  Result<Config> config = parse(R"(top = 1
[signing]
allow_unsigned = false
[interfaces.eth0]
xdp_mode = "drv"
[[other]]
sources = 3
)");
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->images, ImagesConfig());
}

TEST(Config, TellsHowProgramsAreAttached) {
  Result<Config> config = parse(R"([dispatcher]
strategy = "freplace"
[interfaces.eth0]
xdp_mode = "skb"
[interfaces."eth1.100"]
xdp_mode = "hw"
[interfaces.eth2]
xdp_mode = "drv"
[logging]
level = "info"
format = "json"
[logging.components]
store = "debug"
[database]
max_retries = 10
)");
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->attach.strategy, StrategyChoice::Freplace);
  EXPECT_EQ(
      config->attach.xdp_modes,
      (std::map<std::string, XdpMode>{{"eth0", XdpMode::Generic}, {"eth1.100", XdpMode::Offload}}))
      << "drv is what is tried anyway";
  EXPECT_EQ(config->log, "info,store=debug");
}

struct Mistake {
  const char* text;
  const char* message;
  const char* hint;
};

// Names the case in the test's output.
void PrintTo(const Mistake& mistake, std::ostream* out) {  // NOLINT: GoogleTest's name
  *out << mistake.text;
}

class ConfigMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(ConfigMistake, IsNamedWithItsPlaceAndWhatToDo) {
  Result<Config> config = parse(GetParam().text);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code(), Code::InvalidArgument);
  EXPECT_THAT(config.error().message(), StartsWith(GetParam().message));
  ASSERT_THAT(config.error().hints(), ::testing::SizeIs(1));
  EXPECT_THAT(config.error().hints().front(), HasSubstr(GetParam().hint));
}

INSTANTIATE_TEST_SUITE_P(
    Texts,
    ConfigMistake,
    ::testing::Values(
        Mistake{"[images]\nsorces = []\n",
                "b.toml:2:10: unknown key images.sorces",
                "did you mean images.sources"},
        Mistake{"[images.docker]\nzzzzzzzzz = 1\n",
                "b.toml:2:13: unknown key images.docker.zzzzzzzzz",
                "one of images.sources, "},
        Mistake{"images = 1\n", "b.toml:1:10: images is no table", "[images]"},
        Mistake{"[[images]]\nstrict = true\n", "b.toml:2:10: unknown key images.0.strict", ""},
        Mistake{"[images]\nsources = \"docker\"\n", "b.toml:2:11: images.sources is no list", "["},
        Mistake{"[images]\nsources = []\n", "b.toml:2:11: images.sources: no source", "docker, "},
        Mistake{"[images]\nsources = [\"dokcer\"]\n",
                "b.toml:2:11: images.sources: unknown source \"dokcer\"",
                "docker, podman, containerd, registry"},
        Mistake{"[images]\nsources = [\"docker\", \"docker\"]\n",
                "b.toml:2:11: images.sources: source \"docker\" is named twice",
                "once"},
        Mistake{"[images]\npull_policy = \"sometimes\"\n",
                "b.toml:2:15: images.pull_policy: unknown pull policy \"sometimes\"",
                "IfNotPresent"},
        Mistake{"[images]\nstrict = 1\n", "b.toml:2:10: images.strict is \"1\"", "true or false"},
        Mistake{"[images]\nmax_store_size = \"many\"\n",
                "b.toml:2:18: images.max_store_size is \"many\"",
                "500MiB"},
        Mistake{"[images.containerd]\nroot = \"/x\"\n",
                "b.toml:2:8: images.containerd.root names more directories",
                "n-th"},
        Mistake{"[dispatcher]\nstrategy = \"direct\"\n",
                "b.toml:2:12: dispatcher.strategy is \"direct\"",
                "freplace"},
        Mistake{"[dispatcher]\nstrategi = 1\n",
                "b.toml:2:12: unknown key dispatcher.strategi",
                "did you mean dispatcher.strategy"},
        Mistake{"[interfaces.eth0]\nxdp_mode = \"fast\"\n",
                "b.toml:2:12: interfaces.eth0.xdp_mode is \"fast\"",
                "skb"},
        Mistake{"[images.docker]\nhost = \"\"\n",
                "b.toml:2:8: images.docker.host has an empty value",
                "leave the key out"}));

class ConfigFileTest : public ::testing::Test {
 protected:
  ConfigFileTest() : directory_(*TempDir::create("bpfman-config")) {}

  std::string put(std::string_view text) const {
    std::string path = join_path(directory_.path(), "bpfman.toml");
    EXPECT_TRUE(write_file_atomic(path, as_bytes(text), 0644).ok());
    return path;
  }

  TempDir directory_;
};

TEST_F(ConfigFileTest, MayBeAbsentUnlessItWasNamed) {
  std::string path = join_path(directory_.path(), "none.toml");
  Result<Config> config = read_config(path, ConfigFile::MayBeAbsent);
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(*config, Config());
  config = read_config(path, ConfigFile::Required);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code(), Code::NotFound);
  EXPECT_THAT(config.error().message(), HasSubstr(path));
}

TEST_F(ConfigFileTest, IsReadAndRemembersItsName) {
  std::string path = put("[images]\nstrict = true\n");
  Result<Config> config = read_config(path, ConfigFile::MayBeAbsent);
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_EQ(config->path, path);
  EXPECT_EQ(config->images.strict, true);
}

TEST_F(ConfigFileTest, ThatIsBrokenIsAnErrorEvenWhereItMayBeAbsent) {
  std::string path = put("[images\n");
  Result<Config> config = read_config(path, ConfigFile::MayBeAbsent);
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(config.error().message(), StartsWith(path + ":1:"));
}

TEST_F(ConfigFileTest, ThatIsAFifoIsNotWaitedFor) {
  std::string path = join_path(directory_.path(), "fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  Result<Config> config = read_config(path, ConfigFile::Required);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman
