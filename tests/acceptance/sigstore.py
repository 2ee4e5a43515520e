# SPDX-License-Identifier: Apache-2.0
"""A Sigstore of one's own, small: an authority, a transparency log, and the TUF repository that vouches for both.

All keys are made by openssl when they are first named. Nothing here looks at how bpfman does it.
"""

import base64
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
import time

from host import run

IDENTITY = "dev@example.com"
ISSUER = "https://issuer.example"


def canonical(value):
    """OLPC's canonical JSON, as TUF signs it: json.dumps would escape the line ends of keys."""
    if isinstance(value, dict):
        return "{" + ",".join(canonical(key) + ":" + canonical(value[key]) for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def digest(data, kind="sha256"):
    return hashlib.new(kind, data).hexdigest()


class Keys:
    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)

    def path(self, name):
        path = os.path.join(self.directory, name + ".key")
        if not os.path.exists(path):
            run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
        return path

    def pem(self, name):
        return run("openssl", "pkey", "-in", self.path(name), "-pubout").stdout

    def der(self, name):
        return base64.b64decode("".join(self.pem(name).splitlines()[1:-1]))

    def sign(self, name, data):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path(name)], input=data,
                              stdout=subprocess.PIPE, check=True).stdout


class Sigstore:
    """Signs images keyless, in cosign's classic form, and says whom to trust for that."""

    def __init__(self, directory):
        self.directory = directory
        self.keys = Keys(os.path.join(directory, "keys"))
        self.authorities = []
        self.new_authority()

    def file(self, name, text=None):
        path = os.path.join(self.directory, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        return path

    def new_authority(self):
        name = f"ca{len(self.authorities)}"
        run("openssl", "req", "-x509", "-new", "-key", self.keys.path(name), "-subj", f"/O=test/CN={name}", "-days", "30",
            "-out", self.file(name + ".pem"), "-addext", "keyUsage=critical,keyCertSign")
        self.authorities.append(name)

    def certificate(self):
        """Of the newest authority, for a key called "leaf"."""
        name = self.authorities[-1]
        extensions = self.file("leaf.ext", "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n"
                               f"subjectAltName=critical,email:{IDENTITY}\n1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:{ISSUER}\n")
        run("openssl", "req", "-new", "-key", self.keys.path("leaf"), "-subj", "/O=test", "-out", self.file("leaf.csr"))
        run("openssl", "x509", "-req", "-in", self.file("leaf.csr"), "-CA", self.file(name + ".pem"), "-CAkey",
            self.keys.path(name), "-CAcreateserial", "-days", "1", "-extfile", extensions, "-out", self.file("leaf.pem"))
        with open(self.file("leaf.pem"), encoding="utf-8") as text:
            return text.read()

    def log_id(self):
        return digest(self.keys.der("rekor"))

    def entry(self, payload, signature, certificate):
        """Rekor's: a body and the promise to include it."""
        body = canonical({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": digest(payload)}},
            "signature": {"content": signature, "publicKey": {"content": base64.b64encode(certificate.encode()).decode()}}}})
        entry = {"body": base64.b64encode(body.encode()).decode(), "integratedTime": int(time.time()),
                 "logID": self.log_id(), "logIndex": 1}
        promise = base64.b64encode(self.keys.sign("rekor", canonical(entry).encode())).decode()
        return json.dumps({"SignedEntryTimestamp": promise, "Payload": entry})

    def sign_layout(self, source, target):
        """Copies the image of an OCI layout, with nothing but a new signature beside it. Returns its reference."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)

        def put(data):
            with open(os.path.join(target, "blobs/sha256", digest(data)), "wb") as out:
                out.write(data)
            return {"digest": "sha256:" + digest(data), "size": len(data)}

        with open(os.path.join(source, "index.json"), encoding="utf-8") as text:
            image = json.load(text)["manifests"][0]
        payload = canonical({"critical": {"identity": {"docker-reference": ""}, "image": {
            "docker-manifest-digest": image["digest"]}, "type": "cosign container image signature"}, "optional": None}).encode()
        signature = base64.b64encode(self.keys.sign("leaf", payload)).decode()
        certificate = self.certificate()
        layer = {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", **put(payload), "annotations": {
            "dev.cosignproject.cosign/signature": signature, "dev.sigstore.cosign/certificate": certificate,
            "dev.sigstore.cosign/bundle": self.entry(payload, signature, certificate)}}
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "layers": [layer], "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", **put(b"{}")}}).encode()
        tag = image["digest"].replace(":", "-") + ".sig"
        index = {"schemaVersion": 2, "manifests": [image, {
            "mediaType": kind, **put(manifest), "annotations": {"org.opencontainers.image.ref.name": tag}}]}
        with open(os.path.join(target, "index.json"), "w", encoding="utf-8") as out:
            json.dump(index, out)
        return f"oci:{target}:{image['annotations']['org.opencontainers.image.ref.name']}"

    def trusted_root(self):
        def raw(data):
            return {"rawBytes": base64.b64encode(data).decode()}

        def certificate(name):
            return raw(subprocess.run(["openssl", "x509", "-in", self.file(name + ".pem"), "-outform", "DER"],
                                      stdout=subprocess.PIPE, check=True).stdout)

        start = {"validFor": {"start": "2020-01-01T00:00:00Z"}}
        return json.dumps({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{"baseUrl": "https://rekor.example", "hashAlgorithm": "SHA2_256",
                       "publicKey": {**raw(self.keys.der("rekor")), **start},
                       "logId": {"keyId": base64.b64encode(bytes.fromhex(self.log_id())).decode()}}],
            "certificateAuthorities": [{"uri": f"https://{name}.example", "certChain": {"certificates": [certificate(name)]},
                                        **start} for name in self.authorities]}).encode()


class TufRepository:
    """A directory that is served on loopback. What a role is signed with, and its versions, a test may change."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(os.path.join(directory, "targets"))
        self.keys = Keys(directory + ".keys")
        self.roles = {"root": {"keys": ["r1", "r2", "r3"], "threshold": 2, "signers": ["r1", "r3"]}}
        for name in ("timestamp", "snapshot", "targets"):
            self.roles[name] = {"keys": ["online"], "threshold": 1, "signers": ["online"]}
        for role in self.roles.values():
            role.update(version=1, lifetime=3600)
        self.asked = []
        self.hang_at = ""
        self.released = threading.Event()
        self.server = None

    def write(self, path, data):
        with open(os.path.join(self.directory, path), "wb") as out:
            out.write(data)

    def path(self, path):
        return os.path.join(self.directory, path)

    def key_id(self, name):
        return digest(canonical(self.key(name)).encode())

    def key(self, name):
        return {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": self.keys.pem(name)}}

    def put(self, path, kind, **content):
        role = self.roles[kind]
        content.update(_type=kind, spec_version="1.0.31", version=role["version"], expires=utc(time.time() + role["lifetime"]))
        text = canonical(content).encode()
        signatures = [{"keyid": self.key_id(name), "sig": self.keys.sign(name, text).hex()} for name in role["signers"]]
        data = json.dumps({"signatures": signatures, "signed": content}, indent=1).encode()
        self.write(path, data)
        return {"version": role["version"], "length": len(data), "hashes": {"sha256": digest(data)}}

    def publish_root(self):
        names = {name for role in self.roles.values() for name in role["keys"]}
        self.put(f"{self.roles['root']['version']}.root.json", "root", consistent_snapshot=True,
                 keys={self.key_id(name): self.key(name) for name in names},
                 roles={name: {"keyids": [self.key_id(key) for key in role["keys"]], "threshold": role["threshold"]}
                        for name, role in self.roles.items()})

    def publish(self, target):
        """One version further with everything but the root."""
        for name in ("timestamp", "snapshot", "targets"):
            self.roles[name]["version"] += 1
        self.write(f"targets/{digest(target, 'sha512')}.trusted_root.json", target)
        targets = {"trusted_root.json": {"length": len(target), "hashes": {"sha512": digest(target, "sha512")}}}
        file = self.put(f"{self.roles['targets']['version']}.targets.json", "targets", targets=targets)
        file = self.put(f"{self.roles['snapshot']['version']}.snapshot.json", "snapshot", meta={"targets.json": file})
        self.put("timestamp.json", "timestamp", meta={"snapshot.json": file})

    def serve(self):
        repository = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=repository.directory)

            def do_GET(self):
                repository.asked.append(self.path)
                if repository.hang_at and self.path.endswith(repository.hang_at):
                    repository.released.wait(60)
                    return
                super().do_GET()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.released.set()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
