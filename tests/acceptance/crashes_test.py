# SPDX-License-Identifier: Apache-2.0
"""Killed at any point, the next command leaves nothing half done. Needs root and strace.

Chains of freplace are not among them: the kernel of a test host may refuse extension programs. What fails or dies in their plans is
tested at every step with the fake kernel (manager/executor_test.cc), and the programs themselves in the machines of tests/vm.
"""

import collections
import json
import os
import shutil
import unittest

from case import PASS, Case
from host import wait_for

FULL = bool(os.environ.get("BPFMAN_TEST_FULL"))
POINTS = collections.Counter()


def tearDownModule():
    """What was tried, verb by verb."""
    for what, count in POINTS.items():
        print(f"{what}: {count} points")
    print(f"{sum(POINTS.values())} points", flush=True)


class Killing(Case):
    """SIGKILL at the N-th bpf, rename, unlink, mount or write call; then the next command; then nothing is half done."""

    calls = "bpf,rename,renameat,renameat2,unlink,unlinkat,pwrite64,fsync,fdatasync,mkdir,mount,move_mount,ftruncate"

    fault = "signal=SIGKILL"

    def strace(self, at, *words):
        """Runs bpfman with a fault at the N-th of the calls; whether there were so many."""
        log = os.path.join(self.root, "strace.log")
        done = self.bpfman(*words, prefix=("strace", "-f", "-qq", "-o", log, "-e", f"trace={self.calls}", "-e",
                                           f"inject={self.calls}:{self.fault}:when={at}"))
        self.status = done.returncode
        with open(log, encoding="utf-8", errors="replace") as lines:
            text = lines.read()
        hit = "INJECTED" in text or "killed by SIGKILL" in text
        POINTS[f"{self.id().split('.', 1)[1]}, {self.fault.split('=')[1]} in {self.calls.split(',')[0]}, ..."] += hit
        return hit

    def points(self, limit):
        """1, 2, 3, ... thinning out, so that a run takes bounded time and every region is hit; all of them with scripts/test --full."""
        at, step = 1, 1
        while at < limit:
            yield at
            if at >= 30 and not FULL:
                step = 3
            at += step


class Crashes(Killing):
    def test_load_killed_anywhere_is_undone(self):
        # The first command makes directories and database, so a state to come back to exists.
        self.bpfman("load", "file", self.host.pass1, check=True)
        self.bpfman("unload", "--all", check=True)
        killed = 0
        for at in self.points(400):
            if not self.strace(at, "load", "file", self.host.pass1, "xdp", "--iface", self.pair.interface):
                break
            killed += 1
            programs = self.bpfman.json("list", "programs")["programs"]
            if programs:
                # Killed after the commit: then it is whole.
                self.assertEqual(len(self.bpfman.json("list", "links")["links"]), 1, f"at call {at}")
                self.assertEqual(self.pair.xdp(), programs[0]["program_id"], f"at call {at}")
                self.bpfman("unload", "--all", check=True)
            self.assertNothingLeft()
            # Bytecode of a file that no record names: unload takes it away, except when killed between the two.
        self.assertGreater(killed, 25, "the harness killed the command")
        self.bpfman("unload", "--all", check=True)

    def test_unload_killed_anywhere_is_finished_or_not_begun(self):
        killed = 0
        for at in self.points(300):
            self.bpfman("load", "file", self.host.pass1, "xdp", "--iface", self.pair.interface, check=True)
            if not self.strace(at, "unload", "--all"):
                break
            killed += 1
            programs = self.bpfman.json("list", "programs")["programs"]
            if programs:
                self.assertEqual(self.pair.xdp(), programs[0]["program_id"], f"at call {at}")
                self.bpfman("unload", "--all", check=True)
            self.assertNothingLeft()
        self.assertGreater(killed, 8, "the harness killed the command")


