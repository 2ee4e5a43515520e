// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/tuf_metadata.h"

#include <gmock/gmock.h>

#include "bpfman/trust/tuf_test_repository.h"

namespace bpfman::trust {
namespace {

using ::testing::HasSubstr;

TEST(CanonicalJson, SortsMembersAndEscapesQuotesAndBackslashesOnly) {
  EXPECT_EQ(*canonical_json(R"( { "b" : [ 1, -2, true, null, {} , [] ], "a": "x\"\\\n\u00e9/" } )"),
            "{\"a\":\"x\\\"\\\\\n\u00e9/\",\"b\":[1,-2,true,null,{},[]]}");
  EXPECT_EQ(*canonical_json(R"({"aa":1,"a":2,"B":3,"\u20ac":4})"),
            "{\"B\":3,\"a\":2,\"aa\":1,\"\u20ac\":4}");
}

TEST(CanonicalJson, RefusesWhatItCannotSay) {
  for (const char* text :
       {"", "{", "1.5", "[1e3]", "99999999999999999999", "\"\xff\"", "{\"a\":}"}) {
    Result<std::string> out = canonical_json(text);
    ASSERT_FALSE(out.ok()) << text;
    EXPECT_EQ(out.error().code(), Code::DataLoss);
  }
  EXPECT_TRUE(canonical_json(std::string(30, '[') + std::string(30, ']')).ok());
  EXPECT_FALSE(canonical_json(std::string(40, '[') + std::string(40, ']')).ok());
  EXPECT_FALSE(canonical_json(std::string(100'000, '[')).ok());
}

// A root with one word replaced.
std::string root_with(const std::string& from, const std::string& to) {
  TufTestRepository repository;
  repository.publish();
  std::string text = repository.root();
  std::size_t at = text.find(from);
  if (at == std::string::npos) {
    ADD_FAILURE() << "no " << from;
    return text;
  }
  return text.replace(at, from.size(), to);
}

TEST(TufRootFile, IsRefusedForWhatItMustHave) {
  struct Case {
    const char* from;
    const char* to;
    const char* text;
  };

  for (const Case& c :
       {Case{"\"root\",", "\"targets\",", "its _type is \"targets\""},
        Case{"\"version\": 1", "\"version\": 0", "version is no number from 1 on"},
        Case{"\"version\": 1", "\"version\": -1", "version is no number"},
        Case{"\"version\": 1", "\"version\": \"1\"", "version is no number"},
        Case{"\"version\": 1", "\"version\": 1.0", "a fraction"},
        Case{"\"threshold\": 1", "\"threshold\": 0", "threshold is no number from 1 on"},
        Case{"\"snapshot\": {", "\"snapshots\": {", "the role snapshot has no list"},
        Case{"\"keys\": {", "\"kees\": {", "keys is no object"},
        Case{"\"expires\": \"2", "\"expires\": \"x", "expires is no time"},
        Case{"\"signatures\": [", "\"signature\": [", "signatures is no list"},
        Case{"\"signed\": {", "\"sign\": {", "no JSON object with a member"}}) {
    Result<TufRoot> root = parse_tuf_root(root_with(c.from, c.to));
    ASSERT_FALSE(root.ok()) << c.to;
    EXPECT_THAT(root.error().message(), HasSubstr(c.text));
  }
}

TEST(TufRootFile, HasALimitedNumberOfKeysAndSignatures) {
  TufTestRepository repository;
  repository.role(TufRole::Root).signers = std::vector<std::string>(kMaxTufSignatures + 1, "root");
  repository.publish_root();
  Result<TufRoot> root = parse_tuf_root(repository.root());
  ASSERT_FALSE(root.ok());
  EXPECT_THAT(root.error().message(), HasSubstr("signatures is no list of at most 64"));
}

TEST(TufFiles, AreRefusedWithoutWhatTheyVouchFor) {
  TufTestRepository repository;
  repository.publish();
  auto broken = [&](const std::string& path, const std::string& from, const std::string& to) {
    std::string text = repository.files.at(path);
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_FALSE(parse_tuf_timestamp(broken("timestamp.json", "snapshot.json", "other.json")).ok());
  EXPECT_FALSE(
      parse_tuf_timestamp(broken("timestamp.json", "\"sha256\": \"", "\"sha256\": \"x")).ok());
  EXPECT_FALSE(parse_tuf_timestamp(broken("timestamp.json", "\"length\": ", "\"length\": -")).ok());
  EXPECT_FALSE(parse_tuf_timestamp(broken("timestamp.json", "sha256", "sha3")).ok());
  EXPECT_FALSE(parse_tuf_snapshot(broken("1.snapshot.json", "targets.json", "t.json")).ok());
  EXPECT_FALSE(parse_tuf_targets(broken("1.targets.json", "\"length\"", "\"size\"")).ok());
  EXPECT_FALSE(parse_tuf_targets(broken("1.targets.json", "\"hashes\"", "\"hash\"")).ok());
  EXPECT_FALSE(parse_tuf_targets(broken("1.targets.json", "\"targets\": {", "\"t\": {")).ok());
}

}  // namespace
}  // namespace bpfman::trust
