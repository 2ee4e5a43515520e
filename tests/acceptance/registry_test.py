# SPDX-License-Identifier: Apache-2.0
"""Registries as people run them: TLS with a CA of their own, logins, mirrors, limits, broken lines. Needs root."""

import base64
import crypt
import hashlib
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from case import PASS, Case, the_host
from host import Daemon, run, wait_for

LOGIN = "alice:wonder land"
BASIC = base64.b64encode(LOGIN.encode()).decode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Authority:
    """A CA of the test's own, and what it signs."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)
        self.certificate = os.path.join(directory, "ca.crt")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=bpfman acceptance CA", "-keyout", self.path("ca.key"), "-out", self.certificate)

    def path(self, name):
        return os.path.join(self.directory, name)

    def sign(self, name, extension):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        with open(self.path(name + ".ext"), "w", encoding="utf-8") as out:
            out.write(extension + "\n")
        run("openssl", "x509", "-req", "-days", "2", "-in", self.path(name + ".csr"), "-CA", self.certificate, "-CAkey",
            self.path("ca.key"), "-CAcreateserial", "-extfile", self.path(name + ".ext"), "-out", self.path(name + ".crt"))
        return self.path(name + ".crt"), self.path(name + ".key")


class SecureRegistry:
    """docker-registry with what `http` and `auth` (YAML) say, over the data of the host's plain registry."""

    def __init__(self, directory, data, http="", auth="", storage=""):
        os.makedirs(directory)
        self.name = f"127.0.0.1:{free_port()}"
        config = os.path.join(directory, "config.yml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {data}\n{storage}"
                      f"http:\n  addr: {self.name}\n{http}{auth}")
        self.daemon = Daemon(["docker-registry", "serve", config], os.path.join(directory, "registry.log"))
        host, port = self.name.split(":")

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex((host, int(port))) == 0

        wait_for("docker-registry", answers)

    def stop(self):
        self.daemon.stop()


