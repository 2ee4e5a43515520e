// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/application_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string text_of(const WantedApplication& application) {
  Result<std::string> text = emit_yaml(document_of(application));
  EXPECT_TRUE(text.ok());
  return std::move(text).value_or("");
}

// As it is read again.
WantedApplication again(const WantedApplication& application) {
  std::string text = text_of(application);
  Result<std::vector<WantedApplication>> all = parse_applications(text, "a.yaml");
  EXPECT_TRUE(all.ok()) << (all.ok() ? "" : all.error().message()) << "\n" << text;
  if (!all.ok() || all->size() != 1) {
    return {};
  }
  WantedApplication out = all->front();
  out.place = application.place;
  return out;
}

WantedLink link_to(AttachTarget target, std::uint64_t cookie = 0) {
  bool interface = interface_of(target) != nullptr;
  return WantedLink{
      .attach = {.target = std::move(target), .cookie = cookie, .allow_none = interface}};
}

ChainTarget xdp(const std::string& interface, std::int32_t priority = 50) {
  ChainTarget target{.interface = interface};
  target.order.priority = priority;
  return target;
}

WantedProgram program(const std::string& name, ProgramType type, std::vector<WantedLink> links) {
  return WantedProgram{.choice = {.name = name, .type = type}, .links = std::move(links)};
}

WantedApplication application(std::vector<WantedProgram> programs,
                              const std::string& kind = "BpfApplication") {
  return WantedApplication{.kind = kind,
                           .name = "app",
                           .source = ImageSource{.reference = "docker.io/library/app:dev"},
                           .programs = std::move(programs)};
}

TEST(ApplicationDocument, AnApplicationAsPeopleWriteIt) {
  WantedApplication app =
      application({program("pass", ProgramType::Xdp, {link_to(xdp("eth0")), link_to(xdp("eth*"))}),
                   program("spare", ProgramType::Xdp, {})});
  app.labels = {{"team", "net"}, {"version", "1.0"}};
  app.globals = {{"limit", Bytes{std::byte{10}, std::byte{0}}}};
  EXPECT_EQ(text_of(app),
            "apiVersion: bpfman.io/v1alpha1\n"
            "kind: BpfApplication\n"
            "metadata:\n"
            "  name: app\n"
            "  labels:\n"
            "    team: net\n"
            "    version: \"1.0\"\n"
            "spec:\n"
            "  byteCode:\n"
            "    image:\n"
            "      url: docker.io/library/app:dev\n"
            "  globalData:\n"
            "    limit: \"CgA=\"\n"
            "  programs:\n"
            "  - name: pass\n"
            "    type: xdp\n"
            "    xdp:\n"
            "      links:\n"
            "      - interfaceSelector:\n"
            "          interfaces:\n"
            "          - eth0\n"
            "          - \"eth*\"\n"
            "        priority: 50\n"
            "  - name: spare\n"
            "    type: xdp\n");
  EXPECT_EQ(again(app), app);
}

