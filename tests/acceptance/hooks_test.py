# SPDX-License-Identifier: Apache-2.0
"""Programs of several kinds on their hooks, and several programs on one hook, by the commands a user types. Needs root."""

import os
import shutil
import struct
import subprocess
import time
import unittest

from case import Case
from host import Bpfman, run

# Counts what it sees in slot WHO, and answers what its global says.
MEMBER = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
volatile int verdict = 2;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
SEC("xdp") int member(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&seen, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	return verdict;
}
char _license[] SEC("license") = "GPL";
"""

CLASSIFIER = """
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
volatile int verdict = TC_ACT_PIPE;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
SEC("tc") int classify(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&seen, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	return verdict;
}
char _license[] SEC("license") = "GPL";
"""

TRACING = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
static void count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&seen, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
}
SEC("tracepoint/syscalls/sys_enter_getpgid") int on_getpgid(void *ctx) { count(0); return 0; }
SEC("uprobe") int on_call(void *ctx) { count(1); return 0; }
SEC("cgroup/sock_create") int on_socket(void *ctx) { count(2); return 1; }
SEC("tcx/ingress") int on_packet(void *ctx) { count(3); return -1; }
char _license[] SEC("license") = "GPL";
"""


TRACER = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("fentry") int on_member(void *ctx) { return 0; }
char _license[] SEC("license") = "GPL";
"""


class Hooks(Case):
    def load(self, application, *hook, source=MEMBER, name="member", settings=()):
        path = self.host.programs.compile(name, source)
        words = ["load", "file", path, "-a", application]
        for setting in settings:
            words += ["--set", setting]
        return self.bpfman(*words, *hook)

    def attach(self, application, *more, **options):
        done = self.load(application, "xdp", "--iface", self.pair.interface, *more, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def order(self, hook="xdp"):
        chains = self.bpfman.json("explain", "chain", self.pair.interface, "--hook", hook)["chains"]
        return [member["program"].split("/")[0] for member in chains[0]["members"]] if chains else []

    def chain(self, hook="xdp"):
        return self.bpfman.json("explain", "chain", self.pair.interface, "--hook", hook)["chains"][0]

    def seen(self, application, name="member"):
        entry = self.bpfman.json("map", "dump", f"{application}/{name}:seen")["entries"][0]
        return int(str(entry["values"][0]), 0)


class XdpChains(Hooks):
    def test_several_programs_run_in_order_and_each_sees_the_packets(self):
        self.attach("first", "--priority", "10")
        self.assertEqual(self.chain()["strategy"], "direct")
        self.attach("third", "--priority", "30")
        self.attach("second", "--priority", "20")
        self.assertEqual(self.order(), ["first", "second", "third"])
        self.assertIn(self.chain()["strategy"], ("freplace", "fused"))
        self.assertEqual(self.pair.ping(5).returncode, 0)
        for application in ("first", "second", "third"):
            self.assertGreaterEqual(self.seen(application), 5)
        link = self.bpfman.json("get", "link", "2")
        self.assertEqual((link["position"], link["state"]), (2, "attached"))
        self.assertGreaterEqual(link["counts"]["verdicts"]["pass"], 5)
        self.assertEqual(len(self.bpfman.json("list", "chains")["chains"]), 1)

    def test_a_verdict_that_is_no_proceed_on_ends_the_chain(self):
        self.attach("drops", "--priority", "10", settings=["verdict=1"])
        self.attach("behind", "--priority", "20")
        self.assertNotEqual(self.pair.ping(3).returncode, 0, "the first one drops")
        self.assertEqual(self.seen("behind"), 0)
        done = self.bpfman("link", "set", "1", "--proceed-on", "drop")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertGreaterEqual(self.seen("behind"), 3)

    def test_order_by_wish_and_by_class(self):
        self.attach("observer", "--class", "observe")
        self.attach("filter", "--class", "firewall")
        self.attach("late", "--priority", "1", "--after", "filter/member")
        self.assertEqual(self.order(), ["filter", "late", "observer"])
        text = self.bpfman("explain", "chain", self.pair.interface).stdout
        self.assertIn("class firewall (priority 400)", text)
        self.assertIn("priority 1; after filter/member", text)
        self.bpfman("detach", "1", check=True)
        self.assertEqual(self.order(), ["filter", "late"], "an unrelated detach changes nothing")
        self.bpfman("link", "set", "3", "--after", "none", check=True)
        self.assertEqual(self.order(), ["late", "filter"])

    def test_wishes_that_contradict_each_other_are_refused(self):
        self.attach("a", "--after", "b/member")
        done = self.load("b", "xdp", "--iface", self.pair.interface, "--after", "a/member")
        self.assertFails(done, 6, "cannot be put in order", "a/member")
        self.assertEqual(self.order(), ["a"])

    def test_strategy_and_timing_are_set_by_hand(self):
        self.attach("a", "--strategy", "fused")
        self.attach("b")
        self.assertEqual(self.chain()["strategy"], "fused")
        self.bpfman("chain", "set", self.pair.interface, "--timing", "on", check=True)
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertGreater(self.bpfman.json("get", "link", "1")["counts"]["time_ns"], 0)
        done = self.bpfman("chain", "set", self.pair.interface, "--strategy", "direct")
        self.assertFails(done, 6, "direct serves one program", "has 2")
        self.assertFails(self.bpfman("chain", "set", self.pair.interface, "--strategy", "fast"), 2, "auto, direct")

    def test_the_chain_ends_with_its_last_member(self):
        self.attach("a")
        self.attach("b")
        self.bpfman("detach", "2", check=True)
        self.assertEqual(self.chain()["strategy"], "direct")
        self.bpfman("unload", "--all", check=True)
        self.assertNothingLeft()

    def test_one_mode_for_one_interface(self):
        self.attach("a", "--mode", "generic")
        done = self.load("b", "xdp", "--iface", self.pair.interface, "--mode", "native")
        self.assertFails(done, 6, "generic mode")

    def test_no_packet_is_lost_while_members_come_and_go(self):
        self.attach("stays", "--priority", "50")
        ping = subprocess.Popen(["ip", "netns", "exec", self.pair.netns, "ping", "-q", "-i", "0.002", "-c", "1500",
                                 "-W", "1", self.pair.address], stdout=subprocess.PIPE, text=True)
        changes = 0
        while ping.poll() is None:
            self.attach("comes", "--priority", str(changes % 2 * 90))
            link = self.bpfman.json("list", "links")["links"][-1]["link_id"]
            self.bpfman("link", "set", str(link), "--priority", "60", check=True)
            self.bpfman("detach", str(link), check=True)
            self.bpfman("unload", "comes/member", check=True)
            changes += 3
        self.assertIn(" 0% packet loss", ping.stdout.read())
        self.assertGreaterEqual(self.seen("stays"), 1500)
        self.assertGreater(changes, 5)


class TcChains(Hooks):
    def attach(self, application, direction, *more, settings=()):
        done = self.load(application, "tc", "--iface", self.pair.interface, "--direction", direction, *more,
                         source=CLASSIFIER, name="classify", settings=settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_both_directions_run_their_own_programs(self):
        self.attach("in1", "ingress")
        self.attach("in2", "ingress", "--priority", "10")
        self.attach("out", "egress")
        self.assertEqual(self.order("tc-ingress"), ["in2", "in1"])
        self.assertEqual(self.order("tc-egress"), ["out"])
        self.assertEqual(self.pair.ping(5).returncode, 0)
        for application in ("in1", "in2", "out"):
            self.assertGreaterEqual(self.seen(application, "classify"), 5)
        self.bpfman("unload", "--all", check=True)
        self.assertNothingLeft()

    def test_a_shot_packet_goes_no_further(self):
        self.attach("shoots", "ingress", "--priority", "1", settings=["verdict=2"])
        self.attach("behind", "ingress")
        self.assertNotEqual(self.pair.ping(3).returncode, 0)
        self.assertEqual(self.seen("behind", "classify"), 0)

    def test_filters_of_others_stay_and_are_named(self):
        path = self.host.programs.compile("foreign", CLASSIFIER)
        run("tc", "qdisc", "add", "dev", self.pair.interface, "clsact")
        self.addCleanup(lambda: run("tc", "qdisc", "del", "dev", self.pair.interface, "clsact", check=False))
        run("tc", "filter", "add", "dev", self.pair.interface, "ingress", "prio", "7", "bpf", "da", "obj", path, "sec", "tc")
        before = run("tc", "filter", "show", "dev", self.pair.interface, "ingress").stdout
        done = self.attach("ours", "ingress")
        self.assertIn("before bpfman's programs", done.stderr)
        self.attach("ours2", "ingress")
        text = self.bpfman("explain", "chain", self.pair.interface).stdout
        self.assertIn("which bpfman leaves alone", text)
        self.assertIn("clsact filter priority 7", text)
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertGreaterEqual(self.seen("ours", "classify"), 3)
        self.bpfman("unload", "--all", check=True)
        self.assertEqual(run("tc", "filter", "show", "dev", self.pair.interface, "ingress").stdout, before)


    def test_filters_without_a_program_are_neighbours_too(self):
        run("tc", "qdisc", "add", "dev", self.pair.interface, "clsact")
        self.addCleanup(lambda: run("tc", "qdisc", "del", "dev", self.pair.interface, "clsact", check=False))
        run("tc", "filter", "add", "dev", self.pair.interface, "ingress", "prio", "50", "protocol", "ip", "u32", "match",
            "u32", "0", "0", "flowid", "1:1")
        before = run("tc", "filter", "show", "dev", self.pair.interface, "ingress").stdout
        done = self.attach("ours", "ingress")
        self.assertIn("also runs a u32 filter (handle 0x80000800)", done.stderr)
        text = self.bpfman("explain", "chain", self.pair.interface).stdout
        self.assertIn("a u32 filter (handle 0x80000800), priority 50", text)
        other = self.chain("tc-ingress")["others"][0]
        self.assertEqual((other["filter_kind"], other["program_id"], other["offloaded"]), ("u32", None, False))
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertGreaterEqual(self.seen("ours", "classify"), 3)
        self.bpfman("unload", "--all", check=True)
        self.assertEqual(run("tc", "filter", "show", "dev", self.pair.interface, "ingress").stdout, before)

    def test_beside_an_ingress_qdisc(self):
        run("tc", "qdisc", "add", "dev", self.pair.interface, "ingress")
        self.addCleanup(lambda: run("tc", "qdisc", "del", "dev", self.pair.interface, "ingress", check=False))
        self.attach("in", "ingress")
        self.attach("out", "egress")
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertGreaterEqual(self.seen("out", "classify"), 3)
        self.bpfman("unload", "--all", check=True)
        self.assertIn("qdisc ingress", run("tc", "qdisc", "show", "dev", self.pair.interface).stdout)


class Places(Hooks):
    """Programs of others on the kernel's TCX list: another bpfman, which knows nothing of the one under test."""

    def setUp(self):
        super().setUp()
        self.foreign = Bpfman(self.bpfman.binary, os.path.join(self.root, "foreign"), self.look_in())
        self.addCleanup(self.foreign.stop)
        self.names = set()

    def add_foreign(self, name, *more, verdict=-1):
        """A link of its own at the end of the list; returns its kernel link id."""
        path = self.host.programs.compile(name, CLASSIFIER.replace("classify", name))
        done = self.foreign("load", "file", path, "-a", "foreign", "--set", f"verdict={verdict}", "tcx", "--iface",
                            self.pair.interface, "--direction", "ingress", "--priority", "1000", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.names.add(name)
        return self.foreign.json("list", "links")["links"][-1]["kernel_link_id"]

    def attach(self, application, *more, kind="tc"):
        return self.load(application, kind, "--iface", self.pair.interface, "--direction", "ingress", *more,
                         source=CLASSIFIER, name="classify", settings=["verdict=-1"])

    def on_list(self):
        """Who is on the list, in order, as the other one sees it: it has no chain, so all are neighbours to it."""
        chains = self.foreign.json("explain", "chain", self.pair.interface, "--hook", "tc-ingress")["chains"]
        names = [one["name"] for one in chains[0]["others"] if one["seat"].startswith("TCX")] if chains else []
        return [name if name in self.names else "ours" for name in names]

    def test_a_chain_comes_where_it_was_asked_to(self):
        self.add_foreign("early")
        shoots = self.add_foreign("late", verdict=2)
        behind = self.attach("behind")
        self.assertEqual(behind.returncode, 0, behind.stderr)
        self.assertIn('others before:  "early"', behind.stdout)
        self.assertEqual(self.on_list(), ["early", "late", "ours"])
        self.assertNotEqual(self.pair.ping(2).returncode, 0)
        self.assertEqual(self.seen("behind", "classify"), 0, "the one before shoots")
        self.bpfman("detach", "1", check=True)
        done = self.bpfman("attach", "behind/classify", "tc", "-i", self.pair.interface, "-d", "ingress", "--place",
                           f"before:link:{shoots}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.on_list(), ["early", "ours", "late"])
        self.pair.ping(2)
        self.assertGreaterEqual(self.seen("behind", "classify"), 1)
        self.assertEqual(self.attach("second", "--place", f"before:link:{shoots}").returncode, 0)
        self.assertEqual(self.on_list().index("late"), 2)
        text = self.bpfman("explain", "chain", self.pair.interface, check=True).stdout
        self.assertIn(f"Place asked for among others: before:link:{shoots}.", text)
        self.assertIn('before ours: "early"', text)
        self.assertIn('after ours: "late"', text)
        self.assertIn("early > bpfman > late", self.bpfman("list", "chains").stdout)
        link = self.bpfman.json("get", "link", "2")
        self.assertEqual((link["place"], [(one["name"], one["runs"]) for one in link["others"]]),
                         (f"before:link:{shoots}", [("early", "before"), ("late", "after")]))
        self.bpfman("unload", "--all", check=True)
        self.assertEqual(self.on_list(), ["early", "late"])
        self.assertNothingLeft()

    def test_places_that_are_not_to_be_had(self):
        link = self.add_foreign("early")
        self.assertFails(self.attach("a", "--place", "before:nobody"), 3, 'no program "nobody" of others',
                         f"link:{link}")
        self.assertFails(self.attach("a", "--place", "beside:early"), 2, "before:WHO or after:WHO")
        done = self.load("x", "xdp", "--iface", self.pair.interface, "--place", "first")
        self.assertFails(done, 2, "an interface runs one XDP program")
        self.assertEqual(self.attach("a").returncode, 0)
        self.assertFails(self.attach("b", "--place", "first"), 6, "run already", "see each program twice",
                         "bpfman detach 1")
        self.assertFails(self.attach("b", "--place", "before:a/classify"), 2, "is bpfman's own", "--priority")
        self.assertEqual(self.attach("b", "--place", "after:early").returncode, 0)
        self.assertFails(self.attach("c", "--place", "last"), 2, 'asks for the place "after:early"')
        path = self.host.programs.compile("classify", CLASSIFIER)
        done = self.bpfman("check", "file", path, "tc", "-i", self.pair.interface, "-d", "ingress", "--place", "before:zzz")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("zzz", done.stderr)

    def test_beside_filters_there_is_no_list(self):
        run("tc", "qdisc", "add", "dev", self.pair.interface, "clsact")
        self.addCleanup(lambda: run("tc", "qdisc", "del", "dev", self.pair.interface, "clsact", check=False))
        path = self.host.programs.compile("foreign", CLASSIFIER)
        run("tc", "filter", "add", "dev", self.pair.interface, "ingress", "prio", "7", "bpf", "da", "obj", path, "sec", "tc")
        self.assertFails(self.attach("a", "--place", "first"), 6, "run as a clsact filter", "filters of others")

    def test_links_of_their_own_go_by_priority_and_then_by_place(self):
        self.add_foreign("one")
        self.add_foreign("two")
        done = self.attach("mid", "--place", "before:two", kind="tcx")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.on_list(), ["one", "ours", "two"])
        done = self.attach("first", "--place", "first", "--priority", "10", kind="tcx")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("count first", done.stderr)
        self.assertEqual(self.on_list(), ["ours", "one", "ours", "two"])
        done = self.attach("late", "--place", "before:one", kind="tcx")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("count first", done.stderr)
        self.assertEqual(self.on_list(), ["ours", "one", "ours", "ours", "two"])
        self.assertIn('Others before:', self.bpfman("get", "link", "3").stdout)
        self.assertEqual(self.bpfman.json("get", "link", "1")["place"], "before:two")

    def test_a_chain_that_others_took_off_comes_back_to_its_place(self):
        self.add_foreign("early")
        self.assertEqual(self.attach("a", "--place", "first").returncode, 0)
        pin = self.chain("tc-ingress")["link_pin"]
        run("bpftool", "link", "detach", "pinned", pin)
        self.assertEqual(self.on_list(), ["early"])
        done = self.attach("b")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.on_list(), ["ours", "early"])
        self.bpfman("unload", "--all", check=True)
        self.assertEqual(self.attach("c", "--place", "before:early").returncode, 0)
        run("bpftool", "link", "detach", "pinned", self.chain("tc-ingress")["link_pin"])
        self.foreign("unload", "--all", check=True)
        self.add_foreign("other")
        done = self.attach("d")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('not at the place "before:early" of link', done.stderr)
        self.assertEqual(self.on_list(), ["other", "ours"])


