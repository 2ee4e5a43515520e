# SPDX-License-Identifier: Apache-2.0
"""The containers tools' own trust: signatures in Podman's store, and policy.json, which has to decide as Podman and Skopeo do.

Needs root. SKOPEO names another skopeo than Debian's, whose builds were told to refuse all signatures of sigstore.
"""

import base64
import hashlib
import json
import os
import unittest

from case import Case
from host import Registry, run
from trust_test import DATA, REFUSED, index, publish, send

ACCEPT = [{"type": "insecureAcceptAnything"}]
REJECT = [{"type": "reject"}]


def new_key(directory, name):
    path = os.path.join(directory, name)
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
    run("openssl", "pkey", "-in", path, "-pubout", "-out", path + ".pub")
    return path


def attach(registry, repository, payload, annotations):
    """Puts a signature of cosign's classic form beside the image."""
    base = f"http://{registry}/v2/{repository}"

    def put_blob(data):
        name = "sha256:" + hashlib.sha256(data).hexdigest()
        place = send("POST", f"{base}/blobs/uploads/")["Location"]
        send("PUT", place + ("&" if "?" in place else "?") + f"digest={name}", data)
        return {"digest": name, "size": len(data)}

    kind = "application/vnd.oci.image.manifest.v1+json"
    layer = {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", **put_blob(payload), "annotations": annotations}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json",
              **put_blob(b'{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}')}
    document = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    tag = index()[0]["digest"].replace(":", "-") + ".sig"
    send("PUT", f"{base}/manifests/{tag}", json.dumps(document).encode(), kind)


