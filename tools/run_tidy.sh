#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy 19 with .clang-tidy. Usage: tools/run_tidy.sh BUILD_DIR [--all]
# BUILD_DIR was configured with clang (preset asan). Without --all: the library without its tests.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
if [ "${2:-}" = --all ]; then
  files=$(git ls-files 'bpfman/*.cc' 'apps/*.cc' 'tests/*.cc')
else
  files=$(git ls-files 'bpfman/*.cc' 'apps/*.cc' | grep -vE '_test(_[a-z]+)?\.cc$')
fi
# One process a file, each with its own output: a finding in a header is shown once for each file that includes it.
printf '%s\n' $files | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p "$build" --quiet 2>/dev/null
