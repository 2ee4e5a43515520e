// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

v1::LoadRequest one_program(v1::BpfmanProgramType type = v1::XDP) {
  v1::LoadRequest request;
  request.mutable_bytecode()->set_file("/opt/pass.bpf.o");
  v1::LoadInfo& info = *request.add_info();
  info.set_name("pass");
  info.set_program_type(type);
  return request;
}

std::string message_of(const Result<LoadSpec>& spec) {
  return spec.ok() ? "ok" : spec.error().message();
}

std::string message_of(const Result<AttachSpec>& spec) {
  return spec.ok() ? "ok" : spec.error().message();
}

TEST(LoadRequest, FileWithPrograms) {
  v1::LoadRequest request = one_program();
  (*request.mutable_metadata())["owner"] = "me";
  (*request.mutable_global_data())["limit"] = std::string("\x01\x00", 2);
  request.set_map_owner_id(7);
  request.set_uuid("ignored");
  Result<LoadSpec> spec = to_load_spec(request);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(std::get<FileSource>(spec->source).path, "/opt/pass.bpf.o");
  ASSERT_EQ(spec->programs.size(), 1U);
  EXPECT_EQ(spec->programs[0], (ProgramChoice{.name = "pass", .type = ProgramType::Xdp}));
  EXPECT_THAT(spec->metadata, ElementsAre(Pair("owner", "me")));
  EXPECT_EQ(spec->globals.at("limit"), (Bytes{std::byte{1}, std::byte{0}}));
  EXPECT_EQ(spec->map_owner, "7");
  EXPECT_EQ(spec->application, "");
}

TEST(LoadRequest, NoOwnerOfMaps) {
  v1::LoadRequest request = one_program();
  request.set_map_owner_id(0);
  EXPECT_EQ(to_load_spec(request)->map_owner, "");
}

TEST(LoadRequest, ApplicationIsMetadata) {
  v1::LoadRequest request = one_program();
  (*request.mutable_metadata())["bpfman_application"] = "former";
  EXPECT_EQ(to_load_spec(request)->application, "former");
  (*request.mutable_metadata())["bpfman.io/application"] = "lab";
  EXPECT_EQ(to_load_spec(request)->application, "lab");
}

TEST(LoadRequest, ImageWithLogin) {
  v1::LoadRequest request = one_program();
  v1::BytecodeImage& image = *request.mutable_bytecode()->mutable_image();
  image.set_url("quay.io/x/y:1");
  image.set_image_pull_policy(2);
  image.set_username("user");
  image.set_password("secret");
  Result<LoadSpec> spec = to_load_spec(request);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(std::get<ImageSource>(spec->source),
            (ImageSource{.reference = "quay.io/x/y:1",
                         .policy = PullPolicy::Never,
                         .registry_auth = "dXNlcjpzZWNyZXQ="}));
  image.set_password("");
  spec = to_load_spec(request);
  EXPECT_EQ(std::get<ImageSource>(spec->source).registry_auth, "");
}

TEST(LoadRequest, PullPolicies) {
  v1::BytecodeImage image;
  image.set_url("x");
  EXPECT_EQ(to_image_source(image)->policy, PullPolicy::Always);
  image.set_image_pull_policy(1);
  EXPECT_EQ(to_image_source(image)->policy, PullPolicy::IfNotPresent);
  for (std::int32_t policy : {-1, 3}) {
    image.set_image_pull_policy(policy);
    Result<ImageSource> source = to_image_source(image);
    ASSERT_FALSE(source.ok());
    EXPECT_EQ(source.error().code(), Code::InvalidArgument);
    EXPECT_EQ(source.error().message(), "unknown pull policy \"" + std::to_string(policy) + "\"");
  }
}

TEST(LoadRequest, WhatIsMissing) {
  EXPECT_EQ(message_of(to_load_spec(v1::LoadRequest())), "bytecode is missing");
  v1::LoadRequest request = one_program();
  request.mutable_bytecode()->set_file("");
  EXPECT_EQ(message_of(to_load_spec(request)), "the path of the object file is missing");
  request.mutable_bytecode()->set_file("pass.o");
  EXPECT_EQ(message_of(to_load_spec(request)), "object file \"pass.o\": the path must be absolute");
  request = one_program();
  request.clear_info();
  EXPECT_EQ(message_of(to_load_spec(request)), "info: the programs to load is missing");
  request = one_program();
  request.mutable_info(0)->clear_name();
  EXPECT_EQ(message_of(to_load_spec(request)), "the name of a program is missing");
  request.mutable_bytecode()->mutable_image();
  EXPECT_EQ(message_of(to_load_spec(request)), "the url of the image is missing");
}

