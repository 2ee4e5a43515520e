// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/application.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kSeed =
    "apiVersion: bpfman.io/v1alpha1\n"
    "kind: XdpProgram\n"
    "metadata:\n"
    "  name: my-ebpf-program\n"
    "spec:\n"
    "  bpfProgram:\n"
    "    image: my-ebpf-prog:dev\n";

WantedApplication parsed(const std::string& text) {
  Result<std::vector<WantedApplication>> all = parse_applications(text, "a.yaml");
  EXPECT_TRUE(all.ok()) << (all.ok() ? "" : all.error().message());
  return all.ok() ? all->front() : WantedApplication();
}

std::string error_of(const std::string& text) {
  Result<std::vector<WantedApplication>> all = parse_applications(text, "a.yaml");
  return all.ok() ? "" : all.error().message();
}

// A program of `kind` with more of its spec.
std::string single(const std::string& kind, const std::string& spec) {
  return "apiVersion: bpfman.io/v1alpha1\nkind: " + kind +
         "\nmetadata: {name: p}\nspec:\n  bpfProgram: {image: img, function: f}\n" + spec;
}

std::string several(const std::string& programs) {
  return "apiVersion: bpfman.io/v1alpha1\nkind: BpfApplication\nmetadata: {name: app}\nspec:\n"
         "  nodeSelector: {}\n  byteCode: {image: {url: img, imagePullPolicy: Never}}\n"
         "  programs:\n" +
         programs;
}

TEST(Application, TheSeedDocument) {
  WantedApplication app = parsed(kSeed);
  EXPECT_EQ(app.title(), "xdpprogram.bpfman.io/my-ebpf-program");
  EXPECT_EQ(app.place, "a.yaml:1");
  EXPECT_EQ(std::get<ImageSource>(app.source).reference, "my-ebpf-prog:dev");
  EXPECT_EQ(std::get<ImageSource>(app.source).policy, PullPolicy::IfNotPresent);
  ASSERT_EQ(app.programs.size(), 1U);
  EXPECT_EQ(app.programs[0].choice, (ProgramChoice{.name = "", .type = ProgramType::Xdp}));
  ASSERT_EQ(app.programs[0].links.size(), 1U);
  EXPECT_TRUE(app.programs[0].links[0].primary_interface);
  const auto& target = std::get<ChainTarget>(app.programs[0].links[0].attach.target);
  EXPECT_EQ(target.order.priority, 1000);
  EXPECT_THAT(target.proceed_on, ElementsAre(2, 31));
}

TEST(Application, XdpInFull) {
  WantedApplication app =
      parsed(single("XdpProgram",
                    "  interfaceSelector: {interfaces: [eth0, 'lan*']}\n"
                    "  priority: 5\n  proceedOn: [Pass, TX, DispatcherReturn]\n  mode: Generic\n"
                    "  globalData: {limit: [1, 0, 255], b: AQI=}\n  settings: {rate: 10}\n"
                    "  netns: /run/netns/blue\n  before: [a/b]\n"));
  const std::vector<WantedLink>& links = app.programs[0].links;
  ASSERT_EQ(links.size(), 2U);
  const auto& target = std::get<ChainTarget>(links[1].attach.target);
  EXPECT_EQ(target.interface, "lan*");
  EXPECT_EQ(target.netns, "/run/netns/blue");
  EXPECT_EQ(target.order.priority, 5);
  EXPECT_THAT(target.order.before, ElementsAre("a/b"));
  EXPECT_EQ(target.mode, XdpMode::Generic);
  EXPECT_THAT(target.proceed_on, ElementsAre(2, 3, 31));
  EXPECT_FALSE(links[0].primary_interface);
  EXPECT_EQ(app.globals.at("limit").size(), 3U);
  EXPECT_EQ(app.globals.at("b").size(), 2U);
  EXPECT_EQ(app.settings.front(), (Setting{.path = "rate", .value = "10"}));
}

TEST(Application, FieldsOfVersion05) {
  WantedApplication app = parsed(
      "apiVersion: bpfman.io/v1alpha1\nkind: XdpProgram\nmetadata: {name: p, labels: {a: b}}\n"
      "spec:\n  bpffunctionname: pass\n  nodeselector: {}\n"
      "  bytecode: {image: {url: quay.io/x/y:z, imagepullpolicy: Always}}\n"
      "  interfaceselector: {primarynodeinterface: true}\n  priority: 55\n"
      "  proceedon: [pass, dispatcher_return]\n");
  EXPECT_EQ(app.programs[0].choice.name, "pass");
  EXPECT_EQ(std::get<ImageSource>(app.source).policy, PullPolicy::Always);
  EXPECT_TRUE(app.programs[0].links[0].primary_interface);
  EXPECT_EQ(app.labels.at("a"), "b");
  WantedApplication probe =
      parsed(single("KprobeProgram", "  func_name: do_unlinkat\n  retprobe: true\n"));
  EXPECT_EQ(probe.programs[0].choice.type, ProgramType::Kretprobe);
  EXPECT_THAT(std::get<KprobeTarget>(probe.programs[0].links[0].attach.target).functions,
              ElementsAre("do_unlinkat"));
  WantedApplication points = parsed(
      single("TracepointProgram", "  names: [syscalls/sys_enter_openat, sched/sched_switch]\n"));
  EXPECT_EQ(points.programs[0].links.size(), 2U);
}

