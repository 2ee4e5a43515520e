# SPDX-License-Identifier: Apache-2.0
"""The main job, and every place an image comes from: real engines, real stores, a real registry. Needs root."""

import json
import os
import re
import shutil
import unittest

from case import PASS, Case, the_host
from host import Docker, Podman, run


class MainJob:
    """docker build (podman build), then one command; for each kind of store."""

    route = ""
    place = ""

    def engine(self):
        raise NotImplementedError

    def build(self, tag, step):
        labels = {"io.ebpf.programs": {"pass": "xdp"}, "io.ebpf.maps": {"seen": "array"}}
        # The value is chosen by the compiler's command line, so each step is another object.
        name = f"step{step}"
        context = self.host.programs.context(name, [self.host.programs.compile(name, PASS, f"-DSTEP={step}")], labels)
        self.engine().build(context, tag)
        return self.engine().image_id(tag)

    def test_one_command_loads_and_attaches_what_was_just_built(self):
        tag = f"main-job-{self.route}:dev"
        image = self.build(tag, 1)
        done = self.bpfman("load", "image", "--image-url", tag, "xdp", "--iface", self.pair.interface, check=True)
        self.assertIn(self.place, done.stdout)
        self.assertIn(image[:19], done.stdout)
        self.assertIn(self.pair.interface, done.stdout)
        self.assertRegex(done.stdout, r"native")
        self.assertRegex(done.stdout, r"time:? .*ms")
        program = self.bpfman.json("list", "programs")["programs"][0]
        self.assertEqual(self.pair.xdp(), program["program_id"])
        self.assertEqual(self.host.pair.ping(5).returncode, 0)
        entry = self.bpfman("map", "dump", "seen", check=True).stdout
        counted = int(re.search(r"0: (\d+)", entry).group(1))
        self.assertGreaterEqual(counted, 5)
        self.bpfman("detach", "1", check=True)
        self.assertIsNone(self.pair.xdp())
        self.bpfman("unload", f"main-job-{self.route}/pass", check=True)
        self.assertNothingLeft()

    def test_the_second_load_reads_only_the_database(self):
        tag = f"second-{self.route}:dev"
        self.build(tag, 1)
        self.bpfman("load", "image", tag, check=True)
        reply = self.bpfman.json("load", "image", tag)
        self.assertTrue(reply["from_database"])

    def test_a_rebuilt_image_is_never_served_stale(self):
        tag = f"rebuilt-{self.route}:dev"
        self.build(tag, 1)
        first = self.bpfman.json("load", "image", tag)
        image = self.build(tag, 3)
        second = self.bpfman.json("load", "image", tag)
        self.assertFalse(second["from_database"])
        self.assertNotEqual(first["bytecode"], second["bytecode"])
        self.assertEqual(second["provenance"]["image_id"], image)

    def test_a_changed_file_in_the_store_is_noticed(self):
        tag = f"damaged-{self.route}:dev"
        self.build(tag, 5)
        path = self.object_in_store(tag, "step5.o")
        with open(path, "r+b") as file:
            file.seek(100)
            byte = file.read(1)
            file.seek(100)
            file.write(bytes([byte[0] ^ 1]))
        done = self.bpfman("load", "image", tag, "xdp", "--iface", self.pair.interface)
        self.assertFails(done, 11, "does not match")
        self.assertNothingLeft()


class DockerJob(MainJob, Case):
    sources = ("docker",)
    route = "overlay2"
    place = "docker (overlay2)"

    def engine(self):
        return self.host.docker

    def object_in_store(self, tag, name):
        return os.path.join(self.host.docker.upper_directory(tag), name)


class PodmanOverlayJob(MainJob, Case):
    sources = ("overlay",)
    route = "overlay"
    place = "podman (overlay)"

    def engine(self):
        return self.host.overlay

    def object_in_store(self, tag, name):
        found = run("find", os.path.join(self.host.overlay.root, "overlay"), "-name", name, "-path", "*/diff/*").stdout
        return found.splitlines()[0]


class PodmanVfsJob(MainJob, Case):
    sources = ("vfs",)
    route = "vfs"
    place = "podman (vfs)"

    def engine(self):
        return self.host.vfs

    def object_in_store(self, tag, name):
        return run("find", os.path.join(self.host.vfs.root, "vfs/dir"), "-name", name).stdout.splitlines()[0]


class DockerByItsWord(Case):
    """An engine whose layers cannot be read in place: another graph driver than overlay2."""

    @classmethod
    def setUpClass(cls):
        cls.docker = Docker(os.path.join(the_host().directory, "docker-vfs"), "vfs")

    @classmethod
    def tearDownClass(cls):
        cls.docker.stop()

    def setUp(self):
        super().setUp()
        self.bpfman.arguments = ["--docker-host", self.docker.host, "--storage-root", "/nowhere",
                                 "--containerd-address", "/nowhere"]

    def test_copies_out_the_file_that_the_labels_name(self):
        context = self.host.programs.context("named", [self.host.pass1], {})
        with open(os.path.join(context, "Dockerfile"), "a", encoding="utf-8") as out:
            out.write("LABEL io.ebpf.filename=pass.o io.ebpf.program_type=xdp io.ebpf.bpf_function_name=pass\n")
        self.docker.build(context, "named:dev")
        reply = self.bpfman.json("load", "image", "named:dev", "xdp", "--iface", self.pair.interface)
        self.assertEqual(reply["provenance"]["route"], "archive")
        self.assertEqual(reply["provenance"]["verification"], "daemon")
        self.assertEqual(self.docker.command("ps", "-aq").stdout, "", "its temporary container is gone")

    def test_exports_the_image_when_no_label_names_a_file(self):
        self.docker.build(self.host.programs.context("unnamed", [self.host.pass1], {"io.ebpf.programs": {"pass": "xdp"}}), "unnamed:dev")
        reply = self.bpfman.json("load", "image", "unnamed:dev", "xdp", "--iface", self.pair.interface)
        self.assertEqual(reply["provenance"]["route"], "export")
        self.assertEqual(reply["provenance"]["verification"], "content")
        self.assertTrue(self.bpfman.json("load", "image", "unnamed:dev")["from_database"])