TEST(ApplicationDocument, EveryPlaceComesBack) {
  ChainTarget full = xdp("eth0");
  full.netns = "/run/netns/x";
  full.mode = XdpMode::Generic;
  full.order = Order{.priority = 200, .role = "ddos", .before = {"other/a"}, .after = {"b", "c"}};
  full.order.priority = [] {
    for (const auto& [name, number] : chain_roles()) {
      if (name == "ddos") {
        return number;
      }
    }
    return 0;
  }();
  full.proceed_on = {0, 2, 31};
  ChainTarget tc{.hook = HookKind::TcEgress, .interface = "eth0"};
  tc.proceed_on = {-1, 0, 30};
  tc.place = Place{.side = Place::Side::Before, .who = "link:7"};
  WantedLink chained = link_to(full, 7);
  chained.attach.strategy = StrategyChoice::Fused;
  WantedLink contained = link_to(ListTarget{.list = ListKind::TcxEgress,
                                            .interface = "eth0",
                                            .priority = 3,
                                            .place = {.side = Place::Side::First}});
  contained.attach.container = "web-1";
  WantedLink primary = link_to(xdp(""));
  primary.primary_interface = true;
  WantedApplication app = application({
      program("x", ProgramType::Xdp, {chained, link_to(xdp("eth1", 0)), primary}),
      program("t", ProgramType::Tc, {link_to(tc)}),
      program("l", ProgramType::Tcx, {contained}),
      program("n",
              ProgramType::Netkit,
              {link_to(ListTarget{.list = ListKind::NetkitPeer, .interface = "nk0"})}),
      program("tp",
              ProgramType::Tracepoint,
              {link_to(TracepointTarget{"sched/sched_switch"}),
               link_to(TracepointTarget{"a/b"}),
               link_to(TracepointTarget{})}),
      program("k",
              ProgramType::Kretprobe,
              {link_to(KprobeTarget{.functions = {"do_unlinkat"}, .offset = 4}, 9)}),
      program("km",
              ProgramType::KprobeMulti,
              {link_to(KprobeTarget{.functions = {"tcp_*", "udp_sendmsg"}})}),
      program("u",
              ProgramType::Uprobe,
              {link_to(UprobeTarget{.binary = "libc",
                                    .functions = {"malloc"},
                                    .offset = 8,
                                    .pid = 4,
                                    .container_pid = 5})}),
      program("usdt",
              ProgramType::Usdt,
              {link_to(UprobeTarget{
                  .binary = "/usr/bin/x", .functions = {"probe"}, .provider = "libx"})}),
      program("c", ProgramType::Cgroup, {link_to(CgroupTarget{"/sys/fs/cgroup/a b"})}),
      program("p",
              ProgramType::PerfEvent,
              {link_to(PerfTarget{.frequency = 99}),
               link_to(PerfTarget{.event = "cycles", .period = 1000, .cpu = 0, .pid = 12})}),
      program("s", ProgramType::SkMsg, {link_to(SockmapTarget{"/sys/fs/bpf/m"})}),
      program("sl", ProgramType::SkLookup, {link_to(NetnsTarget{"/run/netns/y"})}),
      program("nf",
              ProgramType::Netfilter,
              {link_to(NetfilterTarget{.netns = "/n",
                                       .family = "ipv6",
                                       .hook = "forward",
                                       .priority = -5,
                                       .defragment = true})}),
      program("i", ProgramType::Iter, {link_to(IterTarget{.map_pin = "/sys/fs/bpf/e"})}),
  });
  WantedProgram fixed = program("f", ProgramType::Fentry, {link_to(FixedTarget{})});
  fixed.choice.attach_function = "do_unlinkat";
  app.programs.push_back(fixed);
  WantedApplication found = again(app);
  ASSERT_EQ(found.programs.size(), app.programs.size());
  for (std::size_t i = 0; i < app.programs.size(); ++i) {
    EXPECT_EQ(found.programs[i], app.programs[i]) << app.programs[i].choice.name << "\n"
                                                  << text_of(app);
  }
  EXPECT_EQ(found, app);
}

TEST(ApplicationDocument, KindsOfOneProgram) {
  WantedApplication app =
      application({program("pass", ProgramType::Xdp, {link_to(xdp("eth0")), link_to(xdp("eth1"))})},
                  "XdpProgram");
  app.source = ImageSource{.reference = "app:dev", .policy = PullPolicy::Always};
  ASSERT_TRUE(fits_single_kind(app));
  EXPECT_EQ(again(app), app);
  EXPECT_THAT(text_of(app), HasSubstr("imagePullPolicy: Always"));
  WantedApplication probe = application(
      {program("p", ProgramType::Kretprobe, {link_to(KprobeTarget{.functions = {"f"}})})},
      "KprobeProgram");
  probe.source = FileSource{.path = "/x/y.o"};
  EXPECT_EQ(again(probe), probe);
  app.programs[0].links[1] = link_to(xdp("eth1", 51));
  EXPECT_FALSE(fits_single_kind(app)) << "two orders";
  app.programs[0].links.clear();
  EXPECT_FALSE(fits_single_kind(app)) << "nowhere would be the primary interface";
}

TEST(ApplicationDocument, TextsThatLookLikeSomethingElseAreQuoted) {
  WantedApplication app = application({program("pass", ProgramType::Xdp, {})});
  for (const char* text : {"true", "No", "12", "null", "", "~", "a: b", "#x", "- x", "1e3", "x:"}) {
    app.labels = {{"key", text}};
    EXPECT_EQ(again(app), app) << text;
    EXPECT_THAT(text_of(app), HasSubstr("key: \"")) << text;
  }
  app.labels = {{"key", "plain-text_1.0/x:y"}};
  EXPECT_THAT(text_of(app), Not(HasSubstr("\"")));
}

}  // namespace
}  // namespace bpfman
