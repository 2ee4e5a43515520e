#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy 19 with .clang-tidy. Usage: tools/run_tidy.sh BUILD_DIR [--all]
# BUILD_DIR was configured with clang (preset asan). Without --all: the library without its tests, and the analyzer follows
# fewer paths through long functions, which take most of the time.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
if [ "${2:-}" = --all ]; then
  files=$(git ls-files 'bpfman/*.cc' 'apps/*.cc' 'tests/*.cc')
  depth=()
else
  files=$(git ls-files 'bpfman/*.cc' 'apps/*.cc' | grep -vE '_test(_[a-z]+)?\.cc$')
  depth=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=10000)
fi
# One process a file, each with its own output: a finding in a header is shown once for each file that includes it.
printf '%s\n' $files | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p "$build" --quiet ${depth[@]+"${depth[@]}"} 2>/dev/null
