# SPDX-License-Identifier: Apache-2.0
"""The kernel against the records: a reboot, and what others do behind bpfman's back. Needs root."""

import json
import os
import uuid

from case import Case
from host import run, wait_for


class Doctor(Case):
    def load(self, application, *more):
        return self.bpfman("load", "file", self.host.pass1, "-a", application, "xdp", "--iface", self.pair.interface, *more,
                           check=True)

    def order(self):
        chains = self.bpfman.json("list", "chains")["chains"]
        return [member["program"].split("/")[0] for member in chains[0]["members"]] if chains else []

    def reboot(self):
        """Everything that a reboot takes: programs with their pins, /run, and the number of the boot."""
        run("umount", "-l", self.bpfman.bpffs)
        run("rm", "-rf", os.path.join(self.root, "run"))
        boot = os.path.join(self.root, "boot_id")
        with open(boot, "w", encoding="utf-8") as out:
            out.write(f"{uuid.uuid4()}\n")
        # From a mount namespace of its own bpfman would mount it in that of process 1, which not every host allows.
        os.makedirs(self.bpfman.bpffs)
        run("mount", "-t", "bpf", "bpf", self.bpfman.bpffs)
        script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
        self.after = ("unshare", "-m", "sh", "-c", script, boot)

    def again(self, *words, check=True):
        return self.bpfman(*words, check=check, prefix=self.after)

    def test_nothing_differs_after_our_own_commands(self):
        self.assertEqual(self.bpfman("doctor", check=True).stdout, "The kernel has what the records say.\n")
        self.load("a")
        self.load("b", "--priority", "10")
        self.assertEqual(self.bpfman("doctor").returncode, 0)
        self.assertEqual(self.bpfman("reconcile", check=True).stdout, "")

    def test_a_reboot_brings_back_programs_links_and_order(self):
        self.load("late", "--priority", "70")
        self.load("early", "--priority", "10", "--strategy", "fused")
        before = self.pair.xdp()
        self.reboot()
        self.assertIsNone(self.pair.xdp())
        done = self.again("doctor", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("program late/pass is not loaded\n  why: it was loaded before the host was started anew", done.stdout)
        self.assertIn("4 differences", done.stderr)
        done = self.again("reconcile").stdout
        self.assertIn("load program early/pass again", done)
        self.assertIn(f"attach link 1 ({self.pair.interface}) again", done)
        self.assertIsNotNone(self.pair.xdp())
        self.assertNotEqual(self.pair.xdp(), before)
        chains = json.loads(self.again("list", "chains", "-o", "json").stdout)["chains"]
        self.assertEqual([(one["link_id"], one["program"]) for one in chains[0]["members"]],
                         [(2, "early/pass"), (1, "late/pass")])
        self.assertEqual((chains[0]["strategy"], chains[0]["strategy_set"]), ("fused", True))
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertEqual(self.again("doctor").returncode, 0)
        self.again("unload", "--all")
        self.assertIsNone(self.pair.xdp())

    def test_removed_pins_are_made_again_and_a_detached_chain_is_put_back(self):
        self.load("a")
        program = self.pair.xdp()
        pins = self.bpfman.pins()
        for pin in pins:
            if pin.startswith(("prog_", "maps/")):
                os.unlink(os.path.join(self.bpfman.bpffs, pin))
        done = self.bpfman("doctor", "--fix", check=True).stdout
        self.assertIn("pin ", done)
        self.assertEqual(self.pair.xdp(), program, "it ran all the time")
        self.assertEqual(self.bpfman.pins(), pins)
        link = next(pin for pin in pins if pin.endswith("_link"))
        os.unlink(os.path.join(self.bpfman.bpffs, link))
        wait_for("the kernel lets the link go", lambda: self.pair.xdp() is None)
        done = self.bpfman("doctor")
        self.assertIn("somebody took them off", done.stdout)
        self.bpfman("reconcile", check=True)
        self.assertEqual(self.pair.xdp(), program)

    def test_what_others_put_on_the_hook_stays(self):
        self.load("a")
        link = next(pin for pin in self.bpfman.pins() if pin.endswith("_link"))
        os.unlink(os.path.join(self.bpfman.bpffs, link))
        wait_for("the kernel lets the link go", lambda: self.pair.xdp() is None)
        run("ip", "link", "set", self.pair.interface, "xdpgeneric", "obj", self.host.pass1, "sec", "xdp")
        theirs = self.pair.xdp()
        try:
            done = self.bpfman("doctor", "--fix")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("somebody else's program is there", done.stdout)
            self.assertEqual(self.pair.xdp(), theirs)
        finally:
            run("ip", "link", "set", self.pair.interface, "xdpgeneric", "off")
        self.assertEqual(self.bpfman("reconcile", check=True).stdout,
                         f"attach the programs on {self.pair.interface} again\n")

    def test_pins_without_a_record_are_named_and_removed_only_when_asked(self):
        self.load("a")
        os.rename(os.path.join(self.root, "var/lib/bpfman"), os.path.join(self.root, "lost"))
        done = self.bpfman("doctor")
        self.assertIn("no record knows it", done.stdout)
        self.bpfman("reconcile", check=True)
        self.assertIsNotNone(self.pair.xdp(), "a lost database takes nothing off a hook")
        foreign = os.path.join(self.bpfman.bpffs, "theirs")
        os.mkdir(foreign)
        self.bpfman("doctor", "--fix", check=True)
        self.assertIsNone(self.pair.xdp())
        self.assertTrue(os.path.isdir(foreign))
        self.assertEqual(self.bpfman.pins(), [])

    def expect_rescued(self, damaged, *lines):
        """doctor says so, doctor --fix mends it, and the damaged file is beside."""
        done = self.bpfman("doctor")
        self.assertEqual(done.returncode, 6)
        self.assertIn("the database is damaged", done.stdout)
        done = self.bpfman("list", "programs")
        self.assertEqual(done.returncode, 11)
        self.assertIn("bpfman doctor --fix", done.stderr)
        done = self.bpfman("doctor", "--fix")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for line in lines:
            self.assertIn(line, done.stdout)
        state = os.path.join(self.root, "var/lib/bpfman")
        kept = [name for name in os.listdir(state) if name.startswith("bpfman.db.damaged-") and name.endswith("Z")]
        self.assertEqual(len(kept), 1)
        with open(os.path.join(state, kept[0]), "rb") as file:
            self.assertEqual(file.read(), damaged)
        self.assertEqual(self.bpfman("doctor").returncode, 0)

    def expect_counting(self, link):
        before = self.bpfman.json("get", "link", link)["counts"]["runs"]
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertGreaterEqual(self.bpfman.json("get", "link", link)["counts"]["runs"], before + 3)

    def expect_unloaded(self):
        self.bpfman("unload", "--all", check=True)
        self.assertIsNone(self.pair.xdp())
        self.assertEqual(self.bpfman.pins(), [])

    def test_a_database_without_its_programs_is_rescued(self):
        self.load("late", "--priority", "70", "--strategy", "fused")
        self.load("early", "--priority", "10")
        program = self.pair.xdp()
        links = self.bpfman.json("list", "links")
        self.expect_rescued(self.damage("programs"), "programs: 0 saved, a part cannot be read", "links: 2 saved",
                            "recorded again, as the kernel has it: program late/pass")
        self.assertEqual(self.pair.xdp(), program, "it ran all the time")
        self.assertEqual(self.order(), ["early", "late"])
        after = self.bpfman.json("list", "links")
        self.assertEqual([(one["link_id"], one["program"], one["state"]) for one in after["links"]],
                         [(one["link_id"], one["program"], one["state"]) for one in links["links"]])
        self.expect_counting("1")
        self.load("third", "--priority", "30")
        self.assertEqual(self.order(), ["early", "third", "late"])
        self.expect_unloaded()

    def test_a_database_without_its_links_and_chains_is_rescued(self):
        self.load("a")
        program = self.pair.xdp()
        self.damage("chains")
        again = "recorded again, as the kernel has it"
        self.expect_rescued(self.damage("links"), f"{again}: link 2 of a/pass",
                            f"{again}: the chain on xdp of {self.pair.interface} (direct, 1 program)")
        self.assertEqual(self.pair.xdp(), program)
        self.load("b", "--priority", "10")
        self.assertEqual(self.order(), ["b", "a"])
        self.expect_counting("2")
        self.expect_unloaded()

    def test_a_file_that_is_no_database_any_more_is_rescued_from_the_kernel(self):
        self.load("a")
        program = self.pair.xdp()
        database = os.path.join(self.root, "var/lib/bpfman/bpfman.db")
        self.damage("links")
        with open(database, "r+b") as out:
            out.write(b"z" * os.path.getsize(database))
        with open(database, "rb") as file:
            damaged = file.read()
        self.expect_rescued(damaged, "recorded again, as the kernel has it: program rescued/pass")
        self.assertEqual(self.pair.xdp(), program)
        self.assertEqual(self.order(), ["rescued"])
        self.assertIn("rescue", self.bpfman("log", check=True).stdout)
        self.expect_unloaded()

    def test_a_rescue_leaves_what_it_does_not_know(self):
        self.load("a")
        self.damage("programs")
        self.damage("ledger")
        blobs = os.path.join(self.root, "var/lib/bpfman/blobs/sha256")
        for name in os.listdir(blobs):
            os.rename(os.path.join(blobs, name), os.path.join(self.root, name))
        program = self.pair.xdp()
        done = self.bpfman("doctor", "--fix")
        self.assertEqual(done.returncode, 6)
        self.assertIn("(program pass): its bytecode is not in the blob store", done.stdout)
        self.assertIn("is pinned, and no record knows it", done.stdout)
        self.assertEqual(self.pair.xdp(), program, "what is not known is not removed")
        self.bpfman("doctor", "--fix", check=True)
        self.assertIsNone(self.pair.xdp(), "asked for again, it is")
