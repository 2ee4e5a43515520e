# SPDX-License-Identifier: Apache-2.0
"""Engines newer than Debian 12's, out of the tree that tests/engines has fetched: Docker with the containerd image store, and
containerd by itself; Podman with both of its common drivers."""

import json
import os
import shutil

from containerd_test import NAME, ContentRoute, ContainerdCase, DaemonDown, ViewRoute
from case import PASS, Case, the_host
from host import Containerd, Docker, Podman, own_root, run, scratch_directory
from images_test import MainJob

TREE = os.environ["BPFMAN_ENGINES"]


class NewContainerd(Containerd):
    """The same private daemon, another binary."""

    def words(self, *words):
        return own_root(TREE, self.directory, *words)


class NewDocker(Docker):
    """Keeps its images in a containerd of its own."""

    def __init__(self, directory):
        self.tree_directory = directory
        super().__init__(directory, None)

    def words(self, *words):
        config = os.path.join(self.directory, "daemon.json")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({"features": {"containerd-snapshotter": True}}, out)
        return own_root(TREE, self.directory, *words, "--config-file", config)


class NewContainerdContent(ContentRoute):
    make_containerd = NewContainerd

    def test_it_is_newer_than_debian_12s(self):
        rows = self.bpfman.json("image", "sources")["sources"]
        version = next(row["version"] for row in rows if row["kind"] == "containerd")
        self.assertGreaterEqual(tuple(map(int, version.split(".")[:2])), (1, 7))


class NewContainerdView(ViewRoute):
    make_containerd = NewContainerd


class NewContainerdDown(DaemonDown):
    make_containerd = NewContainerd


class DockerWithContainerd(ContainerdCase):
    make_containerd = NewContainerd

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.docker = NewDocker(os.path.join(cls.directory, "docker"))
        for name in ("plain", "below", "above"):
            cls.docker.build(cls.contexts[name], NAME.replace("dev", name))

    @classmethod
    def tearDownClass(cls):
        cls.docker.stop()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.bpfman.arguments = ["--docker-host", self.docker.host, "--storage-root", "/nowhere",
                                 "--containerd-address", "/nowhere"]

    def assertDocker(self, name, route):
        provenance = self.load(NAME.replace("dev", name))["provenance"]
        self.assertEqual((provenance["source"], provenance["route"], provenance["verification"]),
                         ("docker", route, "content"))

    def test_layers_as_they_were_sent(self):
        self.assertDocker("plain", "content")
        self.assertDocker("below", "content")

    def test_a_view_past_a_large_layer(self):
        self.assertDocker("above", "view")
        socket = os.path.join(self.docker.directory, "exec/containerd/containerd.sock")
        self.assertNotIn("io.bpfman", run("ctr", "-a", socket, "-n", "moby", "leases", "ls").stdout)

    def test_a_rebuilt_tag_is_noticed(self):
        self.docker.build(self.contexts["plain"], "again:dev")
        self.load("again:dev")
        self.docker.build(self.contexts["rebuilt"], "again:dev")
        done = self.bpfman("load", "image", "again:dev")
        self.assertIn("another image in docker now", done.stderr)

    def test_a_miss(self):
        self.assertFails(self.bpfman("load", "image", "--pull-policy", "Never", "other:dev"), 3, "no image named other:dev")

    def test_sources(self):
        row = self.bpfman.json("image", "sources")["sources"][0]
        self.assertEqual((row["kind"], row["driver"], row["usable"]), ("docker", "containerd", True))
        self.assertIn("namespace moby", row["remark"])


# Only what is named here: the tests of Debian 12's containerd are run by tests/acceptance/run.
del ContentRoute, ContainerdCase, DaemonDown, ViewRoute



class NewPodman(Podman):
    """Builds in the tree; what it leaves in its store is what is read."""

    def __init__(self, directory, driver):
        super().__init__(directory, driver)
        self.directory = directory

    def command(self, *words, check=True, cwd=None):
        return run(*own_root(TREE, self.directory, "podman", "--root", self.root, "--runroot", self.runroot, "--storage-driver",
                             self.driver, "--cgroup-manager", "cgroupfs", "--events-backend", "file", *words), check=check)

    def build(self, context, tag):
        inside = os.path.join(self.directory, "context")
        shutil.rmtree(inside, ignore_errors=True)
        shutil.copytree(context, inside)
        return self.command("build", "-q", "--isolation", "chroot", "-t", tag, inside)


