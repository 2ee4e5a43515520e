# SPDX-License-Identifier: Apache-2.0
"""The noun-verb grammar on the real kernel: statuses, texts, and every member of its JSON. Needs root."""

import json
import os
import re
import shutil
import unittest

from case import TWO
from host import Bpfman, Pair, Programs, run, scratch_directory

SOURCE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
volatile const int limit = 7;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } a_map_of_twenty_chars SEC(".maps");
static int count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&a_map_of_twenty_chars, &key);
	if (value)
		__sync_fetch_and_add(value, limit);
	return 0;
}
SEC("xdp") int on_xdp(struct xdp_md *ctx) { count(0); return XDP_PASS; }
SEC("tc") int on_tc(struct __sk_buff *skb) { count(1); return 3; }
SEC("tcx/ingress") int on_tcx(struct __sk_buff *skb) { count(1); return -1; }
SEC("tracepoint/syscalls/sys_enter_getpgid") int on_getpgid(void *ctx) { return count(2); }
SEC("uprobe") int on_call(void *ctx) { return count(3); }
char _license[] SEC("license") = "GPL";
"""

U32, U64 = (1 << 32) - 1, (1 << 64) - 1


class Number:
    """A whole number from `least` to `most`."""

    def __init__(self, most, least=0):
        self.least, self.most = least, most

    def check(self, value, place):
        assert isinstance(value, int) and not isinstance(value, bool), f"{place}: {value!r} is no number"
        assert self.least <= value <= self.most, f"{place}: {value} is out of range"


class Text:
    def __init__(self, pattern=".*"):
        self.pattern = pattern

    def check(self, value, place):
        assert isinstance(value, str) and re.fullmatch(self.pattern, value, re.S), f"{place}: {value!r}"


class Flag:
    def check(self, value, place):
        assert isinstance(value, bool), f"{place}: {value!r} is neither true nor false"


class Null:
    def check(self, value, place):
        assert value is None, f"{place}: {value!r} is not null"


class Or:
    def __init__(self, *shapes):
        self.shapes = shapes

    def check(self, value, place):
        failures = []
        for shape in self.shapes:
            try:
                return shape.check(value, place)
            except AssertionError as failure:
                failures.append(str(failure))
        raise AssertionError("; ".join(failures))


class List:
    def __init__(self, shape):
        self.shape = shape

    def check(self, value, place):
        assert isinstance(value, list), f"{place}: {value!r} is no array"
        for number, one in enumerate(value):
            self.shape.check(one, f"{place}[{number}]")


class Map:
    def __init__(self, shape):
        self.shape = shape

    def check(self, value, place):
        assert isinstance(value, dict), f"{place}: {value!r} is no object"
        assert list(value) == sorted(value), f"{place}: keys are not sorted"
        for key, one in value.items():
            self.shape.check(one, f"{place}.{key}")


class Members:
    """An object with these members, all of them and no others, in this order."""

    def __init__(self, **shapes):
        self.shapes = shapes

    def check(self, value, place):
        assert isinstance(value, dict), f"{place}: {value!r} is no object"
        assert list(value) == list(self.shapes), f"{place}: {list(value)}"
        for name, shape in self.shapes.items():
            shape.check(value[name], f"{place}.{name}")


TIME = Text(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
OPTIONAL_ID = Or(Number(U32, 1), Null())
PAIRS = Map(Text())
LOAD = Members(
    object_path=Text("/.*"), source_path=Or(Text("/.*"), Null()), program_name=Text(".+"), program_type=Text("[a-z]+"), global_data=PAIRS,
    image_source=Or(Members(url=Text(".+"), digest=Text("sha256:.*"), pull_policy=Text()), Null()), attach_func=Or(Text(".+"), Null()),
    map_owner_id=OPTIONAL_ID)
RECORD = Members(
    program_id=Number(U32, 1), load=LOAD, license=Text(), gpl_compatible=Flag(),
    handles=Members(pin_path=Text("/.*"), map_pin_path=Text("/.*"), map_owner_id=OPTIONAL_ID),
    meta=Members(name=Text(".+"), owner=Text(), description=Text(), metadata=PAIRS), created_at=TIME, updated_at=Or(TIME, Null()))
KERNEL = Members(
    id=Number(U32, 1), name=Text(".{0,15}"), program_type=Text("[a-z0-9]+"), tag=Text("[0-9a-f]{16}"), loaded_at=TIME, uid=Number(U32), has_uid=Flag(),
    btf_id=Number(U32), has_btf_id=Flag(), map_ids=List(Number(U32, 1)), has_map_ids=Flag(), jited_size=Number(U32), xlated_size=Number(U32),
    verified_insns=Number(U32), memlock=Number(U64), has_memlock=Flag(), restricted=Flag())
STATS = Members(runtime=Number(U64), run_count=Number(U64), recursion_misses=Number(U64))
MAP = Members(
    id=Number(U32, 1), name=Text(".{1,15}"), map_type=Text("[a-z]+"), key_size=Number(U32), value_size=Number(U32), max_entries=Number(U32),
    flags=Number(U32), btf_id=Number(U32), has_btf_id=Flag(), map_extra=Number(U64), has_map_extra=Flag(), memlock=Number(U64), has_memlock=Flag(),
    frozen=Flag(), pin_path=Text(), present=Flag())
KERNEL_LINK = Members(
    id=Number(U32, 1), program_id=Number(U32, 1), link_type=Text("[a-z_]+"), attach_type=Text(r"\d*"), ifindex=Number(U32), target_obj_id=Number(U32),
    target_btf_id=Number(U32), cgroup_id=Number(U64), netns_ino=Number(U32), netfilter_pf=Number(U32), netfilter_hooknum=Number(U32),
    netfilter_priority=Number(1 << 31, -(1 << 31)), netfilter_flags=Number(U32), kprobe_multi_count=Number(U32), kprobe_multi_flags=Number(U32),
    kprobe_multi_missed=Number(U64), kprobe_address=Number(U64), kprobe_missed=Number(U64))
ON_INTERFACE = {"interface": Text(".+"), "ifindex": Number(U32, 1)}
ORDER = {"priority": Number(1 << 31), "position": Number(64)}
MEMBER = {"proceed_on": List(Number(31, -1)), "netns": Text(), "nsid": Number(U64, 1), "dispatcher_id": Number(U32), "revision": Number(U32)}
DIRECTION = {"direction": Text("ingress|egress")}
DETAILS = {
    "xdp": Members(**ON_INTERFACE, **ORDER, **MEMBER),
    "tc": Members(**ON_INTERFACE, **DIRECTION, **ORDER, **MEMBER),
    "tcx": Members(**ON_INTERFACE, **DIRECTION, **ORDER, netns=Text(), nsid=Number(U64, 1)),
    "tracepoint": Members(group=Text(".+"), name=Text(".+")),
    "uprobe": Members(target=Text(".+"), fn_name=Text(), offset=Number(U64), pid=Number(1 << 31), retprobe=Flag(), container_pid=Number(1 << 31)),
}


def link_record(kind):
    return Members(id=Number(U64, 1), program_id=Number(U32, 1), kernel_link_id=OPTIONAL_ID, kind=Text(kind), pin_path=Or(Text("/.*"), Null()),
                   details=DETAILS[kind], created_at=TIME, metadata=Or(PAIRS, Null()))


def link(kind):
    return Members(record=link_record(kind), status=Members(kernel=Or(KERNEL_LINK, Null()), kernel_seen=Flag(), pin_present=Flag()))


class AnyLink:
    def check(self, value, place):
        link(value["record"]["kind"]).check(value, place)


PROGRAM = Members(record=RECORD, status=Members(
    kernel=KERNEL, stats=Or(STATS, Null()), prog_pin=Text("/.*"), map_dir=Text("/.*"), bytecode=Text("/.*"), links=List(AnyLink()), maps=List(MAP),
    map_used_by=List(Number(U32, 1))))
ENTRY = Members(program_id=Number(U32, 1), managed=Flag(), application=Text(), type=Text("[a-z0-9]+"), function_name=Text(), links=List(Number(U64, 1)),
                record=Or(RECORD, Null()), kernel=Or(KERNEL, Null()))
KEY = Members(type=Text("xdp|tc-ingress|tc-egress"), nsid=Number(U64, 1), ifindex=Number(U32, 1))
DISPATCHER_MEMBER = Members(
    program_id=Number(U32, 1), program_name=Text(".+"), prog_pin_path=Text("/.*"), link_id=Number(U64, 1), kernel_link_id=OPTIONAL_ID,
    link_pin_path=Text(), position=Number(64), priority=Number(1 << 31), proceed_on=Number(U32), ifname=Text(".+"), metadata=Or(PAIRS, Null()))


class Nouns(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = scratch_directory()
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        programs = Programs(os.path.join(cls.directory, "programs"))
        cls.path = programs.compile("nouns", SOURCE)
        cls.two = programs.compile("two", TWO)
        cls.pair = Pair(7)
        cls.addClassCleanup(cls.pair.stop)

    def setUp(self):
        self.root = scratch_directory()
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.bpfman = Bpfman(os.environ["BPFMAN"], self.root)
        self.addCleanup(self.bpfman.stop)

    def load(self, *choices, words=()):
        done = self.bpfman.json("program", "load", "file", self.path, "--programs", ",".join(choices), *words)
        self.assertEqual(list(done), ["programs"])
        for program in done["programs"]:
            PROGRAM.check(program, "loaded")
        return done["programs"]

    def load_one(self, choice, words=()):
        return self.load(choice, words=words)[0]["record"]["program_id"]

    def attach(self, *words):
        made = self.bpfman.json("link", "attach", *words)
        link(words[0]).check(made, "attached")
        got = self.bpfman.json("link", "get", made["record"]["id"])
        link(words[0]).check(got, "link")
        self.assertEqual(got["record"], made["record"], "the answer to attach is what get says")
        return made

    def assertRefused(self, done, *texts):
        self.assertEqual(done.returncode, 80, done.stderr)
        self.assertTrue(done.stderr.startswith("bpfman: error: "), done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 2, done.stdout)
        self.assertTrue(done.stdout.startswith("Usage: bpfman "), done.stdout)
        for text in texts:
            self.assertIn(text, done.stderr)

    def assertFailed(self, done, *texts):
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        for text in texts:
            self.assertIn(text, done.stderr)

    def test_loads_in_the_order_of_the_words(self):
        first, second = self.load("tc:on_tc", "xdp:on_xdp", words=("-a", "shop", "-m", "owner=me", "-g", "limit=0x05000000"))
        self.assertEqual(first["record"]["load"]["program_name"], "on_tc")
        self.assertEqual(second["record"]["load"]["program_type"], "xdp")
        self.assertEqual(second["record"]["meta"]["metadata"], {"bpfman.io/application": "shop", "owner": "me"})
        self.assertEqual(second["record"]["load"]["global_data"], {"limit": "BQAAAA=="})
        self.assertEqual(second["record"]["load"]["source_path"], self.path)
        self.assertTrue(os.path.exists(second["record"]["load"]["object_path"]))
        self.assertTrue(second["record"]["gpl_compatible"])
        self.assertIsNone(second["status"]["stats"])
        self.assertEqual([one["present"] for one in second["status"]["maps"]], [False] * len(second["status"]["maps"]))
        got = self.bpfman.json("program", "get", second["record"]["program_id"])
        PROGRAM.check(got, "program")
        kernel = got["status"]["kernel"]
        self.assertEqual((kernel["program_type"], kernel["name"], kernel["uid"]), ("xdp", "on_xdp", 0))
        self.assertTrue(kernel["has_memlock"] and kernel["memlock"] >= 4096 and kernel["has_btf_id"] and kernel["verified_insns"] > 0)
        self.assertFalse(kernel["restricted"])
        maps = {one["name"]: one for one in got["status"]["maps"]}
        shown = maps["a_map_of_twenty"]
        self.assertEqual((shown["map_type"], shown["key_size"], shown["value_size"], shown["max_entries"]), ("array", 4, 8, 4))
        self.assertTrue(shown["present"] and shown["has_memlock"] and shown["memlock"] > 0 and not shown["frozen"])
        self.assertTrue(shown["pin_path"].endswith("/a_map_of_twenty_chars") and os.path.exists(shown["pin_path"]))
        frozen = [one for one in maps.values() if one["frozen"]]
        self.assertTrue(frozen and not frozen[0]["present"], "the constants, which have no pin")
        self.assertEqual(got["status"]["map_used_by"], [got["record"]["program_id"]])
        self.assertIsNotNone(got["status"]["stats"])

    def test_lists_and_filters(self):
        xdp = self.load_one("xdp:on_xdp", words=("-a", "shop", "-m", "env=dev"))
        probe = self.load_one("tracepoint:on_getpgid", words=("-m", "env=test"))
        self.attach("tracepoint", probe, "syscalls/sys_enter_getpgid")

        def ids(*words):
            return [int(line) for line in self.bpfman("program", "list", "-q", *words, check=True).stdout.split()]

        self.assertEqual(ids(), sorted([xdp, probe]))
        for words, expected in ((("--attached",), [probe]), (("--unattached",), [xdp]), (("--type", "XDP,lsm"), [xdp]), (("-p", "tracepoint"), [probe]),
                                (("--application", "shop"), [xdp]), (("-m", "env=test"), [probe]), (("-l", "env in (dev,prod)"), [xdp]),
                                (("-l", "env!=dev"), [probe]), (("-l", "!env"), []), (("-l", "env==dev,bpfman.io/application"), [xdp])):
            self.assertEqual(ids(*words), expected, words)
        listed = self.bpfman.json("program")["programs"]
        for entry in listed:
            ENTRY.check(entry, "entry")
        self.assertEqual([one["application"] for one in listed if one["program_id"] == xdp], ["shop"])
        everything = self.bpfman.json("program", "list", "--all")["programs"]
        for entry in everything:
            ENTRY.check(entry, "entry")
        self.assertEqual(self.bpfman("program", "list", "--type", "lsm", check=True).stdout, "")
        self.assertEqual(self.bpfman.json("program", "list", "--type", "lsm"), {"programs": []})
        table = self.bpfman("program", "list", check=True).stdout.splitlines()
        self.assertEqual(re.split(r" {2,}", table[0]), ["PROGRAM ID", "APPLICATION", "TYPE", "FUNCTION NAME", "LINK IDS"])
        self.assertEqual([int(one) for one in self.bpfman("link", "-q", "--kind", "tracepoint", check=True).stdout.split()], [1])
        self.assertEqual(self.bpfman.json("link", "list", "--program-id", xdp), {"links": []})
        self.assertEqual(len(self.bpfman.json("link", "list", "-m", "env=test")["links"]), 1)

    def test_xdp_and_its_dispatcher(self):
        program = self.load_one("xdp:on_xdp")
        made = self.attach("xdp", program, self.pair.interface, "--priority", 30, "--proceed-on", "PASS,tx", "-m", "a=b")
        details = made["record"]["details"]
        self.assertEqual((details["interface"], details["priority"], details["position"], details["proceed_on"]), (self.pair.interface, 30, 0, [2, 3]))
        self.assertEqual(made["record"]["metadata"], {"a": "b"})
        self.assertEqual(details["nsid"], os.stat("/proc/self/ns/net").st_ino)
        second = self.attach("xdp", self.load_one("xdp:on_xdp"), self.pair.interface, "-p", 10)
        self.assertEqual(second["record"]["details"]["position"], 0)
        moved = self.bpfman.json("link", "get", made["record"]["id"])
        self.assertEqual((moved["record"]["details"]["position"], moved["record"]["metadata"]), (1, {"a": "b"}))
        listed = self.bpfman.json("dispatcher", "list", "--type", "xdp")["dispatchers"]
        Members(key=KEY, revision=Number(U32), runtime=Members(program_id=Number(U32, 1), kernel_link_id=Number(U32, 1), netns_path=Text()),
                member_count=Number(64)).check(listed[0], "dispatcher")
        self.assertEqual(listed[0]["member_count"], 2)
        self.assertEqual(listed[0]["runtime"]["program_id"], self.pair.xdp(), "what the interface runs")
        key = [listed[0]["key"][name] for name in ("type", "nsid", "ifindex")]
        got = self.bpfman.json("dispatcher", "get", *key)
        self.assertEqual(list(got), ["key", "revision", "runtime", "members"])
        for member in got["members"]:
            DISPATCHER_MEMBER.check(member, "member")
            self.assertTrue(os.path.exists(member["prog_pin_path"]))
        self.assertEqual([one["proceed_on"] for one in got["members"]], [2147483652, 12])
        self.assertIn("POS  PRIORITY  PROGRAM ID", self.bpfman("dispatcher", "get", *key, check=True).stdout)
        self.bpfman("dispatcher", "delete", *key, check=True)
        self.assertIsNone(self.pair.xdp(), "nothing is left on the interface")
        self.assertFailed(self.bpfman("dispatcher", "get", *key), f"dispatcher (xdp, {key[1]}, {key[2]}): record not found")
        self.assertEqual(self.bpfman.json("dispatcher", "list"), {"dispatchers": []})
        self.assertEqual(len(self.bpfman.json("program", "list")["programs"]), 2, "programs stay loaded")

    def test_tc_tcx_and_uprobe(self):
        tc = self.load_one("tc:on_tc")
        made = self.attach("tc", tc, self.pair.interface, "Egress", "-p", 5)
        self.assertEqual((made["record"]["details"]["direction"], made["record"]["details"]["proceed_on"]), ("egress", [3, 30]))
        shown = self.bpfman("link", "get", made["record"]["id"], check=True).stdout
        self.assertTrue(shown.startswith(f"Link ID: {made['record']['id']}\n  Spec:\n"), shown)
        self.assertIn(f"{self.pair.interface} egress pos-0\n", shown)
        tcx = self.load_one("tcx:on_tcx")
        made = self.attach("tcx", tcx, "eth0", "ingress", "--priority=7", "--netns", f"/run/netns/{self.pair.netns}")
        self.assertEqual(made["status"]["kernel"]["link_type"], "tcx")
        self.assertEqual(made["status"]["kernel"]["attach_type"], "46")
        self.assertEqual(made["record"]["details"]["netns"], f"/run/netns/{self.pair.netns}")
        again = self.bpfman("link", "attach", "tcx", tcx, "eth0", "ingress", "-p", 7, "-n", f"/run/netns/{self.pair.netns}")
        self.assertFailed(again, f"program {tcx} is already attached to eth0 ingress as link {made['record']['id']}; detach it first")
        probe = self.load_one("uprobe:on_call")
        made = self.attach("uprobe", probe, "libc.so.6", "--fn-name", "getpgid")
        self.assertEqual(made["status"]["kernel"]["link_type"], "perf_event")
        self.assertFailed(self.bpfman("link", "attach", "uprobe", probe, "libc.so.6"), "requires a function name or a non-zero offset")
        self.assertFailed(self.bpfman("link", "attach", "uprobe", probe, "libnone.so", "-f", "x"),
                          'resolve target "libnone.so": not found in /etc/ld.so.cache')
        self.assertFailed(self.bpfman("link", "attach", "uprobe", probe, "libc.so.6", "-f", "no_such_one"), "symbol no_such_one: not found")
        self.bpfman("link", "delete", made["record"]["id"], check=True)
        self.assertFailed(self.bpfman("program", "get", probe), "record not found")

    def test_failures_in_upstreams_words(self):
        program = self.load_one("xdp:on_xdp")
        iface = self.pair.interface
        for words, texts in (
                (("program", "get", "4294967295"), ("record not found",)),
                (("link", "get", "999"), ("not found",)),
                (("link", "attach", "xdp", program, "nowhere0", "-p", 1), ('resolve interface "nowhere0" in netns ""', "interface not found")),
                (("link", "attach", "xdp", program, iface, "--priority=-1"), ("priority must be non-negative, got -1",)),
                (("link", "attach", "xdp", 4294967295, iface, "-p", 1), ("program 4294967295 does not exist",)),
                (("link", "attach", "tc", program, iface, "ingress", "-p", 1), (f"program {program} is a xdp program; the tc attach accepts tc",)),
                (("program", "load", "file", "/nowhere.o", "--programs", "xdp:a"), ('object file "/nowhere.o" does not exist',)),
                (("program", "load", "/", "--programs", "xdp:a"), ('object path "/" is a directory',)),
                (("program", "load", self.path, "--programs", "xdp:none"), ("program(s) not found in object file: [none]; available programs: [",)),
                (("program", "load", self.path, "--programs", "tc:on_xdp"),
                 ('program type mismatch: caller specified tc but ELF section "xdp" implies xdp',)),
                (("program", "load", self.path, "--programs", "xdp:on_xdp", "-g", "none=00"), ('global variable "none" not found in program',)),
                (("program", "load", self.path, "--programs", "xdp:on_xdp", "--map-owner-id", "4294967295"),
                 ("map_owner_id 4294967295 does not exist",)),
                (("program", "list", "--config", "/nowhere.toml"), ("/nowhere.toml",))):
            self.assertFailed(self.bpfman(*words), "bpfman: error: ", *texts)
        tracepoint = self.load_one("tracepoint:on_getpgid")
        self.assertFailed(self.bpfman("link", "attach", "tracepoint", tracepoint, "syscalls/sys_enter_getpgi"),
                          'tracepoint "syscalls/sys_enter_getpgi" not found')
        run("ip", "link", "set", "dev", iface, "xdp", "obj", self.two, "sec", "xdp")
        try:
            self.assertFailed(self.bpfman("link", "attach", "xdp", program, iface, "-p", 1), "create link: file exists",
                              "interface already has an XDP program attached")
        finally:
            run("ip", "link", "set", "dev", iface, "xdp", "off")

    def test_bad_usage(self):
        self.assertRefused(self.bpfman("program", "lst"), "did you mean list")
        self.assertRefused(self.bpfman("program", "load", self.path), "missing flags: --programs")
        self.assertRefused(self.bpfman("program", "load", self.path, "--programs", "fentry:on_xdp"), "fentry requires attach function")
        self.assertRefused(self.bpfman("program", "load", self.path, "--programs", "on_xdp"), "expected TYPE:NAME format")
        self.assertRefused(self.bpfman("link", "attach", "xdp", "1", "lo"), "missing flags: --priority")
        self.assertRefused(self.bpfman("link", "attach", "xdp", "1", "lo", "-p", "1", "--proceed-on", "x"), 'unknown XDP action "x"')
        self.assertRefused(self.bpfman("program", "list", "-o", "yaml"), "--output")

    def test_batches_go_on_behind_failures(self):
        first, second = self.load_one("xdp:on_xdp"), self.load_one("xdp:on_xdp")
        other = Bpfman(os.environ["BPFMAN"], os.path.join(self.root, "other"))
        self.addCleanup(other.stop)
        loaded = other.json("program", "load", "file", self.path, "--programs", "xdp:on_xdp")
        foreign = loaded["programs"][0]["record"]["program_id"]
        listed = {one["program_id"]: one for one in self.bpfman.json("program", "list", "--all", "--type", "xdp")["programs"]}
        ENTRY.check(listed[foreign], "foreign")
        self.assertEqual((listed[foreign]["managed"], listed[foreign]["record"], listed[foreign]["type"]), (False, None, "xdp"))
        done = self.bpfman("program", "unload", first, 4294967295, second)
        self.assertFailed(done, "program 4294967295: program 4294967295 does not exist", "bpfman: error: 1 of 3 program(s) failed to unload")
        self.assertEqual(self.bpfman.json("program", "list"), {"programs": []})
        self.assertEqual(self.bpfman("program", "unload", "--ignore-missing", first, check=True).stdout, "")
        done = self.bpfman("program", "unload", "--ignore-missing", foreign)
        self.assertFailed(done, f"program {foreign} exists in kernel but is not managed by bpfman", "1 of 1 program(s) failed to unload")
        done = self.bpfman("link", "detach", 998, 999)
        self.assertFailed(done, "link 998: link 998 does not exist", "2 of 2 link(s) failed to detach")
        self.bpfman("link", "detach", "--ignore-missing", 998, check=True)

    def test_shared_maps_outlive_their_owner(self):
        owner = self.load_one("xdp:on_xdp")
        user = self.load("tc:on_tc", words=("--map-owner-id", owner))[0]
        self.assertEqual(user["record"]["handles"]["map_owner_id"], owner)
        self.assertTrue(user["record"]["handles"]["map_pin_path"].endswith(f"/maps/{owner}"))
        user_id = user["record"]["program_id"]
        self.assertEqual(self.bpfman.json("program", "get", owner)["status"]["map_used_by"], sorted([owner, user_id]))
        self.assertFailed(self.bpfman("program", "load", self.path, "--programs", "xdp:on_xdp", "--map-owner-id", user_id),
                          f"map_owner_id {user_id} does not exist")
        self.bpfman("program", "unload", owner, check=True)
        late = self.load("xdp:on_xdp", words=("--map-owner-id", owner))[0]
        self.assertEqual(late["record"]["handles"]["map_owner_id"], owner)
        self.bpfman("program", "delete", "--all", check=True)
        self.assertEqual(self.bpfman.pins(), [])

    def configure(self, text):
        os.makedirs(os.path.join(self.root, "etc/bpfman"), exist_ok=True)
        with open(os.path.join(self.root, "etc/bpfman/bpfman.toml"), "w", encoding="utf-8") as out:
            out.write(text)

    def test_the_configured_mode_and_strategy_count(self):
        program = self.load_one("xdp:on_xdp")
        self.configure(f'[interfaces.{self.pair.interface}]\nxdp_mode = "skb"\n[database]\nmax_retries = 3\n')
        made = self.attach("xdp", program, self.pair.interface, "-p", 1)
        self.assertEqual(self.bpfman.json("get", "link", made["record"]["id"])["mode"], "generic")
        self.assertEqual(made["record"]["details"]["dispatcher_id"], 0, "alone on its hook")
        self.bpfman("link", "detach", made["record"]["id"], check=True)
        self.configure('[dispatcher]\nstrategy = "freplace"\n')
        done = self.bpfman("link", "attach", "xdp", program, self.pair.interface, "-p", 1, "-o", "json")
        if done.returncode != 0:  # a kernel without extension programs
            self.assertFailed(done, "strategy freplace is not to be had: ")
            self.assertIsNone(self.pair.xdp())
            return
        made = json.loads(done.stdout)
        self.assertEqual(made["record"]["details"]["dispatcher_id"], self.pair.xdp())
        self.assertEqual(made["status"]["kernel"]["link_type"], "tracing")

    def test_all_state_in_one_runtime_directory(self):
        place = os.path.join(self.root, "all")
        words = ["--runtime-dir", place]
        done = run(os.environ["BPFMAN"], *words, "program", "load", self.path, "--programs", "xdp:on_xdp", "-o", "json")
        try:
            record = json.loads(done.stdout)["programs"][0]["record"]
            self.assertTrue(record["handles"]["pin_path"].startswith(place + "/fs/prog_"))
            self.assertTrue(record["load"]["object_path"].startswith(place + "/state/"))
            self.assertEqual(self.bpfman.json("program", "list"), {"programs": []}, "another directory, other programs")
        finally:
            run(os.environ["BPFMAN"], *words, "program", "delete", "--all")
            run("umount", "-l", place + "/fs", check=False)


if __name__ == "__main__":
    unittest.main()