def sign(registry, repository, reference, key):
    """Signs for `reference`, which may have a tag; cosign's own never has."""
    payload = json.dumps({"critical": {"identity": {"docker-reference": reference},
                                       "image": {"docker-manifest-digest": index()[0]["digest"]},
                                       "type": "cosign container image signature"}, "optional": None}).encode()
    path = key + ".payload"
    with open(path, "wb") as out:
        out.write(payload)
    signature = run("openssl", "dgst", "-sha256", "-sign", key, path, text=False).stdout
    attach(registry, repository, payload, {"dev.cosignproject.cosign/signature": base64.b64encode(signature).decode()})


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

    def test_an_image_out_of_an_index(self):
        registry = self.own_registry()
        image = publish(registry.name, "podman/multi", bundles=False).replace(":v1", ":multi")
        entry = {key: index()[0][key] for key in ("mediaType", "digest", "size")}
        architecture = run("podman", "info", "--format", "{{.Host.Arch}}").stdout.strip()
        entry["platform"] = {"os": "linux", "architecture": architecture}
        kind = "application/vnd.oci.image.index.v1+json"
        document = {"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}
        send("PUT", f"http://{registry.name}/v2/podman/multi/manifests/multi", json.dumps(document).encode(), kind)
        self.podman_pulls(image).check_returncode()
        registry.stop()
        self.require(os.path.abspath(f"{DATA}/p256.pub"))
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



class PolicyJson(Tools):
    """What comes from a registry, decided by Podman, by Skopeo and by bpfman."""

    def decide(self, policy, image):
        """Who accepts it, and whoever has an opinion: Debian's builds of the tools refuse all signatures of sigstore."""
        self.containers(policy)
        podman = self.podman_pulls(image)
        skopeo = run(os.environ.get("SKOPEO", "skopeo"), "--policy", os.path.join(self.etc, "policy.json"), "--registries.d",
                     os.path.join(self.etc, "registries.d"), "copy", "-q", "--src-tls-verify=false", "docker://" + image,
                     "dir:" + os.path.join(self.root, "copied"), check=False)
        pulled = self.bpfman("image", "pull", "docker://" + image, "--pull-policy", "Always")
        self.assertIn(pulled.returncode, (0, REFUSED), pulled.stderr)
        return {name: done for name, done in (("podman", podman), ("skopeo", skopeo), ("bpfman", pulled))
                if "sigstore disabled" not in done.stderr}

    def assertAgree(self, accepted, policy, image, *texts):
        with self.subTest(policy=json.dumps(policy), image=image):
            decisions = self.decide(policy, image)
            for name, done in decisions.items():
                self.assertEqual(done.returncode == 0, accepted, f"{name}: {done.stderr}")
            for text in texts:
                self.assertIn(text, decisions["bpfman"].stderr)

    def docker(self, scopes, default=None):
        return {"default": default or REJECT, "transports": {"docker": scopes}}

    def test_scopes(self):
        name = self.host.registry.name
        image = publish(name, "policy/ns/scopes")
        self.assertAgree(False, {"default": REJECT}, image, "policy.json, default: reject")
        self.assertAgree(True, {"default": ACCEPT}, image)
        for scope in ("", "*.0.0.1", "*.1", name, name + "/policy", name + "/policy/ns", name + "/policy/ns/scopes", image):
            self.assertAgree(True, self.docker({scope: ACCEPT}), image)
            self.assertAgree(False, self.docker({scope: REJECT}, ACCEPT), image, f'docker "{scope}": reject')
        for scope in ("*.0", "127.0.0.1", name + "/pol", name + "/policy/ns/scopes:v2", "docker.io"):
            self.assertAgree(False, self.docker({scope: ACCEPT}), image)
        self.assertAgree(False, self.docker({name: ACCEPT, name + "/policy": REJECT}), image)
        self.assertAgree(True, self.docker({name: REJECT, image: ACCEPT}), image)
        digest = image.rsplit(":", 1)[0] + "@" + index()[0]["digest"]
        self.assertAgree(True, self.docker({image: REJECT, digest: ACCEPT}), digest)
        self.assertAgree(False, self.docker({image: ACCEPT, digest: REJECT}), digest)
        self.assertAgree(False, self.docker({"": ACCEPT + REJECT}), image)

    def test_signatures_and_the_names_in_them(self):
        name = self.host.registry.name
        key = new_key(self.root, "key")
        stranger = new_key(self.root, "stranger")

        def signed(identity=None, by=key, more=()):
            one = {"type": "sigstoreSigned", "keyPath": by + ".pub"}
            if identity:
                one["signedIdentity"] = identity
            return self.docker({name: [one, *more]})

        image = publish(name, "policy/signed", classic=False, bundles=False)
        repository = image.rsplit(":", 1)[0]
        digest = repository + "@" + index()[0]["digest"]
        self.assertAgree(False, signed(), image, "it is not signed")
        sign(name, "policy/signed", image, key)
        self.assertAgree(True, signed(), image)
        self.assertAgree(False, signed(by=stranger), image, "by none of the keys that count here")
        self.assertAgree(False, signed(more=REJECT), image)
        self.assertAgree(True, signed({"type": "matchExact"}), image)
        self.assertAgree(False, signed({"type": "matchExact"}), digest)
        self.assertAgree(True, signed(), digest)
        self.assertAgree(True, signed({"type": "matchRepository"}), image)
        self.assertAgree(True, signed({"type": "exactReference", "dockerReference": image}), image)
        self.assertAgree(False, signed({"type": "exactReference", "dockerReference": repository + ":v2"}), image)
        self.assertAgree(False, signed({"type": "exactRepository", "dockerRepository": "quay.io/acme/prog"}), image)
        sign(name, "policy/signed", "vendor.example/policy/signed:v1", key)
        self.assertAgree(True, signed({"type": "remapIdentity", "prefix": name, "signedPrefix": "vendor.example"}), image)
        self.assertAgree(False, signed({"type": "remapIdentity", "prefix": "quay.io", "signedPrefix": "vendor.example"}), image)
        self.assertAgree(False, signed(), image, "it is for vendor.example/policy/signed:v1, wanted is " + image)
        sign(name, "policy/signed", repository, key)
        self.assertAgree(False, signed(), image, "wanted is a name with a tag", "cosign signs for a repository")
        self.assertAgree(True, signed({"type": "matchRepository"}), image)

    def test_what_a_real_cosign_signed(self):
        image = publish(self.host.registry.name, "policy/cosign", bundles=False)
        for key in ("p256", "p384", "ed25519"):
            with open(os.path.join(DATA, key + ".pub"), "rb") as file:
                data = base64.b64encode(file.read()).decode()
            one = {"type": "sigstoreSigned", "keyData": data,
                   "signedIdentity": {"type": "exactRepository", "dockerRepository": "127.0.0.1:57031/signed-prog"}}
            if key == "p256":
                self.assertAgree(True, self.docker({"": [one]}), image)
            one["signedIdentity"] = {"type": "matchRepository"}
            self.assertAgree(False, self.docker({"": [one]}), image, "it is for 127.0.0.1:57031/signed-prog")

    # Podman 4.3 and Skopeo 1.9 do not know these keys yet and call the file broken.
    def test_logs_and_certificates(self):
        image = publish(self.host.registry.name, "policy/logged", classic=False, bundles=False)
        data = os.path.abspath(DATA) + "/logged"
        identity = {"type": "exactReference", "dockerReference": "registry.example/prog:v1"}

        def fulcio(email, issuer="https://issuer.example"):
            return {"fulcio": {"caPath": data + "/authority.pem", "oidcIssuer": issuer, "subjectEmail": email},
                    "rekorPublicKeyPath": data + "/log.pub"}

        key = {"keyPath": data + "/key.pub"}
        for name, accepted, requirement in (
                ("by_key", True, {**key, "rekorPublicKeyPath": data + "/log.pub"}),
                ("by_key", True, {"keyPaths": [data + "/log.pub", data + "/key.pub"]}),
                ("by_key", False, {**key, "rekorPublicKeyPath": data + "/key.pub"}),
                ("by_key", False, fulcio("dev@example.com")),
                ("by_certificate", True, fulcio("dev@example.com")),
                ("by_certificate", False, fulcio("other@example.com")),
                ("by_certificate", False, fulcio("dev@example.com", "https://other.example")),
                ("by_certificate", False, {**fulcio("dev@example.com"), "rekorPublicKeyPath": data + "/key.pub"}),
                ("by_certificate", False, key)):
            with open(f"{data}/{name}.json", encoding="utf-8") as file:
                document = json.load(file)
            attach(self.host.registry.name, "policy/logged", base64.b64decode(document["payload"]), document["annotations"])
            policy = self.docker({"": [{"type": "sigstoreSigned", "signedIdentity": identity, **requirement}]})
            with self.subTest(requirement=requirement, signed=name):
                for who, done in self.decide(policy, image).items():
                    if who == "bpfman" or "SKOPEO" in os.environ and who == "skopeo":
                        self.assertEqual(done.returncode == 0, accepted, f"{who}: {done.stderr}")

    def test_files_that_are_none(self):
        image = publish(self.host.registry.name, "policy/broken")
        for text, said in (
                ('{"default": [{"type": "insecureAcceptAnything"}], "transport": {}}', 'unknown key "transport"'),
                ('{"default": [{"type": "insecureAcceptAnything"}], "default": [{"type": "insecureAcceptAnything"}]}',
                 'the key "default" occurs twice'),
                ('{"default": []}', "default: it is no list of requirements, or an empty one"),
                ('{"transports": {}}', '"default" is missing'),
                ('{"default": [{"type": "insecureAcceptAnything", "keyPath": "/x"}]}', 'unknown key "keyPath"'),
                ('{"default": [{"type": "sigstoreSigned"}]}', "exactly one of keyPath"),
                ('{"default": [{"type": "insecureAcceptAnything"}],\n "transports": {"docker-archive": {"x": '
                 '[{"type": "reject"}]}}}', "this transport has no scopes but the empty one"),
                ('{"default": [{"type": "insecureAcceptAnything"}],,}', "line 1, column 50")):
            with self.subTest(text=text):
                self.containers(text)
                self.assertNotEqual(self.podman_pulls(image).returncode, 0)
                self.assertFails(self.bpfman("image", "pull", "docker://" + image, "--pull-policy", "Always"), 2,
                                 "policy.json", said)
        self.assertEqual(self.bpfman.blobs(), [])

    def test_gpg_is_refused_with_a_word_about_it(self):
        image = publish(self.host.registry.name, "policy/gpg")
        self.containers(self.docker({"": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/nowhere.gpg"}]}))
        self.assertFails(self.bpfman("image", "pull", "docker://" + image), REFUSED,
                         'docker "": it wants signedBy (a GPG signature), which bpfman does not check', "sigstoreSigned")

    def test_it_never_loosens_our_own_policy(self):
        image = publish(self.host.registry.name, "policy/own")
        self.containers(self.docker({"": ACCEPT}))
        self.toml('default = "refuse"\n')
        self.assertFails(self.bpfman("image", "pull", "docker://" + image), REFUSED, "refused by default of", "policy.toml")
        self.require(os.path.abspath(f"{DATA}/p256.pub"))
        pulled = self.bpfman.json("image", "pull", "docker://" + image)["image"]["provenance"]
        self.assertRegex(pulled["trust"], r'^rule "ours": signed by it, key sha256:\S+; \S+/policy.json, docker "": accepted$')
        self.containers({"default": REJECT})
        self.assertFails(self.bpfman("load", "image", image), REFUSED, "policy.json, default: reject")
        verified = self.bpfman("image", "verify")
        self.assertEqual(verified.returncode, REFUSED)
        self.assertIn("policy.json, default: reject", verified.stderr)
        self.assertNothingLeft()

    def test_images_of_local_stores_are_asked_about_by_name_only(self):
        context = self.host.programs.context("policy-local", [self.host.pass1])
        podman = self.host.overlay
        podman.build(context, "policy-local:dev")
        self.addCleanup(podman.command, "rmi", "-f", "policy-local:dev", check=False)
        self.containers({"default": REJECT})
        done = self.bpfman("image", "pull", "policy-local:dev")
        self.assertEqual(done.returncode, 0, done.stderr)
        scope = f"[overlay@{podman.root}]localhost/policy-local"
        self.containers({"default": ACCEPT, "transports": {"containers-storage": {scope: REJECT}}})
        self.assertFails(self.bpfman("image", "pull", "policy-local:dev"), REFUSED, f'containers-storage "{scope}": reject')
        self.containers({"default": REJECT, "transports": {"containers-storage": {f"[{podman.root}]": ACCEPT}}})
        self.assertEqual(self.bpfman("image", "pull", "policy-local:dev").returncode, 0)

    def test_archives_and_layouts_come_in_from_outside(self):
        image = publish(self.host.registry.name, "policy/archive")
        archive = os.path.join(self.root, "archive.tar")
        self.bpfman("image", "save", "docker://" + image, "-o", archive, check=True)
        self.containers({"default": REJECT})
        self.assertFails(self.bpfman("image", "load", "-i", archive), REFUSED, "policy.json, default: reject")
        self.assertFails(self.bpfman("image", "pull", "oci:" + os.path.abspath(DATA) + "/layout:signed-prog:v1"), REFUSED,
                         "default: reject")
        self.containers({"default": REJECT, "transports": {"oci-archive": {self.root: ACCEPT}}})
        done = self.bpfman("image", "load", "-i", archive)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFails(self.bpfman("image", "pull", "oci:" + os.path.abspath(DATA) + "/layout:signed-prog:v1"), REFUSED,
                         "default: reject")
        one = {"type": "sigstoreSigned", "keyPath": os.path.abspath(DATA) + "/p256.pub",
               "signedIdentity": {"type": "exactRepository", "dockerRepository": "127.0.0.1:57031/signed-prog"}}
        self.containers({"default": REJECT, "transports": {"oci-archive": {"": [one]}}})
        done = self.bpfman("image", "load", "-i", archive, prefix=("unshare", "--net"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_decision_is_shown(self):
        image = publish(self.host.registry.name, "policy/shown", bundles=False)
        one = {"type": "sigstoreSigned", "keyPath": os.path.abspath(DATA) + "/p384.pub",
               "signedIdentity": {"type": "exactRepository", "dockerRepository": "127.0.0.1:57031/signed-prog"}}
        self.containers(self.docker({self.host.registry.name: [one]}))
        done = self.bpfman("load", "image", "docker://" + image)
        self.assertEqual(done.returncode, 0, done.stderr)
        program = self.bpfman.json("list", "programs")["programs"][0]
        shown = self.bpfman("get", "program", str(program["program_id"]), check=True).stdout
        self.assertRegex(shown, r'Trust: +registry-unsigned-allowed; \S+/policy.json, docker "\S+": signed by key sha256:')
        inspected = self.bpfman("image", "inspect", image, check=True).stdout
        self.assertRegex(inspected, r"policy.json, docker")
        judged = self.bpfman("image", "verify", image, "--signatures")
        self.assertEqual(judged.returncode, 0, judged.stderr)
        self.assertIn("policy.json, docker", judged.stdout)
        self.bpfman("unload", "--all", check=True)


if __name__ == "__main__":
    unittest.main()
