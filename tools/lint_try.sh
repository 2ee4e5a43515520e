#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TRY may stand alone, behind `return`, or behind `=` in a statement of its own, or as a whole condition. Inside an argument list or a braced list it
# leaves already made elements undestroyed (GCC 12), so that is an error here.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 - "$@" <<'PYTHON'
import pathlib, re, sys

bad = 0
for path in sorted(pathlib.Path("bpfman").rglob("*.cc")) + sorted(pathlib.Path("apps").rglob("*.cc")):
    text = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    for match in re.finditer(r"\bTRY\s*\(", text):
        # Back to the end of the statement before; parentheses that are still open make it an argument.
        start = max(text.rfind(mark, 0, match.start()) for mark in ";{}")
        before = text[start + 1:match.start()]
        brace = text[start] == "{" and re.search(r"[\w>)=(,]\s*$", text[:start]) and not re.search(
            r"(?:\)|\belse|\bdo|\bconst|\bnoexcept|\boverride|\bmutable|>)\s*$", text[:start])
        if re.search(r"^\s*(?:while|if)\s*\($", before):
            continue
        if before.count("(") > before.count(")") or brace or re.search(r"[,?]\s*$", before):
            line = text.count("\n", 0, match.start()) + 1
            print(f"{path}:{line}: TRY inside an argument list or a braced initialiser")
            bad += 1
print(f"lint_try: {bad} breaches")
sys.exit(1 if bad else 0)
PYTHON
