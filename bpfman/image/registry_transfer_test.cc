// SPDX-License-Identifier: Apache-2.0
// Broken lines, limits, mirrors, and how much is fetched at all.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bpfman/base/text.h"
#include "bpfman/image/registry_test_fixture.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class TransferTest : public ::testing::Test {
 protected:
  TransferTest() : context_(context_with("")) {}

  Result<Pulled> pull_dev() {
    registry_.emplace(content_);
    return pull(
        *ImageReference::parse(registry_->address() + "/me/prog:dev"), context_, host_platform());
  }

  // Serves a manifest of these layers (plain tars), bottom first, after `edit` has changed it.
  void add_layers(const std::vector<LayerWriter>& layers,
                  const Labels& labels = {},
                  const std::function<void(std::string&)>& edit = {}) {
    std::vector<Digest> diff_ids;
    std::vector<Bytes> blobs;
    for (const LayerWriter& layer : layers) {
      diff_ids.push_back(layer.diff_id());
      blobs.push_back(layer.tar());
      content_.add_blob("me/prog", as_text(blobs.back()));
    }
    std::string config = make_config(diff_ids, labels);
    content_.add_blob("me/prog", config);
    std::string manifest = make_manifest(config, blobs);
    if (edit) {
      edit(manifest);
    }
    content_.add_manifest("me/prog", "dev", manifest);
  }

  // Whether this layer was asked for.
  bool fetched(const LayerWriter& layer) const {
    std::vector<std::string> lines = registry_->lines();
    return std::find(lines.begin(),
                     lines.end(),
                     "GET " + RegistryContent::blob_path("me/prog", layer.tar())) != lines.end();
  }

  const Bytes object_ = make_object({"pass"}, 1);
  const LayerWriter layer_ = std::move(LayerWriter().file("x.o", object_));
  const std::string path_ = RegistryContent::blob_path("me/prog", layer_.tar());
  RegistryContent content_;
  PullContext context_;
  std::optional<FakeRegistry> registry_;
};

// ---- broken transfers ---------------------------------------------------------------------------

// What was asked of a blob, in order: "" or "RANGE IF-RANGE".
using Ranges = std::shared_ptr<std::vector<std::string>>;

class ResumeTest : public TransferTest {
 protected:
  // Breaks the first `breaks` transfers after `piece` bytes; the rest as `serve` says.
  void break_blob(int breaks,
                  std::size_t piece,
                  const std::function<void(ServerReply&, std::size_t)>& serve = {}) {
    add_layers({layer_});
    std::string body(as_text(layer_.tar()));
    content_.before = [=, this](const ServerRequest& request) -> std::optional<ServerReply> {
      if (request.target != path_) {
        return std::nullopt;
      }
      auto header = [&request](const char* name) {
        auto found = request.headers.find(name);
        return found == request.headers.end() ? std::string() : found->second;
      };
      std::string range = header("range");
      asked_->push_back(range.empty() ? "" : range + " " + header("if-range"));
      std::size_t from = 0;
      if (!range.empty()) {
        from = parse_unsigned(split(split(range, '=')[1], '-')[0]).value_or(0);
      }
      ServerReply reply;
      reply.headers = {{"ETag", "\"tag\""}};
      reply.body = body.substr(from);
      if (from > 0) {
        reply.status = 206;
        reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(from) + "-/*");
      }
      if (static_cast<int>(asked_->size()) <= breaks) {
        reply.stop_after = static_cast<int>(piece);
      }
      if (serve && from > 0) {
        serve(reply, from);
      }
      return reply;
    };
  }

  const Ranges asked_ = std::make_shared<std::vector<std::string>>();
};

TEST_F(ResumeTest, GoesOnWhereItBroke) {
  break_blob(2, 100);
  Result<Pulled> pulled = pull_dev();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  EXPECT_EQ(pulled->extracted.bytes, object_);
  EXPECT_THAT(*asked_, ElementsAre("", "bytes=100- \"tag\"", "bytes=200- \"tag\""));
}

TEST_F(ResumeTest, StartsAgainWhenAllOfItIsSentAgain) {
  std::string body(as_text(layer_.tar()));
  break_blob(1, 100, [body](ServerReply& reply, std::size_t) {
    reply.status = 200;
    reply.body = body;
  });
  Result<Pulled> pulled = pull_dev();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  EXPECT_EQ(pulled->extracted.bytes, object_);
}