class OtherHomes(Case):
    """Stores at their default places, which a mount namespace puts there: nothing of this machine's own is seen."""

    def pull(self, mounts, tag, environment=""):
        """`bpfman image pull` among `mounts` (pairs of source and place), looking wherever it looks by itself."""
        lines = ["set -e", "mount -t tmpfs none /run", "unset DOCKER_HOST"]
        for place in ("/var/lib/docker", "/var/lib/containers"):
            lines += [f"mkdir -p {place}", f"mount -t tmpfs none {place}"]
        for source, place in mounts:
            if os.path.isdir(source):
                lines.append(f"mkdir -p {place}")
            lines.append(f"mount --bind {source} {place}")
        lines.append(f"{environment} exec {self.bpfman.binary} --root-dir {self.root} image pull -p Never -o json {tag}")
        return run("unshare", "-m", "--propagation", "private", "sh", "-c", "\n".join(lines), check=False)

    def test_a_docker_engine_that_is_stopped_does_not_hide_its_images(self):
        docker = Docker(os.path.join(self.host.directory, "docker-down"))
        try:
            docker.build(self.host.programs.context("down", [self.host.pass1], {"io.ebpf.programs": {"pass": "xdp"}}), "down:dev")
            image = docker.image_id("down:dev")
        finally:
            docker.stop()
        done = self.pull([(docker.data, "/var/lib/docker")], "down:dev")
        self.assertEqual(done.returncode, 0, done.stderr)
        provenance = json.loads(done.stdout)["image"]["provenance"]
        self.assertEqual((provenance["source"], provenance["route"], provenance["verification"]),
                         ("docker", "overlay2", "content"))
        self.assertEqual(provenance["image_id"], image)

    def test_the_store_of_the_user_behind_sudo_is_searched_after_roots(self):
        home = os.path.join(self.root, "home")
        podman = Podman(os.path.join(self.root, "podman"), "vfs")
        podman.root = os.path.join(home, ".local/share/containers/storage")
        podman.build(self.host.programs.context("alice", [self.host.pass1], {"io.ebpf.programs": {"pass": "xdp"}}), "alice:dev")
        accounts = os.path.join(self.root, "passwd")
        shutil.copy("/etc/passwd", accounts)
        with open(accounts, "a", encoding="utf-8") as out:
            out.write(f"bpfman-alice:x:47113:47113::{home}:/bin/sh\n")
        sudo = "SUDO_UID=47113 SUDO_GID=47113 SUDO_USER=bpfman-alice"
        done = self.pull([(accounts, "/etc/passwd")], "alice:dev", sudo)
        self.assertEqual(done.returncode, 0, done.stderr)
        provenance = json.loads(done.stdout)["image"]["provenance"]
        self.assertEqual((provenance["source"], provenance["route"]), ("podman", "vfs"))
        self.assertEqual(provenance["location"], podman.root)
        self.assertEqual(provenance["requested_by_uid"], 47113)
        other = self.pull([(accounts, "/etc/passwd")], "bob:dev", sudo)
        self.assertEqual(other.returncode, 3, other.stderr)
        for place in ("docker", "podman (/var/lib/containers/storage)", "podman (user bpfman-alice)"):
            self.assertIn(place, other.stderr)


class FromRegistry(Case):
    sources = ("docker",)

    def push(self, name, step):
        obj = self.host.programs.compile(f"reg{step}", PASS, f"-DSTEP={step}")
        context = self.host.programs.context(f"reg{step}", [obj], {"io.ebpf.programs": {"pass": "xdp"}})
        tag = f"{self.host.registry.name}/{name}"
        self.host.overlay.build(context, tag)
        self.host.overlay.command("push", "-q", "--tls-verify=false", tag)
        self.host.overlay.command("rmi", "-f", tag)
        return tag

    def test_pulls_what_no_local_store_has(self):
        tag = self.push("pulled/prog:v1", 7)
        reply = self.bpfman.json("load", "image", tag, "xdp", "--iface", self.pair.interface)
        self.assertEqual(reply["provenance"]["source"], "registry")
        self.assertEqual(reply["provenance"]["verification"], "content")
        again = self.bpfman.json("image", "pull", tag)
        self.assertTrue(again["from_database"])

    def test_never_means_no_network(self):
        tag = self.push("never/prog:v1", 8)
        done = self.bpfman("load", "image", "-p", "Never", tag)
        self.assertFails(done, 3, "is in no source", "policy is Never")
        self.bpfman("image", "pull", tag, check=True)
        self.bpfman("load", "image", "--pull-policy", "Never", tag, check=True)

    def test_a_missing_image_names_every_place_and_why(self):
        done = self.bpfman("load", "image", f"{self.host.registry.name}/no/such:v1")
        self.assertFails(done, 3, "is in no source", "docker", "/nowhere/storage", self.host.registry.name)


if __name__ == "__main__":
    unittest.main()
