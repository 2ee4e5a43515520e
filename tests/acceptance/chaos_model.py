# SPDX-License-Identifier: Apache-2.0
"""What should be loaded, attached where, in which order, and what belongs to others: kept beside bpfman, and asked by the oracle."""

import fnmatch
import os
from dataclasses import dataclass, field

DIRECTIONS = ("ingress", "egress")
HOOKS = ("xdp",) + DIRECTIONS


@dataclass(eq=False)
class Device:
    """An interface from its creation to its end, whatever its name and index."""
    netns: str
    name: str
    ifindex: int
    alive: bool = True


@dataclass(eq=False)
class Program:
    application: str
    kind: str  # xdp or tc
    mark: int
    version: int = 1
    former: list = field(default_factory=list)
    document: bool = False

    @property
    def name(self):
        return f"{self.application}/{'member' if self.kind == 'xdp' else 'classify'}"

    @property
    def sign(self):
        """What it leaves in a packet."""
        return self.mark | (0x80 if self.version == 2 else 0)


@dataclass(eq=False)
class Link:
    number: int
    program: Program
    hook: str
    netns: str
    interface: str  # as it was named when it was attached
    priority: int
    device: Device = None  # None: it waits for an interface of that name
    selector: object = None


@dataclass(eq=False)
class Selector:
    number: int
    program: Program
    netns: str
    text: str
    excepted: set = field(default_factory=set)

    def means(self, name):
        meant = False
        for term in self.text.split(","):
            negated = term.startswith("!")
            if term == "all" or fnmatch.fnmatchcase(name, term.lstrip("!")):
                if negated:
                    return False
                meant = True
        return meant and name not in self.excepted


@dataclass(eq=False)
class Foreign:
    """What is somebody else's: it must be as it was."""
    kind: str  # xdp, tcx, filter, file, pin, instance
    device: Device = None
    hook: str = ""
    program: int = 0
    path: str = ""
    holds: object = None
    where: tuple = ()


class Model:
    def __init__(self):
        self.devices, self.programs, self.links, self.selectors, self.foreign, self.images = [], [], [], [], [], set()
        self.dirty = False      # somebody has been at it since the last reconcile
        self.pinless = False    # and has taken pins away: commands need those
        self.blocked = set()    # links that could not be attached at the last one
        self.marks = 0          # of programs
        self.peers = 0          # the other ends of interfaces
        self.names = {}         # (device, hook) -> as the device was named when the chain began
        self.torn = set()       # hooks whose link or filter somebody took

    def live(self, netns=None):
        return [one for one in self.devices if one.alive and netns in (None, one.netns)]

    def find(self, netns, name):
        return next((one for one in self.live(netns) if one.name == name), None)

    def on(self, device, hook):
        """Links on a hook, in the order in which they run."""
        there = [one for one in self.links if one.device is device and one.hook == hook]
        return sorted(there, key=lambda one: (one.priority, one.program.name, one.number or 1 << 30))

    def links_of(self, program):
        return [one for one in self.links if one.program is program]

    def others_on(self, device, hook):
        return [one for one in self.foreign if one.device is device and one.hook == hook]

    def is_taken(self, device, hook):
        return hook == "xdp" and bool(self.others_on(device, hook))

    def hooks(self):
        """Hooks with links of ours, as (device, hook)."""
        return {(one.device, one.hook) for one in self.links if one.device}

    def is_sound(self, links):
        """Whether commands about these links must succeed: nobody has been at their hooks."""
        near = [other for link in links if link.device for other in self.on(link.device, link.hook)]
        return not self.dirty and not any(one in self.blocked or one.device is None for one in [*links, *near])

    # What acts do to it.

    def gone(self, device):
        device.alive = False
        for one in self.foreign:
            if one.device is device and one.holds:
                os.close(one.holds)
        self.foreign = [one for one in self.foreign if one.device is not device]
        self.dirty = True

    def drop_links(self, links, by_hand):
        for link in links:
            self.links.remove(link)
            self.blocked.discard(link)
            if by_hand and link.selector:
                link.selector.excepted.add(link.interface)

    def drop_program(self, program):
        self.drop_links(self.links_of(program), False)
        self.selectors = [one for one in self.selectors if one.program is not program]
        self.programs.remove(program)

    def reboot(self):
        for link in self.links:
            link.device = None
        self.devices, self.dirty = [], True
        self.foreign = [one for one in self.foreign if one.kind == "file" and "/run/" not in one.path]

    def note_chains(self):
        """After each act: names of chains that have begun or ended with it."""
        hooks = self.hooks()
        self.names = {one: self.names.get(one, one[0].name) for one in hooks}
        self.torn &= hooks

    def reconcile(self):
        """What is to be afterwards. Links that selectors make have numbers that only bpfman can tell: None here."""
        self.note_chains()
        for link in list(self.links):
            # An index may mean another device by now: what is to be attached again goes by names.
            place = (link.device, link.hook)
            if link.device and (not link.device.alive or (place in self.torn and self.names[place] != link.device.name)):
                link.device = None
            if link.device is None and link.selector and self.find(link.netns, link.interface) is None:
                self.drop_links([link], False)
        for link in self.links:
            device = self.find(link.netns, link.interface)
            if link.device is None and device and not self.is_taken(device, link.hook):
                link.device = device
        self.blocked = {one for one in self.links if one.device is None or self.is_taken(one.device, one.hook)}
        for selector in self.selectors:
            for device in self.live(selector.netns):
                has = any(one.selector is selector and one.device is device for one in self.links)
                if not has and selector.means(device.name) and not self.is_taken(device, "xdp"):
                    self.links.append(Link(None, selector.program, "xdp", device.netns, device.name, 50, device, selector))
        self.torn &= {(one.device, one.hook) for one in self.blocked}
        self.dirty = self.pinless = False
        self.note_chains()

    def unmet(self):
        """Interfaces that selectors mean and others have."""
        return [(selector, device) for selector in self.selectors for device in self.live(selector.netns)
                if selector.means(device.name) and self.is_taken(device, "xdp") and
                not any(one.selector is selector and one.device is device for one in self.links)]
