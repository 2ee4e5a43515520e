// SPDX-License-Identifier: Apache-2.0
// bpfman version
#include <ostream>

#include "bpfman/cli/command.h"

namespace bpfman::cli {

void add_version(Tree& tree) {
  auto output = std::make_shared<OutputFlag>();
  CLI::App* app = tree.add(&tree.root, "version", "Print the version");
  add_output(app, *output);
  tree.verbs.push_back({app, NeedsRoot::No, [output](Session& session) -> Result<void> {
                          Format format = TRY(output->format());
                          const std::string& version = session.context().version;
                          if (format == Format::Json) {
                            session.out() << json_of_version(version);
                          } else {
                            session.out() << "bpfman " << version << '\n';
                          }
                          return {};
                        }});
}

}  // namespace bpfman::cli
