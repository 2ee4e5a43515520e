// SPDX-License-Identifier: Apache-2.0
// bpfman check: whether programs would load and attach here.
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

ProgramCheck check_one(kernel::KernelOps& kernel,
                       const ElfProgram& program,
                       ByteView object,
                       const std::map<std::string, Bytes>& globals) {
  ProgramCheck out{.program = program};
  Result<LoadFigures> figures = kernel.check_program(kernel::CheckRequest{
      .object = object, .program = program.name, .type = program.type, .globals = globals});
  if (figures.ok()) {
    out.figures = *figures;
  } else {
    out.error = std::move(figures).error();
  }
  return out;
}

}  // namespace

Result<CheckReply> Manager::check(const LoadSpec& spec) {
  const XdpAttachSpec* xdp = xdp_of(spec.attach);
  FoundBytecode found = TRY(impl_->find_bytecode(spec));
  const TrustGate* gate = TRY(impl_->gate());
  TRY(gate->admit(found, describe(spec)));
  bool all = spec.programs.empty() && xdp == nullptr;
  std::vector<ElfProgram> chosen = found.facts.elf.programs;
  if (!all) {
    chosen = TRY(plan::choose_programs(spec, found.facts.elf, found.facts.labels));
  }
  TRY(gate->check_programs(
      found, describe(spec), chosen, xdp == nullptr ? std::string() : xdp->interface));
  LoadSpec wanted = spec;
  wanted.globals = TRY(impl_->globals_of(spec, found));
  CheckReply reply;
  reply.provenance = found.facts.provenance;
  reply.bytecode = found.facts.digest;
  reply.warnings = found.warnings;
  for (const ElfProgram& program : chosen) {
    reply.programs.push_back(
        check_one(impl_->kernel, program, found.bytecode.view(), wanted.globals));
  }
  if (xdp != nullptr) {
    plan::XdpHook hook = TRY(impl_->kernel.observe_xdp(xdp->interface, xdp->netns));
    plan::Snapshot snapshot = TRY(impl_->look());
    Result<plan::Plan> plan = plan::plan_load(wanted, found.facts, hook, snapshot);
    if (!plan.ok()) {
      reply.attach_error = std::move(plan).error();
    }
  }
  return reply;
}

}  // namespace bpfman
