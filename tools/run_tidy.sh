#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy 19 with .clang-tidy. Usage: tools/run_tidy.sh BUILD_DIR [--all | FILE...]
# BUILD_DIR was configured with clang (preset asan). Most of clang-tidy's time goes into headers, so:
# --all     each file for itself, tests included, and the analyzer, which looks only at the file that it was called for. With
#           BPFMAN_UNITY off
# FILE...   these
# neither   the library, several files at once as BPFMAN_UNITY makes them, without the analyzer
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
shift
checks=
case "${1:-}" in
  --all) files=$(git ls-files 'bpfman/*.cc' 'apps/*.cc' 'tests/*.cc') ;;
  '')
    files=$(sed -n 's|^ *"file": "\(.*\)",*$|\1|p' "$build/compile_commands.json" \
      | grep -E "^$PWD/(apps|bpfman)/.*\.cc$|/bpfman_[a-z]+\.dir/Unity/" | grep -vE '_test(_[a-z]+)?\.cc$')
    # That a file of C++ is included is what this is about.
    checks=--checks=-clang-analyzer-*,-bugprone-suspicious-include ;;
  *) files=$* ;;
esac
# One process a file, each with its own output: a finding in a header is shown once for each file that includes it.
printf '%s\n' $files | xargs -P "$(nproc)" -n 1 clang-tidy-19 -p "$build" --quiet $checks 2>/dev/null
