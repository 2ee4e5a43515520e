# SPDX-License-Identifier: Apache-2.0
"""Several interfaces by one --iface, those that come later included. Needs root."""

import json
import os
import time

from case import Case
from host import Daemon, run, wait_for


class Selectors(Case):
    def setUp(self):
        super().setUp()
        self.netns = f"bsel-{os.getpid()}"
        self.path = f"/run/netns/{self.netns}"
        run("ip", "netns", "add", self.netns)
        self.daemon = None
        for name in ("lan0", "lan1", "wan0"):
            self.add(name)

    def tearDown(self):
        if self.daemon:
            self.daemon.stop()
        super().tearDown()
        run("ip", "netns", "del", self.netns, check=False)

    def add(self, name):
        run("ip", "-n", self.netns, "link", "add", name, "type", "veth", "peer", "name", name + "-p")

    def remove(self, name):
        run("ip", "-n", self.netns, "link", "del", name)

    def programs(self):
        """Interfaces with an XDP program."""
        links = json.loads(run("ip", "-n", self.netns, "-j", "link", "show").stdout)
        return sorted(link["ifname"] for link in links if link.get("xdp"))

    def attach(self, interfaces, *more, check=True):
        self.bpfman("load", "file", self.host.pass1, "-a", "app", check=True)
        return self.bpfman("attach", "app/pass", "xdp", "--iface", interfaces, "--netns", self.path, *more, check=check)

    def serve(self):
        log = os.path.join(self.root, "serve.log")
        self.daemon = Daemon([self.bpfman.binary, "--root-dir", self.root, "serve"], log)
        wait_for("bpfman serve", lambda: "looking after" in self.daemon.tail())
        return log

    def test_restore_says_what_is_not_back(self):
        self.attach("wan0")
        self.assertEqual(self.programs(), ["wan0"])
        self.remove("wan0")
        done = self.bpfman("restore", "--wait", "1s")
        self.assertEqual(done.returncode, 6, done.stdout)
        self.assertIn("1 of what is recorded is not back", done.stderr)
        self.assertIn(f"link 1 (wan0 in network namespace {self.path}) is not attached: there is no interface wan0 now", done.stderr)
        self.add("wan0")
        self.bpfman("restore", "--wait", "10s", check=True)
        self.assertEqual(self.programs(), ["wan0"])

    def test_all_that_are_meant_are_attached_to_at_once(self):
        done = self.attach("lan?,wan0")
        self.assertEqual(self.programs(), ["lan0", "lan1", "wan0"])
        self.assertIn("selector", done.stdout)
        self.assertIn("no bpfman serve is running", done.stderr)
        listed = self.bpfman("list", "selectors").stdout
        self.assertIn("xdp lan?,wan0", listed)
        self.assertIn("lan0, lan1, wan0", listed)
        self.bpfman("detach", "--selector", "1", check=True)
        self.assertEqual(self.programs(), [])
        self.assertEqual(self.bpfman.json("list", "selectors")["selectors"], [])

    def test_none_is_attached_to_when_one_is_taken(self):
        run("ip", "-n", self.netns, "link", "set", "lan1", "xdpgeneric", "obj", self.host.pass1, "sec", "xdp")
        done = self.attach("lan?", check=False)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("--iface 'lan?,!lan1'", done.stderr)
        self.assertEqual(self.programs(), ["lan1"], "what others put there stays")
        self.bpfman("attach", "app/pass", "xdp", "--iface", "lan?,!lan1", "--netns", self.path, check=True)
        self.assertEqual(self.programs(), ["lan0", "lan1"])

    def test_hot_plug_while_the_daemon_runs(self):
        log = self.serve()
        done = self.attach("lan?")
        self.assertNotIn("no bpfman serve", done.stderr)
        # The daemon learns of a new namespace with its next look; interfaces of its own are seen at once.
        wait_for("the daemon's next look", lambda: self.comes("lan7"), 30)
        start = time.monotonic()
        self.add("lan8")
        wait_for("lan8", lambda: "lan8" in self.programs(), 5)
        self.assertLess(time.monotonic() - start, 5)
        self.remove("lan8")
        wait_for("lan8 forgotten", lambda: "lan8" not in self.bpfman("list", "links").stdout, 5)
        self.add("lan8")
        wait_for("lan8 again", lambda: "lan8" in self.programs(), 5)
        self.bpfman("detach", "1", check=True)
        self.add("lan9")
        wait_for("lan9", lambda: "lan9" in self.programs(), 5)
        self.assertNotIn("lan0", self.programs(), "taken off by hand")
        self.assertNotIn("wan0", self.programs())
        second = self.bpfman("serve")
        self.assertEqual(second.returncode, 4)
        self.assertIn(f"held by pid {self.daemon.process.pid}", second.stderr)
        # Killed, it takes nothing with it; its lock goes with it.
        self.daemon.process.kill()
        self.daemon.process.wait(10)
        self.assertIn("lan9", self.programs())
        with open(log, encoding="utf-8") as text:
            self.assertIn("attach app/pass to lan8 (selector 1, lan?)", text.read())
        self.serve()
        self.daemon.process.terminate()
        self.assertEqual(self.daemon.process.wait(5), 0)

    def comes(self, name):
        if name not in [link["ifname"] for link in json.loads(run("ip", "-n", self.netns, "-j", "link", "show").stdout)]:
            self.add(name)
        return name in self.programs()

    def test_reconcile_does_it_once_without_a_daemon(self):
        self.attach("lan?", "--allow-none")
        self.add("lan5")
        self.remove("lan1")
        dry = self.bpfman("reconcile", "--dry-run", check=True).stdout
        self.assertIn("would forget link 2 (lan1", dry)
        self.assertIn("would attach app/pass to lan5 (selector 1, lan?)", dry)
        self.assertEqual(self.programs(), ["lan0"])
        self.bpfman("reconcile", check=True)
        self.assertEqual(self.programs(), ["lan0", "lan5"])
        self.assertEqual(self.bpfman("reconcile", check=True).stdout, "")

    def test_words_that_mean_nothing(self):
        done = self.attach("eth*", check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn('no interface is meant by "eth*" now', done.stderr)
        self.assertIn("interfaces here: lo, ", done.stderr)
        self.bpfman("attach", "app/pass", "xdp", "--iface", "eth*", "--netns", self.path, "--allow-none", check=True)
        done = self.bpfman("attach", "app/pass", "xdp", "--iface", "all-physical", "--netns", self.path)
        self.assertEqual(done.returncode, 3, "veths are no hardware: " + done.stdout)
        self.assertEqual(self.bpfman("detach", "--selector", "9").returncode, 3)

    def test_a_renamed_interface_keeps_its_programs_and_they_can_be_changed(self):
        for application, priority in (("a", "10"), ("b", "20"), ("c", "30")):
            self.bpfman("load", "file", self.host.pass1, "-a", application, "xdp", "--iface", "lan0", "--netns", self.path,
                        "--priority", priority, check=True)
        run("ip", "-n", self.netns, "link", "set", "lan0", "name", "new0")
        run("ip", "-n", self.netns, "link", "add", "lan0", "type", "veth", "peer", "name", "other")
        self.assertEqual(self.bpfman("doctor").returncode, 0)
        self.bpfman("detach", "2", check=True)
        self.bpfman("link", "set", "1", "--priority", "40", check=True)

        def members():
            return [one["program"] for one in self.bpfman.json("list", "chains")["chains"][0]["members"]]
        self.assertEqual(members(), ["c/pass", "a/pass"])
        self.assertEqual(self.programs(), ["new0"])
        runs = json.loads(run("ip", "-n", self.netns, "-j", "link", "show", "new0").stdout)[0]["xdp"]["prog"]["id"]
        self.assertEqual(self.bpfman.json("list", "chains")["chains"][0]["dispatcher_id"], runs)
        # Once it is off, what has the old name is meant.
        for pin in self.bpfman.pins():
            if pin.startswith("xdp/") and pin.endswith("_link"):
                os.unlink(os.path.join(self.bpfman.bpffs, pin))
        wait_for("the kernel lets the link go", lambda: not self.programs())
        self.assertIn("let the links on lan0", self.bpfman("doctor").stdout)
        self.bpfman("reconcile", check=True)
        self.assertEqual(self.programs(), ["lan0"])
        self.assertEqual(self.bpfman("doctor").returncode, 0)
