# SPDX-License-Identifier: Apache-2.0
"""What ends by itself: leases, bpfman run, and budgets. Needs root."""

import json
import os
import signal
import subprocess
import threading
import time

from case import Case
from crashes_test import EveryPoint
from host import Daemon, wait_for

# Takes its time with every packet.
SLOW = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int slow(struct xdp_md *ctx)
{
	__u64 sum = 0;
	for (int i = 0; i < 20000; i++)
		sum += bpf_get_prandom_u32();
	return sum == 1 ? XDP_DROP : XDP_PASS;
}
char _license[] SEC("license") = "GPL";
"""


class Watched(Case):
    def setUp(self):
        super().setUp()
        self.processes = []
        self.daemon = None

    def tearDown(self):
        for process in self.processes:
            process.kill()
            process.wait()
        if self.daemon:
            self.daemon.stop()
        super().tearDown()

    def assertEnded(self):
        """The next command, whichever it is, cleans up."""
        self.bpfman("list", check=True)
        self.assertNothingLeft()

    def serve(self, *more):
        self.daemon = Daemon([self.bpfman.binary, "--root-dir", self.root, "serve", *more],
                             os.path.join(self.root, "serve.log"))
        wait_for("bpfman serve", lambda: "looking after" in self.daemon.tail())

    def spawn(self, *words):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def run_programs(self, *more):
        return self.spawn(self.bpfman.binary, "--root-dir", self.root, *self.bpfman.arguments, "run", "--path",
                          self.host.pass1, *more, "xdp", "--iface", self.pair.interface)

    def load(self, *more):
        return self.bpfman("load", "file", self.host.pass1, "-a", "app", *more, "xdp", "--iface", self.pair.interface,
                           check=True)


class Leases(Watched):
    def test_the_next_command_ends_what_is_over(self):
        done = self.load("--ttl", "1s")
        self.assertIn("lease:", done.stdout)
        self.assertIn("no bpfman serve is running", done.stderr)
        self.assertIsNotNone(self.pair.xdp())
        lease = self.bpfman.json("get", "program", "app/pass")["lease"]
        self.assertIsNone(lease["pid"])
        time.sleep(2.5)
        self.assertIsNotNone(self.pair.xdp(), "nobody has looked yet")
        self.assertEnded()
        last = json.loads(self.bpfman("log", "-o", "json").stdout.splitlines()[-1])
        self.assertEqual(last["verb"], "unload")
        self.assertIn("its time was over at", last["subject"])

    def test_the_daemon_ends_what_is_over_in_time(self):
        self.serve()
        self.assertNotIn("no bpfman serve", self.load("--ttl", "2s").stderr)
        self.assertIsNotNone(self.pair.xdp())
        wait_for("the end of the lease", lambda: self.pair.xdp() is None, seconds=6)
        wait_for("the line about it", lambda: "unload app/pass: its time was over at" in self.daemon.tail())
        self.assertNothingLeft()

    def test_an_attachment_ends_with_its_process_and_the_program_stays(self):
        self.serve()
        self.bpfman("load", "file", self.host.pass1, "-a", "app", check=True)
        holder = self.spawn("sleep", "1000")
        self.bpfman("attach", "app/pass", "xdp", "--iface", self.pair.interface, "--while-pid", str(holder.pid), check=True)
        link = self.bpfman.json("list", "links")["links"][0]
        self.assertEqual(link["lease"]["pid"], holder.pid)
        time.sleep(1.5)
        self.assertIsNotNone(self.pair.xdp(), "the process lives")
        holder.kill()  # a zombie now
        wait_for("the end of the lease", lambda: self.pair.xdp() is None, seconds=6)
        self.assertEqual(len(self.bpfman.json("list", "programs")["programs"]), 1)

    def test_another_pid_namespace_does_not_end_what_it_cannot_see(self):
        holder = self.spawn("sleep", "1000")
        self.load("--while-pid", str(holder.pid))
        self.bpfman("list", prefix=("unshare", "--pid", "--fork", "--mount-proc"), check=True)
        self.assertIsNotNone(self.pair.xdp())
        holder.kill()
        holder.wait()
        self.assertEnded()

    def test_what_a_user_gets_wrong(self):
        self.assertFails(self.bpfman("load", "file", self.host.pass1, "--ttl", "never"), 2, 'invalid value "never" for --ttl',
                         "as in")
        self.assertFails(self.bpfman("load", "file", self.host.pass1, "--while-pid", "4194304000"), 2, "--while-pid")
        gone = self.spawn("true")
        gone.wait()
        self.assertFails(self.bpfman("load", "file", self.host.pass1, "--while-pid", str(gone.pid)), 3,
                         f"there is no process {gone.pid}")

    def test_run_leaves_nothing_behind(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                running = self.run_programs()
                wait_for("the program", lambda: self.pair.xdp() is not None)
                wait_for("its record", lambda: len(self.bpfman.json("list", "links")["links"]) == 1)
                running.send_signal(number)
                out, errors = running.communicate(timeout=20)
                self.assertEqual(running.returncode, 0, errors)
                self.assertIn("program id", out)
                self.assertIn("Ctrl-C", errors)
                self.assertIn("unloaded", errors)
                self.assertNothingLeft()

    def test_run_that_is_killed_is_cleaned_up_by_the_next_command(self):
        running = self.run_programs()
        wait_for("the program", lambda: self.pair.xdp() is not None)
        running.kill()
        running.wait()
        self.assertIsNotNone(self.pair.xdp())
        self.assertEnded()

    def test_run_that_is_killed_is_cleaned_up_by_the_daemon(self):
        self.serve()
        running = self.run_programs()
        wait_for("the program", lambda: self.pair.xdp() is not None)
        running.kill()
        wait_for("the daemon", lambda: self.pair.xdp() is None, seconds=6)
        wait_for("the line about it", lambda: "has ended" in self.daemon.tail())

    def test_run_ends_when_somebody_unloads_its_program(self):
        running = self.run_programs()
        wait_for("the program", lambda: self.bpfman.json("list", "programs")["programs"] != [])
        self.bpfman("unload", "pass/pass", check=True)
        _, errors = running.communicate(timeout=20)
        self.assertEqual(running.returncode, 9, errors)
        self.assertIn("was unloaded by another command", errors)

    def test_run_ends_with_its_time_too(self):
        running = self.run_programs("--ttl", "1s")
        _, errors = running.communicate(timeout=20)
        self.assertEqual(running.returncode, 0, errors)
        self.assertIn("its time is over", errors)
        self.assertNothingLeft()


class KilledRun(EveryPoint):
    def test_killed_anywhere_the_next_command_cleans_up(self):
        self.bpfman("load", "file", self.host.pass1, check=True)
        self.bpfman("unload", "--all", check=True)
        killed = 0
        for at in self.points(400):
            if not self.strace(at, "run", "--path", self.host.pass1, "--ttl", "1s", "xdp", "--iface", self.pair.interface):
                break
            killed += 1
            self.bpfman("list", check=True)
            self.assertNothingLeft()
        self.assertGreater(killed, 10, "the harness killed the command")


class Budgets(Watched):
    def setUp(self):
        super().setUp()
        self.slow = self.host.programs.compile("slow", SLOW)

    def pinging(self, until):
        """Sends packets until `until` is true, 30 s at most."""
        stop = threading.Event()

        def send():
            while not stop.is_set():
                self.pair.ping(50)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        try:
            wait_for("the budget", until, seconds=30)
        finally:
            stop.set()
            sender.join(timeout=30)

    def test_who_is_over_the_budget_is_warned_of_and_taken_off(self):
        self.serve()
        self.bpfman("load", "file", self.slow, "-a", "app", "--max-ns-per-run", "1000", "xdp", "--iface", self.pair.interface,
                    check=True)
        self.assertEqual(self.bpfman.json("get", "program", "app/slow")["budget"],
                         {"max_cpu_percent": None, "max_ns_per_run": 1000})
        self.pinging(lambda: self.pair.xdp() is None)
        told = self.daemon.tail()
        self.assertIn("is over its budget: a run takes", told)
        self.assertIn("(look 1 of 3)", told)
        self.assertIn("take program app/slow off its hooks", told)
        self.assertEqual(self.bpfman.json("list", "links")["links"], [])
        self.assertEqual(len(self.bpfman.json("list", "programs")["programs"]), 1)
        last = json.loads(self.bpfman("log", "-o", "json").stdout.splitlines()[-1])
        self.assertIn("over its budget", last["subject"])
        self.assertIn("1000 are allowed", last["subject"])

    def test_a_member_of_a_chain_is_taken_out_of_it(self):
        self.serve()
        self.load("--max-ns-per-run", "1000000")
        self.bpfman("load", "file", self.slow, "-a", "slow", "--max-ns-per-run", "1000", "xdp", "--iface",
                    self.pair.interface, check=True)
        self.pinging(lambda: len(self.bpfman.json("list", "links")["links"]) == 1)
        self.assertEqual(self.bpfman.json("list", "links")["links"][0]["program"], "app/pass")
        self.assertIsNotNone(self.pair.xdp())
        self.assertIn("measure the members of xdp on", self.daemon.tail())

    def test_who_is_within_it_stays(self):
        self.serve()
        self.load("--max-cpu", "50%", "--max-ns-per-run", "100000")
        started = time.monotonic()
        self.pinging(lambda: time.monotonic() - started > 5)
        self.assertIsNotNone(self.pair.xdp())
        self.assertNotIn("over its budget", self.daemon.tail())
        self.bpfman("unload", "--all", check=True)
