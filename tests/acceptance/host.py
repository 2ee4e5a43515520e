# SPDX-License-Identifier: Apache-2.0
"""A private host for acceptance tests: engines, a registry, an interface pair, and bpfman with a root of its own.

Everything is started by this file and ended by it, by pid. Nothing of the machine's own engines is touched.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failure(Exception):
    pass


def run(*words, env=None, check=True, cwd=None, text=True, stdin=None, timeout=120):
    """Runs a command; returns the completed process. A failure shows what it printed."""
    done = subprocess.run(
        [str(word) for word in words],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=text,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise Failure(f"{what}: not within {seconds} s")


class Daemon:
    """A child process that is ended with its scope."""

    def __init__(self, words, log, env=None):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    def alive(self):
        return self.process.poll() is None

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as text:
            return "".join(text.readlines()[-15:])

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


def own_root(tree, directory, *words):
    """The command in a mount namespace with `tree` as its root; `directory` is at the same place there and here."""
    inside = tree + directory
    script = (f"mount --make-rprivate / && mount --bind {tree} {tree} && mount -t proc proc {tree}/proc && "
              f"mount --rbind /sys {tree}/sys && mount --rbind /dev {tree}/dev && mount -t tmpfs tmpfs {tree}/run && "
              f"mount -t tmpfs tmpfs {tree}/tmp && mkdir -p {inside} && "
              f"mount --bind {directory} {inside} && exec chroot {tree} \"$@\"")
    return ["unshare", "-m", "sh", "-c", script, "sh", *words]


class Docker:
    def __init__(self, directory, storage_driver="overlay2"):
        self.directory = directory
        self.storage_driver = storage_driver
        os.makedirs(directory)
        self.socket = os.path.join(directory, "docker.sock")
        self.host = "unix://" + self.socket
        self.data = os.path.join(directory, "data")
        self.daemon = None
        self.start()

    def start(self):
        driver = ["--storage-driver", self.storage_driver] if self.storage_driver else []
        self.daemon = Daemon(
            self.words("dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--data-root", self.data,
             *driver,
             "--exec-root", os.path.join(self.directory, "exec"), "--pidfile",
             os.path.join(self.directory, "docker.pid"), "-H", self.host),
            os.path.join(self.directory, "dockerd.log"))

        def answers():
            if not self.daemon.alive():
                raise Failure("dockerd ended:\n" + self.daemon.tail())
            return self.command("version", check=False).returncode == 0

        wait_for("dockerd", answers, 60)

    def words(self, *words):
        """What is run: tests of other engines put something before it."""
        return list(words)

    def command(self, *words, check=True, cwd=None):
        return run("docker", *words, env={"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"}, check=check, cwd=cwd)

    def build(self, context, tag):
        return self.command("build", "-q", "-t", tag, ".", cwd=context)

    def image_id(self, tag):
        return self.command("image", "inspect", "-f", "{{.Id}}", tag).stdout.strip()

    def upper_directory(self, tag):
        return self.command("image", "inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", tag).stdout.strip()

    def stop(self):
        self.daemon.stop()


class Podman:
    def __init__(self, directory, driver):
        self.driver = driver
        self.root = os.path.join(directory, "root")
        self.runroot = os.path.join(directory, "run")
        os.makedirs(directory)

    def command(self, *words, check=True, cwd=None):
        return run("podman", "--root", self.root, "--runroot", self.runroot, "--storage-driver", self.driver,
                   "--cgroup-manager", "cgroupfs", "--events-backend", "file", *words, check=check, cwd=cwd)

    def build(self, context, tag):
        return self.command("build", "-q", "-t", tag, ".", cwd=context)

    def image_id(self, tag):
        return "sha256:" + self.command("image", "inspect", "-f", "{{.Id}}", tag).stdout.strip()

    def stop(self):
        # Podman keeps its overlay directory mounted on itself.
        with open("/proc/mounts", encoding="utf-8") as mounts:
            mine = [line.split()[1] for line in mounts if line.split()[1].startswith(os.path.dirname(self.root))]
        for path in sorted(mine, reverse=True):
            run("umount", "-l", path, check=False)


class Containerd:
    """A private containerd: root, state and sockets of its own, no CRI."""

    def __init__(self, directory):
        self.directory = directory
        self.root = os.path.join(directory, "root")
        self.socket = os.path.join(directory, "containerd.sock")
        os.makedirs(directory)
        with open(os.path.join(directory, "config.toml"), "w", encoding="utf-8") as out:
            out.write(f'version = 2\nroot = "{self.root}"\nstate = "{directory}/state"\n'
                      f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                      f'[grpc]\n  address = "{self.socket}"\n[ttrpc]\n  address = "{directory}/ttrpc.sock"\n')
        self.daemon = None
        self.start()

    def start(self):
        self.daemon = Daemon(self.words("containerd", "--config", os.path.join(self.directory, "config.toml")),
                             os.path.join(self.directory, "containerd.log"))

        def answers():
            if not self.daemon.alive():
                raise Failure("containerd ended:\n" + self.daemon.tail())
            return self.ctr("version", check=False).returncode == 0

        wait_for("containerd", answers)

    def words(self, *words):
        """What is run: tests of other engines put something before it."""
        return list(words)

    def ctr(self, *words, space="default", check=True):
        return run("ctr", "-a", self.socket, "-n", space, *words, check=check)

    def take(self, docker, tag, space="default"):
        """docker save | ctr import, unpacked."""
        archive = os.path.join(self.directory, "image.tar")
        docker.command("save", "-o", archive, tag)
        self.ctr("images", "import", archive, space=space)
        os.remove(archive)

    def layers(self, name, space="default"):
        """Digests of the layer blobs, bottom first."""
        target = next(line.split()[2] for line in self.ctr("images", "ls", space=space).stdout.splitlines()
                      if line.startswith(name + " "))
        document = json.loads(self.ctr("content", "get", target, space=space).stdout)
        if "manifests" in document:
            document = json.loads(self.ctr("content", "get", document["manifests"][0]["digest"], space=space).stdout)
        return [layer["digest"] for layer in document["layers"]]

    def blob(self, digest):
        return os.path.join(self.root, "io.containerd.content.v1.content/blobs", digest.replace(":", "/"))

    def stop(self):
        self.daemon.stop()


class Registry:
    """Debian's docker-registry on loopback."""

    def __init__(self, directory):
        os.makedirs(directory)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        config = os.path.join(directory, "config.yml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {directory}/data\n"
                      f"http:\n  addr: {self.name}\n")
        self.daemon = Daemon(["docker-registry", "serve", config], os.path.join(directory, "registry.log"))

        def answers():
            try:
                with urllib.request.urlopen(f"http://{self.name}/v2/", timeout=2) as reply:
                    return reply.status == 200
            except (urllib.error.URLError, OSError):
                return False

        wait_for("docker-registry", answers)

    def stop(self):
        self.daemon.stop()


