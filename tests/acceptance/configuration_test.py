# SPDX-License-Identifier: Apache-2.0
"""bpfman.toml and --from, with a real engine and a real store. Needs root."""

import json
import os
import unittest

from case import PASS, Case
from host import Bpfman


class ConfigurationTest(Case):
    sources = ("docker", "overlay")

    def configure(self, text):
        """What the administrator writes; the file is below the root directory of the test."""
        path = os.path.join(self.root, "etc/bpfman/bpfman.toml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def build(self, engine, tag, step):
        name = f"config{step}"
        object_file = self.host.programs.compile(name, PASS, f"-DSTEP={step}")
        engine.build(self.host.programs.context(name, [object_file]), tag)
        return object_file

    def test_a_source_that_is_not_configured_is_not_asked_and_named(self):
        self.build(self.host.docker, "config-sources:dev", 31)
        path = self.configure('[images]\nsources = ["podman"]\n')
        done = self.bpfman("load", "image", "config-sources:dev")
        self.assertFails(done, 3, f"docker: not asked: not in images.sources of {path}",
                         f"registry: not asked: not in images.sources of {path}")
        rows = self.bpfman.json("image", "sources")["sources"]
        docker = next(row for row in rows if row["kind"] == "docker")
        self.assertFalse(docker["usable"])
        self.assertIn("not asked", docker["remark"])
        reply = self.bpfman.json("load", "image", "config-sources:dev", "--from", "docker")
        self.assertEqual(reply["provenance"]["source"], "docker")

    def test_the_order_of_the_sources_decides_between_two_stores(self):
        self.build(self.host.docker, "config-order:dev", 32)
        self.build(self.host.overlay, "config-order:dev", 33)
        for order, kind in (("docker,podman", "docker"), ("podman,docker", "podman")):
            reply = self.bpfman.json("image", "pull", "config-order:dev", "-p", "Always", "--from", order)
            self.assertEqual(reply["image"]["provenance"]["source"], kind)
        self.configure('[images]\nsources = ["docker", "podman"]\nstrict = true\n')
        self.assertFails(self.bpfman("image", "pull", "config-order:dev", "-p", "Always"), 6, "different programs")
        self.bpfman("image", "pull", "config-order:dev", "-p", "Always", "--strict=false", check=True)

    def test_the_store_is_kept_below_its_limit(self):
        first = self.build(self.host.docker, "config-first:dev", 34)
        self.build(self.host.docker, "config-second:dev", 35)
        self.configure(f'[images]\nmax_store_size = "{os.path.getsize(first) + 100}"\n')
        self.bpfman("image", "pull", "config-first:dev", check=True)
        done = self.bpfman("image", "pull", "config-second:dev", check=True)
        self.assertIn("note: removed docker.io/library/config-first:dev", done.stderr)
        self.assertEqual([row["reference"] for row in self.bpfman.json("image", "list")["images"]],
                         ["docker.io/library/config-second:dev"])

    def test_crio_is_found_by_its_own_configuration(self):
        self.build(self.host.overlay, "config-crio:dev", 36)
        etc = os.path.join(self.root, "etc-layer")
        os.makedirs(os.path.join(etc, "up/crio/crio.conf.d"))
        os.makedirs(os.path.join(etc, "work"))
        with open(os.path.join(etc, "up/crio/crio.conf.d/10.conf"), "w", encoding="utf-8") as file:
            file.write(f'[crio]\nroot = "{self.host.overlay.root}"\nstorage_driver = "overlay"\n')
        layers = f"lowerdir=/etc,upperdir={etc}/up,workdir={etc}/work"
        inside = ("unshare", "-m", "--propagation", "private", "sh", "-ec",
                  f'mount -t overlay overlay -o {layers} /etc; exec "$@"', "sh")
        bpfman = Bpfman(os.environ["BPFMAN"], self.root,
                        ["--docker-host", "unix:///nowhere/docker.sock", "--containerd-address", "/nowhere/containerd.sock"])
        done = bpfman("image", "sources", "-o", "json", prefix=inside, check=True)
        rows = {row["name"]: row for row in json.loads(done.stdout)["sources"]}
        self.assertEqual(rows["crio"]["location"], self.host.overlay.root)
        self.assertTrue(rows["crio"]["usable"], rows["crio"])
        done = bpfman("image", "pull", "config-crio:dev", prefix=inside, check=True)
        self.assertIn("podman (overlay)", done.stdout)

    def test_a_mistake_is_named_with_its_place(self):
        path = self.configure('[images]\nsources = ["dokcer"]\n')
        self.assertFails(self.bpfman("image", "pull", "x:dev"), 2, f"{path}:2:11: images.sources", "dokcer")
        self.assertFails(self.bpfman("--config", "/nowhere.toml", "image", "pull", "x:dev"), 3, "/nowhere.toml")
        self.bpfman("list", "programs", check=True)

    def test_a_name_and_from_must_agree(self):
        done = self.bpfman("image", "pull", "containerd:x:dev", "--from", "docker")
        self.assertFails(done, 2, "containerd:x:dev names its source itself")


if __name__ == "__main__":
    unittest.main()
