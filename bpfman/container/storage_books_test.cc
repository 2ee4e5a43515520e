// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/storage_books.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ImageQuery by_name(const std::string& name) {
  return ImageQuery{.names = {name}, .id_prefix = "", .manifest = {}};
}

std::vector<std::string> ids_of(const Result<std::vector<StoredImage>>& images) {
  std::vector<std::string> ids;
  for (const StoredImage& image : images.ok() ? *images : std::vector<StoredImage>()) {
    ids.push_back(image.id);
  }
  return ids;
}

// One record {"id":ID, MORE}.
std::string record(char digit, const std::string& more) {
  return R"({"id":)" + in_quotes(hex_of(digit)) + (more.empty() ? "" : "," + more) + "}";
}

// As Podman 4.3.1 writes it.
std::string real_record() {
  return R"({"id":")" + hex_of('a') + R"(","digest":"sha256:)" + hex_of('b') +
         R"(","names":["localhost/x:dev","localhost/y:1"],"names-history":["localhost/x:dev"],)" +
         R"("layer":")" + hex_of('c') + R"(","metadata":"{\"signatures-sizes\":{\"sha256:)" +
         hex_of('b') +
         R"(\":[]}}","big-data-names":["manifest"],"big-data-sizes":{"manifest":425},)" +
         R"("big-data-digests":{"manifest":"sha256:)" + hex_of('b') + R"(","manifest-sha256:)" +
         hex_of('d') + R"(":"sha256:)" + hex_of('d') + R"(","sha256:)" + hex_of('a') +
         R"(":"sha256:)" + hex_of('a') + R"("},"created":"2026-01-01T00:00:00Z"})";
}

TEST(ImageBook, FindsARecordByEachOfItsNames) {
  std::string text = "[" + real_record() + "]";
  for (const char* name : {"localhost/x:dev", "localhost/y:1"}) {
    Result<std::vector<StoredImage>> images = find_stored_images(text, by_name(name));
    ASSERT_TRUE(images.ok()) << images.error().message();
    ASSERT_THAT(*images, SizeIs(1)) << name;
    EXPECT_EQ(
        images->front(),
        (StoredImage{.id = hex_of('a'),
                     .digest = digest_of_digits('b'),
                     .names = {"localhost/x:dev", "localhost/y:1"},
                     .layer = hex_of('c'),
                     .manifest_digests = {digest_of_digits('b'), digest_of_digits('d')},
                     .metadata = R"({"signatures-sizes":{"sha256:)" + hex_of('b') + R"(":[]}})"}));
  }
  EXPECT_THAT(ids_of(find_stored_images(text, by_name("localhost/x"))), IsEmpty());
}

TEST(ImageBook, FindsARecordByTheFirstDigitsOfItsId) {
  std::string text = "[" + record('a', "") + "," + record('b', "") + "]";
  ImageQuery query{.names = {}, .id_prefix = "bbbbbbbbbbbb", .manifest = {}};
  EXPECT_THAT(ids_of(find_stored_images(text, query)), ElementsAre(hex_of('b')));
}

TEST(ImageBook, FindsARecordByEachOfItsManifests) {
  std::string text = "[" + real_record() + "]";
  for (char digit : {'b', 'd'}) {
    ImageQuery query{.names = {}, .id_prefix = "", .manifest = digest_of_digits(digit)};
    EXPECT_THAT(ids_of(find_stored_images(text, query)), SizeIs(1)) << digit;
  }
  // The digest of its config is no manifest's.
  ImageQuery query{.names = {}, .id_prefix = "", .manifest = digest_of_digits('a')};
  EXPECT_THAT(ids_of(find_stored_images(text, query)), IsEmpty());
}

TEST(ImageBook, AnEmptyQueryFindsNothing) {
  EXPECT_THAT(ids_of(find_stored_images("[" + real_record() + "]", ImageQuery())), IsEmpty());
}

TEST(ImageBook, KeepsTheOrderOfTheFile) {
  std::string text = "[" + record('b', R"("names":["x"])") + "," + record('a', R"("names":["x"])") +
                     "," + record('c', R"("names":["y"])") + "]";
  EXPECT_THAT(ids_of(find_stored_images(text, by_name("x"))),
              ElementsAre(hex_of('b'), hex_of('a')));
}

TEST(ImageBook, TakesNullAndAbsenceForNothing) {
  std::string text =
      "[" + record('a', R"("names":["x"],"digest":null,"layer":null,"big-data-digests":null)") +
      "," + record('b', R"("names":null)") + "," + record('c', "") + "]";
  Result<std::vector<StoredImage>> images = find_stored_images(text, by_name("x"));
  ASSERT_TRUE(images.ok()) << images.error().message();
  ASSERT_THAT(*images, SizeIs(1));
  EXPECT_TRUE(images->front().digest.empty());
  EXPECT_EQ(images->front().layer, "");
}

