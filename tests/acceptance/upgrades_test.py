# SPDX-License-Identifier: Apache-2.0
"""Other bytecode in the place of a program that runs: bpfman upgrade, rollback, history. Needs root."""

import json
import os
import re
import threading

from case import PASS, Case
from host import Daemon, run, wait_for


# Programs of several kinds that count in one map.
KINDS = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, VALUE); } seen SEC(".maps");
static int count(__u32 key, int result)
{
	VALUE *value = bpf_map_lookup_elem(&seen, &key);
	if (value)
		*value += STEP;
	return result;
}
SEC("xdp") int on_xdp(struct xdp_md *ctx) { return count(0, XDP_PASS); }
SEC("tc") int on_tc(struct __sk_buff *ctx) { return count(1, -1); }
SEC("tracepoint/syscalls/sys_enter_getpid") int on_call(void *ctx) { return count(2, 0); }
SEC("cgroup_skb/egress") int on_cgroup(struct __sk_buff *ctx) { return count(3, 1); }
char _license[] SEC("license") = "GPL";
"""


class Upgrades(Case):
    def setUp(self):
        super().setUp()
        self.second = self.host.programs.compile("pass1000", PASS, "-DSTEP=1000")

    def counted(self, application="app", key=0):
        dump = self.bpfman("map", "dump", f"{application}/pass:seen", check=True).stdout
        return int(re.search(rf"\b{key}: (\d+)", dump).group(1))

    def both(self):
        """What app and other have counted, with no packet in between."""
        while True:
            mine, other = self.counted(), self.counted("other")
            if mine == self.counted():
                return mine, other

    def load(self, application="app", *more):
        self.bpfman("load", "file", self.host.pass1, "-a", application, "xdp", "--iface", self.pair.interface, *more, check=True)

    def programs(self):
        return {one["name"]: one for one in self.bpfman.json("list", "programs")["programs"]}

    def clean(self):
        """What is loaded is what is recorded, and every pin belongs to a record."""
        doctor = self.bpfman("doctor")
        self.assertEqual(doctor.returncode, 0, doctor.stdout)

    def test_a_program_is_replaced_in_place_and_its_map_goes_on(self):
        self.load()
        self.pair.ping(5)
        before = self.counted()
        self.assertGreaterEqual(before, 5)
        old = self.pair.xdp()
        done = self.bpfman("upgrade", "app", "--path", self.second, check=True)
        self.assertIn("version 1: bpfman rollback app", done.stdout)
        self.assertNotEqual(self.pair.xdp(), old)
        self.assertEqual([one["link_id"] for one in self.bpfman.json("list", "links")["links"]], [1])
        self.pair.ping(5)
        self.assertGreaterEqual(self.counted(), before + 5000)
        self.clean()
        again = self.bpfman("upgrade", "app", "--path", self.second, check=True)
        self.assertIn("runs this bytecode already", again.stdout)
        back = self.bpfman("rollback", "app", check=True)
        self.assertIn("version 2", back.stdout)
        count = self.counted()
        self.pair.ping(5)
        self.assertLess(self.counted() - count, 1000)
        history = self.bpfman.json("history", "app")
        self.assertEqual([one["version"] for one in history["former"]], [1, 2])
        self.assertEqual(history["former"][0]["programs"][0]["bytecode"], history["current"][0]["bytecode"])
        self.clean()
        self.bpfman("unload", "app/pass", check=True)
        self.assertNothingLeft()
        self.assertFails(self.bpfman("history", "app"), 3, "there is no application app")

    def test_new_programs_that_do_not_run_go_back(self):
        self.load()
        self.pair.ping(1)
        old = self.bpfman.json("history", "app")["current"][0]["bytecode"]
        done = self.bpfman("upgrade", "app", "--path", self.second, "--expect-runs", "200ms")
        self.assertFails(done, 6, "app/pass did not run within 200", "app runs what it ran before")
        self.assertEqual(self.bpfman.json("history", "app")["current"][0]["bytecode"], old)
        traffic = threading.Thread(target=lambda: self.pair.ping(500), daemon=True)
        traffic.start()
        try:
            self.bpfman("upgrade", "app", "--path", self.second, "--expect-runs", "20s", check=True)
        finally:
            traffic.join(120)
        self.clean()

    def test_no_moment_and_no_packet_without_the_program(self):
        self.load()
        self.bpfman("load", "file", self.host.pass1, "-a", "other", "xdp", "--iface", self.pair.interface, check=True)
        seen, done = set(), threading.Event()

        def watch():
            while not done.is_set():
                seen.add(self.pair.xdp())

        mine, other = self.both()
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        traffic = threading.Thread(target=lambda: self.pair.ping(2000), daemon=True)
        traffic.start()
        try:
            for number in range(6):
                self.bpfman("upgrade", "app", "--path", [self.second, self.host.pass1][number % 2], check=True)
            traffic.join(120)
        finally:
            done.set()
            watcher.join(10)
        self.assertNotIn(None, seen)
        # Each packet counts 1 or 1000 with us, and 1 with the one that stays.
        mine_now, other_now = self.both()
        packets, total = other_now - other, mine_now - mine
        self.assertGreaterEqual(packets, 2000)
        self.assertEqual(total % 999 - packets % 999, 0, f"{packets} packets, {total} counted")
        self.clean()

    def test_every_kind_of_link(self):
        first = self.host.programs.compile("kinds1", KINDS, "-DSTEP=1", "-DVALUE=__u64")
        second = self.host.programs.compile("kinds2", KINDS, "-DSTEP=1000000", "-DVALUE=__u64")
        self.bpfman("load", "file", first, "-a", "kinds", "--programs", "xdp:on_xdp,tc:on_tc,tracepoint:on_call,cgroup:on_cgroup", check=True)
        directory = os.path.join(self.root, "cgroup")
        os.mkdir(directory)
        run("mount", "-t", "cgroup2", "none", directory)
        group = os.path.join(directory, f"bpfman-upgrade-{os.getpid()}")
        os.mkdir(group)
        try:
            self.bpfman("attach", "on_xdp", "xdp", "--iface", self.pair.interface, check=True)
            self.bpfman("attach", "on_tc", "tcx", "--iface", self.pair.interface, "--direction", "ingress", check=True)
            self.bpfman("attach", "on_call", "tracepoint", check=True)
            self.bpfman("attach", "on_cgroup", "cgroup", "--path", group, check=True)
            links = self.bpfman.json("list", "links")["links"]
            done = self.bpfman("upgrade", "kinds", "--path", second, check=True)
            for name in ("on_xdp", "on_tc", "on_call", "on_cgroup"):
                self.assertIn(f"(kinds/{name})", done.stdout)
            after = self.bpfman.json("list", "links")["links"]
            self.assertEqual([one["link_id"] for one in after], [one["link_id"] for one in links])
            self.clean()
            self.pair.ping(3)
            os.getpid()
            run("sh", "-c", f"echo $$ > {group}/cgroup.procs; exec ping -c 1 -W 1 127.0.0.1", check=False)
            for key, name in enumerate(("on_xdp", "on_tc", "on_call", "on_cgroup")):
                dump = self.bpfman("map", "dump", f"kinds/{name}:seen", check=True).stdout
                self.assertRegex(dump, rf"\b{key}: \d{{7,}}")
            self.bpfman("rollback", "kinds", check=True)
            self.clean()
            self.assertEqual({one["state"] for one in self.bpfman.json("list", "links")["links"]}, {"attached"})
        finally:
            self.bpfman("unload", "--all", check=True)
            os.rmdir(group)
            run("umount", directory)
        self.assertNothingLeft()

    def test_maps_of_another_layout_are_told_and_can_begin_anew(self):
        first = self.host.programs.compile("layout1", KINDS, "-DSTEP=1", "-DVALUE=__u64")
        second = self.host.programs.compile("layout2", KINDS, "-DSTEP=1", "-DVALUE=__u32")
        self.bpfman("load", "file", first, "-a", "kinds", "--name", "on_xdp", "xdp", "--iface", self.pair.interface, check=True)
        old = self.pair.xdp()
        done = self.bpfman("upgrade", "kinds", "--path", second)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("share map seen: the map that is there has value size 8, not 4", done.stderr)
        self.assertIn("--new-maps", done.stderr)
        self.assertEqual(self.pair.xdp(), old)
        self.clean()
        self.bpfman("upgrade", "kinds", "--path", second, "--new-maps", check=True)
        self.assertNotEqual(self.pair.xdp(), old)
        self.clean()
        back = self.bpfman("rollback", "kinds", check=True)
        self.assertIn("maps begin anew", back.stderr)
        self.clean()

    def test_a_check_that_fails_brings_the_old_one_back(self):
        self.load()
        digest = self.programs()["pass"]["bytecode"] if "bytecode" in self.programs()["pass"] else None
        done = self.bpfman("upgrade", "app", "--path", self.second, "--check", "echo $BPFMAN_APPLICATION is ill >&2; exit 3")
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("the check failed with exit status 3: app is ill", done.stderr)
        self.assertIn("app runs what it ran before", done.stderr)
        history = self.bpfman.json("history", "app")
        self.assertEqual(history["current"][0]["bytecode"], history["former"][0]["programs"][0]["bytecode"])
        if digest:
            self.assertEqual(history["current"][0]["bytecode"], digest)
        self.clean()
        self.bpfman("upgrade", "app", "--path", self.second, "--check", "true", check=True)
        self.assertNotEqual(self.bpfman.json("history", "app")["current"][0]["bytecode"], history["current"][0]["bytecode"])

    def test_what_cannot_be_is_said(self):
        self.load()
        wrong = self.host.programs.compile("kinds1", KINDS, "-DSTEP=1", "-DVALUE=__u64")
        self.assertFails(self.bpfman("upgrade", "app", "--path", wrong), 3, "the new object has no program pass; it has on_xdp")
        self.assertFails(self.bpfman("upgrade", "ap", "--path", wrong), 3, "there is no application ap", "did you mean app?")
        self.assertFails(self.bpfman("rollback", "app"), 3, "application app has no former version")
        self.assertFails(self.bpfman("rollback", "app", "--to", "9"), 3, "has no version 9")
        planned = self.bpfman("upgrade", "app", "--path", self.second, "--dry-run", check=True)
        self.assertIn("switch", planned.stdout)
        self.assertEqual(json.loads(self.bpfman("history", "app", "-o", "json").stdout)["former"], [])
        self.assertIsNotNone(self.pair.xdp())


class UpgradesOfImages(Case):
    sources = ("docker",)

    def test_a_rebuilt_tag(self):
        def build(step):
            name = f"upgrade{step}"
            built = self.host.programs.compile(name, PASS, f"-DSTEP={step}")
            self.host.docker.build(self.host.programs.context(name, [built], {"io.ebpf.programs": {"pass": "xdp"}}), "upgraded:dev")

        build(1)
        self.bpfman("load", "image", "upgraded:dev", "xdp", "--iface", self.pair.interface, check=True)
        self.assertIn("already", self.bpfman("upgrade", "upgraded", check=True).stdout)
        build(2)
        self.assertIn("version 1", self.bpfman("upgrade", "upgraded", check=True).stdout)
        self.bpfman("rollback", "upgraded", check=True)
        table = self.bpfman("history", "upgraded", check=True).stdout
        self.assertRegex(table, r"1 +20\d\d-.*docker.io/library/upgraded:dev +sha256:")
        self.bpfman("unload", "--all", check=True)
        self.assertNothingLeft()


class Rebuilds(Case):
    sources = ("docker",)

    def build(self, step):
        context = self.host.programs.context("follow", [self.host.programs.compile("follow", PASS, f"-DSTEP={step}")])
        self.host.docker.build(context, "follow:dev")

    def test_the_daemon_follows_an_image_that_is_built_again(self):
        self.build(1)
        self.bpfman("load", "image", "follow:dev", "-a", "app", "--on-rebuild", "xdp", "--iface", self.pair.interface, check=True)
        self.assertTrue(self.bpfman.json("get", "program", "app/pass")["on_rebuild"])
        before = self.pair.xdp()
        daemon = Daemon([self.bpfman.binary, "--root-dir", self.root, *self.bpfman.arguments, "serve", "--interval", "1s"],
                        os.path.join(self.root, "serve.log"))
        try:
            wait_for("bpfman serve", lambda: "looking after" in daemon.tail())
            self.build(1000)
            wait_for("the upgrade", lambda: self.pair.xdp() != before, seconds=20)
            wait_for("the line about it", lambda: "upgrade app to docker.io/library/follow:dev" in daemon.tail())
            self.assertNotIn("could not", daemon.tail())
        finally:
            daemon.stop()
        self.assertEqual(len(self.bpfman.json("history", "app")["former"]), 1)
        self.bpfman("unload", "--all", check=True)

    def test_a_file_is_not_followed(self):
        self.assertFails(self.bpfman("load", "file", self.host.pass1, "--on-rebuild"), 2, "--on-rebuild")