class OtherKinds(Hooks):
    def load_tracing(self, name, *hook):
        path = self.host.programs.compile("tracing", TRACING)
        return self.bpfman("load", "file", path, "-a", "app", "--name", name, *hook)

    def count(self, name, key):
        entries = self.bpfman.json("map", "dump", f"app/{name}:seen")["entries"]
        return int(str(entries[key]["values"][0]), 0)

    def test_a_tracepoint_by_its_section(self):
        done = self.load_tracing("on_getpgid", "tracepoint")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("syscalls/sys_enter_getpgid", done.stdout)
        os.getpgid(0)
        self.assertGreaterEqual(self.count("on_getpgid", 0), 1)
        self.bpfman("detach", "1", check=True)
        before = self.count("on_getpgid", 0)
        os.getpgid(0)
        self.assertEqual(self.count("on_getpgid", 0), before)

    def test_a_function_of_a_library_by_name(self):
        done = self.load_tracing("on_call", "uprobe", "--target", "libc", "--fn-name", "getpgid")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("libc.so.6 getpgid", done.stdout)
        run("python3", "-c", "import os; os.getpgid(0)")
        self.assertGreaterEqual(self.count("on_call", 1), 1)
        link = self.bpfman.json("get", "link", "1")
        self.assertEqual((link["kind"], link["functions"]), ("uprobe", ["getpgid"]))
        done = self.bpfman("attach", "app/on_call", "uprobe", "--target", "libc", "--fn-name", "getpgidd")
        self.assertFails(done, 3, "getpgidd")
        self.assertFails(self.bpfman("attach", "app/on_call", "uprobe", "--target", "libnosuch", "--fn-name", "f"), 3,
                         "libnosuch")

    def test_a_control_group(self):
        mounts = run("findmnt", "-n", "-t", "cgroup2", "-o", "TARGET", check=False).stdout.split()
        directory = mounts[0] if mounts else os.path.join(self.root, "cgroup")
        if not mounts:
            os.makedirs(directory)
            run("mount", "-t", "cgroup2", "none", directory)
            self.addCleanup(lambda: run("umount", directory, check=False))
        group = os.path.join(directory, f"bat{os.getpid()}")
        os.makedirs(group)
        self.addCleanup(lambda: os.rmdir(group))
        done = self.load_tracing("on_socket", "cgroup", "--path", group)
        self.assertEqual(done.returncode, 0, done.stderr)
        script = f"echo $$ > {group}/cgroup.procs; exec python3 -c 'import socket; socket.socket()'"
        run("sh", "-c", script)
        self.assertGreaterEqual(self.count("on_socket", 2), 1)
        self.bpfman("unload", "--all", check=True)

    def test_tcx_and_its_wrong_kinds(self):
        done = self.load_tracing("on_packet", "tcx", "--iface", self.pair.interface, "--direction", "ingress")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertGreaterEqual(self.count("on_packet", 3), 3)
        done = self.bpfman("attach", "app/on_packet", "xdp", "--iface", self.pair.interface)
        self.assertFails(done, 6, "is a tcx program; the xdp attach does not take it", "tcx")
        done = self.bpfman("attach", "app/on_packet", "tcx", "--iface", self.pair.interface, "--direction", "up")
        self.assertFails(done, 2, "ingress or egress")

    def test_tracing_a_program_needs_one_and_the_right_kind(self):
        self.assertEqual(self.load("traced").returncode, 0)
        path = self.host.programs.compile("tracing", TRACING)
        load = ["load", "file", path, "-a", "app", "--name"]
        done = self.bpfman(*load, "on_getpgid", "--attach-program", "traced/member")
        self.assertFails(done, 2, "on_getpgid is a tracepoint program")
        source = TRACER
        path = self.host.programs.compile("tracer", source)
        load = ["load", "file", path, "-a", "app", "--attach-program"]
        self.assertFails(self.bpfman(*load, "nobody"), 3, "program nobody does not exist")
        done = self.bpfman(*load, "traced/member", "fentry")
        if done.returncode != 0:  # kernels that refuse trampolines
            self.assertNotEqual(done.stderr.find("no fentry"), -1, done.stderr)
            return
        self.assertIn("member of traced/member", done.stdout)

    def test_maps_of_another_program_are_shared(self):
        first = self.load("one", source=MEMBER)
        self.assertEqual(first.returncode, 0, first.stderr)
        path = self.host.programs.compile("member", MEMBER)
        done = self.bpfman("load", "file", path, "-a", "two", "--map-owner-id", "one/member")
        self.assertEqual(done.returncode, 0, done.stderr)
        maps = [one["maps"][0]["id"] for one in self.bpfman.json("list", "programs")["programs"]]
        self.assertEqual(maps[0], maps[1])
        self.bpfman("unload", "one/member", check=True)
        self.assertIsNotNone(self.bpfman.json("map", "dump", "two/member:seen"))
        self.bpfman("unload", "--all", check=True)
        self.assertNothingLeft()


