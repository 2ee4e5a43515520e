# SPDX-License-Identifier: Apache-2.0
"""What others do behind bpfman's back, each with what it does to the model."""

import os
import re
import time
import uuid

import chaos_kernel as kernel
from chaos_model import DIRECTIONS, Device, Foreign
from host import run, wait_for

HERE, AWAY = "0", "1"
FIRST = {HERE: ("lan0", "lan1", "wan0"), AWAY: ("far0", "far1")}
NAMES = ("lan0", "lan1", "lan2", "wan0", "new0", "new1")


class Hostile:
    """Mixed into the test, beside Verbs."""

    def ip(self, netns, *words, check=True):
        self.story.append(f"ip -n {netns} {' '.join(map(str, words))}")
        return run("ip", "-n", netns, *words, check=check)

    def names(self):
        return list(self.netns)

    def is_there(self, netns):
        return os.path.exists(self.netns[netns])

    def make_namespace(self, netns):
        run("ip", "netns", "add", netns)
        self.story.append(f"ip netns add {netns}")
        for name in FIRST[netns[-1]]:
            self.make(netns, name)

    def make(self, netns, name, index=None):
        self.model.peers += 1
        done = self.ip(netns, "link", "add", *(["index", index] if index else []), "name", name, "type", "veth", "peer", "name",
                       f"p{self.model.peers}", check=False)
        if done.returncode != 0:
            self.assertIsNotNone(index, done.stderr)  # somebody has it
            return None
        self.ip(netns, "link", "set", name, "up")
        with kernel.inside(self.netns[netns]):
            there = {said[0]: number for number, said in kernel.links_here().items()}
        self.model.devices.append(Device(netns, name, there[name]))
        # Selectors mean it, and links wait for it.
        self.model.dirty = True
        return self.model.devices[-1]

    def some(self, wanted):
        found = [one for one in self.model.live() if wanted(one)]
        return self.dice.choice(found) if found else None

    # Interfaces.

    def do_remove_interface(self):
        device = self.some(lambda one: True)
        if device is None:
            return False
        self.ip(device.netns, "link", "del", device.name)
        self.model.gone(device)
        if self.dice.random() < 0.5:
            # The same name with another index, or the same index with this or another name.
            index = device.ifindex if self.dice.random() < 0.5 else None
            name = device.name if self.dice.random() < 0.6 else self.dice.choice(NAMES)
            if self.model.find(device.netns, name) is None:
                self.make(device.netns, name, index)
        return True

    def do_add_interface(self):
        netns, name = self.dice.choice(self.names()), self.dice.choice(NAMES)
        if not self.is_there(netns) or self.model.find(netns, name):
            return False
        dead = [one.ifindex for one in self.model.devices if not one.alive and one.netns == netns]
        self.make(netns, name, self.dice.choice(dead) if dead and self.dice.random() < 0.5 else None)
        return True

    def do_rename(self):
        device, name = self.some_device(), self.dice.choice(NAMES)
        if device is None or self.model.find(device.netns, name):
            return False
        self.ip(device.netns, "link", "set", device.name, "down")
        self.ip(device.netns, "link", "set", device.name, "name", name)
        self.ip(device.netns, "link", "set", name, "up")
        device.name = name
        self.model.dirty = True
        return True

    def do_namespace(self):
        """The one that is away goes, or comes again."""
        netns = self.names()[1]
        if not self.is_there(netns):
            self.make_namespace(netns)
            return True
        run("ip", "netns", "del", netns)
        self.story.append(f"ip netns del {netns}")
        for device in self.model.live(netns):
            self.model.gone(device)
        time.sleep(0.3)  # the kernel takes it down in its own time
        if self.dice.random() < 0.5:
            self.make_namespace(netns)
        return True

    # What is ours.

    def tear(self, pins):
        """Notes the hooks that lose their links, and waits for the kernel to let them go."""
        inodes = {os.stat(path).st_ino: name for name, path in self.netns.items() if self.is_there(name)}
        for pin in pins:
            found = re.fullmatch(r"(?:tc-)?(\w+)/dispatcher_(\d+)_(\d+)_link", pin)
            device = found and next((one for one in self.model.live(inodes.get(int(found[2]), ""))
                                     if one.ifindex == int(found[3])), None)
            if device and self.model.on(device, found[1]):
                self.model.torn.add((device, found[1]))
                theirs = [one.program for one in self.model.others_on(device, found[1])]
                wait_for("the kernel lets the link go",
                         lambda: sorted(self.on_hook(device, found[1])) == sorted(theirs), 5)

    def tear_filters(self, device, ways):
        pins = self.bpfman.pins()
        for way in ways:
            if self.model.on(device, way) and not any(
                    re.fullmatch(rf"tc-{way}/dispatcher_\d+_{device.ifindex}_link", pin) for pin in pins):
                self.model.torn.add((device, way))

    def do_detach_ours(self):
        pins = [one for one in self.bpfman.pins() if one.endswith("_link")]
        if not pins:
            return False
        pin = self.dice.choice(pins)
        self.story.append(f"LINK_DETACH {pin}")
        kernel.detach_link(os.path.join(self.bpfman.bpffs, pin))
        self.model.dirty = True
        self.tear([pin])
        return True

    def do_remove_pins(self):
        theirs = {one.path for one in self.model.foreign}
        pins = [one for one in self.bpfman.pins() if os.path.join(self.bpfman.bpffs, one) not in theirs]
        # A filter tells nothing of its owner: by its pin alone bpfman knows it.
        links = {one.removesuffix("_link") for one in pins if one.endswith("_link")}
        pins = [one for one in pins if not one.startswith("tc-") or any(one.startswith(link + "_") for link in links)]
        if not pins:
            return False
        pins = self.dice.sample(pins, min(len(pins), self.dice.choice((1, 1, 2, 5, 100))))
        for pin in pins:
            self.story.append(f"rm {pin}")
            os.unlink(os.path.join(self.bpfman.bpffs, pin))
        self.model.dirty = self.model.pinless = True
        self.tear(pins)
        return True

    def do_remove_filters(self):
        """All filters of a device with the qdisc, or the first one that is ours."""
        device = self.some(lambda one: any(kernel.filters(one.netns, one.name, way) for way in DIRECTIONS))
        if device is None:
            return False
        if self.dice.random() < 0.4:
            going = {one[3] for way in DIRECTIONS for one in kernel.filters(device.netns, device.name, way)}
            run("tc", "-n", device.netns, "qdisc", "del", "dev", device.name, "clsact")
            self.story.append(f"tc -n {device.netns} qdisc del dev {device.name} clsact")
            self.model.foreign = [one for one in self.model.foreign if one.device is not device or not (
                one.kind == "filter" or (one.kind == "instance" and one.program in going))]
            self.tear_filters(device, DIRECTIONS)
            self.model.dirty = True
            return True
        for way in DIRECTIONS:
            for priority, _, kind, program in kernel.filters(device.netns, device.name, way):
                if kind == "bpf" and program not in {one.program for one in self.model.foreign}:
                    run("tc", "-n", device.netns, "filter", "del", "dev", device.name, way, "pref", priority)
                    self.story.append(f"tc filter del dev {device.name} {way} pref {priority}")
                    self.tear_filters(device, [way])
                    self.model.dirty = True
                    return True
        return False

    # What is somebody else's.

    def do_foreign_xdp(self):
        def is_free(device):
            with kernel.inside(self.netns[device.netns]):
                return kernel.links_here()[device.ifindex][1] is None
        device = self.some(is_free)
        if device is None:
            return False
        self.ip(device.netns, "link", "set", device.name, "xdpgeneric", "pinned", self.foreign_pin("xdp"))
        self.model.foreign.append(Foreign("xdp", device, "xdp", self.theirs["xdp"]))
        self.model.dirty = True
        return True

    def do_foreign_tcx(self):
        device, way = self.some_device(), self.dice.choice(DIRECTIONS)
        if device is None or self.theirs["tc"] in self.on_hook(device, way):
            return False  # the kernel's list takes a program once
        with kernel.inside(self.netns[device.netns]):
            fd = kernel.put_on_list(self.foreign_pin("tc"), device.ifindex, way)
        self.story.append(f"a TCX link of others on {device.name} {way}")
        self.model.foreign.append(Foreign("tcx", device, way, self.theirs["tc"], holds=fd))
        return True

    def do_foreign_filter(self):
        device, way, priority = self.some_device(), self.dice.choice(DIRECTIONS), self.dice.choice((10, 90))
        if device is None or any(one[0] == priority for one in kernel.filters(device.netns, device.name, way)):
            return False
        run("tc", "-n", device.netns, "qdisc", "add", "dev", device.name, "clsact", check=False)
        run("tc", "-n", device.netns, "filter", "add", "dev", device.name, way, "pref", priority, "bpf", "da", "object-pinned",
            self.foreign_pin("tc"))
        self.story.append(f"tc filter add dev {device.name} {way} pref {priority} bpf")
        there = next(one for one in kernel.filters(device.netns, device.name, way) if one[0] == priority)
        self.model.foreign.append(Foreign("filter", device, way, self.theirs["tc"], where=there))
        return True

    def do_foreign_file(self):
        directory = self.dice.choice(("var/lib/bpfman", "run/bpfman", "var/lib/bpfman/blobs"))
        if not os.path.isdir(os.path.join(self.root, directory)):
            return False
        path = os.path.join(self.root, directory, f"theirs{self.dice.randrange(10)}")
        with open(path, "w", encoding="utf-8") as out:
            out.write("not bpfman's")
        self.story.append(f"a file {path}")
        if not any(one.path == path for one in self.model.foreign):
            self.model.foreign.append(Foreign("file", path=path))
        return True

    def do_foreign_pin(self):
        path = os.path.join(self.bpfman.bpffs, f"theirs{self.dice.randrange(3)}")
        if not os.path.ismount(self.bpfman.bpffs) or os.path.exists(path):
            return False
        run("bpftool", "prog", "pin", "id", self.theirs["xdp"], path)
        self.story.append(f"a pin {path}")
        self.model.foreign.append(Foreign("pin", path=path, program=self.theirs["xdp"]))
        return True

    def do_other_instance(self):
        """Another bpfman, below another root directory, on the same hooks: to ours it is somebody else."""
        mine = [one for one in self.model.foreign if one.kind == "instance"]
        if mine:
            self.other("unload", "--all", check=True)
            self.story.append("the other bpfman unloads all")
            self.model.foreign = [one for one in self.model.foreign if one.kind != "instance"]
            self.model.dirty = True
            return True
        device, kind = self.some_device(), self.dice.choice(("xdp", "tc"))
        if device is None:
            return False
        hook, words, _ = self.place(device, kind)
        self.other("unload", "--all")
        done = self.other("load", "file", self.objects[kind, 1], "-a", "theirs", *words)
        self.story.append(f"the other bpfman: {' '.join(words)} -> {done.returncode}")
        free = hook != "xdp" or not (self.model.others_on(device, hook) or self.on_hook(device, hook))
        if done.returncode == 0:
            program = self.other.json("list", "programs")["programs"][0]["program_id"]
            self.model.foreign.append(Foreign("instance", device, hook, program))
            self.model.dirty = True
        else:
            self.assertFalse(free and done.returncode != 4, f"{done.stderr} {self.told()}")
        return True

    def do_foreign_leaves(self):
        found = [one for one in self.model.foreign if one.kind in ("xdp", "tcx", "filter", "pin")]
        if not found:
            return False
        one = self.dice.choice(found)
        if one.kind == "xdp":
            self.ip(one.device.netns, "link", "set", one.device.name, "xdpgeneric", "off")
        elif one.kind == "tcx":
            os.close(one.holds)
        elif one.kind == "pin":
            os.unlink(one.path)
        else:
            run("tc", "-n", one.device.netns, "filter", "del", "dev", one.device.name, one.hook, "pref", one.where[0])
        self.story.append(f"the {one.kind} of others leaves {one.device and one.device.name} {one.hook}{one.path}")
        self.model.foreign.remove(one)
        self.model.dirty = True
        return True

    def do_reboot(self):
        """Everything that a reboot takes: programs with their pins, interfaces, /run, and the number of the boot."""
        run("umount", "-l", self.bpfman.bpffs, check=False)
        run("rm", "-rf", os.path.join(self.root, "run"))
        self.story.append("a reboot")
        self.other("unload", "--all")
        for netns in self.names():
            run("ip", "netns", "del", netns, check=False)
        for one in self.model.foreign:
            if one.kind == "tcx":
                os.close(one.holds)
        time.sleep(0.3)
        self.model.reboot()
        boot = os.path.join(self.root, "boot_id")
        with open(boot, "w", encoding="utf-8") as out:
            out.write(f"{uuid.uuid4()}\n")
        os.makedirs(self.bpfman.bpffs)
        run("mount", "-t", "bpf", "bpf", self.bpfman.bpffs)
        self.prefix = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', boot)
        for netns in self.names():
            self.make_namespace(netns)
        return True
