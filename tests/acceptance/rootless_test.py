# SPDX-License-Identifier: Apache-2.0
"""The stores of a user without root, looked into by bpfman under sudo. The user exists in a mount namespace only, whose
/etc and /run are layers over the host's. Needs root."""

import json
import os
import shutil
import subprocess
import unittest

from case import Case
from host import Bpfman, Containerd, scratch_directory, wait_for

UID = 4242
NAME = "rootless-prog:dev"


class RootlessContainerd(Case):
    @classmethod
    def setUpClass(cls):
        cls.directory = scratch_directory()
        cls.containerd = Containerd(os.path.join(cls.directory, "containerd"))

    @classmethod
    def tearDownClass(cls):
        cls.containerd.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)

    def setUp(self):
        super().setUp()
        if not self.containerd.daemon.alive():
            self.containerd.start()
        self.host.docker.build(self.host.programs.context("rootless", [self.host.pass1]), NAME)
        self.containerd.take(self.host.docker, NAME)
        self.home = os.path.join(self.root, "alice")
        self.books = os.path.join(self.home, ".local/share/containerd")
        os.makedirs(self.books)
        for path, _, _ in os.walk(self.home):
            os.chown(path, UID, UID)
        for name in ("layer/up", "layer/work"):
            os.makedirs(os.path.join(self.root, name))
        with open("/etc/passwd", encoding="utf-8") as accounts, \
                open(os.path.join(self.root, "layer/up/passwd"), "w", encoding="utf-8") as out:
            out.write(accounts.read() + f"alice:x:{UID}:{UID}::{self.home}:/bin/sh\n")
        self.child = None

    def tearDown(self):
        if self.child is not None:
            self.child.kill()
            self.child.wait()
        super().tearDown()

    def start_child(self, uid):
        """What rootlesskit leaves: a process of the user, in whose mount namespace the socket is."""
        os.chown(self.containerd.socket, UID, UID)
        ready = os.path.join(self.root, "ready")
        script = (f'mount -t tmpfs none /run; mkdir /run/containerd; touch /run/containerd/containerd.sock;'
                  f'mount --bind "{self.containerd.socket}" /run/containerd/containerd.sock;'
                  f'touch "{ready}"; exec setpriv --reuid {uid} --clear-groups sleep 600')
        self.child = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-ec", script])

        def runs():
            with open(f"/proc/{self.child.pid}/status", encoding="utf-8") as status:
                return os.path.exists(ready) and f"Uid:\t{uid}\t" in status.read()

        wait_for("the user's process", runs)
        return self.child.pid

    def sudo(self, *words, pid=None):
        """bpfman as alice runs it by sudo."""
        up = os.path.join(self.root, "layer")
        script = (f'mount -t overlay overlay -o "lowerdir=/etc,upperdir={up}/up,workdir={up}/work" /etc;'
                  f'mount -t tmpfs none /run; mount --bind "{self.containerd.root}" "{self.books}";')
        if pid is not None:
            script += (f"mkdir -p /run/user/{UID}/containerd-rootless;"
                       f"echo {pid} > /run/user/{UID}/containerd-rootless/child_pid; chown -R {UID} /run/user/{UID};")
        bpfman = Bpfman(os.environ["BPFMAN"], self.root,
                        ["--docker-host", "unix:///nowhere/docker.sock", "--storage-root", "/nowhere/storage"])
        environment = dict(os.environ, SUDO_UID=str(UID), SUDO_GID=str(UID), SUDO_USER="alice")
        prefix = ("unshare", "-m", "--propagation", "private", "sh", "-ec", script + 'exec "$@"', "sh")
        return bpfman(*words, prefix=prefix, env=environment)

    def source(self, pid=None):
        done = self.sudo("image", "sources", "-o", "json", pid=pid)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(done.stdout)["sources"]
        return next((row for row in rows if row["name"] == "containerd (user alice)"), None)

    def assertPulls(self, pid=None):
        done = self.sudo("image", "pull", NAME, "--from", "containerd", "-o", "json", pid=pid)
        self.assertEqual(done.returncode, 0, done.stderr)
        provenance = json.loads(done.stdout)["image"]["provenance"]
        self.assertEqual((provenance["source"], provenance["verification"], provenance["requested_by_uid"]),
                         ("containerd", "content", UID))
        return provenance

    def test_the_directory_is_read_while_no_daemon_runs(self):
        self.containerd.stop()
        self.assertEqual(self.source()["location"], self.books)
        self.assertEqual(self.assertPulls()["location"], self.books)

    def test_the_daemon_is_asked_through_the_process_that_the_file_names(self):
        pid = self.start_child(UID)
        source = self.source(pid)
        self.assertEqual(source["location"], f"unix:///proc/{pid}/root/run/containerd/containerd.sock")
        self.assertTrue(source["usable"], source)
        self.assertNotEqual(source["version"], None)
        self.assertPulls(pid)

    def test_a_process_of_somebody_else_is_not_believed(self):
        pid = self.start_child(UID + 1)
        self.assertEqual(self.source(pid)["location"], self.books)


if __name__ == "__main__":
    unittest.main()