TEST(ImageBook, PassesOverIdsThatAreNoIds) {
  for (const char* id : {"../../../etc", "", "abc", "\\u0061"}) {
    std::string text = R"([{"id":)" + in_quotes(id) + R"(,"names":["x"]}])";
    EXPECT_THAT(ids_of(find_stored_images(text, by_name("x"))), IsEmpty()) << id;
  }
  EXPECT_THAT(ids_of(find_stored_images(R"([{"names":["x"]}])", by_name("x"))), IsEmpty());
}

TEST(ImageBook, ReadsNamesWithEscapes) {
  std::string text = "[" + record('a', R"("names":["localhost\/x:d\u0065v"])") + "]";
  Result<std::vector<StoredImage>> images = find_stored_images(text, by_name("localhost/x:dev"));
  ASSERT_THAT(ids_of(images), SizeIs(1));
  EXPECT_THAT(images->front().names, ElementsAre("localhost/x:dev"));
}

TEST(ImageBook, AnEmptyFileAndNullAreListsWithoutImages) {
  for (const char* text : {"", "  \n", "null", "[]"}) {
    EXPECT_THAT(ids_of(find_stored_images(text, by_name("x"))), IsEmpty()) << text;
    EXPECT_EQ(*count_stored_images(text), 0U) << text;
  }
}

TEST(ImageBook, ATextCutAnywhereWasReadWhileItWasWritten) {
  std::string whole = "[" + real_record() + "," + record('e', R"("names":["x"])") + "]";
  for (std::size_t size = 1; size < whole.size(); ++size) {
    Result<std::vector<StoredImage>> images =
        find_stored_images(whole.substr(0, size), by_name("localhost/x:dev"));
    ASSERT_FALSE(images.ok()) << whole.substr(0, size);
    EXPECT_EQ(images.error().code(), Code::Aborted) << whole.substr(0, size);
    EXPECT_EQ(count_stored_images(whole.substr(0, size)).error().code(), Code::Aborted) << size;
  }
}

TEST(ImageBook, MoreTextBehindTheListIsTornToo) {
  EXPECT_EQ(find_stored_images("[] []", by_name("x")).error().code(), Code::Aborted);
  EXPECT_EQ(count_stored_images("null null").error().code(), Code::Aborted);
}

TEST(ImageBook, AMemberOfTheWrongTypeIsDamage) {
  for (const char* more : {R"("names":"x")",
                           R"("names":[1])",
                           R"("names":{})",
                           R"("digest":1)",
                           R"("layer":[])",
                           R"("big-data-digests":[])",
                           R"("big-data-digests":{"manifest":1})",
                           R"("id":7)"}) {
    Result<std::vector<StoredImage>> images =
        find_stored_images("[" + record('a', more) + "]", by_name("x"));
    ASSERT_FALSE(images.ok()) << more;
    EXPECT_EQ(images.error().code(), Code::DataLoss) << more;
  }
  EXPECT_EQ(find_stored_images("[1]", by_name("x")).error().code(), Code::DataLoss);
}

TEST(ImageBook, AMalformedDigestIsDamageOnlyWhereItMatters) {
  std::string text = "[" + record('a', R"("names":["x"],"digest":"sha256:12")") + "," +
                     record('b', R"("names":["y"])") + "]";
  EXPECT_EQ(find_stored_images(text, by_name("x")).error().code(), Code::DataLoss);
  EXPECT_THAT(ids_of(find_stored_images(text, by_name("y"))), ElementsAre(hex_of('b')));
}

TEST(ImageBook, CountsAllRecords) {
  EXPECT_EQ(*count_stored_images("[" + real_record() + "," + record('e', "") + "]"), 2U);
}

// ---- layers

Bytes bytes_of(const std::string& text) {
  ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

Result<std::optional<StoredLayer>> find_layer(const std::string& text, char digit) {
  LayerBook book;
  Result<void> added = book.add(bytes_of(text));
  if (!added.ok()) {
    return std::move(added).error();
  }
  return book.find(hex_of(digit));
}

TEST(LayerBook, FindsALayerWithItsParentAndDigest) {
  std::string text = "[" + record('a', "") + "," +
                     record('b',
                            R"("parent":")" + hex_of('a') + R"(","diff-digest":"sha256:)" +
                                hex_of('d') + R"(","flags":{},"diff-size":1)") +
                     "]";
  Result<std::optional<StoredLayer>> layer = find_layer(text, 'b');
  ASSERT_TRUE(layer.ok()) << layer.error().message();
  EXPECT_EQ(*layer,
            (StoredLayer{.id = hex_of('b'),
                         .parent = hex_of('a'),
                         .diff_digest = digest_of_digits('d'),
                         .incomplete = false}));
  EXPECT_EQ((*find_layer(text, 'a'))->parent, "");
  EXPECT_EQ(*find_layer(text, 'c'), std::nullopt);
}

