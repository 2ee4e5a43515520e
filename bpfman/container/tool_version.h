// SPDX-License-Identifier: Apache-2.0
// The version of the tool that keeps a containers-storage. The store itself does not tell; Podman
// and Buildah do, without looking at any store.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bpfman::container {

// "4.3.1" of "podman version 4.3.1", "buildah 1.28.2" of "buildah version 1.28.2 (image-spec ...)";
// "" of anything else.
std::string parse_tool_version(std::string_view text);

// Of the first tool found in one of these directories, podman before buildah; "" when there is none
// or it does not answer in two seconds.
std::string find_tool_version(const std::vector<std::string>& directories = {"/usr/bin",
                                                                             "/usr/local/bin"});

}  // namespace bpfman::container
