// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/check.h"

#include "bpfman/kernel/bpf_object.h"
#include "bpfman/kernel/program_info.h"
#include "bpfman/kernel/verifier_log.h"

namespace bpfman::kernel {
namespace {

Result<BpfObject> open(const ObjectProgram& request) {
  BpfObject object = TRY(BpfObject::open(request.object, request.program));
  TRY(object.prepare(request));
  return object;
}

Result<LoadFigures> check(const ObjectProgram& request) {
  BpfObject object = TRY(open(request));
  Result<std::string> log = object.load_measured();
  if (!log.ok()) {
    // Once more, as load does it: the verifier's log says why.
    BpfObject again = TRY(open(request));
    TRY(again.load());
    return std::move(log).error();
  }
  LoadFigures out;
  ProgramId id = TRY(program_id(object.program_fd()));
  std::optional<KernelProgram> program = TRY(find_program(id));
  if (program.has_value()) {
    out.verified_instructions = program->verified_instructions;
    out.xlated_bytes = program->xlated_bytes;
    out.jited_bytes = program->jited_bytes;
  }
  std::optional<VerifierStatistics> statistics = parse_verifier_statistics(*log);
  if (statistics.has_value()) {
    out.verified_instructions = statistics->instructions;
    out.instruction_limit = statistics->limit;
    out.total_states = statistics->total_states;
    out.peak_states = statistics->peak_states;
  }
  return out;
}

}  // namespace

Result<LoadFigures> check_program(const ObjectProgram& request) {
  return check(request).with_context("load program " + request.program);
}

}  // namespace bpfman::kernel
