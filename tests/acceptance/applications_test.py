# SPDX-License-Identifier: Apache-2.0
"""Documents of Kubernetes on a single host: bpfman apply, diff, delete. Needs root."""

import json
import os
import threading

from case import PASS, TWO, Case
from host import run

SEED = """\
apiVersion: bpfman.io/v1alpha1
kind: XdpProgram
metadata:
  name: my-ebpf-program
spec:
  bpfProgram:
    image: %s
"""


class Applications(Case):
    sources = ("docker",)

    def setUp(self):
        super().setUp()
        self.netns = f"bapp-{os.getpid()}"
        self.path = f"/run/netns/{self.netns}"
        run("ip", "netns", "add", self.netns)
        for name in ("lan0", "lan1", "wan0"):
            self.ip("link", "add", name, "type", "veth", "peer", "name", name + "-p")
            self.ip("link", "set", name, "up")
        self.two = self.host.programs.compile("two", TWO)

    def tearDown(self):
        super().tearDown()
        run("ip", "netns", "del", self.netns, check=False)

    def ip(self, *words):
        return run("ip", "-n", self.netns, *words)

    def on(self, interface):
        """The program that an interface runs."""
        link = json.loads(self.ip("-j", "link", "show", interface).stdout)[0]
        return link.get("xdp", {}).get("prog", {}).get("id")

    def build(self, tag, step):
        name = f"apply{step}"
        built = self.host.programs.compile(name, PASS, f"-DSTEP={step}")
        self.host.docker.build(self.host.programs.context(name, [built], {"io.ebpf.programs": {"pass": "xdp"}}), tag)

    def write(self, text, name="a.yaml"):
        path = os.path.join(self.root, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def several(self, programs, **spec):
        """An application of the object with two programs, in our namespace."""
        return json.dumps({
            "apiVersion": "bpfman.io/v1alpha1", "kind": "BpfApplication", "metadata": {"name": "several"},
            "spec": {"nodeSelector": {}, "byteCode": {"path": self.two}, "programs": programs, **spec}})

    def xdp(self, name, *interfaces, **more):
        links = [{"interfaceSelector": {"interfaces": list(interfaces)}, "netns": self.path, **more}] if interfaces else []
        return {"name": name, "type": "XDP", "xdp": {"links": links}}

    def test_the_document_of_kubernetes_word_for_word(self):
        self.build("apply-seed:dev", 1)
        path = self.write(SEED % "apply-seed:dev")
        self.ip("addr", "add", "10.9.0.1/24", "dev", "wan0")
        self.ip("link", "set", "wan0-p", "up")
        self.ip("route", "add", "default", "via", "10.9.0.2", "dev", "wan0")
        inside = ("nsenter", f"--net={self.path}")
        differs = self.bpfman("diff", "-f", path, prefix=inside)
        self.assertEqual(differs.returncode, 6, differs.stderr)
        self.assertIn("xdpprogram.bpfman.io/my-ebpf-program would be created", differs.stdout)
        self.assertIsNone(self.on("wan0"))
        done = self.bpfman("apply", "-f", path, prefix=inside, check=True)
        self.assertIn("xdpprogram.bpfman.io/my-ebpf-program created\n  load pass, attach it to xdp wan0", done.stdout)
        program = self.on("wan0")
        self.assertIsNotNone(program, "the interface of the default route is the primary one")
        again = self.bpfman("apply", "-f", path, prefix=inside, check=True)
        self.assertEqual(again.stdout, "xdpprogram.bpfman.io/my-ebpf-program unchanged\n")
        self.assertEqual(self.on("wan0"), program)
        self.assertEqual(self.bpfman("diff", "-f", path, prefix=inside).returncode, 0)
        listed = self.bpfman.json("list", "programs")["programs"]
        self.assertEqual([one["application"] for one in listed], ["my-ebpf-program"])
        gone = self.bpfman("delete", "-f", path, check=True)
        self.assertIn("xdpprogram.bpfman.io/my-ebpf-program deleted", gone.stdout)
        self.assertIsNone(self.on("wan0"))
        self.assertNothingLeft()

    def test_without_a_default_route_there_is_no_primary_interface(self):
        self.build("apply-seed:dev", 1)
        done = self.bpfman("apply", "-f", self.write(SEED % "apply-seed:dev"), prefix=("nsenter", f"--net={self.path}"))
        self.assertFails(done, 6, "a.yaml:1: there is no default route here", "interfaceSelector: {interfaces: [")

    def test_a_rebuilt_image_replaces_the_program_with_no_moment_without_one(self):
        self.build("apply-rebuilt:dev", 1)
        path = self.write(SEED % "apply-rebuilt:dev" + f"  netns: {self.path}\n  interfaceSelector: {{interfaces: [lan0]}}\n")
        self.bpfman("apply", "-f", path, check=True)
        first = self.on("lan0")
        self.build("apply-rebuilt:dev", 2)
        seen, done = set(), threading.Event()

        def watch():
            while not done.is_set():
                seen.add(self.on("lan0"))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            changed = self.bpfman("apply", "-f", path, check=True)
        finally:
            done.set()
            watcher.join(10)
        self.assertIn("my-ebpf-program configured\n  replace pass (bytecode sha256:", changed.stdout)
        self.assertNotIn(None, seen)
        self.assertNotEqual(self.on("lan0"), first)
        self.assertEqual(len(self.bpfman.json("list", "programs")["programs"]), 1)

    def test_what_a_document_says_is_what_there_is(self):
        path = self.write(self.several([self.xdp("first", "lan0", "lan1"), self.xdp("second", "lan0", priority=900)]))
        self.bpfman("apply", "-f", path, check=True)
        links = self.bpfman.json("list", "links")["links"]
        self.assertEqual(sorted(one["interface"] for one in links), ["lan0", "lan0", "lan1"])
        self.assertEqual(self.bpfman("apply", "-f", path, check=True).stdout, "bpfapplication.bpfman.io/several unchanged\n")
        # Another order, a place that comes, one that goes: the rest stays as it is.
        self.write(self.several([self.xdp("first", "lan0", "wan0"), self.xdp("second", "lan0", priority=7)]))
        changed = self.bpfman("apply", "-f", path, check=True).stdout
        self.assertIn("attach first to xdp wan0", changed)
        self.assertIn("priority 7", changed)
        self.assertRegex(changed, r"detach link \d+ \(xdp lan1")
        self.assertIsNone(self.on("lan1"))
        chain = self.bpfman.json("explain", "chain", "lan0", "--netns", self.path)["chains"][0]
        self.assertEqual([one["program"] for one in chain["members"]], ["several/second", "several/first"])
        # By hand: the document tells the difference, and mends it.
        link = next(one["link_id"] for one in links if one["interface"] == "lan0" and one["program"] == "several/first")
        self.bpfman("detach", str(link), check=True)
        self.assertEqual(self.bpfman("diff", "-f", path).returncode, 6)
        self.bpfman("apply", "-f", path, check=True)
        self.assertEqual(self.bpfman("diff", "-f", path).returncode, 0)
        # A program less.
        self.write(self.several([self.xdp("second", "lan0", priority=7)]))
        self.assertIn("unload first", self.bpfman("apply", "-f", path, check=True).stdout)
        self.assertIsNone(self.on("wan0"))
        self.bpfman("delete", "bpfapplication/several", check=True)
        self.assertNothingLeft()

    def test_selectors_follow(self):
        path = self.write(self.several([self.xdp("first", "lan*,!*-p")]))
        self.bpfman("apply", "-f", path, check=True)
        self.assertIsNotNone(self.on("lan1"))
        self.ip("link", "add", "lan2", "type", "veth", "peer", "name", "lan2-p")
        self.bpfman("reconcile", check=True)
        self.assertIsNotNone(self.on("lan2"))
        self.assertEqual(self.bpfman("apply", "-f", path, check=True).stdout, "bpfapplication.bpfman.io/several unchanged\n")
        self.write(self.several([self.xdp("first", "wan0")]))
        self.bpfman("apply", "-f", path, check=True)
        self.assertIsNone(self.on("lan0"))
        self.assertEqual(self.bpfman.json("list", "selectors")["selectors"], [])

    def test_what_fails_leaves_nothing_and_the_others_are_done(self):
        bad = self.several([self.xdp("first", "lan0"), self.xdp("second", "nowhere0")])
        good = SEED.replace("image: %s", f"path: {self.two}\n    function: first").replace("my-ebpf", "good") + \
            f"  netns: {self.path}\n  interfaceSelector: {{interfaces: [wan0]}}\n"
        done = self.bpfman("apply", "-f", self.write(bad, "bad.yaml"), "-f", self.write(good, "good.yaml"))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("bad.yaml:1: ", done.stderr)
        self.assertIn("nowhere0", done.stderr)
        self.assertIn("xdpprogram.bpfman.io/good-program created", done.stdout)
        self.assertIsNone(self.on("lan0"))
        self.assertIsNotNone(self.on("wan0"))
        self.assertEqual([one["name"] for one in self.bpfman.json("list", "programs")["programs"]], ["first"])
        gone = self.bpfman("delete", "nothing-here")
        self.assertFails(gone, 3, "no document has made an application nothing-here", "xdpprogram.bpfman.io/good-program")

    def test_mistakes_are_said_with_their_lines(self):
        for text, status, words in (
                (SEED % "x" + "  priority: 1001\n", 2, "a.yaml:8: spec.priority: a number from 0 to 1000"),
                (SEED % "x" + "  prioritty: 5\n", 2, "did you mean priority?"),
                (SEED % "x" + "  nodeSelector: {matchLabels: {a: b}}\n", 10, "in a cluster only"),
                ("a: [1\n", 2, "a.yaml:2: ")):
            self.assertFails(self.bpfman("apply", "-f", self.write(text)), status, words)

    def test_what_was_loaded_by_hand_is_the_users(self):
        self.bpfman("load", "file", self.two, "-a", "several", "--name", "first", check=True)
        done = self.bpfman("apply", "-f", self.write(self.several([self.xdp("first")])))
        self.assertFails(done, 4, "several/first was loaded by hand")
        self.assertFails(self.bpfman("delete", "several"), 4, "by no document")

    def chains(self):
        """What runs where: hook, interface, and the members in order with their priorities."""
        return [(chain["hook"], chain["interface"],
                 [(link["program"], link["priority"], link["proceed_on"]) for link in chain["members"]])
                for chain in self.bpfman.json("list", "chains")["chains"]]

    def export(self, *words):
        path = os.path.join(self.root, "exported.yaml")
        done = self.bpfman("export", *words, "-o", path, check=True)
        return path, done.stderr

    def test_what_was_applied_is_exported_as_it_was(self):
        several = self.several([self.xdp("first", "lan*", "wan0", priority=10, proceedOn=["pass", "drop"]),
                                self.xdp("second", "lan0", priority=20, cookie=7)], globalData={})
        single = SEED.replace("image: %s", f"path: {self.two}\n    function: first") + \
            f"  netns: {self.path}\n  interfaceSelector: {{interfaces: [lan1, wan0]}}\n"
        self.bpfman("apply", "-f", self.write(several, "several.yaml"), "-f", self.write(single, "single.yaml"), check=True)
        path, warnings = self.export()
        self.assertEqual(warnings, "")
        same = self.bpfman("diff", "-f", path)
        self.assertEqual(same.returncode, 0, same.stdout + same.stderr)
        self.assertEqual(sorted(same.stdout.splitlines()), ["bpfapplication.bpfman.io/several unchanged",
                                                            "xdpprogram.bpfman.io/my-ebpf-program unchanged"])
        alone = self.bpfman("export", "xdpprogram/my-ebpf-program", check=True)
        self.assertIn("kind: XdpProgram", alone.stdout)
        self.assertNotIn("BpfApplication", alone.stdout)
        self.assertFails(self.bpfman("export", "sevral"), 3, "did you mean several?")

    def test_what_was_done_by_hand_becomes_a_document(self):
        self.assertEqual(self.bpfman("export", check=True).stdout, "")
        self.bpfman("load", "file", self.two, "-a", "by_hand", "--programs", "xdp:first", "--programs", "xdp:second",
                    "-m", "team=net", check=True)
        on = ("--netns", self.path)
        self.bpfman("attach", "by_hand/first", "xdp", "--iface", "lan0", "--priority", "30", *on, check=True)
        self.bpfman("attach", "by_hand/second", "xdp", "--iface", "lan0", "--priority", "20", "--proceed-on", "drop", *on, check=True)
        self.bpfman("attach", "by_hand/first", "xdp", "--iface", "wan*", *on, "-m", "note=here", check=True)
        before = [str(chain).replace("by_hand", "by-hand") for chain in self.chains()]
        self.assertEqual(len(before), 3, "lan0, wan0 and its peer")
        path, warnings = self.export("by_hand")
        self.assertIn("application by_hand is named by-hand here", warnings)
        self.assertIn("left out: note", warnings)
        with open(path, encoding="utf-8") as text:
            self.assertIn("# application by_hand is named by-hand here", text.read())
        self.bpfman("unload", "--all", check=True)
        self.assertIsNone(self.on("lan0"))
        self.bpfman("apply", "-f", path, check=True)
        self.assertEqual([str(chain) for chain in self.chains()], before)
        self.assertIsNotNone(self.on("lan0"))
        self.assertIsNotNone(self.on("wan0"))
        programs = self.bpfman.json("list", "programs")["programs"]
        self.assertEqual({one["metadata"]["team"] for one in programs}, {"net"})
        self.assertEqual(self.bpfman("diff", "-f", path).returncode, 0)

    def test_what_a_document_cannot_say_is_an_error(self):
        self.bpfman("load", "file", self.host.pass1, "-a", "mine", check=True)
        self.bpfman("load", "file", self.host.pass1, "-a", "shares", "--map-owner-id", "mine/pass", check=True)
        why = "application shares: program pass uses the maps of another one"
        self.assertFails(self.bpfman("export", "shares"), 10, why)
        done = self.bpfman("export")
        self.assertEqual(done.returncode, 10)
        for words in (why, "1 of 2 applications"):
            self.assertIn(words, done.stderr)
        self.assertIn("name: mine", done.stdout)
        self.assertNotIn("name: shares", done.stdout)
