# SPDX-License-Identifier: Apache-2.0
"""Images that a real cosign has signed (tests/data/signatures), in a real registry and a real Docker, against policies.

Needs root.
"""

import json
import os
import unittest
import urllib.request

from case import Case
from host import Bpfman, run

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "signatures")
LAYOUT = os.path.join(DATA, "layout")
KEYS = ("p256", "p384", "rsa", "ed25519")
REFUSED = 5


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs", *digest.split(":")), "rb") as file:
        return file.read()


def index():
    with open(os.path.join(LAYOUT, "index.json"), encoding="utf-8") as file:
        return json.load(file)["manifests"]


def send(method, url, data=None, kind="application/octet-stream"):
    request = urllib.request.Request(url, method=method, data=data, headers={"Content-Type": kind})
    with urllib.request.urlopen(request) as answer:
        return answer.headers


def publish(registry, repository, classic=True, bundles=True):
    """Puts the signed image into a registry, with its signatures of one form, of both, or of none."""
    base = f"http://{registry}/v2/{repository}"

    def put_blob(digest):
        place = send("POST", f"{base}/blobs/uploads/")["Location"]
        send("PUT", place + ("&" if "?" in place else "?") + f"digest={digest}", blob(digest))

    def put_manifest(entry, name):
        document = json.loads(blob(entry["digest"]))
        for part in document.get("layers", []) + ([document["config"]] if "config" in document else []):
            put_blob(part["digest"])
        for child in document.get("manifests", []):
            put_manifest(child, child["digest"])
        send("PUT", f"{base}/manifests/{name}", blob(entry["digest"]), entry["mediaType"])

    image, signatures, referrers = index()
    put_manifest(image, "v1")
    hexadecimal = image["digest"].split(":")[1]
    if classic:
        put_manifest(signatures, f"sha256-{hexadecimal}.sig")
    if bundles:
        put_manifest(referrers, f"sha256-{hexadecimal}")
    return f"{registry}/{repository}:v1"