TEST(LoadRequest, TypeThatIsNotKnown) {
  v1::LoadRequest request = one_program(static_cast<v1::BpfmanProgramType>(77));
  Result<LoadSpec> spec = to_load_spec(request);
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code(), Code::Unimplemented);
}

TEST(LoadRequest, FunctionOfTracingPrograms) {
  v1::LoadRequest request = one_program(v1::FENTRY);
  request.mutable_info(0)->mutable_info()->mutable_fentry_load_info()->set_fn_name("do_unlinkat");
  EXPECT_EQ(to_load_spec(request)->programs[0].attach_function, "do_unlinkat");
  request.mutable_info(0)->set_program_type(v1::FEXIT);
  EXPECT_EQ(message_of(to_load_spec(request)),
            "info of program pass is that of another program type");
  request.mutable_info(0)->mutable_info()->mutable_fexit_load_info()->set_fn_name("do_exit");
  EXPECT_EQ(to_load_spec(request)->programs[0].attach_function, "do_exit");
  request.mutable_info(0)->set_program_type(v1::LSM);
  request.mutable_info(0)->mutable_info()->mutable_lsm_load_info()->set_hook_name("file_open");
  EXPECT_EQ(to_load_spec(request)->programs[0].attach_function, "file_open");
}

TEST(LoadRequest, ReturnProbesByMetadata) {
  v1::LoadRequest request = one_program(v1::KPROBE);
  EXPECT_EQ(to_load_spec(request)->programs[0].type, ProgramType::Kprobe);
  (*request.mutable_metadata())["bpfman.io/actual-type:pass"] = "kretprobe";
  EXPECT_EQ(to_load_spec(request)->programs[0].type, ProgramType::Kretprobe);
  request.mutable_info(0)->set_program_type(v1::UPROBE);
  EXPECT_EQ(to_load_spec(request)->programs[0].type, ProgramType::Uprobe);
}

TEST(AttachRequest, Xdp) {
  v1::AttachInfo info;
  v1::XDPAttachInfo& xdp = *info.mutable_xdp_attach_info();
  xdp.set_priority(60);
  xdp.set_iface("eth0");
  xdp.set_position(4);
  xdp.set_netns("/run/netns/blue");
  (*xdp.mutable_metadata())["owner"] = "me";
  Result<AttachSpec> spec = to_attach_spec(info);
  ASSERT_TRUE(spec.ok());
  const auto& target = std::get<ChainTarget>(spec->target);
  EXPECT_EQ(target,
            (ChainTarget{.hook = HookKind::Xdp,
                         .interface = "eth0",
                         .netns = "/run/netns/blue",
                         .order = {.priority = 60},
                         .proceed_on = {2, 31}}));
  EXPECT_THAT(spec->metadata, ElementsAre(Pair("owner", "me")));
  xdp.add_proceed_on(1);
  xdp.add_proceed_on(2);
  spec = to_attach_spec(info);
  EXPECT_THAT(std::get<ChainTarget>(spec->target).proceed_on, ElementsAre(1, 2));
}

TEST(AttachRequest, TcAndTcx) {
  v1::AttachInfo info;
  info.mutable_tc_attach_info()->set_iface("eth0");
  info.mutable_tc_attach_info()->set_direction("Egress");
  Result<AttachSpec> spec = to_attach_spec(info);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(std::get<ChainTarget>(spec->target).hook, HookKind::TcEgress);
  EXPECT_EQ(std::get<ChainTarget>(spec->target).proceed_on, default_proceed_on(HookKind::TcEgress));
  EXPECT_EQ(std::get<ChainTarget>(spec->target).order.priority, 0);
  info.mutable_tcx_attach_info()->set_iface("eth0");
  info.mutable_tcx_attach_info()->set_direction("ingress");
  info.mutable_tcx_attach_info()->set_priority(9);
  spec = to_attach_spec(info);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(
      std::get<ListTarget>(spec->target),
      (ListTarget{.list = ListKind::TcxIngress, .interface = "eth0", .netns = "", .priority = 9}));
  info.mutable_tcx_attach_info()->set_direction("sideways");
  EXPECT_EQ(message_of(to_attach_spec(info)), "invalid TC direction \"sideways\"");
}

