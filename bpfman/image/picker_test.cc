// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/picker.h"

#include <bit>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kOwn = std::endian::native == std::endian::little ? "bpfel" : "bpfeb";
constexpr const char* kOther = std::endian::native == std::endian::little ? "bpfeb" : "bpfel";

const Platform amd64 = {.os = "linux", .architecture = "amd64"};

// What is picked of objects at these paths, which have these functions.
class Picking {
 public:
  explicit Picking(std::map<std::string, std::vector<std::string>> functions)
      : functions_(std::move(functions)) {}

  Result<std::string> operator()(const EbpfLabels& labels, const Platform& platform = amd64) {
    std::vector<ObjectFile> candidates;
    for (const auto& [path, functions] : functions_) {
      candidates.push_back(ObjectFile{path, 0});
    }
    ObjectFile picked =
        TRY(pick_object(candidates, labels, platform, [this](const ObjectFile& file) {
          read_.push_back(file.path);
          return Result<Bytes>(make_object(functions_.at(file.path)));
        }));
    return picked.path;
  }

  const std::vector<std::string>& read() const { return read_; }

 private:
  std::map<std::string, std::vector<std::string>> functions_;
  std::vector<std::string> read_;
};

Picking among(const std::vector<std::string>& paths) {
  std::map<std::string, std::vector<std::string>> functions;
  for (const std::string& path : paths) {
    functions[path] = {"pass"};
  }
  return Picking(functions);
}

TEST(Picking, TakesTheOnlyOneWithoutReadingIt) {
  Picking pick = among({"x.o"});
  EXPECT_EQ(*pick({}), "x.o");
  EXPECT_EQ(*pick({.programs = {{"nothing", "xdp"}}}), "x.o");
  EXPECT_EQ(*pick({.file_name = "other.o"}), "x.o");
  EXPECT_THAT(pick.read(), IsEmpty());
}

TEST(Picking, TakesTheOneThatTheLabelNames) {
  Picking pick = among({"a.o", "b.o"});
  for (const char* label : {"b.o", "/b.o", "./b.o", "/opt/b.o"}) {
    EXPECT_EQ(*pick({.file_name = label}), "b.o") << label;
  }
}

TEST(Picking, TakesTheWholePathBeforeTheBaseName) {
  EXPECT_EQ(*among({"a/x.o", "b/x.o"})({.file_name = "/b/x.o"}), "b/x.o");
}

TEST(Picking, NeverTakesTheFirstOfSeveralOfABaseName) {
  Result<std::string> picked = among({"a/x.o", "b/x.o", "c/y.o"})({.file_name = "x.o"});
  ASSERT_FALSE(picked.ok());
  EXPECT_THAT(picked.error().message(), AllOf(HasSubstr("/a/x.o, /b/x.o"), Not(HasSubstr("y.o"))));
}

TEST(Picking, TakesTheOneThatHasEveryLabelledFunction) {
  Picking pick({{"a.o", {"one"}}, {"b.o", {"one", "two"}}, {"c.o", {"two"}}});
  EXPECT_EQ(*pick({.programs = {{"one", "xdp"}, {"two", "xdp"}}}), "b.o");
}

TEST(Picking, LetsNamesDecideAmongThoseThatHaveTheFunctions) {
  Picking pick({{"a_x86_bpfel.o", {"other"}}, {"b_arm64.o", {"one"}}, {"b_x86.o", {"one"}}});
  EXPECT_EQ(*pick({.programs = {{"one", "xdp"}}}), "b_x86.o");
}

TEST(Picking, FallsBackToNamesWhenNoneHasTheFunctions) {
  Picking pick({{"x_arm64.o", {"a"}}, {"x_x86.o", {"b"}}});
  EXPECT_EQ(*pick({.programs = {{"none", "xdp"}}}), "x_x86.o");
}

TEST(Picking, PassesOverWhatIsNoReadableObject) {
  std::vector<ObjectFile> candidates = {{"a.o", 0}, {"b.o", 0}};
  EbpfLabels labels = {.programs = {{"pass", "xdp"}}};
  Result<ObjectFile> picked =
      pick_object(candidates, labels, amd64, [](const ObjectFile& file) -> Result<Bytes> {
        return file.path == "a.o" ? bytes_of("garbage") : make_object({"pass"});
      });
  EXPECT_EQ(picked->path, "b.o");
}