class Trust(Case):
    sources = ("docker",)

    def policy(self, text):
        directory = os.path.join(self.root, "etc/bpfman")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "policy.toml"), "w", encoding="utf-8") as out:
            out.write(text)

    def require(self, key, more=""):
        self.policy(f'default = "refuse"\n[signers.{key}]\nkey = "{os.path.abspath(DATA)}/{key}.pub"\n'
                    f'[[rules]]\nname = "ours"\nsigned_by = ["{key}"]\n{more}')

    def stranger(self):
        path = os.path.join(self.root, "stranger.pem")
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
        run("openssl", "pkey", "-in", path, "-pubout", "-out", path + ".pub")
        return path + ".pub"

    def load(self, image, *words):
        return self.bpfman("load", "image", "--image-url", image, *words)

    def test_a_signed_image_is_loaded_and_says_who_signed_it(self):
        image = publish(self.host.registry.name, "trust/both")
        self.require("p256")
        done = self.load(image, "xdp", "--iface", self.pair.interface)
        self.assertEqual(done.returncode, 0, done.stderr)
        program = self.bpfman.json("list", "programs")["programs"][0]
        shown = self.bpfman("get", "program", str(program["program_id"]), check=True).stdout
        self.assertRegex(shown, r'Trust: +rule "ours": signed by p256, key sha256:[0-9a-f]{64}')
        self.assertRegex(program["provenance"]["policy"], "^sha256:")
        self.bpfman("unload", "--all", check=True)

    def test_each_form_alone_is_enough(self):
        for form in ("classic", "bundles"):
            image = publish(self.host.registry.name, f"trust/{form}", classic=form == "classic", bundles=form == "bundles")
            for key in KEYS:
                with self.subTest(form=form, key=key):
                    self.require(key)
                    done = self.bpfman("image", "pull", image, "--pull-policy", "Always")
                    self.assertEqual(done.returncode, 0, done.stderr)

    def test_unsigned_and_signed_by_somebody_else(self):
        image = publish(self.host.registry.name, "trust/unsigned", classic=False, bundles=False)
        self.require("p256")
        self.assertFails(self.load(image), REFUSED, 'is refused by rule "ours" of', "it is not signed; p256 must have signed it")
        self.assertEqual(self.bpfman.blobs(), [], "what is refused is not kept")
        signed = publish(self.host.registry.name, "trust/both")
        self.policy(f'default = "refuse"\n[signers.stranger]\nkey = "{self.stranger()}"\n'
                    '[[rules]]\nsigned_by = ["stranger"]\n')
        self.assertFails(self.load(signed), REFUSED, "none of its 8 signatures is by stranger")
        self.policy(f'default = "refuse"\n[signers.stranger]\nkey = "{self.stranger()}"\n'
                    '[[rules]]\nsigned_by = ["stranger"]\nallow_unsigned = true\n')
        self.assertEqual(self.bpfman("image", "pull", image).returncode, 0)
        self.assertFails(self.load(signed), REFUSED, "none of its 8 signatures")
        self.assertNothingLeft()

    def test_a_pulled_image_is_judged_again_and_without_a_network(self):
        registry = self.own_registry()
        image = publish(registry.name, "trust/later")
        self.bpfman("image", "pull", image, check=True)
        self.require("rsa")
        done = self.bpfman("image", "pull", image)
        self.assertEqual(done.returncode, 0, "the signatures are fetched for what is there: " + done.stderr)
        registry.stop()
        done = self.load(image)
        self.assertEqual(done.returncode, 0, "they are kept: " + done.stderr)
        self.require("p384")
        verified = self.bpfman("image", "verify")
        self.assertEqual(verified.returncode, 0, verified.stderr)
        self.policy('default = "refuse"\n')
        refused = self.bpfman("image", "verify")
        self.assertEqual(refused.returncode, REFUSED)
        self.assertIn("refused by default", refused.stderr)
        self.assertIn("refused", refused.stdout)
        self.bpfman("unload", "--all", check=True)

    def own_registry(self, name="registry"):
        from host import Registry
        registry = Registry(os.path.join(self.root, name))
        self.addCleanup(registry.stop)
        return registry

    def test_not_to_know_is_not_to_be_unsigned(self):
        registry = self.own_registry()
        image = publish(registry.name, "trust/gone")
        self.bpfman("image", "pull", image, check=True)
        registry.stop()
        self.require("p256")
        self.assertFails(self.load(image), REFUSED, "could not be told")

    def test_a_docker_image_is_signed_where_it_came_from(self):
        image = publish(self.host.registry.name, "trust/docker")
        self.host.docker.command("pull", "-q", image)
        self.addCleanup(self.host.docker.command, "rmi", "-f", image)
        self.require("p256")
        pulled = self.bpfman.json("image", "pull", image)
        self.assertEqual(pulled["image"]["provenance"]["source"], "docker")
        self.assertIn("signed by p256", pulled["image"]["provenance"]["trust"])
        context = self.host.programs.context("trust-local", [self.host.pass1])
        self.host.docker.build(context, image)
        self.assertFails(self.load(image), REFUSED, "is another image in the registry")

    def test_local_images_may_be_refused(self):
        context = self.host.programs.context("trust-refused", [self.host.pass1])
        self.host.docker.build(context, "trust-refused:dev")
        self.policy('default = "allow"\n[[rules]]\nname = "no local builds"\nsources = ["docker", "podman", "containerd"]\n'
                    'decision = "refuse"\n')
        self.assertFails(self.load("trust-refused:dev"), REFUSED, 'refused by rule "no local builds"')
        image_id = self.host.docker.image_id("trust-refused:dev")
        self.policy(f'default = "refuse"\n[[rules]]\ndigests = ["{image_id}"]\n')
        self.assertEqual(self.bpfman("image", "pull", "trust-refused:dev").returncode, 0)

    def test_what_a_program_may_be(self):
        image = "oci:" + os.path.abspath(LAYOUT) + ":signed-prog:v1"
        self.require("p256", '[rules.programs]\ninterfaces = ["eth*"]\n')
        self.assertFails(self.load(image, "xdp", "--iface", self.pair.interface), REFUSED,
                         f"it is to be attached to {self.pair.interface}; allowed are eth*")
        self.require("p256", '[rules.programs]\nrefused_helpers = ["bpf_map_*"]\n')
        self.assertFails(self.load(image), REFUSED, "calls bpf_map_lookup_elem")
        self.assertNothingLeft()

    def test_a_layout_is_verified_with_no_network_at_all(self):
        self.require("p256")
        image = "oci:" + os.path.abspath(LAYOUT) + ":signed-prog:v1"
        done = self.bpfman("load", "image", "--image-url", image, prefix=("unshare", "--net"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.bpfman("unload", "--all", check=True)

    def test_a_bundle_goes_to_a_host_without_a_network(self):
        registry = self.own_registry()
        bundle = os.path.join(self.root, "bundle.tar")
        for form in ("classic", "bundles"):
            image = publish(registry.name, f"trust/offline-{form}", classic=form == "classic", bundles=form == "bundles")
            saved = self.bpfman("image", "save", "docker://" + image, "-o", bundle, check=True)
            self.assertIn(f"saved {image}\nwith 4 signatures\n", saved.stdout)
            self.require("p384")
            loaded = self.bpfman("image", "load", "-i", bundle, prefix=("unshare", "--net"))
            self.assertEqual(loaded.returncode, 0, loaded.stderr)
            done = self.bpfman("load", "image", image, "--pull-policy", "Never", prefix=("unshare", "--net"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.policy(f'default = "refuse"\n[signers.stranger]\nkey = "{self.stranger()}"\n'
                        '[[rules]]\nsigned_by = ["stranger"]\n')
            self.assertFails(self.bpfman("image", "load", "-i", bundle), REFUSED, "none of its 4 signatures")
            self.bpfman("unload", "--all", check=True)
        self.assertFails(self.bpfman("image", "save", "docker://" + image, "prog:dev", "-o", bundle), 2, "save them into two")
        self.assertFails(self.bpfman("image", "save", f"docker://{registry.name}/trust/none:v1", "-o", bundle), 3, "trust/none")

    def test_a_bundle_brings_its_policy_to_a_new_host(self):
        registry = self.own_registry()
        image = publish(registry.name, "trust/policy")
        bundle = os.path.join(self.root, "bundle.tar")
        self.assertFails(self.bpfman("image", "save", "docker://" + image, "-o", bundle, "--with-policy"), 3, "no policy")
        self.require("p256")
        saved = self.bpfman("image", "save", "docker://" + image, "-o", bundle, "--with-policy", check=True).stdout
        digest = next(line.split()[-1] for line in saved.splitlines() if line.startswith("with policy"))
        registry.stop()
        offline = ("unshare", "--net")

        root = os.path.join(self.root, "new")
        host = Bpfman(self.bpfman.binary, root, self.bpfman.arguments)
        self.addCleanup(host.stop)
        installed = os.path.join(root, "etc/bpfman/policy.toml")
        plain = host("image", "load", "-i", bundle, check=True, prefix=offline)
        self.assertIn(f"the file brings a policy, {digest}, which is not used", plain.stderr)
        self.assertIn("--install-policy", plain.stderr)
        self.assertFalse(os.path.exists(installed))
        host("image", "load", "-i", bundle, "--install-policy", "--dry-run", check=True, prefix=offline)
        self.assertFalse(os.path.exists(installed))
        done = host("image", "load", "-i", bundle, "--install-policy", check=True, prefix=offline)
        self.assertIn(f"installed policy {digest} as {installed}", done.stderr)
        self.assertEqual("sha256:" + run("sha256sum", installed).stdout.split()[0], digest)
        loaded = host("load", "image", image, "--pull-policy", "Never", prefix=offline)
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        program = host.json("list", "programs")["programs"][0]
        self.assertIn('rule "ours": signed by p256', program["provenance"]["trust"])
        self.assertEqual(program["provenance"]["policy"], digest)
        self.assertNotIn("brings a policy", host("image", "load", "-i", bundle, check=True).stderr)

        other = os.path.join(self.root, "other.toml")
        with open(other, "w", encoding="utf-8") as out:
            out.write('default = "refuse"\n')
        registry = self.own_registry("second")
        image = publish(registry.name, "trust/policy")
        self.bpfman("image", "save", "docker://" + image, "-o", bundle, "--with-policy", other, check=True)
        self.assertFails(host("image", "load", "-i", bundle, "--install-policy"), 4, "has another", "--force")
        self.assertFails(host("image", "load", "-i", bundle, "--install-policy", "--force"), REFUSED, "refused by default")
        with open(installed, encoding="utf-8") as text:
            self.assertEqual(text.read(), 'default = "refuse"\n')
        self.assertIn(f"policy.toml.{digest[7:19]}", os.listdir(os.path.dirname(installed)))
        copied = run("skopeo", "inspect", "--raw", f"oci-archive:{bundle}:{image}", check=False)
        self.assertEqual(copied.returncode, 0, copied.stderr)

    def test_image_verify_with_flags(self):
        image = publish(self.host.registry.name, "trust/verify")
        key = os.path.join(DATA, "p256.pub")
        done = self.bpfman("image", "verify", image, "--key", key)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"Image {image}: signature verified\n", done.stdout)
        self.assertFails(self.bpfman("image", "verify", image, "--key", self.stranger()), REFUSED, "none of its 8 signatures")
        self.assertFails(self.bpfman("image", "verify", image, "--certificate-identity", "dev@example.com"), 2,
                         "--certificate-oidc-issuer")
        plain = publish(self.host.registry.name, "trust/unsigned", classic=False, bundles=False)
        self.assertFails(self.bpfman("image", "verify", plain, "--key", key), REFUSED, "it is not signed")
        done = self.bpfman("image", "verify", plain, "--key", key, "--allow-unsigned")
        self.assertEqual(done.stdout.splitlines()[0], f"Image {plain}: unsigned image accepted by policy")
        answer = self.bpfman.json("image", "verify", image, "--key", key)
        self.assertTrue(answer["allowed"])
        self.assertEqual(len(answer["signatures"]), 8)
        self.assertEqual(self.bpfman.blobs(), [], "looking keeps nothing")

    def test_upstreams_signing_table(self):
        image = publish(self.host.registry.name, "trust/both")
        directory = os.path.join(self.root, "etc/bpfman")
        os.makedirs(directory)
        with open(os.path.join(directory, "bpfman.toml"), "w", encoding="utf-8") as out:
            out.write('[signing]\nallow_unsigned = false\n[[signing.trusted_identities]]\n'
                      'certificate_identity_regexp = ".*@example.com"\n'
                      'certificate_oidc_issuer = "https://accounts.google.com"\n')
        self.assertFails(self.load(image), REFUSED, 'refused by rule "[signing]"')


if __name__ == "__main__":
    unittest.main()
