# SPDX-License-Identifier: Apache-2.0
"""What all acceptance tests stand on: the private host, the programs, and a bpfman of each test's own."""

import atexit
import contextlib
import os
import shutil
import signal
import sqlite3
import unittest

from host import Bpfman, Docker, Pair, Podman, Programs, Registry, scratch_directory

# Who runs these in the background may have SIGINT ignored; the commands under test are to be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)

PASS = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
SEC("xdp") int pass(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&seen, &key);
	if (value)
		__sync_fetch_and_add(value, STEP);
	return XDP_PASS;
}
char _license[] SEC("license") = "GPL";
"""

TWO = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int first(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp") int second(struct xdp_md *ctx) { return XDP_DROP; }
char _license[] SEC("license") = "GPL";
"""

SETTINGS = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct limits { __u32 rate; __u16 ports[4]; char name[8]; };
struct net { __u32 prefixlen; __be32 address; };
struct limits limits = { .rate = 100, .name = "first" };
struct net net;
const volatile _Bool strict = 0;
SEC("xdp") int pass(struct xdp_md *ctx) { return limits.rate && net.prefixlen && strict ? XDP_PASS : XDP_DROP; }
char _license[] SEC("license") = "GPL";
"""

BAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int bad(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data;
	return data[100];
}
char _license[] SEC("license") = "GPL";
"""


class Host:
    """One private host for all the tests: starting engines is what takes long."""

    def __init__(self):
        self.directory = scratch_directory()
        self.parts = []
        try:
            self.programs = Programs(os.path.join(self.directory, "programs"))
            self.pass1 = self.programs.compile("pass", PASS, "-DSTEP=1")
            self.docker = self.own(Docker(os.path.join(self.directory, "docker")))
            self.overlay = self.own(Podman(os.path.join(self.directory, "podman-overlay"), "overlay"))
            self.vfs = self.own(Podman(os.path.join(self.directory, "podman-vfs"), "vfs"))
            self.registry = self.own(Registry(os.path.join(self.directory, "registry")))
            self.pair = self.own(Pair(1))
        except BaseException:
            self.stop()
            raise

    def own(self, part):
        self.parts.append(part)
        return part

    def stop(self):
        for part in reversed(self.parts):
            part.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def the_host():
    """The one private host, started when it is first asked for and ended with the process."""
    if not STARTED:
        STARTED.append(Host())
        atexit.register(STARTED[0].stop)
    return STARTED[0]


STARTED = []


class Case(unittest.TestCase):
    maxDiff = None
    sources = ()

    def setUp(self):
        self.host = the_host()
        self.root = scratch_directory()
        self.bpfman = Bpfman(os.environ["BPFMAN"], self.root, self.look_in(*self.sources))
        self.pair = self.host.pair

    def tearDown(self):
        self.bpfman.stop()
        self.assertIsNone(self.pair.xdp(), "a test left a program on the interface")
        shutil.rmtree(self.root, ignore_errors=True)

    def damage(self, place):
        """Overwrites the page of the database that `place` is on, in the file that SQLite reads: its log is folded in."""
        database = os.path.join(self.root, "var/lib/bpfman/bpfman.db")
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (place,)).fetchone()[0]
        for companion in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(database + companion)
        with open(database, "r+b") as out:
            out.seek((page - 1) * 4096)
            out.write(b"\xa5" * 4096)
        with open(database, "rb") as damaged:
            return damaged.read()

    def look_in(self, *sources):
        """Arguments that make bpfman look in these engines only; without any, in none."""
        words = []
        for source in sources:
            if source == "docker":
                words += ["--docker-host", self.host.docker.host]
            else:
                words += ["--storage-root", getattr(self.host, source).root]
        if "docker" not in sources:
            words += ["--docker-host", "unix:///nowhere/docker.sock"]
        if not set(sources) - {"docker"}:
            words += ["--storage-root", "/nowhere/storage"]
        words += ["--containerd-address", "/nowhere/containerd.sock"]
        return words

    def assertFails(self, done, status, *texts):
        self.assertEqual(done.returncode, status, f"{done.stdout}\n{done.stderr}")
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "", "stdout is for data")

    def assertNothingLeft(self):
        self.assertIsNone(self.pair.xdp())
        self.assertEqual(self.bpfman.pins(), [])
        self.assertEqual(self.bpfman.json("list", "programs")["programs"], [])
        self.assertEqual(self.bpfman.json("list", "links")["links"], [])
