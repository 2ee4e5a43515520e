// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/rpc/status.h"

namespace bpfman::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

ProgramRecord a_record(std::uint64_t key, std::uint32_t id) {
  ProgramRecord record;
  record.key = ProgramKey(key);
  record.id = ProgramId(id);
  record.application = "lab";
  record.name = "pass";
  record.map_directory = "/run/bpfman/fs/maps/" + std::to_string(id);
  record.provenance.location = "/opt/pass.bpf.o";
  record.metadata = {{"owner", "me"}};
  return record;
}

TEST(KernelInfo, EveryFieldIsFilled) {
  KernelProgram program;
  program.id = ProgramId(57);
  program.name = "pass";
  program.type = "xdp";
  program.tag = "0123456789abcdef";
  program.loaded_at = 1'700'000'000;
  program.btf_id = 4;
  program.map_ids = {MapId(9), MapId(10)};
  program.xlated_bytes = 64;
  program.jited_bytes = 80;
  program.verified_instructions = 12;
  program.gpl_compatible = true;
  v1::KernelProgramInfo info =
      to_kernel_info(program, KernelFacts{.type = 6, .memlock_bytes = 4096});
  std::vector<const google::protobuf::FieldDescriptor*> set;
  v1::KernelProgramInfo::GetReflection()->ListFields(info, &set);
  EXPECT_EQ(set.size(), static_cast<std::size_t>(info.GetDescriptor()->field_count()));
  EXPECT_EQ(info.program_type(), 6U);
  EXPECT_EQ(info.loaded_at(), "2023-11-14T22:13:20Z");
  EXPECT_EQ(info.bytes_memlock(), 4096U);
  EXPECT_THAT(info.map_ids(), ElementsAre(9, 10));
  EXPECT_EQ(info.verified_insns(), 12U);
  EXPECT_EQ(to_kernel_info(program, std::nullopt).program_type(), 0U);
}

TEST(KernelInfo, HugeNumbersAreCut) {
  KernelFacts facts{.type = 1, .memlock_bytes = std::uint64_t{1} << 40};
  EXPECT_EQ(to_kernel_info(KernelProgram(), facts).bytes_memlock(), 0xffffffffU);
}

TEST(ProgramInfo, OfAFile) {
  ProgramView view{.record = a_record(1, 57), .links = {LinkId(3), LinkId(4)}};
  view.record->globals = {{"limit", Bytes{std::byte{1}, std::byte{0}}}};
  std::vector<ProgramView> all = {view};
  v1::ProgramInfo info = to_program_info(view, all);
  EXPECT_EQ(info.name(), "pass");
  EXPECT_EQ(info.bytecode().file(), "/opt/pass.bpf.o");
  EXPECT_THAT(info.links(), ElementsAre(3, 4));
  EXPECT_EQ(info.global_data().at("limit"), std::string("\x01\x00", 2));
  EXPECT_FALSE(info.has_map_owner_id());
  EXPECT_EQ(info.map_pin_path(), "/run/bpfman/fs/maps/57");
  EXPECT_THAT(info.map_used_by(), ElementsAre("57"));
  EXPECT_THAT(info.metadata(),
              UnorderedElementsAre(Pair("owner", "me"), Pair("bpfman.io/application", "lab")));
}

TEST(ProgramInfo, OfAnImage) {
  ProgramView view{.record = a_record(1, 57)};
  view.record->image_reference = "docker.io/library/prog:dev";
  v1::ProgramInfo info = to_program_info(view, {});
  EXPECT_EQ(info.bytecode().image().url(), "docker.io/library/prog:dev");
  EXPECT_FALSE(info.bytecode().image().has_password());
}

TEST(ProgramInfo, MapsOfAnotherProgram) {
  ProgramView owner{.record = a_record(1, 57)};
  ProgramView user{.record = a_record(2, 58)};
  user.record->map_owner = ProgramKey(1);
  user.record->maps = {{"internal", "", MapId(8)},
                       {"seen", "/run/bpfman/fs/maps/57/seen", MapId(9)}};
  ProgramView other{.record = a_record(3, 59)};
  std::vector<ProgramView> all = {owner, user, other};
  v1::ProgramInfo info = to_program_info(user, all);
  EXPECT_EQ(info.map_owner_id(), 57U);
  EXPECT_EQ(info.map_pin_path(), "/run/bpfman/fs/maps/57");
  EXPECT_THAT(info.map_used_by(), ElementsAre("57", "58"));
  EXPECT_THAT(to_program_info(owner, all).map_used_by(), ElementsAre("57", "58"));
  // The owner is unloaded: its id is still the name of the directory.
  std::vector<ProgramView> rest = {user, other};
  info = to_program_info(user, rest);
  EXPECT_EQ(info.map_owner_id(), 57U);
  EXPECT_THAT(info.map_used_by(), ElementsAre("58"));
}

TEST(ProgramInfo, LinkIdsAbove32Bits) {
  EXPECT_EQ(to_wire(LinkId(0xffffffff)), 0xffffffffU);
  EXPECT_EQ(to_wire(LinkId(0x100000000)), std::nullopt);
}

TEST(Status, CodesKeepTheirNames) {
  EXPECT_EQ(to_status_code(Code::InvalidArgument), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(to_status_code(Code::NotFound), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(to_status_code(Code::PermissionDenied), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(to_status_code(Code::FailedPrecondition), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(to_status_code(Code::Internal), grpc::StatusCode::INTERNAL);
}

TEST(Status, VerifierAndHintsAreSaid) {
  Error error =
      Error(Code::FailedPrecondition, "program pass: refused: invalid mem access")
          .with_detail(VerifierLog{.tail = {"12: (79) r0 = *(u64 *)(r1 +0)", "invalid mem access"}})
          .with_hint("check the pointer");
  grpc::Status status = to_status(error);
  EXPECT_EQ(status.error_message(),
            "program pass: refused: invalid mem access\n12: (79) r0 = *(u64 *)(r1 +0)\n"
            "hint: check the pointer");
}

TEST(Status, LongMessagesAreCut) {
  grpc::Status status = to_status(Error(Code::Internal, std::string(9000, 'x') + "end"));
  EXPECT_LT(status.error_message().size(), 2100U);
  EXPECT_THAT(status.error_message(), Not(HasSubstr("end")));
}

}  // namespace
}  // namespace bpfman::rpc
