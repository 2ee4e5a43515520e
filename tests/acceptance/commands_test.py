# SPDX-License-Identifier: Apache-2.0
"""What a user types, mistypes and reads, on the real kernel. Needs root."""

import os
import shutil
import unittest

from case import BAD, SETTINGS, TWO, Case
from host import Bpfman, run, scratch_directory


class Errors(Case):
    sources = ("docker",)

    def load(self, path, *more, **options):
        return self.bpfman("load", "file", path, "xdp", "--iface", self.pair.interface, *more, **options)

    def test_unknown_interface(self):
        done = self.bpfman("load", "file", self.host.pass1, "xdp", "--iface", self.pair.interface[:-1] + "y")
        self.assertFails(done, 3, "no interface", "did you mean " + self.pair.interface)

    def test_a_foreign_program_is_named_and_left_alone(self):
        run("ip", "link", "set", "dev", self.pair.interface, "xdp", "obj", self.host.pass1, "sec", "xdp")
        self.addCleanup(lambda: None)
        foreign = self.pair.xdp()
        try:
            done = self.load(self.host.pass1)
            self.assertFails(done, 4, "already has an XDP program", f"program {foreign}", "not bpfman's")
            self.assertEqual(self.pair.xdp(), foreign)
            self.assertEqual(self.bpfman.json("list", "programs")["programs"], [])
        finally:
            run("ip", "link", "set", "dev", self.pair.interface, "xdp", "off")

    def test_image_without_an_object_file(self):
        path = os.path.join(self.host.directory, "readme.txt")
        with open(path, "w", encoding="utf-8") as out:
            out.write("nothing to load\n")
        self.host.docker.build(self.host.programs.context("empty", [path]), "empty:dev")
        done = self.bpfman("load", "image", "empty:dev")
        self.assertFails(done, 2, "no eBPF object", "hint:")

    def test_object_for_another_machine(self):
        path = self.host.programs.compile("x86", "int main(void) { return 0; }", target="x86_64-linux-gnu")
        self.assertFails(self.load(path), 2, "x86-64", "-target bpf")

    def test_object_of_the_other_byte_order(self):
        path = self.host.programs.compile("big", TWO, target="bpfeb")
        self.assertFails(self.load(path), 2, "ELFDATA2MSB")

    def test_several_programs_ask_for_a_choice(self):
        path = self.host.programs.compile("two", TWO)
        self.assertFails(self.load(path), 2, "first (xdp), second (xdp)", "--name first")
        done = self.bpfman("load", "file", path, "--name", "second", "xdp", "--iface", self.pair.interface)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_check_loads_nothing_and_tells_all(self):
        # Other tests run beside these, so the programs have names of their own.
        two = self.host.programs.compile("two-checked", TWO.replace("first", "first_checked").replace("second", "second_checked"))
        before = self.programs_checked()
        reply = self.bpfman.json("check", "file", two)
        self.assertEqual([(one["name"], one["loads"]) for one in reply["programs"]], [("first_checked", True), ("second_checked", True)])
        self.assertGreater(reply["programs"][0]["figures"]["verified_instructions"], 0)
        self.assertEqual(reply["programs"][0]["figures"]["instruction_limit"], 1000000)
        bad = self.host.programs.compile("bad", BAD)
        done = self.bpfman("check", "file", bad)
        self.assertEqual(done.returncode, 2)
        self.assertIn("verifier rejected it", done.stderr)
        self.assertIn("1 of 1 program would not load here", done.stderr)
        self.bpfman("check", "file", two, "--name", "first_checked", "xdp", "--iface", self.pair.interface, check=True)
        run("ip", "link", "set", "dev", self.pair.interface, "xdp", "obj", self.host.pass1, "sec", "xdp")
        try:
            done = self.bpfman("check", "file", two, "--name", "first_checked", "xdp", "--iface", self.pair.interface)
        finally:
            run("ip", "link", "set", "dev", self.pair.interface, "xdp", "off")
        self.assertEqual(done.returncode, 4)
        self.assertIn("would load, and not attach", done.stderr)
        self.assertIn("already has an XDP program", done.stderr)
        self.bpfman("unload", "--all", check=True)
        self.assertEqual(self.programs_checked(), before)
        self.assertEqual(self.bpfman.blobs(), [])

    def programs_checked(self):
        return {one["kernel"]["id"] for one in self.bpfman.json("list", "programs", "--all")["programs"]
                if one["name"].endswith("_checked")}

    def test_settings_are_checked_against_the_types_of_variables(self):
        path = self.host.programs.compile("settings", SETTINGS)
        self.bpfman("load", "file", path, "--set", "limits.rate=500", "--set", "limits.ports=80,443", "--set", "limits.ports[3]=53",
                    "--set", "limits.name=second", "--set", "net=10.0.0.0/8", "--set", "strict=true", check=True)
        shown = self.bpfman.json("get", "program", "settings/pass")["globals"]
        self.assertEqual(shown, {"limits": "f4010000" "5000bb0100003500" "7365636f6e640000", "net": "080000000a000000", "strict": "01"})
        for setting, words in (("limts.rate=1", ("limits (struct limits)", "did you mean limits?")),
                               ("limits.rte=1", ("it has rate, ports, name",)),
                               ("limits=1", ("is set by its members",)),
                               ("limits.rate=-1", ("from 0 to 4294967295",)),
                               ("limits.ports[4]=1", ("beyond the end",)),
                               ("limits.name=a-long-name", ("room for 7",)),
                               ("net=10.0.0.1/8", ("behind its prefix length",)),
                               ("strict", ("NAME=VALUE",))):
            self.assertFails(self.bpfman("load", "file", path, "--set", setting), 2, *words)

    def test_verifier_rejection_shows_the_last_lines_and_all_on_demand(self):
        path = self.host.programs.compile("bad", BAD)
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
        deaf = Bpfman(self.bpfman.binary, self.root, ["--docker-host", "unix://" + path, "--storage-root", "/nowhere",
                                                        "--containerd-address", "/nowhere"])
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
            reply = self.bpfman.json("load", "file", self.host.pass1, "xdp", "--iface", self.pair.interface)
            self.assertEqual(reply["links"][0]["mode"], "generic")
            self.bpfman("detach", "1", check=True)
            done = self.bpfman("load", "file", self.host.pass1, "xdp", "--iface", self.pair.interface, "--mode", "native")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("MTU", done.stderr)
        finally:
            run("ip", "-n", self.pair.netns, "link", "set", "eth0", "mtu", "1500")


