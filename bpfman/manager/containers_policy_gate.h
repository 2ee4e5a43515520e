// SPDX-License-Identifier: Apache-2.0
// ContainersPolicyGate: policy.json of the containers tools as one more gate. It only ever refuses:
// what policy.toml refuses stays refused. Files, as the tools choose them:
//
//   ~/.config/containers/policy.json of this process's user, else /etc/containers/policy.json; with
//   another root directory than "/" only ROOT/etc/containers/policy.json
//   besides, for images in the store of the user behind sudo: that user's own file
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/environment.h"
#include "bpfman/model/layout.h"
#include "bpfman/plan/containers_decision.h"

namespace bpfman {

class ContainersPolicyGate {
 public:
  ContainersPolicyGate() = default;

  // A file that cannot be read as a policy is no error yet: it lets no image in, and says why then.
  static ContainersPolicyGate open(const Layout& layout, const Environment& environment);

  // Whether any file says more than "everything".
  bool has_policy() const { return !files_.empty(); }

  bool wants_signatures(const plan::TrustSubject& subject) const;

  struct Verdict {
    std::string trust;  // "" when no file says anything about the image
    std::vector<Digest> policies;
    std::vector<SignatureFinding> findings;
  };

  // PermissionDenied: refused (by which file, scope and requirement). InvalidArgument: a file is no
  // policy.
  Result<Verdict> check(const plan::TrustSubject& subject,
                        const std::vector<SignatureDocument>& documents,
                        const std::string& note) const;

 private:
  struct File {
    std::string path;
    Result<ContainersPolicy> policy;
    std::string home;  // of a user: what it is about lies in there; "" for all
  };

  void add(const std::string& path,
           const Result<std::optional<std::string>>& text,
           std::string home);

  std::vector<File> files_;
};

}  // namespace bpfman