TEST(AttachRequest, Probes) {
  v1::AttachInfo info;
  info.mutable_kprobe_attach_info()->set_fn_name("do_unlinkat");
  info.mutable_kprobe_attach_info()->set_offset(4);
  info.mutable_kprobe_attach_info()->set_container_pid(12);
  EXPECT_EQ(std::get<KprobeTarget>(to_attach_spec(info)->target),
            (KprobeTarget{.functions = {"do_unlinkat"}, .offset = 4}));
  v1::UprobeAttachInfo& uprobe = *info.mutable_uprobe_attach_info();
  EXPECT_EQ(message_of(to_attach_spec(info)), "target is missing");
  uprobe.set_target("libc");
  EXPECT_EQ(message_of(to_attach_spec(info)),
            "uprobe attach requires a function name or a non-zero offset");
  uprobe.set_offset(16);
  EXPECT_THAT(std::get<UprobeTarget>(to_attach_spec(info)->target).functions, IsEmpty());
  uprobe.set_fn_name("malloc");
  uprobe.set_pid(0);
  uprobe.set_container_pid(5);
  EXPECT_EQ(
      std::get<UprobeTarget>(to_attach_spec(info)->target),
      (UprobeTarget{.binary = "libc", .functions = {"malloc"}, .offset = 16, .container_pid = 5}));
  uprobe.set_pid(-1);
  EXPECT_EQ(message_of(to_attach_spec(info)), "pid must be non-negative, got -1");
}

TEST(AttachRequest, TracepointsAndFixedOnes) {
  v1::AttachInfo info;
  info.mutable_tracepoint_attach_info();
  EXPECT_EQ(message_of(to_attach_spec(info)), "tracepoint is missing");
  info.mutable_tracepoint_attach_info()->set_tracepoint("sched/sched_switch");
  EXPECT_EQ(std::get<TracepointTarget>(to_attach_spec(info)->target).name, "sched/sched_switch");
  (*info.mutable_lsm_attach_info()->mutable_metadata())["a"] = "b";
  Result<AttachSpec> spec = to_attach_spec(info);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->target, AttachTarget(FixedTarget{}));
  EXPECT_THAT(spec->metadata, ElementsAre(Pair("a", "b")));
}

TEST(AttachRequest, WhatCannotBeRight) {
  v1::AttachInfo info;
  Result<AttachSpec> spec = to_attach_spec(info);
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code(), Code::Unimplemented);
  info.mutable_xdp_attach_info();
  EXPECT_EQ(message_of(to_attach_spec(info)), "iface is missing");
  info.mutable_xdp_attach_info()->set_iface("eth*");
  EXPECT_EQ(message_of(to_attach_spec(info)),
            "iface \"eth*\" may mean several interfaces; a link has one");
  info.mutable_xdp_attach_info()->set_iface("eth0");
  info.mutable_xdp_attach_info()->set_priority(-3);
  EXPECT_EQ(message_of(to_attach_spec(info)), "priority must be non-negative, got -3");
}

TEST(AttachRequest, KindHasToFitTheProgram) {
  v1::AttachInfo info;
  info.mutable_kprobe_attach_info();
  EXPECT_TRUE(check_fit(5, ProgramType::Kretprobe, info).ok());
  Result<void> fit = check_fit(5, ProgramType::Xdp, info);
  ASSERT_FALSE(fit.ok());
  EXPECT_EQ(fit.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(fit.error().message(),
            "program 5 is a xdp program; the kprobe attach accepts kprobe or kretprobe");
  info.mutable_fentry_attach_info();
  EXPECT_TRUE(check_fit(5, ProgramType::Fentry, info).ok());
  EXPECT_FALSE(check_fit(5, ProgramType::Fexit, info).ok());
}

TEST(ListRequest, WhatIsAskedFor) {
  v1::ListRequest request;
  ListProgramsQuery query = to_query(request);
  EXPECT_TRUE(query.all);
  EXPECT_THAT(query.metadata, IsEmpty());
  request.set_bpfman_programs_only(true);
  (*request.mutable_match_metadata())["owner"] = "me";
  (*request.mutable_match_metadata())["bpfman.io/application"] = "lab";
  query = to_query(request);
  EXPECT_FALSE(query.all);
  EXPECT_EQ(query.application, "lab");
  EXPECT_THAT(query.metadata, UnorderedElementsAre(Pair("owner", "me")));
}

}  // namespace
}  // namespace bpfman::rpc
