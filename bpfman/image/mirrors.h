// SPDX-License-Identifier: Apache-2.0
// The places that a reference may be had from, in order (mirrors, then its own registry), as the
// one way to ask them. Not for other rooms.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bpfman/image/registry.h"
#include "bpfman/image/registry_client.h"
#include "bpfman/image/retry.h"

namespace bpfman::image {

// Another place may do better. A wrong digest is no such thing.
inline bool leads_on(const Error& error) {
  return error.code() == Code::NotFound || error.code() == Code::Unavailable ||
         error.code() == Code::PermissionDenied;
}

// What `ask(client)` says of the first place that can answer; at each later one it is asked anew.
// `passed_over` is told which places could not, and why. The last place's error is the answer where
// none can.
template <typename Ask>
auto ask_places(const ImageReference& reference,
                const PullContext& context,
                std::vector<std::string>& passed_over,
                Ask ask) -> decltype(ask(std::declval<RegistryClient&>())) {
  std::vector<PullTarget> targets = TRY(plan_pull(context.policy, reference));
  Retry retry(context.retry, context.interrupts);
  for (std::size_t i = 0;; ++i) {
    RegistryClient client(context, retry, targets[i]);
    auto answer = ask(client);
    if (answer.ok() || i + 1 == targets.size() || !leads_on(answer.error())) {
      return answer;
    }
    passed_over.push_back("mirror " + targets[i].registry + ": " + answer.error().message());
  }
}

}  // namespace bpfman::image
