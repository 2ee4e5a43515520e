# SPDX-License-Identifier: Apache-2.0
"""The daemon's gRPC socket, with a client in Python. Needs root."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading

import grpc

import rpc_client
from case import BAD, PASS, TWO, Case
from host import SOURCE, Daemon, Failure, run, wait_for
from rpc_client import Client

XDP = 6  # BPF_PROG_TYPE_XDP


class Served(Case):
    def setUp(self):
        super().setUp()
        self.stubs = os.path.join(self.root, "stubs")
        rpc_client.make_stubs(SOURCE, self.stubs)
        # Those of the first test serve all: modules are loaded once.
        self.socket = os.path.join(self.root, "run/bpfman-sock/bpfman.sock")
        self.rpc = os.path.join(os.path.dirname(self.bpfman.binary), "bpfman-rpc")
        self.daemon = None
        self.daemons = []
        self.serve()

    def tearDown(self):
        for daemon in self.daemons:
            daemon.stop()
        super().tearDown()

    def serve(self, *more, words=None, env=None):
        words = words or [self.rpc, "--root-dir", self.root, *self.bpfman.arguments, *more]
        self.daemon = Daemon(words, os.path.join(self.root, f"serve{len(self.daemons)}.log"), env)
        self.daemons.append(self.daemon)

        def ready():
            if not self.daemon.alive():
                raise Failure("the daemon ended:\n" + self.daemon.tail())
            return "looking after" in self.daemon.tail()

        wait_for("the daemon", ready)

    def client(self):
        return Client(self.stubs, self.socket)

    def assertRefused(self, code, text, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code().name, code, caught.exception.details())
        self.assertIn(text, caught.exception.details())

    def ledger(self):
        return [json.loads(line) for line in self.bpfman("log", "-o", "json", check=True).stdout.splitlines()]

    def loaded(self, client, **more):
        return client.load_file(self.host.pass1, "pass", **more).programs[0]


class Calls(Served):
    sources = ("docker",)

    def test_a_program_from_its_file_to_its_end(self):
        with self.client() as client:
            reply = self.loaded(client, metadata={"owner": "me", "bpfman.io/application": "lab"})
            number = reply.kernel_info.id
            self.assertEqual(reply.info.name, "pass")
            self.assertEqual(reply.info.bytecode.file, self.host.pass1)
            self.assertEqual(list(reply.info.map_used_by), [str(number)])
            link = client.attach_xdp(number, self.pair.interface, priority=60, metadata={"why": "test"})
            self.assertEqual(self.pair.xdp(), number)
            self.assertEqual(self.pair.ping(3).returncode, 0)

            got = client("Get", id=number)
            self.assertEqual(list(got.info.links), [link])
            self.assertEqual(dict(got.info.metadata), {"owner": "me", "bpfman.io/application": "lab"})
            kernel = json.loads(run("bpftool", "-j", "prog", "show", "id", number).stdout)
            info = got.kernel_info
            self.assertEqual(
                (info.id, info.name, info.program_type, info.tag, info.gpl_compatible, list(info.map_ids)),
                (number, "pass", XDP, kernel["tag"], True, kernel["map_ids"]))
            self.assertEqual((info.btf_id, info.bytes_xlated, info.jited, info.bytes_jited, info.bytes_memlock),
                             (kernel["btf_id"], kernel["bytes_xlated"], kernel["jited"], kernel.get("bytes_jited", 0),
                              kernel["bytes_memlock"]))
            self.assertGreater(info.verified_insns, 0)
            self.assertRegex(info.loaded_at, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            # The command line sees the same, with what was said at the attach.
            shown = self.bpfman.json("get", "link", str(link))
            self.assertEqual(shown["metadata"], {"why": "test"})

            client("Detach", link_id=link)
            self.assertIsNone(self.pair.xdp())
            client("Unload", id=number)
            self.assertNothingLeft()

    def test_a_local_image_is_loaded(self):
        labels = {"io.ebpf.programs": {"pass": "xdp"}, "io.ebpf.maps": {"seen": "array"}}
        context = self.host.programs.context("rpc", [self.host.programs.compile("rpc", PASS, "-DSTEP=1")], labels)
        self.host.docker.build(context, "rpc-job:dev")
        with self.client() as client:
            image = client.pb.BytecodeImage(url="rpc-job:dev", image_pull_policy=1, username="user", password="secret")
            reply = client.load(client.pb.BytecodeLocation(image=image), "pass")
            self.assertNotIn("secret", str(reply))
            self.assertEqual(reply.programs[0].info.bytecode.image.url, "rpc-job:dev")
            number = reply.programs[0].kernel_info.id
            got = client("Get", id=number)
            self.assertIn("rpc-job:dev", got.info.bytecode.image.url)
            client("PullBytecode", image=client.pb.BytecodeImage(url="rpc-job:dev", image_pull_policy=1))
            self.assertIn("rpc-job:dev", self.bpfman("image", "list", check=True).stdout)
            client("Unload", id=number)

    def test_lists_say_whose_programs_they_are(self):
        with self.client() as client:
            mine = self.loaded(client, metadata={"owner": "me"}).kernel_info.id
            pin = os.path.join(self.root, "foreign")
            os.mkdir(pin)
            run("mount", "-t", "bpf", "bpf", pin)
            try:
                run("bpftool", "prog", "load", self.host.pass1, os.path.join(pin, "pass"))
                foreign = json.loads(run("bpftool", "-j", "prog", "show", "pinned", os.path.join(pin, "pass")).stdout)["id"]
                found = {one.kernel_info.id: one for one in client("List").results}
                self.assertTrue(found[mine].HasField("info"))
                self.assertFalse(found[foreign].HasField("info"))
                self.assertEqual(found[foreign].kernel_info.program_type, XDP)
                got = client("Get", id=foreign)
                self.assertFalse(got.HasField("info"))
                self.assertEqual(got.kernel_info, found[foreign].kernel_info)
                ids = lambda **query: {one.kernel_info.id for one in client("List", **query).results}
                self.assertEqual(ids(bpfman_programs_only=True), {mine})
                self.assertEqual(ids(match_metadata={"owner": "me"}), {mine})
                self.assertEqual(ids(match_metadata={"owner": "you"}), set())
                self.assertLessEqual({mine, foreign}, ids(program_type=XDP))
                self.assertTrue(ids(program_type=5).isdisjoint({mine, foreign}))
                self.assertRefused("NOT_FOUND", f"program {foreign} exists in kernel but is not managed by bpfman",
                                   lambda: client("Unload", id=foreign))
                self.assertRefused("NOT_FOUND", f"program {foreign} exists in kernel but is not managed by bpfman",
                                   lambda: client.attach_xdp(foreign, self.pair.interface))
            finally:
                run("umount", pin)
            client("Unload", id=mine)

    def test_programs_share_maps(self):
        with self.client() as client:
            owner = self.loaded(client, metadata={"bpfman.io/application": "owner"}).kernel_info
            user = self.loaded(client, metadata={"bpfman.io/application": "user"}, map_owner_id=owner.id)
            self.assertEqual(user.info.map_owner_id, owner.id)
            self.assertEqual(list(user.kernel_info.map_ids), list(owner.map_ids))
            both = sorted([str(owner.id), str(user.kernel_info.id)])
            self.assertEqual(sorted(client("Get", id=owner.id).info.map_used_by), both)
            self.assertEqual(user.info.map_pin_path, client("Get", id=owner.id).info.map_pin_path)
            self.assertRefused("INVALID_ARGUMENT", "map_owner_id 4000000000 does not exist",
                               lambda: self.loaded(client, map_owner_id=4000000000))
            for program in (user.kernel_info.id, owner.id):
                client("Unload", id=program)

    def test_what_cannot_be_done_has_its_code(self):
        with self.client() as client:
            absent = 4000000000
            self.assertRefused("NOT_FOUND", f"program {absent} does not exist", lambda: client("Get", id=absent))
            self.assertRefused("NOT_FOUND", f"program {absent} does not exist", lambda: client("Unload", id=absent))
            self.assertRefused("NOT_FOUND", "link 77 does not exist", lambda: client("Detach", link_id=77))
            self.assertRefused("INVALID_ARGUMENT", "bytecode is missing", lambda: client("Load"))
            self.assertRefused("INVALID_ARGUMENT", "attach is missing", lambda: client("Attach", id=1))
            self.assertRefused("NOT_FOUND", "does not exist", lambda: client.load_file("/nowhere/x.o", "pass"))
            self.assertRefused("INVALID_ARGUMENT", "program type mismatch: caller specified tracepoint",
                               lambda: client.load_file(self.host.pass1, "pass", kind="TRACEPOINT"))
            self.assertRefused("NOT_FOUND", "program(s) not found in object file: [nobody]",
                               lambda: client.load_file(self.host.pass1, "nobody"))
            bad = self.host.programs.compile("bad", BAD)
            with self.assertRaises(grpc.RpcError) as caught:
                client.load_file(bad, "bad")
            self.assertIn("invalid access to packet", caught.exception.details())
            program = self.loaded(client).kernel_info.id
            self.assertRefused("INVALID_ARGUMENT", "nowhere0", lambda: client.attach_xdp(program, "nowhere0"))
            fentry = client.pb.AttachInfo(fentry_attach_info=client.pb.FentryAttachInfo())
            self.assertRefused("FAILED_PRECONDITION", f"program {program} is a xdp program; the fentry attach accepts fentry",
                               lambda: client("Attach", id=program, attach=fentry))
            client("Unload", id=program)
            self.assertNothingLeft()

    def test_health_and_reflection(self):
        with self.client() as client:
            self.assertTrue(client.healthy())
            self.assertTrue(client.healthy("bpfman.v1.Bpfman"))
            services = client.services()
            for name in ("bpfman.v1.Bpfman", "grpc.health.v1.Health"):
                self.assertIn(name, services)

    def test_two_clients_at_once(self):
        path = self.host.programs.compile("two", TWO)
        errors = []

        def work(name, count):
            try:
                with self.client() as client:
                    for step in range(count):
                        reply = client.load_file(path, name, metadata={"bpfman.io/application": f"{name}-{step}"})
                        number = reply.programs[0].kernel_info.id
                        link = client.attach_xdp(number, self.pair.interface, proceed_on=[0, 1, 2, 3, 4, 31])
                        if list(client("Get", id=number).info.links) != [link]:
                            raise Failure(f"{name}: another link than {link}")
                        client("List")
                        client("Detach", link_id=link)
                        client("Unload", id=number)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(name, 6), daemon=True) for name in ("first", "second")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(errors, [])
        self.assertFalse(any(thread.is_alive() for thread in threads))
        self.assertNothingLeft()

    def test_the_ledger_names_the_client(self):
        with self.client() as client:
            client("Unload", id=self.loaded(client).kernel_info.id)
        entries = self.ledger()
        self.assertEqual([entry["verb"] for entry in entries], ["load", "unload"])
        self.assertEqual({entry["pid"] for entry in entries}, {os.getpid()})


class Process(Served):
    """The daemon as a process: how it begins and ends, and what it holds."""

    def stop(self, number=signal.SIGTERM):
        self.daemon.process.send_signal(number)
        return self.daemon.process.wait(20)

    def test_killing_it_changes_nothing(self):
        with self.client() as client:
            number = self.loaded(client).kernel_info.id
            link = client.attach_xdp(number, self.pair.interface)
            client("List")
            for fd in os.listdir(f"/proc/{self.daemon.process.pid}/fd"):
                try:
                    target = os.readlink(f"/proc/{self.daemon.process.pid}/fd/{fd}")
                except FileNotFoundError:
                    continue
                self.assertFalse(target.startswith("anon_inode") and "bpf" in target, target)
        before = self.links_of(number)
        self.assertEqual(len(before), 1)
        self.stop(signal.SIGKILL)
        self.assertEqual(self.links_of(number), before)
        self.assertEqual(self.pair.ping(3).returncode, 0)
        self.assertTrue(os.path.exists(self.socket))
        self.serve()  # takes the place of the dead one's socket
        with self.client() as client:
            self.assertEqual(list(client("Get", id=number).info.links), [link])
            client("Detach", link_id=link)
            client("Unload", id=number)

    @staticmethod
    def links_of(program):
        links = json.loads(run("bpftool", "-j", "link", "show").stdout or "[]")
        return [link["id"] for link in links if link["prog_id"] == program]

    def test_it_ends_in_order(self):
        mode = os.stat(self.socket)
        self.assertEqual(stat.S_IMODE(mode.st_mode), 0o660)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.socket)).st_mode), 0o755)
        self.assertEqual(self.stop(), 0)
        self.assertFalse(os.path.exists(self.socket))

    def test_bpfman_serve_becomes_it(self):
        self.stop()
        self.serve(words=[self.bpfman.binary, "serve", "--root-dir", self.root, "--csi-support"])
        self.assertEqual(os.readlink(f"/proc/{self.daemon.process.pid}/exe"), self.rpc)
        self.assertIn("there is no CSI driver", self.daemon.tail())
        with self.client() as client:
            client("List")

    def test_a_living_socket_is_not_taken(self):
        other = self.root + "/other"
        done = run(self.rpc, "--root-dir", other, "--socket-path", self.socket, check=False, timeout=20)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("somebody listens at " + self.socket, done.stderr)
        with self.client() as client:
            client("List")

    def test_it_ends_when_nobody_calls(self):
        self.stop()
        self.serve("--timeout", "1")
        with self.client() as client:
            client("List")
        wait_for("the end", lambda: not self.daemon.alive())
        self.assertEqual(self.daemon.process.returncode, 0)
        self.assertFalse(os.path.exists(self.socket))

    def test_systemd_hands_over_the_socket(self):
        self.stop()
        path = os.path.join(self.root, "activated.sock")
        notify = os.path.join(self.root, "notify.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, \
             socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            listener.bind(path)
            listener.listen()
            told.bind(notify)
            told.settimeout(20)
            # systemd names the process that it starts; the shell becomes that.
            script = "exec 3<&$LISTENER; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\""
            os.set_inheritable(listener.fileno(), True)
            process = subprocess.Popen(["bash", "-c", script, "bash", self.rpc, "--root-dir", self.root],
                                       env={**os.environ, "NOTIFY_SOCKET": notify, "LISTENER": str(listener.fileno())},
                                       close_fds=False, stdout=subprocess.DEVNULL)
            try:
                self.assertEqual(told.recv(100), b"READY=1")
                with Client(self.stubs, path) as client:
                    client("List")
                self.assertFalse(os.path.exists(self.socket))
                process.send_signal(signal.SIGTERM)
                self.assertEqual(told.recv(100), b"STOPPING=1")
                self.assertEqual(process.wait(20), 0)
            finally:
                process.kill()
                process.wait()
            self.assertTrue(os.path.exists(path), "the socket is systemd's")

    def test_who_may_do_what(self):
        with self.client() as client:
            number = self.loaded(client).kernel_info.id
        for directory, _, names in os.walk(self.stubs):
            os.chmod(directory, 0o755)
            for name in names:
                os.chmod(os.path.join(directory, name), 0o644)
        os.chmod(self.root, 0o755)
        nobody = 65534
        group = 54321

        def call(method, *words, gid=nobody, groups=()):
            done = subprocess.run([sys.executable, rpc_client.__file__, self.stubs, self.socket, method, *words],
                                  user=nobody, group=gid, extra_groups=groups, capture_output=True, text=True, timeout=60)
            return done.stdout.strip() or done.stderr

        self.assertEqual(call("List"), "UNAVAILABLE", "the socket's mode lets nobody else in")
        os.chmod(self.socket, 0o666)
        os.chown(self.socket, 0, group)
        self.assertEqual(call("List"), "OK")
        self.assertEqual(call("Get", f"id={number}"), "OK")
        self.assertEqual(call("Unload", f"id={number}"), "PERMISSION_DENIED")
        self.assertEqual(call("Load"), "PERMISSION_DENIED")
        self.assertEqual(call("Unload", f"id={number}", groups=[group]), "OK")
        self.assertEqual(self.ledger()[-1]["uid"], nobody)

    def test_flags_that_cannot_be(self):
        self.assertFails(run(self.rpc, "--timeout", "soon", check=False), 2, 'invalid value "soon" for --timeout')
        alone = shutil.copy(self.bpfman.binary, self.root)
        other = os.path.join(self.root, "other")
        for flag in ("--csi-support", "--timeout=5", "--socket-path=/x"):
            self.assertFails(run(alone, "--root-dir", other, "serve", flag, check=False), 6, "no bpfman-rpc beside bpfman")

    def test_it_is_small(self):
        process = f"/proc/{self.daemon.process.pid}"
        self.assertEqual(len(os.listdir(process + "/task")), 2, "gRPC's threads begin with the first client")
        with self.client() as client:
            client("List")
        with open(process + "/status", encoding="utf-8") as status:
            resident = int(status.read().split("VmRSS:")[1].split()[0])
        self.assertLess(resident, 20 * 1024, "kB")
