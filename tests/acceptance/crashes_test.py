# SPDX-License-Identifier: Apache-2.0
"""Killed at any point, the next command leaves nothing half done. Needs root and strace."""

import unittest

from case import Case


class Crashes(Case):
    """SIGKILL at the N-th bpf, rename, unlink, mount or write call; then the next command; then nothing is half done."""

    calls = "bpf,rename,renameat,renameat2,unlink,unlinkat,pwrite64,fsync,fdatasync,mkdir,mount,move_mount,ftruncate"

    def strace(self, at, *words):
        done = self.bpfman(*words, prefix=("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={self.calls}", "-e",
                                          f"inject={self.calls}:signal=SIGKILL:when={at}"))
        return done.returncode in (-9, 137)

    def points(self, limit):
        """1, 2, 3, ... thinning out, so that a run takes bounded time and every region is hit."""
        at, step = 1, 1
        while at < limit:
            yield at
            if at >= 30:
                step = 3
            at += step

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


if __name__ == "__main__":
    unittest.main()