TEST_F(ResumeTest, HashesTheWholeOfWhatWasSentInPieces) {
  break_blob(1, 100, [](ServerReply& reply, std::size_t) { reply.body[10] ^= 1; });
  EXPECT_EQ(pull_dev().error().code(), Code::DataLoss);
}

TEST_F(ResumeTest, RefusesAnotherPartThanTheOneAskedFor) {
  break_blob(
      1, 100, [](ServerReply& reply, std::size_t) { reply.headers.back().second = "bytes 0-/*"; });
  EXPECT_THAT(pull_dev().error().message(), HasSubstr("another part"));
}

TEST_F(ResumeTest, GivesUpWhenItBreaksTooOften) {
  break_blob(100, 100);
  EXPECT_EQ(pull_dev().error().code(), Code::Unavailable);
  EXPECT_THAT(*asked_, SizeIs(4));
}

// ---- waiting ------------------------------------------------------------------------------------

TEST(RetryAfter, IsSecondsOrADate) {
  EXPECT_EQ(parse_retry_after("3", 0), 3000);
  EXPECT_EQ(parse_retry_after("99999999", 0), 86'400'000);
  constexpr std::int64_t kNow = 784111777;  // 06 Nov 1994 08:49:37
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:40 GMT", kNow), 3000);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", kNow), 0);
  for (const char* text : {"", "soon", "-1", "1.5", "Sun, 06 Nov 1994 08:49:40 GMT and more"}) {
    EXPECT_EQ(parse_retry_after(text, kNow), std::nullopt) << text;
  }
}

TEST_F(TransferTest, DoesNotWaitForAnHourOrBeyondTheDeadline) {
  for (const char* after : {"3600", "30"}) {
    context_.retry.deadline_ms = 20'000;
    ServerReply& reply = content_.reply("/v2/me/prog/manifests/dev");
    reply.status = 429;
    reply.headers = {{"Retry-After", after}};
    EXPECT_THAT(pull_dev().error().hints(), ElementsAre(HasSubstr(after)));
    EXPECT_THAT(registry_->lines(), SizeIs(1));
  }
}

TEST_F(TransferTest, EndsAtTheDeadlineOfTheWholePull) {
  context_.retry.deadline_ms = 100;
  content_.reply("/v2/me/prog/manifests/dev").hang = true;
  Error error = pull_dev().error();
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("not done within"));
}

// In a process of its own: a signal that was caught stays so.
TEST_F(TransferTest, EndsWhenItIsInterrupted) {
  auto interrupted = [this] {
    Interrupts interrupts;
    context_.interrupts = &interrupts;
    Interrupts::Watch watch(&interrupts);
    content_.before = [](const ServerRequest&) {
      ::kill(::getpid(), SIGTERM);
      return std::optional(ServerReply{.hang = true});
    };
    Error error = pull_dev().error();
    std::fprintf(stderr, "%s\n", error.message().c_str());
    std::_Exit(exit_status(error.code()));
  };
  EXPECT_EXIT(interrupted(), ::testing::ExitedWithCode(130), "interrupted .SIGTERM.");
}

// ---- mirrors ------------------------------------------------------------------------------------

class MirrorTest : public TransferTest {
 protected:
  Result<Pulled> pull_mirrored() {
    registry_.emplace(content_);
    mirror_.emplace(mirrored_);
    RegistryRule rule{.prefix = registry_->address()};
    rule.mirrors = {RegistryLocation{.location = mirror_->address()}};
    context_.policy.rules = {rule};
    return pull(
        *ImageReference::parse(registry_->address() + "/me/prog:dev"), context_, host_platform());
  }

  RegistryContent mirrored_;
  std::optional<FakeRegistry> mirror_;
};

TEST_F(MirrorTest, IsAskedInsteadOfTheRegistry) {
  add_layers({layer_});
  mirrored_ = content_;
  Result<Pulled> pulled = pull_mirrored();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  EXPECT_EQ(pulled->registry, mirror_->address());
  EXPECT_EQ(pulled->canonical_name, registry_->address() + "/me/prog:dev");
  EXPECT_THAT(registry_->lines(), IsEmpty());
}

