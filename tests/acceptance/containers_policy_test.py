# SPDX-License-Identifier: Apache-2.0
"""The containers tools' own trust: signatures in Podman's store, and policy.json, which has to decide as Podman and Skopeo do.

Needs root.
"""

import base64
import hashlib
import json
import os
import unittest

from case import Case
from host import Podman, Registry, run, scratch_directory
from trust_test import DATA, REFUSED, index, publish, send

ACCEPT = [{"type": "insecureAcceptAnything"}]
REJECT = [{"type": "reject"}]


def new_key(directory, name):
    path = os.path.join(directory, name)
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
    run("openssl", "pkey", "-in", path, "-pubout", "-out", path + ".pub")
    return path


def sign(registry, repository, reference, key):
    """A signature of cosign's classic form for `reference`, which may have a tag; cosign's own never has."""
    digest = index()[0]["digest"]
    payload = json.dumps({"critical": {"identity": {"docker-reference": reference},
                                       "image": {"docker-manifest-digest": digest},
                                       "type": "cosign container image signature"}, "optional": None}).encode()
    path = key + ".payload"
    with open(path, "wb") as out:
        out.write(payload)
    signature = run("openssl", "dgst", "-sha256", "-sign", key, path, text=False).stdout
    base = f"http://{registry}/v2/{repository}"

    def put_blob(data):
        name = "sha256:" + hashlib.sha256(data).hexdigest()
        place = send("POST", f"{base}/blobs/uploads/")["Location"]
        send("PUT", place + ("&" if "?" in place else "?") + f"digest={name}", data)
        return {"digest": name, "size": len(data)}

    kind = "application/vnd.oci.image.manifest.v1+json"
    layer = {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", **put_blob(payload),
             "annotations": {"dev.cosignproject.cosign/signature": base64.b64encode(signature).decode()}}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json",
              **put_blob(b'{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}')}
    document = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    send("PUT", f"{base}/manifests/{digest.replace(':', '-')}.sig", json.dumps(document).encode(), kind)


class Tools(Case):
    """Podman and Skopeo with a home of their own, whose configuration bpfman is given too."""

    sources = ("overlay",)

    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.root, "home")
        self.etc = os.path.join(self.root, "etc/containers")
        os.makedirs(os.path.join(self.home, ".config"))
        os.makedirs(os.path.join(self.etc, "registries.d"))
        os.symlink(self.etc, os.path.join(self.home, ".config/containers"))
        with open(os.path.join(self.etc, "registries.d/all.yaml"), "w", encoding="utf-8") as out:
            out.write("default-docker:\n  use-sigstore-attachments: true\n")
        self.containers({"default": ACCEPT})

    def containers(self, policy):
        with open(os.path.join(self.etc, "policy.json"), "w", encoding="utf-8") as out:
            out.write(policy if isinstance(policy, str) else json.dumps(policy))

    def podman(self, *words, check=True):
        podman = self.host.overlay
        return run("podman", "--root", podman.root, "--runroot", podman.runroot, "--storage-driver", podman.driver,
                   "--cgroup-manager", "cgroupfs", "--events-backend", "file", *words, env={"HOME": self.home}, check=check)

    def podman_pulls(self, image):
        done = self.podman("pull", "-q", "--tls-verify=false", image, check=False)
        self.addCleanup(self.podman, "rmi", "-f", image, check=False)
        return done

    def toml(self, text):
        directory = os.path.join(self.root, "etc/bpfman")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "policy.toml"), "w", encoding="utf-8") as out:
            out.write(text)

    def require(self, key, more=""):
        self.toml(f'default = "refuse"\n[signers.it]\nkey = "{key}"\n[[rules]]\nname = "ours"\nsigned_by = ["it"]\n{more}')

    def own_registry(self):
        registry = Registry(os.path.join(self.root, "registry"))
        self.addCleanup(registry.stop)
        return registry


class PodmanSignatures(Tools):
    def test_podmans_own_copy_is_enough_without_a_network(self):
        registry = self.own_registry()
        image = publish(registry.name, "podman/classic", bundles=False)
        self.podman_pulls(image).check_returncode()
        registry.stop()
        for key in ("p256", "p384", "rsa", "ed25519"):
            self.require(os.path.abspath(f"{DATA}/{key}.pub"))
            done = self.bpfman("image", "pull", image, "--pull-policy", "Always", prefix=("unshare", "--net"))
            self.assertEqual(done.returncode, 0, f"{key}: {done.stderr}")
        pulled = self.bpfman.json("image", "pull", image)["image"]["provenance"]
        self.assertEqual(pulled["source"], "podman")
        self.assertIn("signed by it, key sha256:", pulled["trust"])
        done = self.bpfman("load", "image", image, "--pull-policy", "Never", prefix=("unshare", "--net"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.bpfman("unload", "--all", check=True)

    def test_by_somebody_else(self):
        registry = self.own_registry()
        image = publish(registry.name, "podman/other", bundles=False)
        self.podman_pulls(image).check_returncode()
        registry.stop()
        self.require(new_key(self.root, "stranger") + ".pub")
        self.assertFails(self.bpfman("image", "pull", image), REFUSED, "none of its 4 signatures is by it")
        self.require(new_key(self.root, "another") + ".pub", "allow_unsigned = true\n")
        self.assertFails(self.bpfman("image", "pull", image), REFUSED, "none of its 4 signatures is by it")

    def test_the_registry_is_asked_when_podmans_copy_is_not_enough(self):
        image = publish(self.host.registry.name, "podman/later", classic=False, bundles=False)
        key = new_key(self.root, "key")
        sign(self.host.registry.name, "podman/later", image, key)
        self.podman_pulls(image).check_returncode()
        publish(self.host.registry.name, "podman/later", classic=False)
        self.require(os.path.abspath(f"{DATA}/p256.pub"))
        self.assertFails(self.bpfman("image", "pull", image, "--pull-policy", "Never"), REFUSED, "none of its 1 signatures")
        done = self.bpfman("image", "pull", image)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_image_of_the_database_takes_them_from_podman(self):
        registry = self.own_registry()
        image = publish(registry.name, "podman/database", bundles=False)
        self.bpfman("image", "pull", image, "--from", "registry", check=True)
        self.podman_pulls(image).check_returncode()
        registry.stop()
        self.require(os.path.abspath(f"{DATA}/rsa.pub"))
        done = self.bpfman("load", "image", image)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.bpfman("unload", "--all", check=True)


if __name__ == "__main__":
    unittest.main()