class Pair:
    """An interface of this namespace, its peer eth0 in a namespace of its own, addresses on both."""

    def __init__(self, number):
        self.interface = f"bat{os.getpid() % 100000}x{number}"[:15]
        self.netns = f"bat-{os.getpid()}-{number}"
        self.address = f"10.122.{number}.1"
        run("ip", "netns", "add", self.netns)
        run("ip", "link", "add", self.interface, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        run("ip", "addr", "add", f"{self.address}/24", "dev", self.interface)
        run("ip", "link", "set", self.interface, "up")
        run("ip", "-n", self.netns, "addr", "add", f"10.122.{number}.2/24", "dev", "eth0")
        run("ip", "-n", self.netns, "link", "set", "eth0", "up")

    def ping(self, count):
        return run("ip", "netns", "exec", self.netns, "ping", "-q", "-c", count, "-i", "0.01", "-W", "1", self.address,
                   check=False)

    def xdp(self, inside=False):
        """The id of the program on the interface (or on the peer), or None."""
        where = ["-n", self.netns] if inside else []
        links = json.loads(run("ip", "-j", *where, "link", "show", "eth0" if inside else self.interface).stdout)
        return links[0].get("xdp", {}).get("prog", {}).get("id")

    def stop(self):
        run("ip", "netns", "del", self.netns, check=False)
        run("ip", "link", "del", self.interface, check=False)


class Bpfman:
    """The command under test with a root directory of its own, looking only where it is told to."""

    def __init__(self, binary, root, arguments=()):
        self.binary = binary
        self.root = root
        self.arguments = list(arguments)

    def __call__(self, *words, check=False, env=None, prefix=(), cwd=None):
        done = run(*prefix, self.binary, "--root-dir", self.root, *self.arguments, *words, check=False, env=env, cwd=cwd)
        if check and done.returncode != 0:
            raise Failure(f"bpfman {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *words):
        return json.loads(self(*words, "-o", "json", check=True).stdout)

    @property
    def bpffs(self):
        return os.path.join(self.root, "run/bpfman/fs")

    def pins(self):
        """Every pin below our bpffs, as relative paths."""
        found = []
        for directory, _, names in os.walk(self.bpffs):
            found += [os.path.relpath(os.path.join(directory, name), self.bpffs) for name in names]
        return sorted(name for name in found if not name.endswith(".debug"))

    def blobs(self):
        directory = os.path.join(self.root, "var/lib/bpfman/blobs/sha256")
        return sorted(os.listdir(directory)) if os.path.isdir(directory) else []

    def stop(self):
        self("unload", "--all")
        run("umount", "-l", self.bpffs, check=False)


class Programs:
    """Objects and build contexts made from small sources."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)

    def compile(self, name, source, *flags, target="bpf"):
        code = os.path.join(self.directory, name + ".c")
        with open(code, "w", encoding="utf-8") as out:
            out.write(source)
        output = os.path.join(self.directory, name + ".o")
        multiarch = run("gcc", "-print-multiarch").stdout.strip()
        run("clang", "-target", target, "-O2", "-g", *flags, f"-I/usr/include/{multiarch}", "-c", code, "-o", output)
        return output

    def context(self, name, files, labels=None):
        directory = os.path.join(self.directory, "context-" + name)
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        lines = ["FROM scratch"]
        for path in files:
            shutil.copy(path, directory)
            lines.append(f"COPY {os.path.basename(path)} /")
        for key, value in (labels or {}).items():
            lines.append(f"LABEL {key}={json.dumps(json.dumps(value))}")
        with open(os.path.join(directory, "Dockerfile"), "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
        return directory


def scratch_directory():
    return tempfile.mkdtemp(prefix="bpfman-acceptance.")