class Rescue(Killing):
    """A damaged database is there until the new one is, and never neither."""

    calls = Killing.calls + ",link,linkat"

    def test_doctor_fix_killed_anywhere_leaves_the_damaged_database_or_the_new_one(self):
        self.bpfman("load", "file", self.host.pass1, "-a", "a", "xdp", "--iface", self.pair.interface, check=True)
        program = self.pair.xdp()
        damaged = self.damage("programs")
        state = os.path.join(self.root, "var/lib/bpfman")
        copy = os.path.join(self.root, "copy")
        shutil.copytree(state, copy)
        self.assertFalse(self.strace(60_000, "doctor", "--fix"))
        with open(os.path.join(self.root, "strace.log"), encoding="utf-8", errors="replace") as lines:
            calls = len(lines.readlines())
        outcomes = set()
        for at in [*range(1, calls - 40, 13), *range(calls - 40, calls)]:
            shutil.rmtree(state)
            shutil.copytree(copy, state)
            if not self.strace(at, "doctor", "--fix"):
                break
            done = self.bpfman("list", "programs")
            outcomes.add(done.returncode)
            if done.returncode != 0:
                self.assertEqual(done.returncode, 11, f"at call {at}: {done.stdout}{done.stderr}")
                with open(os.path.join(state, "bpfman.db"), "rb") as file:
                    self.assertEqual(file.read(), damaged, f"at call {at}")
                self.bpfman("doctor", "--fix", check=True)
            self.assertEqual(self.bpfman("doctor").returncode, 0, f"at call {at}")
            programs = self.bpfman.json("list", "programs")["programs"]
            self.assertEqual([(one["application"], one["program_id"]) for one in programs], [("a", program)], f"at call {at}")
            kept = [name for name in os.listdir(state) if name.startswith("bpfman.db.damaged-") and name.endswith("Z")]
            self.assertEqual(len(kept), 1, f"at call {at}")
            with open(os.path.join(state, kept[0]), "rb") as file:
                self.assertEqual(file.read(), damaged, f"at call {at}")
        self.assertEqual(outcomes, {0, 11}, "the harness killed the command on both sides of the decision")
        self.assertEqual(self.pair.xdp(), program)
        self.bpfman("unload", "--all", check=True)


class EveryPoint(Killing):
    def points(self, limit):
        """All of them with scripts/test --full, else a sample."""
        at = 1
        while at < limit:
            yield at
            at += 1 if FULL or at < 6 else 9