def entry_offset(path):
    """Where in its file a program begins: of its entry point."""
    with open(path, "rb") as file:
        data = file.read(4096)
    entry, headers = struct.unpack_from("<QQ", data, 24)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, headers + number * size)
        if kind == 1 and address <= entry < address + length:
            return entry - address + offset
    raise AssertionError(path + " has no entry point")


class Containers(Hooks):
    sources = ("docker",)

    def start(self):
        """A running container, which has nothing but busybox and a loopback interface."""
        busybox = shutil.which("busybox")
        context = os.path.join(self.root, "context")
        os.makedirs(context)
        shutil.copy(busybox, context)
        with open(os.path.join(context, "Dockerfile"), "w", encoding="utf-8") as out:
            out.write('FROM scratch\nCOPY busybox /busybox\nCMD ["/busybox", "sleep", "300"]\n')
        self.host.docker.build(context, "box:1")
        name = f"box{os.getpid()}"
        docker = ["docker", "-H", self.host.docker.host]
        self.addCleanup(lambda: run(*docker, "rm", "-f", name, check=False))
        identity = run(*docker, "run", "-d", "--name", name, "--network", "none", "box:1").stdout.strip()
        return docker, name, identity, busybox

    def test_a_container_by_name_and_by_id(self):
        docker, name, identity, _ = self.start()
        path = self.host.programs.compile("member", MEMBER)
        for word in (name, identity, identity[:12]):
            done = self.bpfman("load", "file", path, "-a", "a" + word[:6], "xdp", "--iface", "lo", "--mode", "generic",
                               "--container", word)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.bpfman.json("list", "chains")["chains"][0]["state"], "attached")
        run(*docker, "exec", name, "/busybox", "ip", "link", "set", "lo", "up")
        run(*docker, "exec", name, "/busybox", "ping", "-c", "3", "127.0.0.1", check=False)
        self.assertGreaterEqual(self.bpfman.json("get", "link", "1")["counts"]["runs"], 3)
        run(*docker, "kill", name)
        done = self.bpfman("attach", "a" + name[:6] + "/member", "xdp", "--iface", "lo", "--container", name)
        self.assertFails(done, 6, "does not run", "docker start")
        self.bpfman("unload", "--all", check=True)

    def test_a_program_inside_a_container(self):
        docker, name, _, busybox = self.start()
        path = self.host.programs.compile("tracing", TRACING)
        done = self.bpfman("load", "file", path, "-a", "app", "--name", "on_call", "uprobe", "--target", "/busybox",
                           "--offset", hex(entry_offset(busybox)), "--container", name)
        self.assertEqual(done.returncode, 0, done.stderr)
        run(*docker, "exec", name, "/busybox", "true")
        entries = self.bpfman.json("map", "dump", "app/on_call:seen")["entries"]
        self.assertGreaterEqual(int(str(entries[1]["values"][0]), 0), 1)
        done = self.bpfman("attach", "app/on_call", "uprobe", "--target", "/nosuch", "--offset", "4", "--container", name)
        self.assertFails(done, 3, "/nosuch")

    def test_the_network_of_a_container_by_its_process(self):
        sleeper = subprocess.Popen(["ip", "netns", "exec", self.pair.netns, "sleep", "60"])
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        deadline = time.time() + 5
        while os.readlink(f"/proc/{sleeper.pid}/ns/net") == os.readlink("/proc/self/ns/net") and time.time() < deadline:
            time.sleep(0.01)
        done = self.load("inside", "xdp", "--iface", "eth0", "--container", f"pid:{sleeper.pid}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIsNotNone(self.pair.xdp(inside=True))
        self.assertIsNone(self.pair.xdp())
        self.bpfman("unload", "--all", check=True)
        self.assertIsNone(self.pair.xdp(inside=True))

    def test_a_container_that_is_nowhere(self):
        done = self.load("x", "xdp", "--iface", "eth0", "--container", "no-such-container")
        self.assertFails(done, 3, "no running container is called no-such-container", "pid:NUMBER")


if __name__ == "__main__":
    unittest.main()
