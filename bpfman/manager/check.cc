// SPDX-License-Identifier: Apache-2.0
// bpfman check: whether programs would load and attach here.
#include "bpfman/base/file.h"
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

ProgramCheck check_one(kernel::KernelOps& kernel,
                       const ElfProgram& program,
                       ByteView object,
                       const std::string& attach_function,
                       const std::string& attach_pin,
                       const std::map<std::string, Bytes>& globals) {
  ProgramCheck out{.program = program};
  Result<LoadFigures> figures =
      kernel.check_program(kernel::ObjectProgram{.object = object,
                                                 .program = program.name,
                                                 .type = program.type,
                                                 .attach_function = attach_function,
                                                 .attach_pin = attach_pin,
                                                 .globals = globals});
  if (figures.ok()) {
    out.figures = *figures;
  } else {
    out.error = std::move(figures).error();
  }
  return out;
}

}  // namespace

Error Manager::Impl::keep_verifier_log(Error error, const std::string& program) {
  const auto* log = std::get_if<VerifierLog>(&error.detail());
  if (log == nullptr || log->full.empty()) {
    return error;
  }
  std::string path = options.layout.verifier_log(program);
  Result<void> made = make_directories(parent_path(path), 0755);
  Result<void> written = made.ok() ? write_file_atomic(path, as_bytes(log->full), 0644) : made;
  // Where it cannot be kept, --verbose still shows it.
  return written.ok() ? std::move(error).with_hint("the whole log: " + path) : std::move(error);
}

Result<CheckReply> Manager::check(const LoadSpec& asked) {
  LoadSpec spec = asked;
  if (spec.attach.has_value()) {
    // As load does: what is mistyped is said first.
    spec.attach = TRY(impl_->resolve_container(*spec.attach));
  }
  std::vector<AttachSpec> places = TRY(impl_->places_of(spec.attach));
  for (const AttachSpec& place : places) {
    TRY(impl_->observe(place.target));
  }
  FoundBytecode found = TRY(impl_->find_bytecode(spec));
  const TrustGate* gate = TRY(impl_->gate());
  TRY(gate->admit(found, describe(spec)));
  bool all = spec.programs.empty() && !spec.attach.has_value();
  std::vector<ElfProgram> chosen = found.facts.elf.programs;
  if (!all) {
    chosen = TRY(plan::choose_programs(spec, found.facts.elf, found.facts.labels));
  }
  TRY(gate->check_programs(found, describe(spec), chosen, ""));
  for (const AttachSpec& place : places) {
    TRY(gate->check_programs(found, describe(spec), chosen, interface_of(place)));
  }
  spec.globals = TRY(impl_->globals_of(spec, found));
  std::optional<plan::TracedProgram> traced;
  if (!spec.attach_program.empty()) {
    plan::Snapshot snapshot = TRY(impl_->look());
    traced = TRY(plan::find_traced_program(spec, chosen, snapshot));
  }
  CheckReply reply;
  reply.provenance = found.facts.provenance;
  reply.bytecode = found.facts.digest;
  reply.warnings = found.warnings;
  for (const ElfProgram& program : chosen) {
    std::string function;
    for (const ProgramChoice& choice : spec.programs) {
      function = choice.name == program.name ? choice.attach_function : function;
    }
    if (traced.has_value()) {
      function = traced->function_for(spec, program);
    }
    std::string pin = traced.has_value() ? traced->program.pin_path : "";
    reply.programs.push_back(
        check_one(impl_->kernel, program, found.bytecode.view(), function, pin, spec.globals));
    std::optional<Error>& error = reply.programs.back().error;
    if (error.has_value()) {
      error = impl_->keep_verifier_log(*std::move(error), program.name);
    }
  }
  if (spec.attach.has_value()) {
    plan::Snapshot snapshot = TRY(impl_->look());
    plan::Placement placement = TRY(impl_->place(spec.attach, snapshot));
    Result<plan::Plan> plan = plan::plan_load(spec, found.facts, placement, snapshot);
    if (!plan.ok()) {
      reply.attach_error = std::move(plan).error();
    }
  }
  return reply;
}

}  // namespace bpfman