class OfNewPodman:
    """A store of a new Podman, and bpfman looking nowhere else."""

    driver = "overlay"

    @classmethod
    def setUpClass(cls):
        cls.scratch = scratch_directory()
        cls.podman = NewPodman(os.path.join(cls.scratch, "podman"), cls.driver)

    @classmethod
    def tearDownClass(cls):
        cls.podman.stop()
        shutil.rmtree(cls.scratch, ignore_errors=True)

    def setUp(self):
        super().setUp()
        self.bpfman.arguments = ["--docker-host", "unix:///nowhere/docker.sock", "--storage-root", self.podman.root,
                                 "--containerd-address", "/nowhere/containerd.sock"]


class NewPodmanJob(OfNewPodman, MainJob):
    def engine(self):
        return self.podman

    def test_it_is_newer_than_debian_12s(self):
        version = self.podman.command("--version").stdout.split()[-1]
        self.assertGreaterEqual(int(version.split(".")[0]), 5)


class NewPodmanOverlay(NewPodmanJob, Case):
    driver = "overlay"
    route = "overlay"
    place = "podman (overlay)"

    def object_in_store(self, tag, name):
        found = run("find", os.path.join(self.podman.root, "overlay"), "-name", name, "-path", "*/diff/*").stdout
        return found.splitlines()[0]


class NewPodmanVfs(NewPodmanJob, Case):
    driver = "vfs"
    route = "vfs"
    place = "podman (vfs)"

    def object_in_store(self, tag, name):
        return run("find", os.path.join(self.podman.root, "vfs/dir"), "-name", name).stdout.splitlines()[0]


class NewPodmanArtifact(OfNewPodman, Case):
    """Bare objects in Podman's artifact store: no Dockerfile, no layer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.object = os.path.join(cls.podman.directory, "prog.bpf.o")
        shutil.copy(the_host().pass1, cls.object)

    def add(self, name, *flags):
        return self.podman.command("artifact", "add", *flags, name, self.object).stdout.strip()

    def test_a_bare_object_is_loaded_by_its_name(self):
        digest = self.add("prog:dev")
        for name in ("prog:dev", digest[:12]):
            provenance = self.bpfman.json("load", "image", "--pull-policy", "Never", name)["provenance"]
            self.assertEqual((provenance["source"], provenance["route"], provenance["verification"]),
                             ("podman", "artifact", "content"))
            self.assertIn(digest, provenance["image_id"])

    def test_annotations_are_its_labels(self):
        self.add("quay.io/acme/labelled:v1", "--annotation", 'io.ebpf.programs={"pass":"xdp"}')
        self.bpfman("image", "pull", "--pull-policy", "Never", "quay.io/acme/labelled:v1")
        labels = self.bpfman.json("image", "inspect", "quay.io/acme/labelled:v1")["labels"]
        self.assertEqual(labels["io.ebpf.programs"], '{"pass":"xdp"}')

    def test_a_replaced_one_is_noticed(self):
        self.add("again:dev")
        self.bpfman("load", "image", "again:dev")
        self.podman.command("artifact", "rm", "again:dev")
        shutil.copy(the_host().programs.compile("again", PASS, "-DSTEP=2"), self.object)
        self.add("again:dev")
        shutil.copy(the_host().pass1, self.object)
        self.assertIn("another image in podman now", self.bpfman("load", "image", "again:dev").stderr)

    def test_flipped_bytes_are_refused(self):
        self.add("flipped:dev", "--annotation", "flipped=1")
        blobs = os.path.join(self.podman.root, "artifacts", "blobs", "sha256")
        digest = run("sha256sum", self.object).stdout.split()[0]
        with open(os.path.join(blobs, digest), "r+b") as blob:
            blob.seek(1000)
            byte = blob.read(1)
            blob.seek(1000)
            blob.write(bytes([byte[0] ^ 1]))
        try:
            self.assertFails(self.bpfman("load", "image", "--pull-policy", "Always", "--from", "podman", "flipped:dev"), 11,
                             "does not match its digest")
        finally:
            with open(os.path.join(blobs, digest), "r+b") as blob:
                blob.seek(1000)
                blob.write(byte)

    def test_sources_counts_them(self):
        self.add("counted:dev", "--annotation", "counted=1")
        rows = self.bpfman.json("image", "sources")["sources"]
        self.assertRegex(next(row["remark"] for row in rows if row["kind"] == "podman"), r"artifact")
