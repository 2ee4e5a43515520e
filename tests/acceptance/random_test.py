# SPDX-License-Identifier: Apache-2.0
"""Commands at random, mixed with what others do behind bpfman's back; a model tells what should be. Needs root.

BPFMAN_TEST_SEED repeats a run, BPFMAN_TEST_STEPS says how long it is, BPFMAN_TEST_FULL makes it long.
"""

import collections
import json
import os
import random
import time

import chaos_kernel as kernel
from case import Case
from chaos_acts import Verbs
from chaos_hostile import Hostile
from chaos_model import HOOKS, Link, Model, Program
from host import Bpfman, run, scratch_directory

# Members sign the packet that they see, so that a test run of the hook's program tells who ran, in which order.
MEMBER = """
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
volatile const unsigned char who = 100;
#ifdef TC
SEC("tc") int classify(struct __sk_buff *ctx)
#else
SEC("xdp") int member(struct xdp_md *ctx)
#endif
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	if (data + 64 <= end) {
		unsigned int count = data[14] & 31;
		unsigned char *mine = data + 15 + count;
		if (mine + 1 <= end) {
			*mine = who | SIGN;
			data[14] = count + 1;
		}
	}
	return RESULT;
}
char _license[] SEC("license") = "GPL";
"""

OURS = {"load": 10, "attach": 14, "select": 4, "detach": 7, "detach_selector": 1, "unload": 4, "upgrade": 5, "rollback": 4,
        "link_set": 6, "chain_set": 5, "apply": 4, "delete": 1, "diff": 1, "image": 5, "look": 4, "reconcile": 8}
THEIRS = {"remove_interface": 5, "add_interface": 4, "rename": 4, "namespace": 3, "detach_ours": 4, "remove_pins": 6,
          "remove_filters": 3, "foreign_xdp": 4, "foreign_tcx": 3, "foreign_filter": 4, "foreign_file": 1, "foreign_pin": 2,
          "other_instance": 4, "foreign_leaves": 7, "reboot": 1}


class Prefixed(Bpfman):
    """One that runs behind the words which make a reboot look like one."""

    test = None

    def __call__(self, *words, **more):
        return super().__call__(*words, prefix=self.test.prefix, **more)


