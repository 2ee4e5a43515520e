# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of commands share: wall times, and the table that they print."""

import os
import sys
import time

sys.dont_write_bytecode = True
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests", "acceptance"))

BIN = os.path.join(SOURCE, "build", "bin")
ROWS = []


def row(what, ours, peer, limit):
    ROWS.append((what, ours, peer, limit))
    print(f"  {what}: {ours} | {peer} | {limit}", flush=True)


def print_rows():
    print("\n| what | bpfman | peer | limit |\n|---|---|---|---|")
    for cells in ROWS:
        print("| " + " | ".join(cells) + " |")


def median(samples):
    return sorted(samples)[len(samples) // 2]


def time_once(words):
    """Wall time of a command in ms; its output goes nowhere."""
    words = [str(word) for word in words]
    begin = time.perf_counter()
    child = os.posix_spawnp(words[0], words, os.environ,
                            file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status = os.waitpid(child, 0)
    spent = (time.perf_counter() - begin) * 1000
    if status != 0:
        raise SystemExit(f"{words} failed with status {status}")
    return spent


def wall(words, times, after=None):
    """Median wall time of a command in ms."""
    samples = []
    for _ in range(times):
        samples.append(time_once(words))
        if after:
            after()
    return median(samples)