TEST(LayerBook, FindsTheIdWhereverItStandsInItsRecord) {
  std::string text = R"([{"flags":{"id":"x"},"parent":"","id":")" + hex_of('a') + "\"}]";
  EXPECT_TRUE(find_layer(text, 'a')->has_value());
}

TEST(LayerBook, SaysWhichLayersAreIncomplete) {
  EXPECT_TRUE(
      (*find_layer("[" + record('a', R"("flags":{"incomplete":true})") + "]", 'a'))->incomplete);
  EXPECT_FALSE(
      (*find_layer("[" + record('a', R"("flags":{"incomplete":false})") + "]", 'a'))->incomplete);
  EXPECT_FALSE((*find_layer("[" + record('a', R"("flags":null)") + "]", 'a'))->incomplete);
}

TEST(LayerBook, ALayerKnownByItsTableOfContentsHasAnExpectedDigest) {
  std::string flags = R"("flags":{"expected-layer-diffid":"sha256:)" + hex_of('e') + "\"}";
  EXPECT_EQ((*find_layer("[" + record('a', flags) + "]", 'a'))->diff_digest, digest_of_digits('e'));
  std::string both = R"("diff-digest":"sha256:)" + hex_of('d') + "\"," + flags;
  EXPECT_EQ((*find_layer("[" + record('a', both) + "]", 'a'))->diff_digest, digest_of_digits('d'));
}

TEST(LayerBook, TheFirstOfTwoRecordsWithOneIdCounts) {
  LayerBook book;
  ASSERT_TRUE(book.add(bytes_of("[" + record('a', R"("parent":"first")") + "]")).ok());
  ASSERT_TRUE(
      book.add(bytes_of("[" + record('a', R"("parent":"second")") + "," + record('b', "") + "]"))
          .ok());
  EXPECT_EQ((*book.find(hex_of('a')))->parent, "first");
  EXPECT_TRUE(book.find(hex_of('b'))->has_value());
  EXPECT_EQ(book.size(), 3U);
}

TEST(LayerBook, LooksOnlyForIds) {
  std::string text = R"([{"id":"../x"},{"parent":""}])";
  LayerBook book;
  ASSERT_TRUE(book.add(bytes_of(text)).ok());
  EXPECT_EQ(*book.find("../x"), std::nullopt);
  EXPECT_EQ(*book.find(""), std::nullopt);
}

TEST(LayerBook, ATextCutAnywhereWasReadWhileItWasWritten) {
  std::string whole = "[" + record('a', R"("flags":{"incomplete":true})") + "]";
  for (std::size_t size = 1; size < whole.size(); ++size) {
    LayerBook book;
    EXPECT_EQ(book.add(bytes_of(whole.substr(0, size))).error().code(), Code::Aborted) << size;
  }
}

TEST(LayerBook, AMemberOfTheWrongTypeIsDamage) {
  for (const char* more : {R"("parent":1)",
                           R"("diff-digest":[])",
                           R"("diff-digest":"md5:1")",
                           R"("flags":[])",
                           R"("flags":{"incomplete":"yes"})",
                           R"("flags":{"expected-layer-diffid":1})",
                           R"("parent":"\x")"}) {
    Result<std::optional<StoredLayer>> layer = find_layer("[" + record('a', more) + "]", 'a');
    ASSERT_FALSE(layer.ok()) << more;
    EXPECT_EQ(layer.error().code(), Code::DataLoss) << more;
  }
  LayerBook book;
  EXPECT_EQ(book.add(bytes_of("[[]]")).error().code(), Code::DataLoss);
}

TEST(LayerBook, StaysValidWhenItIsMoved) {
  LayerBook book;
  ASSERT_TRUE(book.add(bytes_of("[" + record('a', R"("parent":"p")") + "]")).ok());
  LayerBook moved = std::move(book);
  EXPECT_EQ((*moved.find(hex_of('a')))->parent, "p");
}

TEST(BigData, IsAFileNamedByItsKey) {
  EXPECT_EQ(big_data_file("manifest"), "manifest");
  EXPECT_EQ(big_data_file("a.b9"), "a.b9");
  EXPECT_EQ(big_data_file("sha256:ab"), "=c2hhMjU2OmFi");
  EXPECT_EQ(big_data_file("manifest-sha256:ab"), "=bWFuaWZlc3Qtc2hhMjU2OmFi");
  EXPECT_EQ(big_data_file("Manifest"), "=TWFuaWZlc3Q=");
}

}  // namespace
}  // namespace bpfman::container
