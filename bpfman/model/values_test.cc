// SPDX-License-Identifier: Apache-2.0
// The small values: digests, labels, paths, names of types, typed values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/model/digest.h"
#include "bpfman/model/ebpf_labels.h"
#include "bpfman/model/image.h"
#include "bpfman/model/layout.h"
#include "bpfman/model/program_type.h"
#include "bpfman/model/specs.h"
#include "bpfman/model/typed_value.h"

namespace bpfman {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(Digest, HasARegisteredAlgorithmAndTheRightNumberOfDigits) {
  std::string hex(64, 'f');
  EXPECT_EQ(Digest::parse("sha256:" + hex)->hex(), hex);
  EXPECT_EQ(Digest::parse("sha512:" + hex + hex)->algorithm(), "sha512");
  EXPECT_EQ(Digest::from_sha256_hex(hex)->text(), "sha256:" + hex);
  EXPECT_EQ(Digest::parse("sha256:" + hex)->short_hex(), "ffffffffffff");
  for (const std::string& text : {std::string(),
                                  hex,
                                  "sha256:" + hex.substr(1),
                                  "sha256:" + hex + "f",
                                  "sha256:" + std::string(64, 'F'),
                                  "sha256:" + std::string(63, 'f') + "g",
                                  "sha256:../../" + hex.substr(6),
                                  "sha512:" + hex,
                                  "md5:" + hex}) {
    EXPECT_FALSE(Digest::parse(text).has_value()) << text;
  }
  EXPECT_TRUE(Digest().empty());
  EXPECT_EQ(Digest::sha256_of(as_bytes("abc")).short_hex(), "ba7816bf8f01");
}

TEST(Labels, TellProgramsAndMaps) {
  Result<EbpfLabels> labels =
      parse_ebpf_labels({{"io.ebpf.programs", R"({"pass":"xdp","stats":"tc"})"},
                         {"io.ebpf.maps", R"({"seen":"hash"})"},
                         {"org.other", "not JSON"}});
  ASSERT_TRUE(labels.ok()) << labels.error().message();
  EXPECT_THAT(labels->programs, UnorderedElementsAre(Pair("pass", "xdp"), Pair("stats", "tc")));
  EXPECT_THAT(labels->maps, UnorderedElementsAre(Pair("seen", "hash")));
}

TEST(Labels, MayBeTheLegacyOnes) {
  Result<EbpfLabels> labels = parse_ebpf_labels({{"io.ebpf.bpf_function_name", "pass"},
                                                 {"io.ebpf.program_type", "xdp"},
                                                 {"io.ebpf.filename", "pass.o"}});
  ASSERT_TRUE(labels.ok());
  EXPECT_THAT(labels->programs, UnorderedElementsAre(Pair("pass", "xdp")));
  EXPECT_EQ(labels->file_name, "pass.o");
}

TEST(Labels, ThatAreNoObjectOfTextsAreNamed) {
  for (const char* text : {"[]", "{", "\"x\"", R"({"pass":1})", R"({"pass":null})", "{}x"}) {
    Result<EbpfLabels> labels = parse_ebpf_labels({{"io.ebpf.programs", text}});
    ASSERT_FALSE(labels.ok()) << text;
    EXPECT_EQ(labels.error().code(), Code::InvalidArgument);
    EXPECT_THAT(labels.error().message(), HasSubstr("io.ebpf.programs"));
  }
  EXPECT_TRUE(parse_ebpf_labels({})->programs.empty());
  EXPECT_TRUE(parse_ebpf_labels({{"io.ebpf.programs", ""}})->programs.empty());
}

TEST(Layout, PutsEverythingBelowItsRoot) {
  Layout host;
  EXPECT_EQ(host.database(), "/var/lib/bpfman/bpfman.db");
  EXPECT_EQ(host.program_pin(ProgramId(7)), "/run/bpfman/fs/prog_7");
  EXPECT_EQ(host.link_pin(LinkId(3)), "/run/bpfman/fs/links/3");
  Layout other{.root = "/tmp/x"};
  for (const std::string& path : {other.database(),
                                  other.bpffs(),
                                  other.lock_file(),
                                  other.map_directory(ProgramId(7)),
                                  other.blob(Digest::sha256_of(as_bytes(""))),
                                  other.staged_program(OperationId(1), 0),
                                  other.configuration()}) {
    EXPECT_EQ(path.find("/tmp/x/"), 0U) << path;
  }
}

TEST(ProgramTypes, ComeFromSectionNames) {
  struct Case {
    const char* section;
    ProgramType type;
  };

  for (const Case& c : {Case{"xdp", ProgramType::Xdp},
                        Case{"xdp.frags", ProgramType::Xdp},
                        Case{"xdp/name", ProgramType::Xdp},
                        Case{"xdp/devmap", ProgramType::Other},
                        Case{"?tc", ProgramType::Tc},
                        Case{"classifier/ingress", ProgramType::Tc},
                        Case{"tcx/egress", ProgramType::Tcx},
                        Case{"kprobe/do_sys_open", ProgramType::Kprobe},
                        Case{"kprobe.multi/x", ProgramType::KprobeMulti},
                        Case{"uretprobe.s/x:y", ProgramType::Uretprobe},
                        Case{"lsm.s/file_open", ProgramType::Lsm},
                        Case{"xdpfoo", ProgramType::Other},
                        Case{"", ProgramType::Other}}) {
    EXPECT_EQ(program_type_of_section(c.section), c.type) << c.section;
  }
}

TEST(ProgramTypes, AreSpelledInOneWay) {
  EXPECT_EQ(parse_program_type("kretprobe"), ProgramType::Kretprobe);
  EXPECT_EQ(to_string(ProgramType::Uretprobe), "uretprobe");
  for (const char* text : {"XDP", "other", "", "xdp "}) {
    EXPECT_FALSE(parse_program_type(text).has_value()) << text;
  }
}

TEST(Specs, NameModesAndResults) {
  EXPECT_EQ(parse_xdp_mode("skb"), XdpMode::Generic);
  EXPECT_EQ(parse_xdp_mode("drv"), XdpMode::Native);
  EXPECT_FALSE(parse_xdp_mode("fast").has_value());
  EXPECT_EQ(parse_pull_policy("ALWAYS").value_or(PullPolicy::Never), PullPolicy::Always);
}

TEST(ImageSources, AreWordsInAnyOrderEachOnce) {
  EXPECT_EQ(parse_image_sources({"Registry", " docker"}).value_or({}),
            (std::vector<SourceKind>{SourceKind::Registry, SourceKind::Docker}));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"file"}, {"docker", "DOCKER"}, {""}}) {
    Result<std::vector<SourceKind>> parsed = parse_image_sources(words);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error().code(), Code::InvalidArgument);
    EXPECT_EQ(parsed.error().hints().size(), 1U);
  }
}

