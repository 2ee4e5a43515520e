// SPDX-License-Identifier: Apache-2.0
// From records back to a document: what `bpfman apply` would have to be told to make the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/model/application.h"
#include "bpfman/plan/planners.h"

namespace bpfman::plan {

struct ExportedApplication {
  std::string name;  // as it is recorded
  WantedApplication wanted;
  // What of it a document cannot say, or says otherwise: a line each.
  std::vector<std::string> notes;
  std::optional<Error> error;  // why there is no document of it
};

// Sorted.
std::vector<std::string> application_names(const Snapshot& snapshot);

// `word`: NAME, KIND/NAME, or a title. What cannot be left out without another meaning is an error
// of the answer: maps or functions of other programs, programs of different objects, variables that
// differ. NotFound: there is no such application.
Result<ExportedApplication> export_application(const std::string& word, const Snapshot& snapshot);

// Documents that would have the same name: the later ones become errors.
void check_names(std::vector<ExportedApplication>& applications);

}  // namespace bpfman::plan