class Namespaces(Case):
    def test_netns_option_reaches_into_a_namespace(self):
        netns = "/run/netns/" + self.pair.netns
        self.bpfman("load", "file", self.host.pass1, "xdp", "--iface", "eth0", "--netns", netns, check=True)
        program = self.bpfman.json("list", "programs")["programs"][0]["program_id"]
        self.assertEqual(self.pair.xdp(inside=True), program)
        link = self.bpfman.json("get", "link", "1")
        self.assertEqual(link["netns"], netns)
        self.bpfman("unload", "--all", check=True)
        self.assertIsNone(self.pair.xdp(inside=True))

    def test_run_under_ip_netns_exec_the_pins_stay(self):
        # The bpffs is there from an earlier command; making it from inside needs a look into process 1's mount
        # namespace, which not every host allows: tests/vm does that.
        self.bpfman("load", "file", self.host.pass1, check=True)
        self.bpfman("unload", "--all", check=True)
        self.bpfman("load", "file", self.host.pass1, "xdp", "--iface", "eth0",
                    prefix=("ip", "netns", "exec", self.pair.netns), check=True)
        self.assertIsNotNone(self.pair.xdp(inside=True))
        self.assertTrue([pin for pin in self.bpfman.pins() if pin.startswith("xdp/")], "the pin is seen from outside")
        self.assertEqual(self.bpfman.json("get", "link", "1")["netns"], "/run/netns/" + self.pair.netns)
        self.assertEqual(self.bpfman("doctor").returncode, 0, "nor does it look gone from there")
        self.bpfman("unload", "--all", check=True)
        self.assertIsNone(self.pair.xdp(inside=True))

    def test_a_mount_namespace_with_another_root_is_refused_before_loading(self):
        # A tmpfs of its own below the root directory: what a container looks like to bpfman.
        script = (f"mount -t tmpfs none {self.root} && exec {self.bpfman.binary} --root-dir {self.root} "
                  f"load file {self.host.pass1} xdp --iface {self.pair.interface}")
        done = run("unshare", "-m", "--propagation", "private", "sh", "-c", script, check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("mount namespace", done.stderr)
        self.assertIsNone(self.pair.xdp())

    def test_two_instances_never_collide(self):
        other = Bpfman(self.bpfman.binary, scratch_directory(), self.look_in())
        try:
            self.bpfman("load", "file", self.host.pass1, "xdp", "--iface", self.pair.interface, check=True)
            other("load", "file", self.host.pass1, "xdp", "--iface", "eth0", "--netns", "/run/netns/" + self.pair.netns,
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
        done = self.bpfman("load", "file", self.host.pass1, "--dry-run", "xdp", "--iface", self.pair.interface, check=True)
        self.assertIn("attach", done.stdout)
        self.assertEqual(os.listdir(self.root), [])
        self.assertIsNone(self.pair.xdp())

    def test_of_a_detach_leaves_the_link(self):
        self.bpfman("load", "file", self.host.pass1, "xdp", "--iface", self.pair.interface, check=True)
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
        self.bpfman("load", "file", self.host.pass1, check=True)
        mine = self.bpfman.json("list", "programs", "--all")["programs"]
        self.assertGreaterEqual(len(mine), 1)
        self.assertIn("pass", self.bpfman("list", "--all", check=True).stdout)


if __name__ == "__main__":
    unittest.main()