TypedValue number(std::uint64_t value) {
  return TypedValue{value};
}

TEST(TypedValue, ReadsLikeALiteral) {
  TypedValue value{TypedStruct{{{"packets", number(5)},
                                {"name", TypedValue{std::string("a\"b\n")}},
                                {"list", TypedValue{TypedArray{{number(1), number(2)}}}},
                                {"raw", TypedValue{Bytes{std::byte{0x0a}}}},
                                {"on", TypedValue{true}}}}};
  EXPECT_EQ(to_text(value), R"({packets: 5, name: "a\"b\x0a", list: [1, 2], raw: 0x0a, on: true})");
}

TEST(TypedValue, IsSummedMemberByMember) {
  auto stats = [](std::uint64_t packets, std::int64_t delta) {
    return TypedValue{TypedStruct{
        {{"packets", number(packets)}, {"deltas", TypedValue{TypedArray{{TypedValue{delta}}}}}}}};
  };
  std::optional<TypedValue> total = sum({stats(1, -4), stats(2, 1), stats(3, 0)});
  ASSERT_TRUE(total.has_value());
  EXPECT_EQ(*total, stats(6, -3));
}

TEST(TypedValue, HasNoSumWhereThereIsAnythingButIntegers) {
  EXPECT_FALSE(sum({}).has_value());
  EXPECT_FALSE(sum({TypedValue{std::string("a")}}).has_value());
  EXPECT_FALSE(sum({number(1), TypedValue{std::int64_t{1}}}).has_value());
  EXPECT_FALSE(sum({TypedValue{TypedArray{{number(1)}}}, TypedValue{TypedArray{}}}).has_value());
  EXPECT_FALSE(sum({TypedValue{TypedStruct{{{"a", number(1)}}}},
                    TypedValue{TypedStruct{{{"b", number(1)}}}}})
                   .has_value());
}

TEST(Provenance, IsDescribedByRouteOrPlace) {
  EXPECT_EQ(describe_source({.source = SourceKind::Docker, .route = "overlay2"}),
            "docker (overlay2)");
  EXPECT_EQ(
      describe_source({.source = SourceKind::Registry, .route = "registry", .location = "quay.io"}),
      "registry (quay.io)");
}

}  // namespace
}  // namespace bpfman