TEST_F(MirrorTest, ThatFailsLeadsToTheRegistry) {
  add_layers({layer_});
  Result<Pulled> pulled = pull_mirrored();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  EXPECT_EQ(pulled->registry, registry_->address());
  EXPECT_THAT(pulled->warnings, ElementsAre(HasSubstr("mirror " + mirror_->address())));
}

TEST_F(MirrorTest, ThatLiesEndsThePull) {
  add_layers({layer_});
  mirrored_ = content_;
  mirrored_.reply(path_).body[600] ^= 1;
  EXPECT_EQ(pull_mirrored().error().code(), Code::DataLoss);
}

// ---- layers -------------------------------------------------------------------------------------

const Labels kNamed = {{"io.ebpf.filename", "x.o"}};

TEST_F(TransferTest, FetchesNothingBelowTheObjectThatIsNamed) {
  LayerWriter lower = LayerWriter().file("other.o", make_object({"other"}));
  LayerWriter upper = LayerWriter().file("readme", "text");
  add_layers({lower, layer_, upper}, kNamed);
  Result<Pulled> pulled = pull_dev();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  EXPECT_EQ(pulled->extracted.bytes, object_);
  EXPECT_TRUE(fetched(upper));
  EXPECT_FALSE(fetched(lower));
}

TEST_F(TransferTest, FetchesNothingBelowAnOpaqueRoot) {
  LayerWriter lower = LayerWriter().file("other.o", make_object({"other"}));
  LayerWriter upper = LayerWriter().file(".wh..wh..opq", "").file("x.o", object_);
  add_layers({lower, upper});
  ASSERT_TRUE(pull_dev().ok());
  EXPECT_FALSE(fetched(lower));
}

TEST_F(TransferTest, FetchesWhatCouldChangeTheAnswer) {
  LayerWriter lower = LayerWriter().file("other.o", make_object({"other"}));
  add_layers({lower, layer_});
  EXPECT_THAT(pull_dev().error().message(), HasSubstr("several eBPF object files"));
  EXPECT_TRUE(fetched(lower));
  // What is named may be hidden above.
  content_ = {};
  LayerWriter hiding = LayerWriter().file(".wh.x.o", "");
  add_layers({lower, layer_, hiding}, kNamed);
  EXPECT_EQ(pull_dev()->extracted.file_name, "other.o");
}

TEST_F(TransferTest, RefusesALayerThatIsNotCompressedAsItsTypeSays) {
  for (const char* type : {"tar+gzip", "tar+zstd"}) {
    content_ = {};
    add_layers({layer_}, {}, [type](std::string& manifest) {
      manifest.replace(manifest.find("layer.v1.tar") + 9, 3, type);
    });
    Error error = pull_dev().error();
    EXPECT_EQ(error.code(), Code::DataLoss);
    EXPECT_THAT(error.message(), AllOf(HasSubstr(type), HasSubstr("not compressed")));
  }
}

TEST_F(TransferTest, PassesOverForeignLayersUnlessThereIsNoOther) {
  auto make_foreign = [](std::string& manifest) {
    manifest.replace(manifest.find("layer.v1.tar"), 12, "layer.nondistributable.v1.tar");
  };
  LayerWriter base = LayerWriter().file("base", "text");
  add_layers({base, layer_}, {}, make_foreign);
  EXPECT_TRUE(pull_dev().ok());
  EXPECT_FALSE(fetched(base));
  content_ = {};
  add_layers({layer_}, {}, make_foreign);
  Error error = pull_dev().error();
  EXPECT_EQ(error.code(), Code::Unimplemented);
  EXPECT_THAT(error.message(), HasSubstr("kept by others"));
}

TEST_F(TransferTest, TellsHowFarItIs) {
  std::vector<PullProgress> seen;
  context_.progress = [&seen](const PullProgress& progress) { seen.push_back(progress); };
  add_layers({layer_});
  ASSERT_TRUE(pull_dev().ok());
  ASSERT_THAT(seen, SizeIs(::testing::Ge(3U)));
  EXPECT_EQ(seen.front().phase, PullProgress::Phase::Begin);
  EXPECT_EQ(seen.front().image, registry_->address() + "/me/prog:dev");
  EXPECT_EQ(seen.back().phase, PullProgress::Phase::End);
  EXPECT_EQ(seen.back().done, layer_.tar().size());
  EXPECT_EQ(seen.back().total, layer_.tar().size());
}

}  // namespace
}  // namespace bpfman::image
