// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/tool_version.h"

#include "bpfman/base/file.h"
#include "bpfman/base/process.h"
#include "bpfman/base/text.h"

namespace bpfman::container {

std::string parse_tool_version(std::string_view text) {
  std::vector<std::string> words = split(trim(text.substr(0, text.find('\n'))), ' ');
  if (words.size() < 3 || words[1] != "version" || words[2].empty() || words[2][0] < '0' ||
      words[2][0] > '9') {
    return {};
  }
  return words[0] == "podman" ? words[2] : words[0] + " " + words[2];
}

std::string find_tool_version(const std::vector<std::string>& directories) {
  for (const char* tool : {"podman", "buildah"}) {
    for (const std::string& directory : directories) {
      std::string path = join_path(directory, tool);
      if (!path_exists(path)) {
        continue;
      }
      Result<ProcessOutput> said =
          run_process(ProcessRequest{.arguments = {path, "--version"}, .timeout_ms = 2'000});
      if (said.ok() && said->status == 0) {
        return parse_tool_version(said->out);
      }
    }
  }
  return {};
}

}  // namespace bpfman::container