class RandomSteps(Verbs, Hostile, Case):
    document_mark = 100

    def setUp(self):
        super().setUp()
        self.model, self.story, self.prefix, self.ours = Model(), [], (), set()
        self.unsure_document = False
        self.bpfman = Prefixed(self.bpfman.binary, self.root, self.bpfman.arguments)
        self.bpfman.test = self
        self.document = os.path.join(self.root, "document.json")
        self.objects = {}
        for version, sign in ((1, "0"), (2, "0x80")):
            self.objects["xdp", version] = self.host.programs.compile(f"signs{version}", MEMBER, f"-DSIGN={sign}",
                                                                      "-DRESULT=XDP_PASS")
            self.objects["tc", version] = self.host.programs.compile(f"signs_tc{version}", MEMBER, f"-DSIGN={sign}", "-DTC",
                                                                     "-DRESULT=TC_ACT_PIPE")
        self.addCleanup(run, "rm", "-rf", scratch := scratch_directory())
        self.other = Bpfman(self.bpfman.binary, scratch, self.bpfman.arguments)
        self.addCleanup(self.other.stop)
        self.pins_of_others = os.path.join(scratch, "theirs")
        os.mkdir(self.pins_of_others)
        run("mount", "-t", "bpf", "bpf", self.pins_of_others)
        self.addCleanup(run, "umount", "-l", self.pins_of_others)
        self.theirs = {}
        for kind in ("xdp", "tc"):
            run("bpftool", "prog", "load", self.objects[kind, 1], self.foreign_pin(kind), "type",
                "xdp" if kind == "xdp" else "classifier")
            self.theirs[kind] = kernel.pinned(self.foreign_pin(kind))
        self.netns = {f"bch-{os.getpid()}-{one}": f"/run/netns/bch-{os.getpid()}-{one}" for one in "01"}
        for name in self.netns:
            self.addCleanup(run, "ip", "netns", "del", name, check=False)
            self.make_namespace(name)
        self.model.dirty = False

    def foreign_pin(self, kind):
        return os.path.join(self.pins_of_others, kind)

    def told(self):
        lines = "\n".join(self.story[-60:])
        return f"BPFMAN_TEST_SEED={self.seed}, what happened last:\n{lines}"

    # The oracle.

    def check(self):
        self.check_programs()
        self.check_links()
        self.check_others()
        if not self.model.dirty:
            self.check_hooks()

    def check_programs(self):
        listed = self.bpfman.json("list", "programs")["programs"]
        self.assertEqual(sorted(f"{one['application']}/{one['name']}" for one in listed),
                         sorted(one.name for one in self.model.programs), self.told())
        now = {one["program_id"] for one in listed}
        if not self.model.dirty:
            for chain in self.bpfman.json("list", "chains")["chains"]:
                now |= {chain["dispatcher_id"]} - {None}
            for program in now:
                self.assertTrue(kernel.is_loaded(program), f"{program}: {self.told()}")
            gone = {one for one in self.ours - now if self.lives_on(one)}
            self.assertEqual(gone, set(), f"no record, but in the kernel: {self.told()}")
            self.ours = now
        names = {one["reference"] for one in self.bpfman.json("image", "list")["images"]}
        self.assertEqual(names, self.model.images, self.told())

    def lives_on(self, program):
        # The kernel frees programs behind a grace period.
        end = time.monotonic() + 5
        while kernel.is_loaded(program):
            if time.monotonic() > end:
                return True
            time.sleep(0.01)
        return False

    def check_links(self):
        listed = self.bpfman.json("list", "links")["links"]
        unknown = {one["link_id"]: one for one in listed}
        for link in [one for one in self.model.links if one.number]:
            said = unknown.pop(link.number, None)
            self.assertIsNotNone(said, f"link {link.number} of {link.program.name} is in no record: {self.told()}")
            self.compare(link, said)
        for said in unknown.values():
            link = next((one for one in self.model.links if one.number is None and self.is_like(one, said)), None)
            self.assertIsNotNone(link, f"{said['link_id']} ({said['attachment']}, {said['program']}) is unknown: {self.told()}")
            link.number = said["link_id"]
            self.compare(link, said)
        self.assertEqual([one for one in self.model.links if one.number is None], [], self.told())
        self.check_selectors()

    def is_like(self, link, said):
        return (said["program"], said["interface"], said["netns"], said["priority"], self.hook_of(said)) == (
            link.program.name, link.interface, self.netns[link.netns], link.priority, link.hook)

    def hook_of(self, said):
        return said["hook"].removeprefix("tc-")

    def compare(self, link, said):
        self.assertTrue(self.is_like(link, said), f"{vars(link)} but {said}: {self.told()}")
        if self.model.dirty:
            return
        expected = link not in self.model.blocked
        self.assertEqual(said["state"] == "attached", expected, f"link {link.number}: {said['state']}: {self.told()}")
        if expected:
            self.assertEqual(said["ifindex"], link.device.ifindex, f"link {link.number}: {self.told()}")

    def check_selectors(self):
        listed = {one["selector_id"]: one for one in self.bpfman.json("list", "selectors")["selectors"]}
        for selector in self.model.selectors:
            if selector.number is None:
                known = {one.number for one in self.model.selectors}
                selector.number = next((number for number in listed if number not in known), None)
        self.assertEqual(sorted(listed), sorted(one.number for one in self.model.selectors), self.told())

    def on_hook(self, device, hook):
        """Ids of the programs on a hook; filters last."""
        with kernel.inside(self.netns[device.netns]):
            if hook == "xdp":
                return [one for one in [kernel.links_here()[device.ifindex][1]] if one]
            found = kernel.on_list(device.ifindex, hook)
        return found + [one[3] for one in kernel.filters(device.netns, device.name, hook) if one[3]]

    def check_others(self):
        for one in self.model.foreign:
            if one.kind == "pin":
                self.assertEqual(kernel.pinned(one.path), one.program, f"{one.path}: {self.told()}")
            elif one.kind == "file":
                with open(one.path, encoding="utf-8") as text:
                    self.assertEqual(text.read(), "not bpfman's")
            elif one.kind == "filter":
                self.assertIn(one.where, kernel.filters(one.device.netns, one.device.name, one.hook), self.told())
            else:
                self.assertIn(one.program, self.on_hook(one.device, one.hook), f"{one.kind} {one.device}: {self.told()}")

    def check_hooks(self):
        """What runs where: exactly our chains, whose members run in their order, beside what others have there."""
        for device in self.model.live():
            for hook in HOOKS:
                found = self.on_hook(device, hook)
                for one in self.model.others_on(device, hook):
                    found.remove(one.program)
                members = [one for one in self.model.on(device, hook) if one not in self.model.blocked]
                where = f"{device.name} ({device.ifindex}) {hook}"
                self.assertEqual(len(found), min(1, len(members)), f"{where}: {found} for {len(members)}: {self.told()}")
                if members:
                    self.ours |= set(found)
                    self.assertEqual(kernel.trace(found[0]), [one.program.sign for one in members], f"{where}: {self.told()}")

    def reconcile(self):
        """Brings all back that can be; the second time finds nothing to do, and the doctor names only what cannot be."""
        first = self.once("reconcile")
        self.model.reconcile()
        # An interface or namespace that has just gone may have been in the way.
        unmet = self.model.blocked or self.model.unmet()
        self.assertTrue(first == 0 or unmet, f"{self.errors} {self.told()}")
        self.once("reconcile")
        self.assertEqual(self.output, "", f"the second time: {self.told()}")
        report = self.bpfman("doctor", "-o", "json")
        said = [one["what"] for one in json.loads(report.stdout)["differences"]]
        names = {f"link {one.number} " for one in self.model.blocked} | {f" {one.interface}" for one in self.model.blocked}
        names |= {one.device.name for one in self.model.blocked if one.device}
        names |= {one.path for one in self.model.foreign if one.kind == "pin"}
        strange = [one for one in said if not any(name in one for name in names)]
        self.assertEqual(strange, [], f"{report.stdout} {self.told()}")
        self.story.append("reconciled")

    # The run.

    def test_any_sequence_of_acts_leaves_what_the_model_says(self):
        self.seed = int(os.environ.get("BPFMAN_TEST_SEED", random.randrange(1 << 31)))
        full = bool(os.environ.get("BPFMAN_TEST_FULL"))
        steps = int(os.environ.get("BPFMAN_TEST_STEPS", 5000 if full else 150))
        print(f"seed {self.seed}", flush=True)
        self.dice = random.Random(self.seed)
        self.command("load", "file", self.objects["xdp", 1], "-a", "a0", "--set", "who=101")
        self.command("unload", "a0/member")
        counts = collections.Counter()
        acts = {**OURS, **THEIRS}
        since = 0
        for _ in range(steps):
            # A few acts on broken ground, then all is mended.
            since = since + 1 if self.model.dirty else 0
            act = self.dice.choices(list(acts), list(acts.values()))[0]
            if since > self.dice.randrange(1, 7) or (self.model.pinless and act not in THEIRS):
                act = "reconcile"
            self.story.append(f"-- {act}")
            if getattr(self, f"do_{act}")():
                counts[act] += 1
                self.settle_document()
                self.model.note_chains()
                self.check()
        self.reconcile()
        self.check()
        self.end()
        print(f"{sum(counts.values())} steps: " + ", ".join(f"{name} {counts[name]}" for name in acts), flush=True)

    def settle_document(self):
        """A document that was applied in part is applied again, or deleted, on firm ground."""
        if self.unsure_document:
            self.unsure_document = False
            self.take_document_from_records()

    def take_document_from_records(self):
        known = next((one for one in self.model.programs if one.document), None)
        listed = self.bpfman.json("list", "programs", "--application", "document")["programs"]
        if known and not listed:
            self.model.drop_program(known)
        elif listed:
            if known is None:
                known = Program("document", "xdp", self.document_mark, document=True)
                self.model.programs.append(known)
            links = {one["link_id"]: one for one in self.bpfman.json("list", "links")["links"]
                     if one["program"] == known.name}
            self.model.drop_links([one for one in self.model.links_of(known) if one.number not in links], False)
            for link in self.model.links_of(known):
                link.priority = links.pop(link.number)["priority"]
            for number, said in links.items():
                netns = next(name for name, path in self.netns.items() if path == said["netns"])
                device = next((one for one in self.model.live(netns) if one.ifindex == said["ifindex"]), None)
                self.model.links.append(Link(number, known, "xdp", netns, said["interface"], said["priority"], device))

    def end(self):
        """Nothing of ours is left, and all of others'."""
        self.once("unload", "--all", leaving=self.model.links)
        for program in list(self.model.programs):
            self.model.drop_program(program)
        self.check()
        for name in self.model.images:
            self.bpfman("image", "rm", name, check=True)
        self.assertEqual([one for one in self.bpfman.pins() if not one.startswith("theirs")], [], self.told())
        self.assertEqual([one for one in self.bpfman.blobs() if not one.startswith("theirs")], [], self.told())
        self.assertEqual(self.bpfman("doctor").returncode,
                         6 if any(one.kind == "pin" for one in self.model.foreign) else 0, self.told())
