// SPDX-License-Identifier: Apache-2.0
// The journal of a command that was killed, perhaps damaged since.
#include "bpfman/plan/plan_json.h"
#include "bpfman/plan/target_json.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string_view text = fuzz::text_of(data, size);
  Result<plan::Plan> read = plan::plan_from_json(text);
  if (read.ok()) {
    Result<plan::Plan> again = plan::plan_from_json(plan::to_json(*read));
    FUZZ_CHECK(again.ok() && *again == *read, "a plan survives the journal");
    (void)plan::describe(*read);
  }
  Result<plan::Bindings> bindings = plan::bindings_from_json(text);
  if (bindings.ok()) {
    Result<plan::Bindings> again = plan::bindings_from_json(plan::to_json(*bindings));
    FUZZ_CHECK(again.ok() && *again == *bindings, "bindings survive the journal");
  }
  Result<AttachTarget> target = plan::target_from_json(text);
  if (target.ok()) {
    Result<AttachTarget> again = plan::target_from_json(plan::to_json(*target));
    FUZZ_CHECK(again.ok() && *again == *target, "a target survives the database");
    (void)describe(*target);
  }
  Result<ChainRecord> chain = plan::chain_from_json(text);
  if (chain.ok()) {
    Result<ChainRecord> again = plan::chain_from_json(plan::to_json(*chain));
    FUZZ_CHECK(again.ok() && *again == *chain, "a chain survives the database");
  }
  return 0;
}
