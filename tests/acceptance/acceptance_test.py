# SPDX-License-Identifier: Apache-2.0
"""The commands a user types, against real engines, a real registry and the real kernel. Needs root."""

import json
import os
import re
import shutil
import struct
import subprocess
import unittest

from host import (SOURCE, Bpfman, Docker, Failure, Pair, Podman, Programs, Registry, run, scratch_directory)

PASS = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
SEC("xdp") int pass(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&seen, &key);
	if (value)
		__sync_fetch_and_add(value, STEP);
	return XDP_PASS;
}
char _license[] SEC("license") = "GPL";
"""

TWO = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int first(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp") int second(struct xdp_md *ctx) { return XDP_DROP; }
char _license[] SEC("license") = "GPL";
"""

BAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int bad(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data;
	return data[100];
}
char _license[] SEC("license") = "GPL";
"""


class Host:
    """One private host for the whole file: starting engines is what takes long."""

    def __init__(self):
        self.directory = scratch_directory()
        self.parts = []
        try:
            self.programs = Programs(os.path.join(self.directory, "programs"))
            self.pass1 = self.programs.compile("pass", PASS, "-DSTEP=1")
            self.docker = self.own(Docker(os.path.join(self.directory, "docker")))
            self.overlay = self.own(Podman(os.path.join(self.directory, "podman-overlay"), "overlay"))
            self.vfs = self.own(Podman(os.path.join(self.directory, "podman-vfs"), "vfs"))
            self.registry = self.own(Registry(os.path.join(self.directory, "registry")))
            self.pair = self.own(Pair(1))
        except BaseException:
            self.stop()
            raise

    def own(self, part):
        self.parts.append(part)
        return part

    def stop(self):
        for part in reversed(self.parts):
            part.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


HOST = None


def setUpModule():
    global HOST
    HOST = Host()


def tearDownModule():
    HOST.stop()


class Case(unittest.TestCase):
    maxDiff = None
    sources = ()

    def setUp(self):
        self.root = scratch_directory()
        self.bpfman = Bpfman(os.environ["BPFMAN"], self.root, self.look_in(*self.sources))
        self.pair = HOST.pair

    def tearDown(self):
        self.bpfman.stop()
        self.assertIsNone(self.pair.xdp(), "a test left a program on the interface")
        shutil.rmtree(self.root, ignore_errors=True)

    def look_in(self, *sources):
        """Arguments that make bpfman look in these engines only; without any, in none."""
        words = []
        for source in sources:
            if source == "docker":
                words += ["--docker-host", HOST.docker.host]
            else:
                words += ["--storage-root", getattr(HOST, source).root]
        if "docker" not in sources:
            words += ["--docker-host", "unix:///nowhere/docker.sock"]
        if not set(sources) - {"docker"}:
            words += ["--storage-root", "/nowhere/storage"]
        return words

    def assertFails(self, done, status, *texts):
        self.assertEqual(done.returncode, status, f"{done.stdout}\n{done.stderr}")
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "", "stdout is for data")

    def assertNothingLeft(self):
        self.assertIsNone(self.pair.xdp())
        self.assertEqual(self.bpfman.pins(), [])
        self.assertEqual(self.bpfman.json("list", "programs")["programs"], [])
        self.assertEqual(self.bpfman.json("list", "links")["links"], [])


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
        context = HOST.programs.context(name, [HOST.programs.compile(name, PASS, f"-DSTEP={step}")], labels)
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
        self.assertEqual(HOST.pair.ping(5).returncode, 0)
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
        return HOST.docker

    def object_in_store(self, tag, name):
        return os.path.join(HOST.docker.upper_directory(tag), name)


class PodmanOverlayJob(MainJob, Case):
    sources = ("overlay",)
    route = "overlay"
    place = "podman (overlay)"

    def engine(self):
        return HOST.overlay

    def object_in_store(self, tag, name):
        found = run("find", os.path.join(HOST.overlay.root, "overlay"), "-name", name, "-path", "*/diff/*").stdout
        return found.splitlines()[0]


class PodmanVfsJob(MainJob, Case):
    sources = ("vfs",)
    route = "vfs"
    place = "podman (vfs)"

    def engine(self):
        return HOST.vfs

    def object_in_store(self, tag, name):
        return run("find", os.path.join(HOST.vfs.root, "vfs/dir"), "-name", name).stdout.splitlines()[0]


class FromRegistry(Case):
    sources = ("docker",)

    def push(self, name, step):
        obj = HOST.programs.compile(f"reg{step}", PASS, f"-DSTEP={step}")
        context = HOST.programs.context(f"reg{step}", [obj], {"io.ebpf.programs": {"pass": "xdp"}})
        tag = f"{HOST.registry.name}/{name}"
        HOST.overlay.build(context, tag)
        HOST.overlay.command("push", "-q", "--tls-verify=false", tag)
        HOST.overlay.command("rmi", "-f", tag)
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
        done = self.bpfman("load", "image", f"{HOST.registry.name}/no/such:v1")
        self.assertFails(done, 3, "is in no source", "docker", "/nowhere/storage", HOST.registry.name)


class Errors(Case):
    sources = ("docker",)

    def load(self, path, *more, **options):
        return self.bpfman("load", "file", path, "xdp", "--iface", self.pair.interface, *more, **options)

    def test_unknown_interface(self):
        done = self.bpfman("load", "file", HOST.pass1, "xdp", "--iface", self.pair.interface[:-1] + "y")
        self.assertFails(done, 3, "no interface", "did you mean " + self.pair.interface)

    def test_a_foreign_program_is_named_and_left_alone(self):
        run("ip", "link", "set", "dev", self.pair.interface, "xdp", "obj", HOST.pass1, "sec", "xdp")
        self.addCleanup(lambda: None)
        foreign = self.pair.xdp()
        try:
            done = self.load(HOST.pass1)
            self.assertFails(done, 4, "already has an XDP program", f"program {foreign}", "not bpfman's")
            self.assertEqual(self.pair.xdp(), foreign)
            self.assertEqual(self.bpfman.json("list", "programs")["programs"], [])
        finally:
            run("ip", "link", "set", "dev", self.pair.interface, "xdp", "off")

    def test_a_second_program_of_ours_is_refused_with_the_way_out(self):
        self.assertEqual(self.load(HOST.pass1).returncode, 0)
        before = self.pair.xdp()
        done = self.load(HOST.pass1)
        self.assertFails(done, 4, "already runs pass/pass", "bpfman detach 1")
        self.assertEqual(self.pair.xdp(), before)

    def test_image_without_an_object_file(self):
        path = os.path.join(HOST.directory, "readme.txt")
        with open(path, "w", encoding="utf-8") as out:
            out.write("nothing to load\n")
        HOST.docker.build(HOST.programs.context("empty", [path]), "empty:dev")
        done = self.bpfman("load", "image", "empty:dev")
        self.assertFails(done, 2, "no eBPF object", "hint:")

    def test_object_for_another_machine(self):
        path = HOST.programs.compile("x86", "int main(void) { return 0; }", target="x86_64-linux-gnu")
        self.assertFails(self.load(path), 2, "x86-64", "-target bpf")

    def test_object_of_the_other_byte_order(self):
        path = HOST.programs.compile("big", TWO, target="bpfeb")
        self.assertFails(self.load(path), 2, "ELFDATA2MSB")

    def test_several_programs_ask_for_a_choice(self):
        path = HOST.programs.compile("two", TWO)
        self.assertFails(self.load(path), 2, "first (xdp), second (xdp)", "--name first")
        done = self.bpfman("load", "file", path, "--name", "second", "xdp", "--iface", self.pair.interface)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_verifier_rejection_shows_the_last_lines_and_all_on_demand(self):
        path = HOST.programs.compile("bad", BAD)
        short = self.load(path)
        self.assertFails(short, 2, "verifier", "invalid", "lines omitted")
        long = self.bpfman("--verbose", "load", "file", path, "xdp", "--iface", self.pair.interface)
        self.assertGreater(len(long.stderr), len(short.stderr))
        self.assertNothingLeft()

    def test_not_root(self):
        done = self.bpfman("list", prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
        self.assertFails(done, 5, "must run as root", "sudo bpfman")

    def test_unknown_flag_and_verb(self):
        self.assertFails(self.bpfman("load", "image", "x:dev", "xdp", "--ifcae", "eth0"), 2, "did you mean --iface")
        self.assertFails(self.bpfman("laod", "image", "x:dev"), 2, "did you mean load")

    def test_a_socket_on_which_nobody_listens(self):
        path = os.path.join(self.root, "docker.sock")
        run("python3", "-c", f"import socket; socket.socket(socket.AF_UNIX).bind({path!r})")
        deaf = Bpfman(self.bpfman.binary, self.root, ["--docker-host", "unix://" + path, "--storage-root", "/nowhere"])
        done = deaf("load", "image", "some:dev")
        self.assertFails(done, 8, path, "hint:")

    def test_missing_file(self):
        self.assertFails(self.bpfman("load", "file", "/no/such.o"), 3, 'object file "/no/such.o" does not exist')

    def test_ids_that_do_not_exist(self):
        self.assertFails(self.bpfman("unload", "4000000000"), 3, "program 4000000000 does not exist")
        self.assertFails(self.bpfman("detach", "77"), 3, "link 77 does not exist")

    def test_generic_mode_where_the_driver_cannot(self):
        # A veth takes a program only while its peer's frames fit into a page.
        run("ip", "-n", self.pair.netns, "link", "set", "eth0", "mtu", "9000")
        try:
            reply = self.bpfman.json("load", "file", HOST.pass1, "xdp", "--iface", self.pair.interface)
            self.assertEqual(reply["links"][0]["mode"], "generic")
            self.bpfman("detach", "1", check=True)
            done = self.bpfman("load", "file", HOST.pass1, "xdp", "--iface", self.pair.interface, "--mode", "native")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("MTU", done.stderr)
        finally:
            run("ip", "-n", self.pair.netns, "link", "set", "eth0", "mtu", "1500")


class Namespaces(Case):
    def test_netns_option_reaches_into_a_namespace(self):
        netns = "/run/netns/" + self.pair.netns
        self.bpfman("load", "file", HOST.pass1, "xdp", "--iface", "eth0", "--netns", netns, check=True)
        program = self.bpfman.json("list", "programs")["programs"][0]["program_id"]
        self.assertEqual(self.pair.xdp(inside=True), program)
        link = self.bpfman.json("get", "link", "1")
        self.assertEqual(link["netns"], netns)
        self.bpfman("unload", "--all", check=True)
        self.assertIsNone(self.pair.xdp(inside=True))

    def test_run_under_ip_netns_exec_the_pins_stay(self):
        # The bpffs is there from an earlier command; making it from inside needs a look into process 1's mount
        # namespace, which not every host allows: tests/vm does that.
        self.bpfman("load", "file", HOST.pass1, check=True)
        self.bpfman("unload", "--all", check=True)
        self.bpfman("load", "file", HOST.pass1, "xdp", "--iface", "eth0",
                    prefix=("ip", "netns", "exec", self.pair.netns), check=True)
        self.assertIsNotNone(self.pair.xdp(inside=True))
        self.assertIn("links/1", self.bpfman.pins(), "the pin is seen from outside")
        self.bpfman("unload", "--all", check=True)
        self.assertIsNone(self.pair.xdp(inside=True))

    def test_a_mount_namespace_with_another_root_is_refused_before_loading(self):
        # A tmpfs of its own below the root directory: what a container looks like to bpfman.
        script = (f"mount -t tmpfs none {self.root} && exec {self.bpfman.binary} --root-dir {self.root} "
                  f"load file {HOST.pass1} xdp --iface {self.pair.interface}")
        done = run("unshare", "-m", "--propagation", "private", "sh", "-c", script, check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("mount namespace", done.stderr)
        self.assertIsNone(self.pair.xdp())

    def test_two_instances_never_collide(self):
        other = Bpfman(self.bpfman.binary, scratch_directory(), self.look_in())
        try:
            self.bpfman("load", "file", HOST.pass1, "xdp", "--iface", self.pair.interface, check=True)
            other("load", "file", HOST.pass1, "xdp", "--iface", "eth0", "--netns", "/run/netns/" + self.pair.netns,
                  check=True)
            self.assertEqual(len(other.json("list", "links")["links"]), 1)
            self.bpfman("unload", "--all", check=True)
            self.assertIsNotNone(self.pair.xdp(inside=True))
        finally:
            other.stop()
            shutil.rmtree(other.root, ignore_errors=True)


class DryRun(Case):
    sources = ("docker",)

    def test_prints_the_plan_and_changes_nothing(self):
        done = self.bpfman("load", "file", HOST.pass1, "--dry-run", "xdp", "--iface", self.pair.interface, check=True)
        self.assertIn("attach", done.stdout)
        self.assertEqual(os.listdir(self.root), [])
        self.assertIsNone(self.pair.xdp())

    def test_of_a_detach_leaves_the_link(self):
        self.bpfman("load", "file", HOST.pass1, "xdp", "--iface", self.pair.interface, check=True)
        self.assertIn("detach", self.bpfman("detach", "--dry-run", "1", check=True).stdout)
        self.assertIsNotNone(self.pair.xdp())


class Output(Case):
    sources = ("docker",)

    def test_json_has_an_object_at_its_root(self):
        for words in (("list", "programs"), ("list", "links"), ("image", "list"), ("image", "sources"), ("version",)):
            value = self.bpfman.json(*words)
            self.assertIsInstance(value, dict, words)
            self.assertIn("version", value, words)

    def test_sources_lists_each_runtime(self):
        sources = self.bpfman.json("image", "sources")["sources"]
        docker = [source for source in sources if source["kind"] == "docker"]
        self.assertTrue(docker[0]["usable"])
        self.assertEqual(docker[0]["driver"], "overlay2")
        self.assertRegex(docker[0]["version"], r"^\d+\.")

    def test_an_empty_list_prints_nothing(self):
        self.assertEqual(self.bpfman("list", check=True).stdout, "")

    def test_programs_of_others_are_listed_on_request(self):
        self.bpfman("load", "file", HOST.pass1, check=True)
        mine = self.bpfman.json("list", "programs", "--all")["programs"]
        self.assertGreaterEqual(len(mine), 1)
        self.assertIn("pass", self.bpfman("list", "--all", check=True).stdout)


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
        self.bpfman("load", "file", HOST.pass1, check=True)
        self.bpfman("unload", "--all", check=True)
        killed = 0
        for at in self.points(400):
            if not self.strace(at, "load", "file", HOST.pass1, "xdp", "--iface", self.pair.interface):
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
            self.bpfman("load", "file", HOST.pass1, "xdp", "--iface", self.pair.interface, check=True)
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
