# SPDX-License-Identifier: Apache-2.0
"""Who did what: bpfman log. Needs root and strace."""

import json
import os
import signal
import sqlite3
import subprocess
import time

from case import BAD, Case
from host import run


class Ledger(Case):
    def setUp(self):
        super().setUp()
        self.netns = f"bled-{os.getpid()}"
        run("ip", "netns", "add", self.netns)
        run("ip", "-n", self.netns, "link", "add", "lan0", "type", "veth", "peer", "name", "lan0-p")

    def tearDown(self):
        super().tearDown()
        run("ip", "netns", "del", self.netns, check=False)

    def entries(self, *words):
        return [json.loads(line) for line in self.bpfman("log", "-o", "json", *words, check=True).stdout.splitlines()]

    def attach(self):
        self.bpfman("attach", "app/pass", "xdp", "--iface", "lan0", "--netns", f"/run/netns/{self.netns}", check=True)

    def load(self):
        self.bpfman("load", "file", self.host.pass1, "-a", "app", check=True)

    def test_nothing_was_done_yet(self):
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.bpfman("log", check=True).stdout, "")

    def test_every_step_of_a_program_is_told(self):
        before = int(time.time())
        self.load()
        program = self.bpfman.json("list", "programs")["programs"][0]["program_id"]
        self.attach()
        self.bpfman("detach", "1", check=True)
        self.bpfman("unload", "app/pass", check=True)
        entries = self.entries()
        told = [(entry["verb"], entry["outcome"], entry["objects"][0]["what"], entry["objects"][0]["kind"]) for entry in entries]
        self.assertEqual(told, [("load", "done", "loaded", "program"), ("attach", "done", "attached", "link"),
                                ("detach", "done", "detached", "link"), ("unload", "done", "unloaded", "program")])
        for entry in entries:
            thing = entry["objects"][0]
            self.assertEqual(thing["name"], "app/pass")
            self.assertTrue(thing["bytecode"].startswith("sha256:"))
            self.assertEqual(entry["uid"], 0)
            self.assertGreater(entry["pid"], 0)
        self.assertEqual(entries[0]["objects"][0]["id"], str(program))
        self.assertEqual(entries[3]["objects"][0]["id"], str(program))
        self.assertIn("lan0", entries[1]["objects"][0]["place"])
        self.assertEqual(len(self.entries("--since", str(int(time.time()) - before + 60) + "s")), 4)
        self.assertEqual([entry["verb"] for entry in self.entries("-n", "1")], ["unload"])
        self.assertEqual(self.entries("app/other"), [])
        table = self.bpfman("log", "pass", check=True).stdout.splitlines()
        self.assertEqual(len(table), 5)
        self.assertIn("unloaded program", table[-1])

    def test_a_failure_is_told(self):
        bad = self.host.programs.compile("bad", BAD)
        self.assertNotEqual(self.bpfman("load", "file", bad, "-a", "app").returncode, 0)
        (entry,) = self.entries()
        self.assertEqual(entry["outcome"], "failed")
        self.assertNotEqual(entry["error"], None)
        self.assertEqual(entry["subject"], "app/bad")
        self.assertEqual(entry["objects"], [])

    def test_a_killed_command_is_told_as_undone(self):
        self.load()
        log = os.path.join(self.root, "strace.log")
        for at in range(1, 60):
            self.bpfman("attach", "app/pass", "xdp", "--iface", "lan0", "--netns", f"/run/netns/{self.netns}",
                        prefix=("strace", "-f", "-qq", "-o", log, "-e", "trace=bpf", "-e", f"inject=bpf:signal=SIGKILL:when={at}"))
            entries = self.entries()
            if len(entries) > 1:
                break
        self.assertEqual([entry["outcome"] for entry in entries], ["done", "undone"])
        self.assertEqual(entries[1]["verb"], "attach")
        self.assertIn("ended in the middle", entries[1]["error"])
        self.assertEqual(self.bpfman.json("list", "links")["links"], [])

    def follow(self, *words):
        child = subprocess.Popen([self.bpfman.binary, "--root-dir", self.root, "log", "-f", "-o", "json", *words],
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.kill)
        return child

    def test_following_tells_what_comes(self):
        everything = self.follow()  # before there is a database
        other = self.follow("other")
        self.load()
        first = json.loads(everything.stdout.readline())
        self.assertEqual((first["verb"], first["subject"]), ("load", "app/pass"))
        late = self.follow("app", "-n", "1")
        self.assertEqual(json.loads(late.stdout.readline())["verb"], "load")
        self.attach()
        for child in (everything, late):
            self.assertEqual(json.loads(child.stdout.readline())["verb"], "attach")
        for child, number in ((everything, signal.SIGINT), (late, signal.SIGTERM), (other, signal.SIGTERM)):
            child.send_signal(number)
            rest, _ = child.communicate(timeout=10)
            self.assertEqual(rest, "")
            self.assertEqual(child.returncode, 0)

    def test_the_database_refuses_changes(self):
        self.load()
        database = sqlite3.connect(os.path.join(self.root, "var/lib/bpfman/bpfman.db"))
        for statement in ("DELETE FROM ledger", "UPDATE ledger SET uid = 1"):
            with self.assertRaises(sqlite3.IntegrityError):
                database.execute(statement)
        database.close()
        self.assertEqual(len(self.entries()), 1)
