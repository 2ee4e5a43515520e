// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/plan_json.h"

#include "bpfman/plan/actions_json.h"

// The codec finds these by their arguments, and that look-up does not see unnamed namespaces.
// NOLINTBEGIN(misc-use-anonymous-namespace, misc-use-internal-linkage)

namespace bpfman::plan {

// Found by the codec through the namespace of their types.
using codec::Json;

static std::string_view to_string(Recovery value) {
  return value == Recovery::Undo ? "undo" : "finish";
}

namespace codec {

static bool from_name(Here /*here*/, const std::string& text, Recovery& value) {
  value = text == "finish" ? Recovery::Finish : Recovery::Undo;
  return text == "finish" || text == "undo";
}

template <typename Io, Same<Step> T>
void fields(Io& io, T& v) {
  io("action", v.action);
  io("undo", v.undo);
}

template <typename Io, Same<Plan> T>
void fields(Io& io, T& v) {
  io("verb", v.verb);
  io("subject", v.subject);
  io("recovery", v.recovery);
  io("steps", v.steps);
  io("commit", v.commit);
  io("cleanup", v.cleanup);
}

template <typename Io, Same<BoundProgram> T>
void fields(Io& io, T& v) {
  io("id", v.id);
  io("maps", v.maps);
}

template <typename Io, Same<BoundLink> T>
void fields(Io& io, T& v) {
  io("kernel_id", v.kernel_id);
  io("target", v.target);
}

template <typename Io, Same<Bindings> T>
void fields(Io& io, T& v) {
  io("programs", v.programs);
  io("links", v.links);
  io("hook_modes", v.hook_modes);
}

}  // namespace codec

// NOLINTEND(misc-use-anonymous-namespace, misc-use-internal-linkage)

std::string to_json(const Plan& plan) {
  return codec::dump(codec::encode(plan));
}

std::string to_json(const Bindings& bindings) {
  return codec::dump(codec::encode(bindings));
}

Result<Plan> plan_from_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  Plan plan;
  if (json.is_discarded() || !codec::decode(json, plan)) {
    return Error(Code::DataLoss, "a journalled plan cannot be read")
        .with_hint(
            "it was written by another version of bpfman, or the database is damaged: bpfman "
            "doctor");
  }
  return plan;
}

Result<Bindings> bindings_from_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  Bindings bindings;
  if (json.is_discarded() || !codec::decode(json, bindings)) {
    return Error(Code::DataLoss, "the journalled bindings of a plan cannot be read");
  }
  return bindings;
}

}  // namespace bpfman::plan
