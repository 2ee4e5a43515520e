// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/ledger.h"

#include <algorithm>

namespace bpfman {

std::string_view to_string(LedgerOutcome outcome) {
  switch (outcome) {
    case LedgerOutcome::Done:
      return "done";
    case LedgerOutcome::Failed:
      return "failed";
    case LedgerOutcome::Undone:
      return "undone";
    case LedgerOutcome::Finished:
      return "finished";
  }
  return "done";
}

std::optional<LedgerOutcome> parse_ledger_outcome(std::string_view text) {
  for (LedgerOutcome outcome : {LedgerOutcome::Done,
                                LedgerOutcome::Failed,
                                LedgerOutcome::Undone,
                                LedgerOutcome::Finished}) {
    if (to_string(outcome) == text) {
      return outcome;
    }
  }
  return std::nullopt;
}

bool is_about(const LedgerEntry& entry, const std::string& name) {
  auto fits = [&](const std::string& whole) {
    return whole == name || whole.starts_with(name + "/") || whole.ends_with("/" + name);
  };
  return fits(entry.subject) ||
         std::any_of(entry.objects.begin(), entry.objects.end(), [&](const LedgerObject& object) {
           return fits(object.name) || fits(object.image) || object.bytecode == name;
         });
}

}  // namespace bpfman
