// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/target_json.h"

#include "bpfman/plan/fields_json.h"

namespace bpfman::plan {
namespace {

template <typename T>
Result<T> parse(std::string_view text, const char* what) {
  codec::Json json = codec::Json::parse(text, nullptr, false);
  T value;
  if (json.is_discarded() || !codec::decode(json, value)) {
    return Error(Code::DataLoss, std::string(what) + " in the database cannot be read")
        .with_hint(
            "it was written by another version of bpfman, or the database is damaged: bpfman "
            "doctor");
  }
  return value;
}

}  // namespace

std::string to_json(const AttachTarget& target) {
  return codec::dump(codec::encode(target));
}

std::string to_json(const ChainRecord& chain) {
  return codec::dump(codec::encode(chain));
}

std::string to_json(const SelectorRecord& selector) {
  return codec::dump(codec::encode(selector));
}

std::string to_json(const ApplicationVersion& version) {
  return codec::dump(codec::encode(version));
}

std::string to_json(const std::vector<LedgerObject>& objects) {
  return codec::dump(codec::encode(objects));
}

std::string to_json(const Lease& lease) {
  return lease.has_end() ? codec::dump(codec::encode(lease)) : std::string();
}

std::string to_json(const Budget& budget) {
  return budget.has_limit() ? codec::dump(codec::encode(budget)) : std::string();
}

Result<AttachTarget> target_from_json(std::string_view text) {
  return parse<AttachTarget>(text, "the target of a link");
}

Result<ChainRecord> chain_from_json(std::string_view text) {
  return parse<ChainRecord>(text, "a chain");
}

Result<SelectorRecord> selector_from_json(std::string_view text) {
  return parse<SelectorRecord>(text, "a selector");
}

Result<ApplicationVersion> version_from_json(std::string_view text) {
  return parse<ApplicationVersion>(text, "a version of an application");
}

Result<std::vector<LedgerObject>> ledger_objects_from_json(std::string_view text) {
  return parse<std::vector<LedgerObject>>(text, "an entry of the ledger");
}

Result<Lease> lease_from_json(std::string_view text) {
  return text.empty() ? Lease() : parse<Lease>(text, "a lease");
}

Result<Budget> budget_from_json(std::string_view text) {
  return text.empty() ? Budget() : parse<Budget>(text, "a budget");
}

}  // namespace bpfman::plan
