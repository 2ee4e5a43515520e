#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom. The table of docs/architecture.md as data; ends with status 1 and a line for each breach.

Usage: tools/check_layers.py [ROOT]
"""

import os
import re
import sys

# A room may include itself and these. Test files may include, besides, GoogleTest and tests/support.
ROOMS = {
    "base": set(),
    "net": {"base"},
    "model": {"base"},
    "plan": {"base", "model"},
    "chain": {"base", "model"},
    "kernel": {"base", "model", "plan", "chain"},
    "store": {"base", "model", "plan"},
    "container": {"base", "net", "model"},
    "image": {"base", "net", "model"},
    "trust": {"base", "model"},
    "manager": {"base", "net", "model", "plan", "kernel", "store", "container", "image", "trust"},
    "rpc": {"base", "model", "plan", "manager"},
    "cli": {"base", "model", "plan", "manager"},
}
# Headers that stay in one place: pattern of the header, pattern of the files that may include it, name.
HEAVY = [
    (r"bpf/", r"bpfman/kernel/|tests/", "libbpf"),
    (r"linux/(bpf|btf|if_link|rtnetlink|netlink)", r"bpfman/(kernel|chain)/|bpfman/model/section_kind|tests/", "the kernel's bpf and netlink headers"),
    (r"sys/mount\.h", r"bpfman/kernel/|tests/", "mount(2)"),
    (r"sqlite3\.h", r"bpfman/store/", "sqlite3"),
    (r"curl/", r"bpfman/net/", "curl"),
    (r"CLI/", r"bpfman/cli/", "CLI11"),
    (r"grpc|google/protobuf/|(bpfman|health)\.(grpc\.)?pb\.h", r"bpfman/rpc/", "gRPC and protobuf"),
    (r"nlohmann/", r".*_json(_test)?\.cc$|bpfman/(base/json_fields|plan/codec_json|cli/json_parts|cli/upstream_link_json)\.h$|bench/", "nlohmann/json"),
    (r"bpfman/base/json_fields", r".*_json(_test)?\.cc$", "nlohmann/json"),
    (r"toml\+\+/", r"bpfman/base/toml\.cc$", "toml++"),
    (r"^yaml\.h", r"bpfman/base/yaml\.cc$", "libyaml"),
    (r"openssl/", r"bpfman/(base|trust)/", "OpenSSL"),
    (r"sodium\.h", r"bpfman/trust/", "libsodium"),
    (r"re2/", r"bpfman/model/trust_policy", "RE2"),
    (r"zlib\.h|zstd\.h", r"bpfman/image/", "zlib and zstd"),
    (r"dlfcn\.h", r"bpfman/net/", "dlopen"),
]
# Calls that have one wrapper in base/: name, files that may use them.
CALLS = [
    (r"\bgetenv\s*\(", r"bpfman/base/(environment|file)\.cc$", "getenv: pass Environment down"),
    (r"\bsetenv\s*\(|\bputenv\s*\(", r"$^", "setenv: pass Environment down"),
    (r"\bsystem\s*\(|\bpopen\s*\(", r"$^", "system, popen: use run_process"),
    (r"\bmkstemp\s*\(|\btmpnam\s*\(", r"bpfman/base/", "temporary files: use base/file.h"),
    (r"\busing namespace\b", r".*\.cc$", "using namespace in a header"),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
SOURCES = (".h", ".cc", ".c")
TREES = ("bpfman", "apps", "tests", "bench", "fuzz", "examples")


def room_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "bpfman" else None


def is_test(path):
    return re.search(r"_test(_\w+)?\.(cc|h)$", path) is not None


def breaches_of_rooms(path, target, quoted):
    """What is wrong with `path` including `target`, as texts."""
    room, other = room_of(path), room_of(target)
    if target.startswith("bpfman/"):
        if not quoted:
            yield f"our own header in <>: {target}"
        if room is not None and other not in ROOMS:
            yield f"{target}: there is no room {other}"
        elif room is not None and other != room and other not in ROOMS[room]:
            yield f"room {room} may not include room {other} ({target})"
    elif room is not None and target.startswith(("apps/", "bench/", "fuzz/")):
        yield f"the library may not include {target}"
    elif room is not None and target.startswith("tests/") and not is_test(path):
        yield f"only tests may include {target}"
    elif quoted and path.endswith((".cc", ".h")) and not target.startswith(("apps/", "tests/", "fuzz/")):
        yield f"includes are written from the root of the repository: {target}"


def check_text(path, text):
    """Breaches of one file, as (line number, text)."""
    found = []
    if path.startswith("bpfman/") and room_of(path) is None:
        found.append((1, "a file outside of all rooms"))
    elif room_of(path) is not None and room_of(path) not in ROOMS:
        found.append((1, f"room {room_of(path)} is not in the table"))
        return found
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        quoted, target = match.group(1) == '"', match.group(2)
        if path.endswith((".cc", ".h")):
            found += [(line, what) for what in breaches_of_rooms(path, target, quoted)]
        for header, allowed, name in HEAVY:
            if path.startswith("bpfman/") and re.match(header, target) and not re.match(allowed, path):
                found.append((line, f"{name} is included here ({target}); it stays in {allowed}"))
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("//")[0]
        for call, allowed, name in CALLS:
            if path.startswith(("bpfman/", "apps/")) and re.search(call, code) and not re.match(allowed, path):
                found.append((number, name))
    first = text.split("\n", 1)[0]
    if "SPDX-License-Identifier:" not in first:
        found.append((1, "the first line names no licence"))
    if path.endswith(".h") and path.startswith("bpfman/") and "#pragma once" not in text:
        found.append((1, "no #pragma once"))
    return found


def check_tree(root):
    count, breaches = 0, []
    for tree in TREES:
        for directory, _, names in os.walk(os.path.join(root, tree)):
            for name in sorted(names):
                if not name.endswith(SOURCES):
                    continue
                path = os.path.relpath(os.path.join(directory, name), root)
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    breaches += [(path, *breach) for breach in check_text(path, file.read())]
                count += 1
    return count, breaches


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    count, breaches = check_tree(root)
    for path, line, text in breaches:
        print(f"{path}:{line}: {text}")
    if count == 0:
        print(f"no sources below {root}")
        return 1
    print(f"check_layers: {count} files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
