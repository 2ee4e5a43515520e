// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/tool_version.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"

namespace bpfman::container {
namespace {

TEST(ToolVersion, IsTheThirdWordOfWhatTheToolSays) {
  EXPECT_EQ(parse_tool_version("podman version 4.3.1\n"), "4.3.1");
  EXPECT_EQ(parse_tool_version("buildah version 1.28.2 (image-spec 1.0.2, runtime-spec 1.0.2)\n"),
            "buildah 1.28.2");
}

TEST(ToolVersion, OfAnythingElseIsUnknown) {
  for (const char* text : {"", "\n", "podman", "podman version ", "error: no version 1", "a b c"}) {
    EXPECT_EQ(parse_tool_version(text), "") << text;
  }
}

void write_tool(const std::string& directory, const std::string& name, const std::string& script) {
  std::string path = join_path(directory, name);
  ASSERT_TRUE(write_file_atomic(path, as_bytes("#!/bin/sh\n" + script), 0755).ok());
}

TEST(ToolVersion, IsAskedOfPodmanFirst) {
  TempDir directory = *TempDir::create("tool-version");
  EXPECT_EQ(find_tool_version({directory.path()}), "");
  write_tool(directory.path(), "buildah", "echo buildah version 1.28.2");
  EXPECT_EQ(find_tool_version({"/nowhere", directory.path()}), "buildah 1.28.2");
  write_tool(directory.path(), "podman", "[ $1 = --version ] && echo podman version 4.3.1");
  EXPECT_EQ(find_tool_version({"/nowhere", directory.path()}), "4.3.1");
}

TEST(ToolVersion, OfAToolThatFailsIsThatOfTheNext) {
  TempDir directory = *TempDir::create("tool-version");
  write_tool(directory.path(), "podman", "exit 125");
  write_tool(directory.path(), "buildah", "echo buildah version 1.28.2");
  EXPECT_EQ(find_tool_version({directory.path()}), "buildah 1.28.2");
}

}  // namespace
}  // namespace bpfman::container
