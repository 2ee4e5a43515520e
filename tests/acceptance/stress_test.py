# SPDX-License-Identifier: Apache-2.0
"""Many commands at once, some of them killed; readers beside a writer that stands still. Needs root."""

import fcntl
import json
import os
import random
import subprocess
import time

from case import PASS, Case

FULL = bool(os.environ.get("BPFMAN_TEST_FULL"))


class Stress(Case):
    def setUp(self):
        super().setUp()
        self.second = self.host.programs.compile("pass1000", PASS, "-DSTEP=1000")
        self.document = os.path.join(self.root, "document.json")
        with open(self.document, "w", encoding="utf-8") as out:
            json.dump({"apiVersion": "bpfman.io/v1alpha1", "kind": "XdpProgram", "metadata": {"name": "document"},
                       "spec": {"bpfProgram": {"path": self.host.pass1},
                                "interfaceSelector": {"interfaces": [self.pair.interface]}}}, out)

    def verb(self, dice, number):
        interface = self.pair.interface
        application = f"app{dice.randrange(0, number + 1)}"
        return dice.choice([
            ("load", "file", self.host.pass1, "-a", f"app{number}", "xdp", "--iface", interface, "--priority",
             str(dice.randrange(1, 100))),
            ("load", "file", self.host.pass1, "-a", f"app{number}"),
            ("detach", str(dice.randrange(1, number + 2))),
            ("unload", f"{application}/pass"),
            ("attach", f"{application}/pass", "xdp", "--iface", interface, "--priority", str(dice.randrange(1, 100))),
            ("upgrade", application, "--path", self.second), ("rollback", application), ("history", application),
            ("link", "set", str(dice.randrange(1, number + 2)), "--priority", str(dice.randrange(1, 100))),
            ("chain", "set", interface, "--timing", dice.choice(["on", "off"])),
            ("apply", "-f", self.document), ("diff", "-f", self.document), ("delete", "document"),
            ("list",), ("list", "links"), ("list", "chains"), ("get", "program", f"{application}/pass"),
            ("log",), ("explain", "chain", interface), ("doctor",), ("reconcile",),
        ])

    def test_many_at_once_and_some_killed_leave_no_lie(self):
        seed = int(os.environ.get("BPFMAN_TEST_SEED", random.randrange(1 << 31)))
        print(f"seed {seed}", flush=True)
        dice = random.Random(seed)
        number = killed = 0
        end = time.monotonic() + (600 if FULL else 8)
        while time.monotonic() < end:
            running = []
            for _ in range(16):
                running.append(subprocess.Popen([self.bpfman.binary, "--root-dir", self.root, *self.bpfman.arguments,
                                                 *self.verb(dice, number)], stdout=subprocess.DEVNULL,
                                                stderr=subprocess.PIPE, text=True))
                number += 1
            time.sleep(dice.random() / 10)
            for one in dice.sample(running, 3):
                one.kill()
            for one in running:
                _, errors = one.communicate(timeout=60)
                killed += one.returncode == -9
                # 1 is a bug, 11 damage (docs/errors.md); below 0 are signals, of which only ours is one.
                self.assertIn(one.returncode, {-9, 0, *range(2, 11)}, f"seed {seed}: {one.args}: {errors}")
        print(f"{number} commands, {killed} killed", flush=True)
        self.bpfman("reconcile", check=True)
        done = self.bpfman("doctor")
        self.assertEqual(done.returncode, 0, f"seed {seed}: {done.stdout}{done.stderr}")
        if self.bpfman.json("list")["programs"]:
            self.bpfman("unload", "--all", check=True)
        self.assertEqual(self.bpfman.pins(), [])
        self.assertIsNone(self.pair.xdp())

    def test_readers_do_not_wait_for_a_writer(self):
        self.bpfman("load", "file", self.host.pass1, "-a", "a", check=True)
        with open(os.path.join(self.root, "run/bpfman/lock"), "r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            start = time.monotonic()
            self.bpfman("list", check=True)
            self.assertLess(time.monotonic() - start, 1)
