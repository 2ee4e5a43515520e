# SPDX-License-Identifier: Apache-2.0
"""Images out of a real containerd: its content store, read-only views, and its directory while it is down."""

import json
import os
import shutil
import socket
import subprocess
import time
import unittest

from case import PASS, Case, the_host
from host import Bpfman, Containerd, run, scratch_directory, wait_for

NAME = "my-ebpf-prog:dev"
FULL = "docker.io/library/my-ebpf-prog:dev"
FILLER_MIB = 40


class ContainerdCase(Case):
    make_containerd = Containerd

    @classmethod
    def setUpClass(cls):
        host = the_host()
        cls.directory = scratch_directory()
        cls.containerd = cls.make_containerd(os.path.join(cls.directory, "containerd"))
        filler = os.path.join(cls.directory, "filler")
        with open(filler, "wb") as out:
            out.write(os.urandom(FILLER_MIB << 20))
        cls.pass2 = host.programs.compile("pass2", PASS, "-DSTEP=2")
        cls.contexts = {
            "plain": host.programs.context("c-plain", [host.pass1], {"io.ebpf.programs": {"pass": "xdp"}}),
            "rebuilt": host.programs.context("c-rebuilt", [cls.pass2]),
            "below": host.programs.context("c-below", [filler, host.pass1]),
            "above": host.programs.context("c-above", [host.pass1, filler]),
        }
        for name, context in cls.contexts.items():
            host.docker.build(context, NAME.replace("dev", name))

    @classmethod
    def tearDownClass(cls):
        cls.containerd.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)

    def setUp(self):
        super().setUp()
        self.bpfman.arguments = self.engines(self.containerd.socket, self.containerd.root)

    def tearDown(self):
        if not self.containerd.daemon.alive():
            self.containerd.start()
        for space in ("default", "k8s.io"):
            names = self.containerd.ctr("images", "ls", "-q", space=space).stdout.split()
            if names:
                self.containerd.ctr("images", "rm", "--sync", *names, space=space)
        super().tearDown()

    @staticmethod
    def engines(address, root=None):
        """Arguments that make bpfman look in this containerd only."""
        words = ["--docker-host", "unix:///nowhere/docker.sock", "--storage-root", "/nowhere/storage",
                 "--containerd-address", address]
        return words + (["--containerd-root", root] if root else [])

    def put(self, kind, space="default"):
        self.host.docker.command("tag", NAME.replace("dev", kind), NAME)
        self.containerd.take(self.host.docker, NAME, space)

    def load(self, name=NAME, *flags):
        done = self.bpfman("load", "image", "--image-url", name, *flags, "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def assertLoads(self, route, verification, name=NAME):
        provenance = self.load(name)["provenance"]
        self.assertEqual((provenance["source"], provenance["route"], provenance["verification"]),
                         ("containerd", route, verification))
        return provenance

    def assertNothingOfOurs(self):
        for space in ("default", "k8s.io"):
            self.assertNotIn("io.bpfman", self.containerd.ctr("leases", "ls", space=space).stdout)
            self.assertNotIn("io.bpfman", self.containerd.ctr("snapshots", "ls", space=space).stdout)


class ContentRoute(ContainerdCase):
    def test_an_image_of_kubernetes(self):
        self.put("plain", "k8s.io")
        done = self.bpfman("load", "image", "--image-url", NAME, "xdp", "--iface", self.pair.interface)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("containerd (content)", done.stdout)
        self.assertIsNotNone(self.pair.xdp())
        self.assertEqual(self.bpfman.json("list", "programs")["programs"][0]["provenance"]["canonical_name"],
                         "k8s.io/" + FULL)

    def test_an_image_of_the_default_namespace_and_by_transport(self):
        self.put("plain")
        self.assertLoads("content", "content")
        self.load("containerd:" + NAME)
        self.load("containerd:default/" + NAME)
        self.assertFails(self.bpfman("load", "image", "containerd:k8s.io/" + NAME), 3, "containerd")
        self.assertFails(self.bpfman("load", "image", "docker-daemon:" + NAME), 3)

    def test_a_namespace_that_only_this_containerd_knows(self):
        self.bpfman("image", "build", "-t", NAME, "--output", "containerd:edge", self.host.pass1, check=True)
        try:
            self.assertFails(self.bpfman("load", "image", "containerd:" + NAME), 3)
            self.assertEqual(self.load("containerd:edge/" + NAME)["provenance"]["canonical_name"], "edge/" + FULL)
        finally:
            self.containerd.ctr("images", "rm", "--sync", FULL, space="edge")

    def test_by_id_and_digest(self):
        self.put("plain")
        target = self.containerd.ctr("images", "ls").stdout.splitlines()[1].split()[2]
        self.load(target)
        self.load(target.split(":")[1][:12])
        self.load(f"my-ebpf-prog@{target}")

    def test_a_large_layer_below_is_not_read(self):
        self.put("below")
        big, small = self.containerd.layers(FULL)
        # A blob that nobody reads may as well be gone.
        os.rename(self.containerd.blob(big), self.containerd.blob(big) + ".away")
        try:
                self.assertLoads("content", "content")
        finally:
            os.rename(self.containerd.blob(big) + ".away", self.containerd.blob(big))
        self.assertGreater(os.path.getsize(self.containerd.blob(big)), FILLER_MIB << 20)
        self.assertLess(os.path.getsize(self.containerd.blob(small)), 1 << 20)

    def test_a_rebuilt_tag_is_noticed(self):
        self.put("plain")
        self.load()
        first = self.bpfman.blobs()
        self.put("rebuilt")
        done = self.bpfman("load", "image", NAME)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("another image in containerd now", done.stderr)
        self.assertNotEqual(self.bpfman.blobs(), first)

    def test_a_miss_says_where_it_looked(self):
        self.put("plain")
        self.assertFails(self.bpfman("load", "image", "--pull-policy", "Never", "other:dev"), 3,
                         "containerd (unix://" + self.containerd.socket + ")", "other:dev in namespace")

    def test_a_flipped_byte_is_found(self):
        self.put("plain")
        path = self.containerd.blob(self.containerd.layers(FULL)[-1])
        with open(path, "r+b") as blob:
            blob.seek(1500)
            byte = blob.read(1)
            blob.seek(1500)
            blob.write(bytes([byte[0] ^ 1]))
        self.assertFails(self.bpfman("load", "image", NAME), 11, "does not match its digest")

    def test_sources(self):
        self.put("plain", "k8s.io")
        rows = self.bpfman.json("image", "sources")["sources"]
        row = next(row for row in rows if row["kind"] == "containerd")
        self.assertEqual(row["location"], "unix://" + self.containerd.socket)
        self.assertTrue(row["usable"])
        self.assertRegex(row["version"], r"^[0-9]+\.[0-9]+")
        self.assertIn("k8s.io", row["remark"])


    def test_a_built_image_is_put_there_and_kept(self):
        self.bpfman("image", "build", "-t", NAME, "--output", "containerd:k8s.io", self.host.pass1, check=True)
        # With the removal of a name all is collected that nothing keeps alive.
        self.containerd.ctr("images", "tag", FULL, "other:dev", space="k8s.io")
        self.containerd.ctr("images", "rm", "--sync", "other:dev", space="k8s.io")
        self.assertIn("complete (2/2)", self.containerd.ctr("images", "check", space="k8s.io").stdout)
        self.assertEqual(self.assertLoads("content", "content")["canonical_name"], "k8s.io/" + FULL)
        self.assertNothingOfOurs()
        # Unpacked by containerd itself, it is an image like any other.
        mounted = os.path.join(self.containerd.directory, "mounted")
        os.makedirs(mounted, exist_ok=True)
        self.containerd.ctr("images", "mount", FULL, mounted, space="k8s.io")
        try:
            self.assertEqual(os.listdir(mounted), [os.path.basename(self.host.pass1)])
        finally:
            self.containerd.ctr("images", "unmount", "--rm", mounted, space="k8s.io")

    def test_a_name_that_was_built_again_means_the_new_image(self):
        for program in (self.host.pass1, self.pass2, self.host.pass1):
            done = self.bpfman("image", "build", "-t", NAME, "--output", "containerd", "--format", "json", program)
            self.assertEqual(done.returncode, 0, done.stderr)
            listed = self.containerd.ctr("images", "ls").stdout
            self.assertIn(json.loads(done.stdout)["digest"], listed)
        self.assertFails(self.bpfman("image", "build", "--output", "containerd", self.host.pass1), 2, "--tag")


class ViewRoute(ContainerdCase):
    def discard_layers(self):
        layers = self.containerd.layers(FULL, "k8s.io")
        self.containerd.ctr("content", "rm", *layers, space="k8s.io")
        wait_for("discarded layers", lambda: not any(os.path.exists(self.containerd.blob(layer)) for layer in layers))

    def pull_without_its_directory(self):
        """As in a container that has the daemon's socket only."""
        inside = ("unshare", "-m", "--propagation", "private", "sh", "-ec",
                  f'mount -t tmpfs none "{self.containerd.root}"; exec "$@"', "sh")
        done = self.bpfman("image", "pull", NAME, "-o", "json", prefix=inside)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["image"]["provenance"]

    def test_a_large_layer_above_is_passed_by_a_view(self):
        self.put("above")
        self.assertLoads("view", "content")
        self.assertNothingOfOurs()

    def test_discarded_blobs(self):
        # As discard_unpacked_layers does it: the layers go, manifest and config stay.
        self.put("plain", "k8s.io")
        self.discard_layers()
        self.assertLoads("view", "daemon")
        self.assertNothingOfOurs()

    def test_the_daemon_makes_a_layer_anew_where_its_directory_is_elsewhere(self):
        self.put("plain", "k8s.io")
        self.discard_layers()
        provenance = self.pull_without_its_directory()
        self.assertEqual((provenance["route"], provenance["verification"]), ("diff", "daemon"))
        self.assertNothingOfOurs()

    def test_only_the_layer_with_the_object_is_made_anew(self):
        self.put("below", "k8s.io")
        self.discard_layers()
        self.assertEqual(self.pull_without_its_directory()["route"], "diff")
        # The daemon made a blob of the object's layer, and none of the 40 MiB below.
        blobs = os.path.join(self.containerd.root, "io.containerd.content.v1.content/blobs/sha256")
        self.assertLess(max(os.path.getsize(os.path.join(blobs, blob)) for blob in os.listdir(blobs)), 1 << 20)
        self.assertNothingOfOurs()

    def test_a_file_that_was_changed_in_the_snapshot_is_found(self):
        self.put("above")
        directory = os.path.join(self.containerd.root, "io.containerd.snapshotter.v1.overlayfs/snapshots")
        path = next(os.path.join(directory, number, "fs/pass.o") for number in os.listdir(directory)
                    if os.path.exists(os.path.join(directory, number, "fs/pass.o")))
        with open(path, "ab") as out:
            out.write(b"\0")
        self.assertFails(self.bpfman("load", "image", NAME), 11, "is not the one of its layer")
        self.assertNothingOfOurs()

    def test_what_a_killed_one_left_is_swept(self):
        self.put("above")
        self.containerd.ctr("leases", "create", "--id", "io.bpfman.dead", "--expires", "1s")
        end = time.time() + 2
        wait_for("the end of a lease", lambda: time.time() > end)
        self.load()
        self.assertNothingOfOurs()


class DaemonDown(ContainerdCase):
    def test_its_directory_is_read(self):
        self.put("plain", "k8s.io")
        self.containerd.stop()
        self.assertLoads("content", "content")
        rows = self.bpfman.json("image", "sources")["sources"]
        row = next(row for row in rows if row["kind"] == "containerd")
        self.assertTrue(row["usable"])
        self.assertIn("the daemon is down", row["remark"])

    def test_a_large_layer_above_is_passed_by_its_directories(self):
        self.put("above")
        self.containerd.stop()
        self.assertLoads("overlayfs", "content")

    def test_a_miss(self):
        self.put("plain")
        self.containerd.stop()
        self.assertFails(self.bpfman("load", "image", "--pull-policy", "Never", "other:dev"), 3, "the daemon is down")

    def test_a_socket_that_says_nothing_ends_the_look_up(self):
        path = os.path.join(self.directory, "deaf.sock")
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(path)
            deaf.listen(1)
            quiet = Bpfman(self.bpfman.binary, self.root, self.engines(path))
            done = run("timeout", "8", quiet.binary, "--root-dir", quiet.root, *quiet.arguments, "load", "image", NAME,
                       check=False)
            self.assertFails(done, 8, "no answer within")
        os.remove(path)

    def test_something_else_on_the_socket_ends_the_look_up(self):
        path = os.path.join(self.directory, "http.sock")
        server = subprocess.Popen(
            ["python3", "-c", "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen(1)\n"
             "print('ready', flush=True)\n"
             "while True:\n c,_=s.accept()\n c.sendall(b'HTTP/1.1 400 Bad Request\\r\\nContent-Length: 0\\r\\n\\r\\n')\n c.close()",
             path], stdout=subprocess.PIPE)
        try:
            server.stdout.readline()
            other = Bpfman(self.bpfman.binary, self.root, self.engines(path))
            self.assertFails(other("load", "image", NAME), 8, path)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()

    def test_nothing_there_is_a_miss(self):
        nowhere = Bpfman(self.bpfman.binary, self.root, self.engines("/nowhere/containerd.sock"))
        self.assertFails(nowhere("load", "image", "--pull-policy", "Never", NAME), 3, "not installed: no socket at")


if __name__ == "__main__":
    unittest.main()
