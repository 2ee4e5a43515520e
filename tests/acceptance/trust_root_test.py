# SPDX-License-Identifier: Apache-2.0
"""bpfman image trust-root: updates from a TUF repository on loopback, and what they are for: keyless signatures.

Needs root and openssl; no engines.
"""

import json
import os
import shutil
import signal
import subprocess
import unittest

from host import Bpfman, scratch_directory, wait_for
from sigstore import IDENTITY, ISSUER, Sigstore, TufRepository

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data", "signatures")
NOT_FOUND, EXISTS, REFUSED, PRECONDITION, UNAVAILABLE = 3, 4, 5, 6, 8
OFFLINE = ("unshare", "--net")


class TrustRoot(unittest.TestCase):
    def setUp(self):
        self.root = scratch_directory()
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        nowhere = ["--docker-host", "unix:///nowhere/docker.sock", "--storage-root", "/nowhere/storage",
                   "--containerd-address", "/nowhere/containerd.sock"]
        self.bpfman = Bpfman(os.environ["BPFMAN"], self.root, nowhere)
        self.addCleanup(self.bpfman.stop)
        self.installed = os.path.join(self.root, "etc/bpfman/trusted_root.json")
        os.makedirs(os.path.join(self.root, "sigstore"))
        self.sigstore = Sigstore(os.path.join(self.root, "sigstore"))
        self.tuf = TufRepository(os.path.join(self.root, "tuf"))
        self.addCleanup(self.tuf.stop)
        self.tuf.publish_root()
        self.tuf.publish(self.sigstore.trusted_root())
        self.mirror = self.tuf.serve()
        self.first = ("--mirror", self.mirror, "--root", self.tuf.path("1.root.json"))

    def update(self, *words, **options):
        return self.bpfman("image", "trust-root", "update", *words, **options)

    def sign(self):
        return self.sigstore.sign_layout(os.path.join(DATA, "layout"), os.path.join(self.root, "image"))

    def verify(self, image, *words):
        return self.bpfman("image", "verify", image, *words, prefix=OFFLINE)

    def policy(self):
        os.makedirs(os.path.dirname(self.installed), exist_ok=True)
        with open(os.path.join(os.path.dirname(self.installed), "policy.toml"), "w", encoding="utf-8") as out:
            out.write(f'default = "refuse"\n[signers.dev]\nidentity = "{IDENTITY}"\nissuer = "{ISSUER}"\n'
                      '[[rules]]\nname = "ours"\nsigned_by = ["dev"]\n')

    def read(self):
        with open(self.installed, "rb") as file:
            return file.read()

    def assertFails(self, done, status, *texts):
        self.assertEqual(done.returncode, status, f"{done.stdout}\n{done.stderr}")
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "", "stdout is for data")

    def assertGood(self, done, *texts):
        self.assertEqual(done.returncode, 0, done.stderr)
        for text in texts:
            self.assertIn(text, done.stdout)

    def test_signatures_count_once_the_root_is_there(self):
        image = self.sign()
        self.policy()
        self.assertFails(self.verify(image, "--signatures"), REFUSED, "there is no trust root to check that against")
        self.assertFails(self.bpfman("image", "trust-root", "show"), NOT_FOUND, "bpfman image trust-root update")
        self.assertGood(self.update(*self.first), "trust root updated", "https://ca0.example", "https://rekor.example")
        self.assertEqual(self.read(), self.sigstore.trusted_root())
        asked = len(self.tuf.asked)
        self.assertGood(self.verify(image, "--signatures"), "signature verified", f"by {IDENTITY} ({ISSUER})")
        flags = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER, "--trusted-root", self.installed)
        self.assertGood(self.verify(image, *flags), "signature verified")
        self.assertGood(self.bpfman("image", "pull", image, prefix=OFFLINE), 'rule "ours": signed by dev')
        self.assertEqual(len(self.tuf.asked), asked, "nothing else asks the mirror")
        shown = self.bpfman.json("image", "trust-root", "show")["trust_root"]
        self.assertEqual((shown["origin"], shown["tuf_root_version"]), (self.mirror, 1))

    def test_a_new_authority_and_new_keys_arrive_with_the_next_update(self):
        self.policy()
        self.update(*self.first, check=True)
        self.sigstore.new_authority()
        image = self.sign()
        self.assertFails(self.verify(image, "--signatures"), REFUSED, "does not lead to the trust root")
        self.tuf.roles["root"].update(version=2, keys=["r4", "r5"], signers=["r1", "r2", "r4", "r5"])
        self.tuf.roles["timestamp"].update(keys=["new"], signers=["new"])
        self.tuf.publish_root()
        self.tuf.publish(self.sigstore.trusted_root())
        done = json.loads(self.update("-o", "json", check=True).stdout)
        self.assertEqual(done["trust_root"]["tuf_root_version"], 2)
        self.assertTrue(done["changed"])
        self.assertEqual(done["copy"], self.installed + ".old")
        self.assertGood(self.verify(image, "--signatures"), "signature verified")
        self.assertGood(self.update(), "trust root is up to date")

    def test_what_is_wrong_changes_nothing(self):
        self.update(*self.first, check=True)
        good = self.read()
        self.sigstore.new_authority()
        fresh = self.sigstore.trusted_root()

        def refused(status, *texts):
            self.tuf.publish(fresh)
            self.assertFails(self.update(), status, *texts)
            self.assertEqual(self.read(), good)

        timestamp, root = self.tuf.roles["timestamp"], self.tuf.roles["root"]
        timestamp["signers"] = ["stranger"]
        refused(REFUSED, "timestamp.json: it is signed by 0 of the 1 keys for timestamp")
        timestamp.update(signers=["online"], lifetime=-10)
        refused(PRECONDITION, "timestamp.json: version 4 has expired", "by this host's clock")
        timestamp.update(lifetime=3600, version=0)
        refused(REFUSED, "timestamp.json goes back from version 2 to 1")
        timestamp.update(version=10)
        self.tuf.publish(fresh)
        self.tuf.write(f"{self.tuf.roles['targets']['version']}.targets.json", b"{}")
        self.assertFails(self.update(), 11, "targets.json: it has 2 bytes, not")
        root.update(version=2, keys=["x", "y"], signers=["x", "y", "r1"])
        self.tuf.publish_root()
        refused(REFUSED, "2.root.json: it is signed by 1 of the 2 keys for root that root version 1 demands")
        self.assertEqual(self.read(), good)
        root.update(signers=["x", "y", "r1", "r2"])
        self.tuf.publish_root()
        self.tuf.publish(fresh)
        self.assertGood(self.update(), "trust root updated")
        self.assertEqual(self.read(), fresh)

    def test_a_mirror_of_another_sigstore_needs_its_root(self):
        self.assertFails(self.update("--mirror", self.mirror), PRECONDITION, "--root FILE")
        self.update(*self.first, check=True)
        other = TufRepository(os.path.join(self.root, "other"))
        self.addCleanup(other.stop)
        other.publish_root()
        other.publish(self.sigstore.trusted_root())
        address = other.serve()
        self.assertFails(self.update("--mirror", address), REFUSED, "signed by 0 of the 1 keys", "--root FILE")
        self.assertGood(self.update("--mirror", address, "--root", other.path("1.root.json")), "trust root is up to date")
        self.assertEqual(self.bpfman.json("image", "trust-root", "show")["trust_root"]["origin"], address)
        self.assertFails(self.update("--mirror", "http://tuf.example"), 2, "must be https://")

    def test_a_file_of_the_user_is_never_lost(self):
        os.makedirs(os.path.dirname(self.installed))
        with open(self.installed, "w", encoding="utf-8") as out:
            out.write("mine")
        self.assertFails(self.update(*self.first), EXISTS, "was not put there by bpfman", "--force")
        self.assertEqual(self.read(), b"mine")
        done = json.loads(self.update(*self.first, "--force", "-o", "json", check=True).stdout)
        self.tuf.publish(self.sigstore.trusted_root() + b"\n")
        self.update(check=True)
        with open(done["copy"], encoding="utf-8") as text:
            self.assertEqual(text.read(), "mine")

    def test_without_a_network(self):
        self.assertFails(self.update(*self.first, prefix=OFFLINE), UNAVAILABLE, "--from FILE")
        carried = os.path.join(self.root, "carried.json")
        with open(carried, "wb") as out:
            out.write(self.sigstore.trusted_root())
        self.assertGood(self.update("--from", carried, prefix=OFFLINE), "trust root updated")
        self.policy()
        self.assertGood(self.verify(self.sign(), "--signatures"), "signature verified")
        copy = ("--from", self.tuf.directory, "--root", self.tuf.path("1.root.json"))
        self.assertGood(self.update(*copy, prefix=OFFLINE), "TUF root version 1")
        self.assertEqual(self.tuf.asked, [])

    def test_an_update_that_is_ended_leaves_the_former_root(self):
        self.update(*self.first, check=True)
        good = self.read()
        self.tuf.publish(self.sigstore.trusted_root() + b"\n")
        for path in ("snapshot.json", "trusted_root.json"):
            for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
                self.tuf.hang_at = path
                asked = len(self.tuf.asked)
                with subprocess.Popen([self.bpfman.binary, "--root-dir", self.root, "image", "trust-root", "update"],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                    wait_for(path + " is asked for", lambda: any(path in one for one in self.tuf.asked[asked:]))
                    process.send_signal(number)
                    process.communicate()
                self.assertEqual(process.returncode, status)
                self.assertEqual(self.read(), good)
        self.tuf.hang_at = ""
        self.assertGood(self.update(), "trust root updated")


if __name__ == "__main__":
    unittest.main()