TEST(Application, SeveralProgramsOfUpstream) {
  WantedApplication app = parsed(several(
      "  - {name: count, type: XDP, xdp: {links: [{interfaceSelector: {interfaces: [a, b]}}]}}\n"
      "  - {name: shape, type: TC, tc: {links: [{interfaceSelector: {interfaces: [a]},"
      " direction: Egress}]}}\n"
      "  - {name: watch, type: FEntry, fentry: {function: do_unlinkat, links: [{mode: Attach}]}}\n"
      "  - {name: user, type: UProbe, uprobe: {links: [{target: libc, function: malloc}]}}\n"
      "  - {name: only, type: KProbe}\n"));
  ASSERT_EQ(app.programs.size(), 5U);
  EXPECT_EQ(app.programs[0].links.size(), 2U);
  const auto& tc = std::get<ChainTarget>(app.programs[1].links[0].attach.target);
  EXPECT_EQ(tc.hook, HookKind::TcEgress);
  EXPECT_EQ(tc.proceed_on, default_proceed_on(HookKind::TcEgress));
  EXPECT_EQ(app.programs[2].choice.attach_function, "do_unlinkat");
  EXPECT_EQ(app.programs[2].links.size(), 1U);
  EXPECT_EQ(std::get<UprobeTarget>(app.programs[3].links[0].attach.target).binary, "libc");
  EXPECT_TRUE(app.programs[4].links.empty()) << "loaded only";
  EXPECT_EQ(std::get<ImageSource>(app.source).policy, PullPolicy::Never);
}

TEST(Application, Discovery) {
  auto selector = [](const std::string& config) {
    WantedApplication app = parsed(single(
        "XdpProgram", "  interfaceSelector: {interfacesDiscoveryConfig: {" + config + "}}\n"));
    return *interface_of(app.programs[0].links[0].attach.target);
  };
  EXPECT_EQ(selector("interfaceAutoDiscovery: true"), "all");
  EXPECT_EQ(selector("interfaceAutoDiscovery: true, excludeInterfaces: [eth9]"), "all,!eth9");
  EXPECT_EQ(selector("interfaceAutoDiscovery: true, allowedInterfaces: [eth0]"), "eth0,!lo");
  EXPECT_THAT(error_of(single("XdpProgram",
                              "  interfaceSelector: {interfacesDiscoveryConfig: "
                              "{interfaceAutoDiscovery: true, allowedInterfaces: [/e.*/]}}\n")),
              HasSubstr("regular expressions need a cluster"));
}

TEST(Application, MistakesHaveLinesAndPaths) {
  std::string seed = kSeed;
  EXPECT_EQ(error_of(seed + "    imge: x\n"),
            "a.yaml:8: spec.bpfProgram.imge: there is no such field");
  EXPECT_EQ(error_of(seed + "  priority: 1001\n"),
            "a.yaml:8: spec.priority: a number from 0 to 1000 is expected");
  EXPECT_EQ(error_of(seed + "  proceedOn: [Pass, Fly]\n").substr(0, 43),
            "a.yaml:8: spec.proceedOn: \"Fly\" is none of ");
  EXPECT_THAT(error_of(seed + "  interfaceSelector: {}\n"), HasSubstr("exactly one of interfaces"));
  EXPECT_THAT(error_of(seed + "---\n" + seed), HasSubstr("stands in a.yaml:1 already"));
  EXPECT_THAT(error_of("kind: XdpProgram\n"), HasSubstr("a.yaml:1: apiVersion: \"\" is not"));
  EXPECT_THAT(error_of("# nothing\n"), HasSubstr("there is no document"));
  EXPECT_THAT(error_of("- a\n"), HasSubstr("a document with apiVersion"));
  EXPECT_THAT(error_of(single("YdpProgram", "")), HasSubstr("is no kind that bpfman knows"));
  EXPECT_THAT(error_of(single("TcProgram", "")), HasSubstr("direction: it has to be ingress or"));
  EXPECT_THAT(error_of(several("  - {name: a, type: KernelPanic}\n")), HasSubstr("no type"));
  EXPECT_THAT(error_of(several("  - {name: a, type: XDP, tc: {links: []}}\n")),
              HasSubstr("spec.programs[0].tc: there is no such field"));
  EXPECT_THAT(error_of(several("  - {name: a, type: XDP}\n  - {name: a, type: TC}\n")),
              HasSubstr("stands twice"));
  EXPECT_THAT(error_of(single("XdpProgram", "  globalData: {a: [256]}\n")),
              HasSubstr("spec.globalData.a: a byte is a number"));
}

TEST(Application, WhatNeedsAClusterIsSaid) {
  for (const char* more : {"  nodeSelector: {matchLabels: {a: b}}\n",
                           "  networkNamespaces: {pods: {matchLabels: {a: b}}}\n",
                           "  mapOwnerSelector: {matchLabels: {a: b}}\n"}) {
    Result<std::vector<WantedApplication>> all =
        parse_applications(std::string(kSeed) + more, "a.yaml");
    ASSERT_FALSE(all.ok()) << more;
    EXPECT_EQ(all.error().code(), Code::Unimplemented);
    EXPECT_THAT(all.error().message(), HasSubstr("a.yaml:8: spec."));
  }
}

}  // namespace
}  // namespace bpfman