class EveryVerb(EveryPoint):
    """The same of verbs about hooks that run programs; doctor says whether kernel and records agree, and the hook is never bare."""

    def setUp(self):
        super().setUp()
        self.iface = self.pair.interface
        for application, priority in (("a", "10"), ("b", "20")):
            self.bpfman("load", "file", self.host.pass1, "-a", application, "xdp", "--iface", self.iface, "--priority", priority,
                        check=True)
        self.bpfman("load", "file", self.host.pass1, "-a", "c", check=True)

    def kill_everywhere(self, words, again, least=8):
        """`words` are those of the verb, or tell them; `again` brings back what it starts from, whether it was done or not."""
        killed = 0
        for at in self.points(400):
            if not self.strace(at, *(words() if callable(words) else words)):
                break
            killed += 1
            done = self.bpfman("doctor")
            self.assertEqual(done.returncode, 0, f"{self.fault} at call {at}: {done.stdout}{done.stderr}")
            self.assertIsNotNone(self.pair.xdp(), f"at call {at}")
            states = {link["state"] for link in self.bpfman.json("list", "links")["links"]}
            self.assertEqual(states, {"attached"}, f"at call {at}")
            again()
        self.assertGreaterEqual(killed, least, "the harness killed the command")

    def links(self):
        return {link["program"]: str(link["link_id"]) for link in self.bpfman.json("list", "links")["links"]}

    def detach_c(self):
        link = self.links().get("c/pass")
        if link:
            self.bpfman("detach", link, check=True)

    def attach(self, program, priority):
        if program not in self.links():
            self.bpfman("attach", program, "xdp", "--iface", self.iface, "--priority", priority, check=True)

    def test_attach(self):
        self.kill_everywhere(["attach", "c/pass", "xdp", "--iface", self.iface, "--priority", "15"], self.detach_c)

    def test_attach_to_several(self):
        self.kill_everywhere(["attach", "c/pass", "xdp", "--iface", f"{self.iface},{self.iface}?", "--priority", "15"],
                             lambda: [self.bpfman("detach", "--selector", one, check=True)
                                      for one in self.bpfman("list", "selectors", "-q").stdout.split()])

    def test_link_set(self):
        self.kill_everywhere(["link", "set", "1", "--priority", "90"],
                             lambda: self.bpfman("link", "set", "1", "--priority", "10", check=True))

    def test_chain_set(self):
        self.kill_everywhere(["chain", "set", self.iface, "--timing", "on"],
                             lambda: self.bpfman("chain", "set", self.iface, "--timing", "off", check=True))

    def test_detach(self):
        self.attach("c/pass", "15")
        self.kill_everywhere(lambda: ["detach", self.links()["c/pass"]], lambda: self.attach("c/pass", "15"))

    def test_unload(self):
        def load_again():
            if not self.bpfman.json("list", "programs", "--application", "d")["programs"]:
                self.bpfman("load", "file", self.host.pass1, "-a", "d", "xdp", "--iface", self.iface, "--priority", "5", check=True)
        load_again()
        self.kill_everywhere(["unload", "d/pass"], load_again)

    def second(self):
        return self.host.programs.compile("pass1000", PASS, "-DSTEP=1000")

    def test_upgrade(self):
        self.kill_everywhere(["upgrade", "a", "--path", self.second()],
                             lambda: self.bpfman("upgrade", "a", "--path", self.host.pass1, check=True))

    def test_rollback(self):
        self.bpfman("upgrade", "a", "--path", self.second(), check=True)
        self.kill_everywhere(["rollback", "a"], lambda: self.bpfman("upgrade", "a", "--path", self.second(), check=True))

    def test_apply(self):
        def document(path):
            file = os.path.join(self.root, f"{os.path.basename(path)}.json")
            with open(file, "w", encoding="utf-8") as out:
                json.dump({"apiVersion": "bpfman.io/v1alpha1", "kind": "XdpProgram", "metadata": {"name": "doc"},
                           "spec": {"bpfProgram": {"path": path}, "priority": 15,
                                    "interfaceSelector": {"interfaces": [self.iface]}}}, out)
            return file
        first, second = document(self.host.pass1), document(self.second())
        self.bpfman("apply", "-f", first, check=True)
        self.kill_everywhere(["apply", "-f", second], lambda: self.bpfman("apply", "-f", first, check=True))

    def test_reconcile(self):
        def take_off():
            for pin in self.bpfman.pins():
                if pin.startswith("xdp/") and pin.endswith("_link"):
                    os.unlink(os.path.join(self.bpfman.bpffs, pin))
        killed = 0
        for at in self.points(400):
            take_off()
            wait_for("the kernel lets the link go", lambda: self.pair.xdp() is None)
            if not self.strace(at, "reconcile"):
                break
            killed += 1
            done = self.bpfman("reconcile")
            self.assertEqual(done.returncode, 0, f"at call {at}: {done.stderr}")
            self.assertEqual(self.bpfman("doctor").returncode, 0, f"at call {at}")
            self.assertIsNotNone(self.pair.xdp(), f"at call {at}")
        self.assertGreaterEqual(killed, 8, "the harness killed the command")


