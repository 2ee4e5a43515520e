// SPDX-License-Identifier: Apache-2.0
// Questions of trust about what is there already.
#include "bpfman/manager/manager_impl.h"

namespace bpfman {

Result<void> Manager::Impl::check_attach(const ProgramRecord& program,
                                         const std::string& interface) {
  const TrustGate* policy = TRY(gate());
  if (!policy->has_policy()) {
    return {};
  }
  std::optional<store::Store> store = TRY(store::Store::open_existing(options.layout));
  if (!store.has_value()) {
    return Error(Code::Aborted, "the database was removed just now");
  }
  std::optional<ImageRecord> image;
  if (!program.image_reference.empty()) {
    image = TRY(store->find_image(program.image_reference));
  }
  Bytes bytecode = TRY(store->read_blob(program.bytecode)
                           .with_context("bytecode of program " + program.stable_name()));
  return policy->check_attach(program, image, bytecode, interface);
}

Result<JudgeImageReply> Manager::judge_image(const ImageSource& source,
                                             const std::optional<TrustPolicy>& policy) {
  std::optional<TrustGate> given;
  if (policy.has_value()) {
    given = TRY(TrustGate::with_policy(*policy));
  }
  const TrustGate* gate = given.has_value() ? &*given : nullptr;
  if (gate == nullptr) {
    gate = TRY(impl_->gate());
  }
  std::optional<store::Store> store = TRY(impl_->open_for_reading());
  StoredImages database(std::move(store));
  image::ImageManager images = impl_->make_images(&database, gate);
  FoundBytecode found = TRY(resolve_image(source, images));
  TrustVerdict verdict = gate->judge(found, "image " + source.reference);
  return JudgeImageReply{.record = std::move(*found.record),
                         .stored = found.from_database,
                         .allowed = verdict.allowed,
                         .trust = std::move(verdict.trust),
                         .reason = std::move(verdict.reason),
                         .signatures = std::move(verdict.findings),
                         .warnings = std::move(found.warnings)};
}

}  // namespace bpfman
