// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "bpfman/cli/progress.h"

namespace bpfman::cli {
namespace {

const char* word_of(PullProgress::Phase phase) {
  switch (phase) {
    case PullProgress::Phase::Begin:
      return "begin";
    case PullProgress::Phase::Going:
      return "progress";
    case PullProgress::Phase::End:
      return "end";
  }
  return "";
}

}  // namespace

std::string json_of(const PullProgress& progress) {
  nlohmann::ordered_json json;
  json["event"] = word_of(progress.phase);
  json["direction"] = progress.direction == PullProgress::Direction::Push ? "push" : "pull";
  json["image"] = progress.image;
  json["registry"] = progress.registry;
  json["done"] = progress.done;
  json["total"] = progress.total;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace bpfman::cli