class EveryImageVerb(EveryPoint):
    """Verbs about images that are killed have done all of their work, or none: records and bytecode agree."""

    calls = "rename,renameat,renameat2,linkat,unlink,unlinkat,write,pwrite64,fsync,fdatasync,mkdir,ftruncate,openat"

    def setUp(self):
        super().setUp()
        self.archives = {}
        for step in (1, 2):
            built = self.host.programs.compile(f"pass-image{step}", PASS, f"-DSTEP={step}")
            self.archives[step] = os.path.join(self.root, f"image{step}.tar")
            self.bpfman("image", "build", built, "-t", f"localhost/one{step}:v1", "--output", f"oci-archive:{self.archives[step]}",
                        check=True)
        self.object = self.host.pass1
        self.bpfman("image", "build", self.object, "-t", "localhost/stays:v1", check=True)

    def references(self):
        return {one["reference"]: one["bytecode"] for one in self.bpfman.json("image", "list")["images"]}

    def kill_everywhere(self, words, again, least=8):
        killed = 0
        again()
        before = self.references()
        for at in self.points(600):
            if not self.strace(at, *words):
                break
            killed += 1
            now = self.references()
            where = f"{self.fault} at call {at} of {self.calls}"
            self.assertIn("localhost/stays:v1", now, where)
            done = self.bpfman("image", "verify")
            self.assertEqual(done.returncode, 0, f"{where}: {done.stdout}{done.stderr}")
            # What takes away is finished by the next command instead.
            if self.fault.startswith("error") and self.status != 0 and words[1] not in ("rm", "prune"):
                self.assertEqual(now, before, f"{where}: failed, and yet done")
            again()
            self.assertEqual(self.references(), before, where)
            # What a dead process has left unnamed goes with the next clean-up.
            self.bpfman("image", "prune", check=True)
            named = sorted({digest.removeprefix("sha256:") for digest in before.values()})
            self.assertEqual(self.bpfman.blobs(), named, where)
        self.assertGreaterEqual(killed, least, "the harness killed the command")

    def remove(self, name):
        if name in self.references():
            self.bpfman("image", "rm", name, check=True)

    def test_image_build(self):
        self.kill_everywhere(["image", "build", self.host.programs.compile("pass-image3", PASS, "-DSTEP=3"), "-t", "localhost/new:v1"],
                             lambda: self.remove("localhost/new:v1"))

    def test_image_pull(self):
        def again():
            for name in set(self.references()) - {"localhost/stays:v1"}:
                self.remove(name)
        self.kill_everywhere(["image", "pull", f"oci-archive:{self.archives[1]}"], again)

    def test_image_load(self):
        self.kill_everywhere(["image", "load", "-i", self.archives[2], "-t", "localhost/new:v1"],
                             lambda: self.remove("localhost/new:v1"))

    def load_again(self):
        if "localhost/new:v1" not in self.references():
            self.bpfman("image", "load", "-i", self.archives[2], "-t", "localhost/new:v1", check=True)

    def test_image_rm(self):
        self.kill_everywhere(["image", "rm", "localhost/new:v1"], self.load_again)

    def test_image_prune(self):
        # What stays is what a program uses.
        self.bpfman("load", "image", "localhost/stays:v1", "-a", "stays", check=True)
        self.kill_everywhere(["image", "prune", "-a"], self.load_again)

    def test_load_image(self):
        def again():
            if self.bpfman.json("list", "programs")["programs"]:
                self.bpfman("unload", "--all", check=True)
            self.assertEqual(self.bpfman.pins(), [])
        self.kill_everywhere(["load", "image", "localhost/stays:v1", "xdp", "--iface", self.pair.interface], again)


class EveryImageCallFails(EveryImageVerb):
    """The same with errors."""

    fault = "error=ENOSPC"

    def kill_everywhere(self, words, again, least=1):
        refusals = [("openat", error) for error in ("EINTR", "ENOMEM", "EPERM")] + [("unlink,unlinkat", "EBUSY")]
        faults = [("write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat2,mkdir", "ENOSPC")]
        for self.calls, error in faults + (refusals if FULL else [refusals[sum(self.id().encode()) % 3]]):
            self.fault = f"error={error}"
            super().kill_everywhere(words, again, 0 if error == "EBUSY" else least)


class EveryCallFails(EveryVerb):
    """The same with errors in place of death: the verb may do its work or not, but says nothing that is not so."""

    fault = "error=ENOMEM"
    calls = "bpf"

    def kill_everywhere(self, words, again, least=1):
        faults = [("bpf", "ENOMEM"), ("pwrite64,fsync,fdatasync,ftruncate,rename,unlink,mkdir", "ENOSPC"),
                  ("sendto,recvmsg,recvfrom,socket,openat", "EINTR")]
        refusals = [("bpf", error) for error in ("EPERM", "EBUSY", "E2BIG", "EINTR")]
        # One of them for each verb, another one for the next.
        faults += refusals if FULL else [refusals[sum(self.id().encode()) % len(refusals)]]
        if FULL:
            faults += [("pwrite64,fsync,fdatasync,ftruncate,rename,unlink,mkdir", "EIO"),
                       ("sendto,recvmsg,recvfrom,socket,openat", "ENOMEM")]
        for self.calls, error in faults:
            self.fault = f"error={error}"
            super().kill_everywhere(words, again, least)
            again()


if __name__ == "__main__":
    unittest.main()