TEST(Picking, PassesErrorsOfReadingOn) {
  std::vector<ObjectFile> candidates = {{"a.o", 0}, {"b.o", 0}};
  EbpfLabels labels = {.programs = {{"pass", "xdp"}}};
  Result<ObjectFile> picked =
      pick_object(candidates, labels, amd64, [](const ObjectFile&) -> Result<Bytes> {
        return Error(Code::DataLoss, "damaged");
      });
  EXPECT_EQ(picked.error().code(), Code::DataLoss);
}

TEST(Picking, TakesTheNameOfThisByteOrder) {
  std::string own = std::string("x_") + kOwn + ".o";
  EXPECT_EQ(*among({own, std::string("x_") + kOther + ".o"})({}), own);
}

TEST(Picking, TakesTheNameOfThisArchitecture) {
  struct Case {
    const char* architecture;
    const char* word;
  };

  Picking pick = among({"x_x86_b.o",
                        "x_arm64_b.o",
                        "x_arm_b.o",
                        "x_powerpc_b.o",
                        "x_riscv_b.o",
                        "x_s390_b.o",
                        "x_loongarch_b.o",
                        "x_mips_b.o"});
  for (const Case& one : {Case{"amd64", "x86"},
                          Case{"386", "x86"},
                          Case{"arm64", "arm64"},
                          Case{"arm", "arm"},
                          Case{"ppc64le", "powerpc"},
                          Case{"riscv64", "riscv"},
                          Case{"s390x", "s390"},
                          Case{"loong64", "loongarch"},
                          Case{"mips64le", "mips"}}) {
    EXPECT_EQ(*pick({}, Platform{.architecture = one.architecture}),
              std::string("x_") + one.word + "_b.o");
  }
}

TEST(Picking, TakesTheNamesOfBpf2go) {
  std::string own = std::string("counter_x86_") + kOwn + ".o";
  std::string arm = std::string("counter_arm64_") + kOwn + ".o";
  EXPECT_EQ(*among({arm, own})({}), own);
  EXPECT_EQ(*among({arm, own})({}, Platform{.architecture = "arm64", .variant = "v8"}), arm);
}

TEST(Picking, PrefersTheArchitectureToTheByteOrder) {
  EXPECT_EQ(*among({std::string("x_") + kOwn + ".o", "x-amd64.o"})({}), "x-amd64.o");
}

TEST(Picking, NeverTakesWhatIsMeantForAnother) {
  std::string arm = std::string("x_arm64_") + kOwn + ".o";
  EXPECT_FALSE(among({arm, "y.o"})({}).ok());
  EXPECT_FALSE(among({std::string("x_x86_") + kOther + ".o", "y.o"})({}).ok());
}

TEST(Picking, ListsAllWhenNothingDecides) {
  Result<std::string> picked = among({"a.o", "lib/b.o"})({});
  ASSERT_FALSE(picked.ok());
  EXPECT_EQ(picked.error().code(), Code::InvalidArgument);
  EXPECT_THAT(picked.error().message(), HasSubstr("/a.o, /lib/b.o"));
  EXPECT_THAT(picked.error().hints(), ElementsAre(HasSubstr("io.ebpf.filename=a.o")));
}

TEST(NoObject, SaysWhatTheImageHasInstead) {
  Error error = no_object("x:dev", {{.others = {"a", "b"}}, {.others = {"c", "d", "e", "f", "g"}}});
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(),
              AllOf(HasSubstr("x:dev"), HasSubstr("/a, /b, /c, /d, /e and 2 more")));
  EXPECT_THAT(error.hints(), ElementsAre(HasSubstr("COPY")));
}

TEST(NoObject, SaysThatTheImageIsEmpty) {
  EXPECT_THAT(no_object("x:dev", {LayerListing()}).message(), HasSubstr("it is empty"));
}

}  // namespace
}  // namespace bpfman::image