class Front:
    """An HTTP server on loopback in front of a registry; `answer(handler)` returns True when it has answered itself."""

    def __init__(self, upstream, answer, tls=None, address="127.0.0.1"):
        front = self
        self.upstream = upstream
        self.answer = answer
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def do_POST(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.do_GET()

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                front.requests.append((self.command, self.path, dict(self.headers)))
                try:
                    if not front.answer(self):
                        front.forward(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                """A peer that is killed in the middle is what some tests are about."""

        self.server = Server((address, 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.name = f"{address}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def fetch(self, handler):
        names = ("Accept", "Range", "If-Range")
        headers = {name: handler.headers[name] for name in names if handler.headers.get(name)}
        try:
            request = urllib.request.Request(f"http://{self.upstream}{handler.path}", headers=headers, method=handler.command)
            with urllib.request.urlopen(request) as got:
                return got.status, dict(got.headers), got.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def forward(self, handler):
        self.reply(handler, *self.fetch(handler))

    @staticmethod
    def reply(handler, status, headers, body, length=None):
        handler.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(length if length is not None else len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def paths(self, part):
        return [path for _, path, _ in self.requests if part in path]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class RegistryCase(Case):
    @classmethod
    def setUpClass(cls):
        host = the_host()
        cls.directory = os.path.join(host.directory, "secure-" + cls.__name__)
        cls.authority = Authority(cls.directory)
        cls.server = cls.authority.sign("server", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        obj = host.programs.compile("secure", PASS, "-DSTEP=9")
        filler = os.path.join(cls.directory, "filler")
        with open(filler, "wb") as out:
            out.write(os.urandom(4 << 20))
        context = host.programs.context("secure", [obj, filler], {"io.ebpf.programs": {"pass": "xdp"}})
        cls.tag = f"{host.registry.name}/team/secure:v1"
        host.overlay.build(context, cls.tag)
        host.overlay.command("push", "-q", "--tls-verify=false", cls.tag)
        host.overlay.command("rmi", "-f", cls.tag)
        cls.data = os.path.join(host.directory, "registry", "data")

    def setUp(self):
        super().setUp()
        self.parts = []
        self.home = os.path.join(self.root, "configuration")
        os.makedirs(self.home)
        # Nothing of this machine's own configuration.
        self.env = {"XDG_CONFIG_HOME": self.home, "XDG_RUNTIME_DIR": self.home, "DOCKER_CONFIG": self.home,
                    "CONTAINERS_REGISTRIES_CONF": self.write("registries.conf", "")}

    def tearDown(self):
        for part in reversed(self.parts):
            part.stop()
        super().tearDown()

    def own(self, part):
        self.parts.append(part)
        return part

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def registry(self, name, http="", auth=""):
        return self.own(SecureRegistry(os.path.join(self.root, name), self.data, http, auth))

    def tls_registry(self, clients=False, auth=""):
        more = f"    clientcas:\n      - {self.authority.certificate}\n" if clients else ""
        http = f"  tls:\n    certificate: {self.server[0]}\n    key: {self.server[1]}\n{more}"
        return self.registry("registry", http, auth)

    def front(self, answer, upstream=None, tls=None, address="127.0.0.1"):
        return self.own(Front(upstream or self.host.registry.name, answer, tls, address))

    def trust(self, name, client=None):
        directory = os.path.join(self.home, "containers/certs.d", name)
        os.makedirs(directory)
        shutil.copy(self.authority.certificate, directory)
        if client:
            shutil.copy(client[0], os.path.join(directory, "client.cert"))
            shutil.copy(client[1], os.path.join(directory, "client.key"))

    def pull(self, name, *words, **env):
        return self.bpfman("image", "pull", name, *words, env={**self.env, **env})

    def assertPulls(self, name, *words, **env):
        done = self.pull(name, "-o", "json", *words, **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        reply = json.loads(done.stdout)
        self.assertEqual(reply["image"]["provenance"]["verification"], "content")
        return reply, done.stderr

    def htpasswd(self):
        user, password = LOGIN.split(":")
        path = self.write("htpasswd", f"{user}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
        return f"auth:\n  htpasswd:\n    realm: acceptance\n    path: {path}\n"

    def login(self, name, where="containers/auth.json"):
        self.write(where, json.dumps({"auths": {name: {"auth": BASIC}}}))


class Tls(RegistryCase):
    def test_a_private_ca_is_trusted_for_its_registry_alone(self):
        registry = self.tls_registry()
        # Without certs.d, loopback is spoken to in plain text first; the registry itself asks for TLS.
        done = self.pull(f"{registry.name}/team/secure:v1")
        self.assertFails(done, 3, "certificate is not trusted", f"/etc/containers/certs.d/{registry.name}/ca.crt")
        self.trust(registry.name)
        _, said = self.assertPulls(f"{registry.name}/team/secure:v1")
        self.assertIn(f"pulling {registry.name}/team/secure:v1 from {registry.name}", said)

    def test_a_client_certificate_is_shown(self):
        registry = self.tls_registry(clients=True)
        client = self.authority.sign("client", "extendedKeyUsage=clientAuth")
        self.trust(registry.name, client)
        self.assertPulls(f"{registry.name}/team/secure:v1")

    def test_a_client_certificate_without_its_key_is_named(self):
        registry = self.tls_registry(clients=True)
        self.trust(registry.name, self.authority.sign("client", "extendedKeyUsage=clientAuth"))
        os.unlink(os.path.join(self.home, "containers/certs.d", registry.name, "client.key"))
        self.assertFails(self.pull(f"{registry.name}/team/secure:v1"), 3, "client.key does not exist")

    def test_insecure_believes_any_certificate(self):
        registry = self.tls_registry()
        self.write("registries.conf", f'[[registry]]\nlocation = "{registry.name}"\ninsecure = true\n')
        self.assertPulls(f"{registry.name}/team/secure:v1")


    def test_plain_text_is_for_loopback_and_the_insecure(self):
        plain = self.front(lambda handler: False, address=self.pair.address)
        name = f"{plain.name}/team/secure:v1"
        self.assertFails(self.pull(name, no_proxy="*"), 3, plain.name)
        self.assertEqual(plain.requests, [])
        self.write("registries.conf", f'[[registry]]\nlocation = "{plain.name}"\ninsecure = true\n')
        self.assertPulls(name, no_proxy="*")


class Logins(RegistryCase):
    def test_basic_from_the_flag_and_from_files(self):
        registry = self.tls_registry(auth=self.htpasswd())
        self.trust(registry.name)
        name = f"{registry.name}/team/secure:v1"
        self.assertFails(self.pull(name), 3, "wants a login for team/secure", "podman login", "config.json")
        self.assertPulls(name, "--pull-policy", "Always", "-r", BASIC)
        self.login(registry.name)
        self.assertPulls(name, "--pull-policy", "Always")
        os.unlink(os.path.join(self.home, "containers/auth.json"))
        self.login(f"https://{registry.name}/v2/", "config.json")
        self.assertPulls(name, "--pull-policy", "Always")
        wrong = base64.b64encode(b"alice:wrong").decode()
        done = self.pull(name, "--pull-policy", "Always", "-r", wrong)
        self.assertFails(done, 3, "refuses this login", "--registry-auth")
        self.assertNotIn(wrong, done.stderr)

    def test_a_named_file_is_the_only_one(self):
        registry = self.tls_registry(auth=self.htpasswd())
        self.trust(registry.name)
        self.login(registry.name)
        name = f"{registry.name}/team/secure:v1"
        own = self.write("own.json", "{}")
        self.assertFails(self.pull(name, REGISTRY_AUTH_FILE=own), 3, "wants a login", own)
        self.write("own.json", "{ damaged")
        self.assertFails(self.pull(name, REGISTRY_AUTH_FILE=own), 2, "REGISTRY_AUTH_FILE", own)
        self.login(registry.name, "own.json")
        self.assertPulls(name, REGISTRY_AUTH_FILE=own)

    def test_a_credential_helper_is_asked(self):
        registry = self.tls_registry(auth=self.htpasswd())
        self.trust(registry.name)
        helper = f"bpfman-acceptance-{os.getpid()}"
        program = f"/usr/local/bin/docker-credential-{helper}"
        user, password = LOGIN.split(":")
        with open(program, "w", encoding="utf-8") as out:
            out.write(f"""#!/bin/sh
read -r server
[ "$1" = get ] && [ "$server" = {registry.name} ] || {{ echo "credentials not found in native keychain"; exit 1; }}
echo '{{"ServerURL":"x","Username":"{user}","Secret":"{password}"}}'
""")
        self.addCleanup(os.unlink, program)
        os.chmod(program, 0o755)
        self.write("config.json", json.dumps({"credsStore": helper}))
        self.assertPulls(f"{registry.name}/team/secure:v1")

    def bearer(self, fail=False):
        """A registry that wants tokens, and its token server."""
        given = []

        def tokens(handler):
            if handler.command == "POST":
                fields = urllib.parse.parse_qs(handler.body.decode())
                good = fields.get("refresh_token") == ["identity"] and fields.get("grant_type") == ["refresh_token"]
            else:
                good = handler.headers.get("Authorization") == "Basic " + BASIC
            given.append((handler.command, good))
            body = json.dumps({"access_token": "let-me-in", "expires_in": 60}).encode() if good else b"{}"
            Front.reply(handler, 200 if good else 401, {"Content-Type": "application/json"}, body)
            return True

        server = self.front(tokens, tls=self.server)
        self.trust(server.name)

        def guard(handler):
            if handler.headers.get("Authorization") == "Bearer let-me-in":
                return False
            Front.reply(handler, 401, {"WWW-Authenticate": f'Bearer realm="https://{server.name}/token",service="acceptance"'},
                        b"{}")
            return True

        return self.front(guard, tls=self.server), given

    def test_a_token_for_a_login(self):
        registry, given = self.bearer()
        self.trust(registry.name)
        self.login(registry.name)
        self.assertPulls(f"{registry.name}/team/secure:v1")
        self.assertEqual(given, [("GET", True)])
        for _, _, headers in registry.requests:
            self.assertNotIn("Basic", headers.get("Authorization", ""))

    def test_a_token_for_an_identity_token(self):
        registry, given = self.bearer()
        self.trust(registry.name)
        self.write("config.json", json.dumps({"auths": {registry.name: {"identitytoken": "identity"}}}))
        self.assertPulls(f"{registry.name}/team/secure:v1")
        self.assertEqual(given, [("POST", True)])


class Pushes(RegistryCase):
    """docker-registry with data of its own: what is pushed must not be there before."""

    def setUp(self):
        super().setUp()
        self.data = os.path.join(self.root, "pushed")
        self.object = self.host.programs.compile("pushed", PASS, "-DSTEP=11")

    def push(self, name, *words, **env):
        return self.bpfman("image", "build", "-t", name, "--push", "--format", "json", *words, self.object,
                           env={**self.env, **env})

    def assertPushes(self, name, *words, **env):
        done = self.push(name, *words, **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_build_is_pushed_once_and_pulled_again(self):
        registry = self.registry("plain")
        name = f"{registry.name}/team/pushed:v1"
        first = self.assertPushes(name)
        self.assertEqual(first["destination"], registry.name)
        found = run("skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}").stdout
        self.assertEqual(found.strip(), first["digest"])
        front = self.front(lambda handler: False, upstream=registry.name)
        reply, _ = self.assertPulls(name)
        self.assertEqual(reply["image"]["provenance"]["manifest_digest"], first["digest"])
        again = self.assertPushes(f"{front.name}/team/pushed:v1")
        self.assertEqual(again["digest"], first["digest"])
        self.assertEqual({method for method, _, _ in front.requests}, {"HEAD"})

    def test_an_archive_of_two_platforms_keeps_its_digest(self):
        registry = self.registry("plain")
        project = os.path.join(self.root, "project")
        os.makedirs(project)
        for name in ("prog_x86_bpfel.o", "prog_arm64_bpfel.o"):
            shutil.copy(self.object, os.path.join(project, name))
        archive = os.path.join(self.root, "image.tar")
        built = json.loads(self.bpfman("image", "build", "-t", "x:dev", "--output", f"oci-archive:{archive}", "--format",
                                       "json", project, env=self.env).stdout)
        name = f"{registry.name}/team/two:v1"
        done = self.bpfman("image", "push", f"oci-archive:{archive}", name, "-o", "json", env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        pushed = json.loads(done.stdout)
        self.assertEqual(pushed["digest"], built["digest"])
        raw = run("skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{name}").stdout
        self.assertEqual({entry["platform"]["architecture"] for entry in json.loads(raw)["manifests"]}, {"amd64", "arm64"})
        self.assertPulls(name)

    def test_an_image_of_the_database_is_pushed_by_its_name_or_another(self):
        registry = self.registry("plain")
        name = f"{registry.name}/team/stored:v1"
        self.bpfman("image", "build", "-t", name, self.object, env=self.env)
        self.assertEqual(self.bpfman("image", "push", name, env=self.env).returncode, 0)
        done = self.bpfman("image", "push", name, f"{registry.name}/team/stored:v2", "-o", "json", env=self.env)
        self.assertEqual(json.loads(done.stdout)["uploaded"], 1, done.stderr)

    def gadget_layout(self, payload, layer_type):
        """An OCI layout with an index of one platform, packaged as Inspektor Gadget does."""
        layout = os.path.join(self.root, "gadget")
        blobs = os.path.join(layout, "blobs/sha256")
        os.makedirs(blobs)

        def blob(content, kind, **more):
            digest = hashlib.sha256(content).hexdigest()
            with open(os.path.join(blobs, digest), "wb") as out:
                out.write(content)
            return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(content), **more}

        gadget = "application/vnd.gadget.v1+binary"
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": gadget,
                    "config": blob(b"name: x\n", "application/vnd.gadget.config.v1+yaml"),
                    "layers": [blob(payload, layer_type, annotations={"org.opencontainers.image.title": "program.o"})]}
        entry = blob(json.dumps(manifest).encode(), manifest["mediaType"], artifactType=gadget,
                     platform={"os": "linux", "architecture": machine})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
        top = {"schemaVersion": 2, "manifests": [blob(json.dumps(index).encode(), index["mediaType"])]}
        for name, content in (("index.json", top), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
            with open(os.path.join(layout, name), "w", encoding="utf-8") as out:
                json.dump(content, out)
        return layout, top["manifests"][0]["digest"]

    def test_a_gadget_is_read_out_of_a_layout_and_out_of_a_registry(self):
        registry = self.registry("plain")
        with open(self.object, "rb") as file:
            layout, digest = self.gadget_layout(file.read(), "application/vnd.gadget.ebpf.program.v1+binary")
        reply, _ = self.assertPulls(f"oci:{layout}")
        self.assertEqual(reply["image"]["provenance"]["route"], "oci, Inspektor Gadget")
        name = f"{registry.name}/team/gadget:v1"
        done = self.bpfman("image", "push", f"oci:{layout}", name, "-o", "json", env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["digest"], digest)
        reply, _ = self.assertPulls(name)
        self.assertEqual(reply["image"]["provenance"]["route"], "registry, Inspektor Gadget")

    def test_web_assembly_is_refused_by_name(self):
        layout, _ = self.gadget_layout(b"\0asm\1\0\0\0", "application/vnd.wasm.content.layer.v1+wasm")
        self.assertFails(self.pull(f"oci:{layout}"), 10, "is a WebAssembly module", "oras push")

    def test_tls_and_a_basic_login(self):
        registry = self.tls_registry(auth=self.htpasswd())
        self.trust(registry.name)
        name = f"{registry.name}/team/pushed:v1"
        self.assertFails(self.push(name), 5, "wants a login for a push to team/pushed", "podman login")
        wrong = base64.b64encode(b"alice:wrong").decode()
        done = self.push(name, "-r", wrong)
        self.assertFails(done, 5, "refuses this login for a push")
        self.assertNotIn(wrong, done.stderr)
        self.assertPushes(name, "-r", BASIC)
        self.login(registry.name)
        self.assertPushes(f"{registry.name}/team/pushed:v2")
        self.assertPulls(name)

    def test_a_read_only_registry_says_so(self):
        registry = self.own(SecureRegistry(os.path.join(self.root, "still"), self.data,
                                           storage="  maintenance:\n    readonly:\n      enabled: true\n"))
        self.assertFails(self.push(f"{registry.name}/team/pushed:v1"), 6, "status 405", "takes no pushes")

    def test_a_blocked_registry_is_not_asked(self):
        front = self.front(lambda handler: False)
        self.write("registries.conf", f'[[registry]]\nlocation = "{front.name}"\nblocked = true\n')
        self.assertFails(self.push(f"{front.name}/team/pushed:v1"), 5, "is blocked by")
        self.assertEqual(front.requests, [])


class Policies(RegistryCase):
    def conf(self, text):
        self.write("registries.conf", text)

    def test_a_mirror_is_asked_first_and_the_registry_when_it_fails(self):
        mirror = self.registry("mirror")
        self.conf(f'[[registry]]\nprefix = "reg.invalid"\n[[registry.mirror]]\nlocation = "{mirror.name}"\n')
        reply, said = self.assertPulls("reg.invalid/team/secure:v1")
        self.assertEqual(reply["image"]["provenance"]["location"], mirror.name)
        self.assertEqual(reply["image"]["reference"], "reg.invalid/team/secure:v1")
        self.assertIn(f"pulling reg.invalid/team/secure:v1 from {mirror.name}", said)
        self.conf(f'[[registry]]\nprefix = "{self.host.registry.name}"\n[[registry.mirror]]\n'
                  f'location = "{mirror.name}/nothing"\n')
        _, said = self.assertPulls(self.tag)
        self.assertIn(f"warning: mirror {mirror.name}", said)

    def test_a_location_is_rewritten(self):
        self.conf(f'[[registry]]\nprefix = "*.reg.invalid/group"\nlocation = "{self.host.registry.name}/team"\n')
        self.assertPulls("eu.reg.invalid/group/secure:v1")

    def test_a_blocked_registry_is_not_asked(self):
        front = self.front(lambda handler: False)
        self.conf(f'[[registry]]\nlocation = "{front.name}"\nblocked = true\n')
        self.assertFails(self.pull(f"{front.name}/team/secure:v1"), 3, f"registry {front.name} is blocked by",
                         "registries.conf")
        self.assertEqual(front.requests, [])

    def test_an_alias_names_the_registry_of_a_short_name(self):
        self.conf(f'[aliases]\n"my-secure" = "{self.host.registry.name}/team/secure"\n')
        _, said = self.assertPulls("my-secure:v1")
        self.assertIn(f"pulling {self.host.registry.name}/team/secure:v1", said)

    def test_what_may_be_an_id_is_not_asked_for(self):
        self.conf('[[registry]]\nprefix = "docker.io"\nlocation = "127.0.0.1:1"\n')
        self.assertFails(self.pull("deadbeefcafe"), 3, "may be an image id")


class Lines(RegistryCase):
    def test_a_broken_transfer_is_taken_up_where_it_broke(self):
        cut = []

        def break_off(handler):
            if "/blobs/" not in handler.path:
                return False
            status, headers, body = self.front_.fetch(handler)
            if len(body) < (1 << 20) or len(cut) >= 3:
                return False
            cut.append(handler.headers.get("Range"))
            Front.reply(handler, status, headers, body[:len(body) // 2], length=len(body))
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return True

        self.front_ = self.front(break_off)
        self.assertPulls(f"{self.front_.name}/team/secure:v1")
        self.assertEqual(len(cut), 3)
        self.assertIsNone(cut[0])
        self.assertRegex(cut[1], r"^bytes=\d{6,}-$")
        self.assertGreater(int(cut[2][6:-1]), int(cut[1][6:-1]))

    def test_retry_after_is_honoured(self):
        seen = []

        def limit(handler):
            seen.append(time.monotonic())
            if len(seen) > 1:
                return False
            Front.reply(handler, 429, {"Retry-After": "2"}, b"{}")
            return True

        front = self.front(limit)
        self.assertPulls(f"{front.name}/team/secure:v1")
        self.assertGreater(seen[1] - seen[0], 1.9)

    def test_a_limit_that_stays_is_explained(self):
        def limit(handler):
            Front.reply(handler, 429, {"Retry-After": "3600"},
                        b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}')
            return True

        front = self.front(limit)
        self.assertFails(self.pull(f"{front.name}/team/secure:v1"), 3, "TOOMANYREQUESTS: slow down", "Retry-After: 3600")
        self.assertEqual(len(front.requests), 1)

    def interrupt(self, number):
        released = threading.Event()
        self.addCleanup(released.set)

        def stall(handler):
            if "/blobs/" not in handler.path:
                return False
            status, headers, body = front.fetch(handler)
            if len(body) < (1 << 20):
                return False
            Front.reply(handler, status, headers, body[:1 << 19], length=len(body))
            handler.wfile.flush()
            stalled.set()
            released.wait(60)
            return True

        stalled = threading.Event()
        front = self.front(stall)
        words = [self.bpfman.binary, "--root-dir", self.root, *self.bpfman.arguments, "load", "image",
                 f"{front.name}/team/secure:v1", "xdp", "--iface", self.pair.interface]
        child = subprocess.Popen(words, env={**os.environ, **self.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True)
        self.assertTrue(stalled.wait(30))
        child.send_signal(number)
        began = time.monotonic()
        out, err = child.communicate(timeout=30)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(child.returncode, 130, err)
        self.assertEqual(out, "")
        self.assertIn(f"interrupted ({signal.Signals(number).name})", err)
        self.assertNothingLeft()
        self.assertEqual(self.bpfman.blobs(), [])
        self.assertEqual(self.bpfman.json("image", "list")["images"], [])

    def test_ctrl_c_ends_a_pull_cleanly(self):
        self.interrupt(signal.SIGINT)

    def test_so_does_sigterm(self):
        self.interrupt(signal.SIGTERM)

    def test_progress_in_each_form(self):
        name = self.tag
        done = self.pull(name, "--pull-policy", "Always", "--progress", "json", "-o", "json")
        events = [json.loads(line) for line in done.stderr.splitlines()]
        self.assertEqual([events[0]["event"], events[-1]["event"]], ["begin", "end"])
        self.assertEqual(events[-1]["done"], events[-1]["total"])
        done = self.pull(name, "--pull-policy", "Always", "--progress", "plain")
        self.assertRegex(done.stderr, r"^pulling \S+ from \S+\n4\.\d MiB of 4\.\d MiB, .*/s\n$")
        self.assertEqual(self.pull(name, "--pull-policy", "Always", "--progress", "quiet").stderr, "")
        self.assertFails(self.pull(name, "--progress", "loud"), 2, "auto, plain, json, quiet")


class Artifacts(RegistryCase):
    def push(self, name, config_type, layers):
        """Puts a manifest with these (media type, bytes, title) layers into the plain registry."""
        registry = f"http://{self.host.registry.name}/v2/{name}"

        def send(method, url, body, kind):
            request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind})
            with urllib.request.urlopen(request) as reply:
                return reply.headers

        def blob(body):
            digest = "sha256:" + __import__("hashlib").sha256(body).hexdigest()
            where = send("POST", f"{registry}/blobs/uploads/", b"", "application/octet-stream")["Location"]
            where = where if where.startswith("http") else f"http://{self.host.registry.name}{where}"
            send("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", body, "application/octet-stream")
            return {"digest": digest, "size": len(body)}

        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": {"mediaType": config_type, **blob(b"{}")},
                    "layers": [{"mediaType": kind, **blob(body),
                                "annotations": {"org.opencontainers.image.title": title}} for kind, body, title in layers]}
        send("PUT", f"{registry}/manifests/v1", json.dumps(manifest).encode(), manifest["mediaType"])
        return f"{self.host.registry.name}/{name}:v1"

    def test_bare_objects_of_other_projects_are_loaded(self):
        with open(self.host.pass1, "rb") as file:
            elf = file.read()
        for name, config, kind in (
                ("gadget", "application/vnd.gadget.config.v1+yaml", "application/vnd.gadget.ebpf.program.v1+binary"),
                ("bumblebee", "application/ebpf.oci.image.config.v1+json", "application/ebpf.oci.image.program.v1+binary"),
                ("oras", "application/vnd.oci.empty.v1+json", "application/octet-stream")):
            with self.subTest(name):
                tag = self.push("other/" + name, config, [(kind, elf, "pass.o")])
                done = self.bpfman("load", "image", tag, "xdp", "--iface", self.pair.interface, env=self.env)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.bpfman("unload", "--all", check=True)

    def test_wasm_is_refused_by_name(self):
        tag = self.push("other/wasm", "application/vnd.wasm.config.v1+json",
                        [("application/vnd.wasm.content.layer.v1+wasm", b"\0asm", "module.wasm")])
        self.assertFails(self.pull(tag), 10, "WebAssembly", "ecli")


if __name__ == "__main__":
    unittest.main()
