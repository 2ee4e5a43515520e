# SPDX-License-Identifier: Apache-2.0
"""The verbs of bpfman as a user types them at random, each with what it does to the model."""

import json
import os
import subprocess
import tempfile
import time

import chaos_kernel as kernel
from chaos_model import DIRECTIONS, Link, Program, Selector

TEXTS = ("lan*", "lan?,wan0", "*0,!p*", "lan*,!lan1", "new*", "all,!p*")
LIMIT = 9  # programs and, twice as many, links: where the dice begin to take away


class Verbs:
    """Mixed into the test, which has model, dice, bpfman, objects and netns."""

    def command(self, *words, sure=True, status=0, leaving=()):
        """Runs it; its exit status. When `sure`, it must be `status`; hooks that are to keep a program always have one."""
        if self.dice.random() < 0.1 and words[0] not in ("reconcile", "image"):
            self.once(*words, "--dry-run")
        done = self.once(*words, leaving=leaving)
        if sure:
            self.assertEqual(done, status, self.told())
        return done

    def once(self, *words, leaving=()):
        words = [str(word) for word in words]
        guarded = self.guarded(leaving)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen([*self.prefix, self.bpfman.binary, "--root-dir", self.root, *self.bpfman.arguments, *words],
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
            bare = None
            while guarded and process.poll() is None and bare is None:
                bare = next((place for place in guarded if not self.has_program(*place)), None)
                time.sleep(0.001)
            process.wait(120)
            output.seek(0)
            errors.seek(0)
            self.output, self.errors = output.read(), errors.read()
        self.story.append(f"bpfman {' '.join(words)} -> {process.returncode} {self.errors.strip()[:300]}")
        self.assertIsNone(bare, f"{bare and (bare[0].name, bare[1])} had no program for a moment: {self.told()}")
        # 1 is a bug, 11 damage (docs/errors.md); below 0 are signals.
        self.assertIn(process.returncode, {0, *range(2, 11)}, self.told())
        return process.returncode

    def guarded(self, leaving):
        if self.model.dirty:
            return []
        return [(device, hook) for device, hook in self.model.hooks()
                if any(one not in self.model.blocked and one not in leaving for one in self.model.on(device, hook))]

    def has_program(self, device, hook):
        with kernel.inside(self.netns[device.netns]):
            if hook == "xdp":
                return kernel.links_here()[device.ifindex][1] is not None
            if kernel.on_list(device.ifindex, hook):
                return True
        return bool(kernel.filters(device.netns, device.name, hook))

    # Where to.

    def some_device(self):
        devices = self.model.live()
        return self.dice.choice(devices) if devices else None

    def place(self, device, kind):
        """(hook, words, status): one hook of the device, how it is said, and what comes of it while nobody disturbs."""
        hook = "xdp" if kind == "xdp" else self.dice.choice(DIRECTIONS)
        words = [kind, "--iface", device.name, "--netns", self.netns[device.netns]]
        words += [] if kind == "xdp" else ["--direction", hook]
        return hook, words, 4 if self.model.is_taken(device, hook) else 0

    def sound_hook(self, device, hook):
        return self.model.is_sound(self.model.on(device, hook)) and not self.model.dirty

    # Verbs. One that finds nothing to do returns False.

    def do_load(self):
        if len(self.model.programs) >= LIMIT:
            return self.do_unload()
        self.model.marks += 1
        kind = self.dice.choice(("xdp", "xdp", "tc"))
        program = Program(f"a{self.model.marks}", kind, self.model.marks % 100 + 1)
        words = ["load", "file", self.objects[kind, 1], "-a", program.application, "--set", f"who={program.mark}"]
        device = self.some_device() if self.dice.random() < 0.6 else None
        if device is None:
            self.command(*words)
            self.model.programs.append(program)
            return True
        priority = self.dice.randrange(0, 1001)
        hook, place, status = self.place(device, kind)
        sure = self.sound_hook(device, hook)
        if self.command(*words, *place, "--priority", priority, sure=sure, status=status) == 0:
            self.model.programs.append(program)
            self.model.links.append(Link(None, program, hook, device.netns, device.name, priority, device))
            self.model.torn.discard((device, hook))
        return True

    def do_attach(self):
        device, programs = self.some_device(), [one for one in self.model.programs if not one.document]
        if not programs or device is None or len(self.model.links) >= 2 * LIMIT:
            return self.do_detach()
        program = self.dice.choice(programs)
        priority = self.dice.randrange(0, 1001)
        hook, place, status = self.place(device, program.kind)
        sure = self.sound_hook(device, hook)
        if self.command("attach", program.name, *place, "--priority", priority, sure=sure, status=status) == 0:
            self.model.links.append(Link(None, program, hook, device.netns, device.name, priority, device))
            self.model.torn.discard((device, hook))
        return True

    def do_select(self):
        programs = [one for one in self.model.programs if one.kind == "xdp" and not one.document]
        if not programs or len(self.model.selectors) >= 2:
            return self.do_detach_selector()
        program, netns, text = self.dice.choice(programs), self.dice.choice(list(self.netns)), self.dice.choice(TEXTS)
        selector = Selector(None, program, netns, text)
        meant = [one for one in self.model.live(netns) if selector.means(one.name)]
        taken = any(self.model.is_taken(one, "xdp") for one in meant)
        sure = all(self.sound_hook(one, "xdp") for one in meant) and not self.model.dirty and self.is_there(netns)
        if self.command("attach", program.name, "xdp", "--iface", text, "--netns", self.netns[netns], "--allow-none",
                        sure=sure, status=4 if taken else 0) == 0:
            self.model.selectors.append(selector)
            for device in meant:
                self.model.links.append(Link(None, program, "xdp", netns, device.name, 50, device, selector))
                self.model.torn.discard((device, "xdp"))
        return True

    def do_detach(self):
        if not self.model.links:
            return False
        link = self.dice.choice(self.model.links)
        if self.command("detach", link.number, sure=not self.model.dirty, leaving=[link]) == 0:
            self.model.drop_links([link], True)
        return True

    def do_detach_selector(self):
        if not self.model.selectors:
            return False
        selector = self.dice.choice(self.model.selectors)
        links = [one for one in self.model.links if one.selector is selector]
        if self.command("detach", "--selector", selector.number, sure=not self.model.dirty, leaving=links) == 0:
            self.model.drop_links(links, False)
            self.model.selectors.remove(selector)
        return True

    def do_unload(self):
        if not self.model.programs:
            return self.command("unload", "nobody/member", status=3) != 0
        program = self.dice.choice(self.model.programs)
        links = self.model.links_of(program)
        if self.command("unload", program.name, sure=not self.model.dirty, leaving=links) == 0:
            self.model.drop_program(program)
        return True

    def do_upgrade(self):
        programs = [one for one in self.model.programs if not one.document]
        if not programs:
            return False
        program = self.dice.choice(programs)
        version = self.dice.choice((1, 2))
        sure = self.model.is_sound(self.model.links_of(program))
        if self.command("upgrade", program.application, "--path", self.objects[program.kind, version], sure=sure) == 0:
            if version != program.version:
                program.former.append(program.version)
                program.version = version
        return True

    def do_rollback(self):
        programs = [one for one in self.model.programs if not one.document]
        if not programs:
            return False
        program = self.dice.choice(programs)
        sure = self.model.is_sound(self.model.links_of(program))
        status = 0 if program.former else 3
        if self.command("rollback", program.application, sure=sure, status=status) == 0:
            program.former.append(program.version)
            program.version = program.former[-2]
        return True

    def do_link_set(self):
        if not self.model.links:
            return False
        link, priority = self.dice.choice(self.model.links), self.dice.randrange(0, 1001)
        if self.command("link", "set", link.number, "--priority", priority, sure=self.model.is_sound([link])) == 0:
            link.priority = priority
        return True

    def do_chain_set(self):
        hooks = sorted(self.model.hooks(), key=lambda one: (one[0].name, one[1]))
        hooks = [one for one in hooks if one[0].alive]
        if not hooks:
            return False
        device, hook = self.dice.choice(hooks)
        what = self.dice.choice((("--timing", "on"), ("--timing", "off"), ("--strategy", "fused"), ("--strategy", "auto")))
        kind = "xdp" if hook == "xdp" else f"tc-{hook}"
        if self.command("chain", "set", device.name, "--hook", kind, "--netns", self.netns[device.netns], *what,
                        sure=self.sound_hook(device, hook)) == 0:
            self.model.torn.discard((device, hook))
        return True

    def do_apply(self):
        """One document; its program says where it goes."""
        device = self.some_device()
        program = next((one for one in self.model.programs if one.document), None)
        if device is None or (program is None and len(self.model.programs) >= LIMIT):
            return self.do_delete()
        priority = self.dice.randrange(0, 1001)
        with open(self.document, "w", encoding="utf-8") as out:
            json.dump({"apiVersion": "bpfman.io/v1alpha1", "kind": "XdpProgram", "metadata": {"name": "document"},
                       "spec": {"bpfProgram": {"path": self.objects["xdp", 1]}, "priority": priority,
                                "netns": self.netns[device.netns], "interfaceSelector": {"interfaces": [device.name]}}}, out)
        old = self.model.links_of(program) if program else []
        stays = next((one for one in old if (one.netns, one.interface) == (device.netns, device.name)), None)
        status = 4 if not stays and self.model.is_taken(device, "xdp") else 0
        # A link that stays under this name on a device that has another one now is not what the document means.
        sure = self.sound_hook(device, "xdp") and self.model.is_sound(old) and (stays is None or stays.device is device)
        done = self.command("apply", "-f", self.document, sure=sure, status=status, leaving=old)
        if done == 0:
            if program is None:
                program = Program("document", "xdp", self.document_mark, document=True)
                self.model.programs.append(program)
            if stays:
                stays.priority = priority
            else:
                self.model.links.append(Link(None, program, "xdp", device.netns, device.name, priority, device))
                self.model.torn.discard((device, "xdp"))
            self.model.drop_links([one for one in old if one is not stays], False)
        elif not sure:
            self.unsure_document = True  # its steps are plans of their own, and some may have been done
        return True

    def do_delete(self):
        program = next((one for one in self.model.programs if one.document), None)
        if program is None:
            return self.command("delete", "document", status=3) != 0
        links = self.model.links_of(program)
        if self.command("delete", "document", sure=not self.model.dirty, leaving=links) == 0:
            self.model.drop_program(program)
        return True

    def do_diff(self):
        if os.path.exists(self.document):
            self.once("diff", "-f", self.document)
            return True
        return False

    def do_image(self):
        """Images in files and in the database: they neither need hooks nor change them."""
        archive = os.path.join(self.root, "image.tar")
        name = f"localhost/chaos{self.dice.randrange(3)}:latest"
        version = self.dice.choice((1, 2))
        what = self.dice.choice(("build", "archive", "pull", "load", "rm", "prune", "verify"))
        if what == "build":
            self.command("image", "build", self.objects["xdp", version], "-t", name)
            self.model.images.add(name)
        elif what == "archive":
            if os.path.exists(archive):
                os.unlink(archive)
            self.command("image", "build", self.objects["tc", version], "-t", name, "--output", f"oci-archive:{archive}")
        elif what in ("pull", "load") and os.path.exists(archive):
            if what == "load":
                self.command("image", "load", "-i", archive, "-t", name)
                self.model.images.add(name)
            else:
                self.command("image", "pull", f"oci-archive:{archive}")
                self.model.images |= {one["reference"] for one in self.bpfman.json("image", "list")["images"]}
        elif what == "rm":
            known = name in self.model.images
            self.command("image", "rm", name, status=0 if known else 3)
            self.model.images.discard(name)
        elif what == "verify":
            self.command("image", "verify")
        elif what == "prune":
            self.command("image", "prune")
        else:
            return False
        return True

    def do_look(self):
        """What only looks changes nothing."""
        device = self.some_device()
        words = self.dice.choice((("list", "programs", "-a"), ("list", "chains"), ("history", "a1"), ("log", "-n", "5"), ("doctor",),
                                  ("explain", "chain", device.name, "-n", self.netns[device.netns]) if device else ("list",),
                                  ("reconcile", "--dry-run")))
        self.once(*words)
        return True

    def do_reconcile(self):
        self.reconcile()
        return True
