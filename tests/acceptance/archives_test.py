# SPDX-License-Identifier: Apache-2.0
"""Images as files: what docker, podman and skopeo write is read, and what bpfman writes they read. Needs root."""

import hashlib
import json
import os
import shutil
import tarfile

from case import PASS, Case
from host import Bpfman, run, scratch_directory, wait_for

LABELS = {"io.ebpf.programs": {"pass": "xdp"}, "io.ebpf.maps": {"seen": "array"}}


class Files(Case):
    """bpfman looks in no engine: the files are all it has."""

    def setUp(self):
        super().setUp()
        self.work = scratch_directory()
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.work, name)

    def assertPings(self):
        # Going over to native mode takes the link down for a moment; on a busy host the neighbour is asked anew.
        wait_for("an answer through the program", lambda: self.host.pair.ping(3).returncode == 0, 10)

    def digest(self, path):
        with open(path, "rb") as file:
            return "sha256:" + hashlib.sha256(file.read()).hexdigest()

    def second_host(self):
        root = scratch_directory()
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        other = Bpfman(os.environ["BPFMAN"], root, self.look_in())
        self.addCleanup(other.stop)
        return other

    def docker_image(self, tag):
        context = self.host.programs.context("archives", [self.host.pass1], LABELS)
        self.host.docker.build(context, tag)

    def podman_image(self, tag):
        context = self.host.programs.context("archives", [self.host.pass1], LABELS)
        self.host.overlay.build(context, tag)

    def skopeo(self, *words):
        return run("skopeo", "--insecure-policy", *words)


class Reading(Files):
    def loads(self, reference, source, route):
        reply = self.bpfman.json("load", "image", reference, "xdp", "--iface", self.pair.interface)
        self.assertEqual(reply["bytecode"], self.digest(self.host.pass1))
        self.assertEqual(reply["provenance"]["source"], source)
        self.assertEqual(reply["provenance"]["route"], route)
        self.assertEqual(reply["provenance"]["verification"], "content")
        self.assertPings()
        self.bpfman("unload", "--all", check=True)
        self.assertNothingLeft()

    def test_what_docker_saved(self):
        self.docker_image("saved:dev")
        self.host.docker.command("save", "-o", self.path("saved.tar"), "saved:dev")
        self.loads("docker-archive:" + self.path("saved.tar"), "archive", "docker-archive")
        self.loads("docker-archive:" + self.path("saved.tar") + ":saved:dev", "archive", "docker-archive")

    def test_of_two_images_that_docker_saved_the_named_one(self):
        self.docker_image("one:dev")
        context = self.host.programs.context("two", [self.host.programs.compile("step9", PASS, "-DSTEP=9")], LABELS)
        self.host.docker.build(context, "two:dev")
        archive = self.path("both.tar")
        self.host.docker.command("save", "-o", archive, "one:dev", "two:dev")
        self.assertFails(self.bpfman("load", "image", "docker-archive:" + archive), 2, "one:dev", "two:dev")
        reply = self.bpfman.json("image", "pull", f"docker-archive:{archive}:one:dev")
        self.assertEqual(reply["image"]["bytecode"], self.digest(self.host.pass1))
        self.assertEqual(reply["image"]["provenance"]["location"], archive)

    def test_what_podman_saved(self):
        self.podman_image("saved:dev")
        for form in ("oci-archive", "docker-archive"):
            archive = self.path(form + ".tar")
            self.host.overlay.command("save", "--format", form, "-o", archive, "saved:dev")
            self.loads(f"{form}:{archive}", "archive", form)

    def test_what_skopeo_copied(self):
        self.docker_image("copied:dev")
        self.host.docker.command("save", "-o", self.path("saved.tar"), "copied:dev")
        layout = self.path("layout")
        self.skopeo("copy", "docker-archive:" + self.path("saved.tar"), f"oci:{layout}:copied:dev")
        self.loads("oci:" + layout, "oci-layout", "oci")
        self.loads(f"oci:{layout}:copied:dev", "oci-layout", "oci")
        done = self.bpfman("load", "image", f"oci:{layout}:other")
        self.assertFails(done, 3, "copied:dev")

    def test_inspect_looks_and_stores_nothing(self):
        self.podman_image("looked:dev")
        archive = self.path("image.tar")
        self.host.overlay.command("save", "--format", "oci-archive", "-o", archive, "looked:dev")
        reply = self.bpfman.json("image", "inspect", "oci-archive:" + archive)
        self.assertFalse(reply["stored"])
        self.assertEqual(reply["maps"], {"seen": "array"})
        self.assertEqual(reply["programs"], [{"name": "pass", "type": "xdp", "section": "xdp"}])
        self.assertEqual(self.bpfman.json("image", "list")["images"], [])

    def test_a_changed_archive_is_data_loss(self):
        self.bpfman("image", "build", "--output", "oci-archive:" + self.path("image.tar"), self.host.pass1, check=True)
        with open(self.path("image.tar"), "r+b") as file:
            data = file.read()
            at = data.index(b"\x7fELF") + 200
            file.seek(at)
            file.write(bytes([data[at] ^ 1]))
        done = self.bpfman("load", "image", "oci-archive:" + self.path("image.tar"))
        self.assertFails(done, 11, "does not match its digest")
        self.assertNothingLeft()

    def test_a_file_that_is_not_there(self):
        self.assertFails(self.bpfman("load", "image", "oci-archive:/no/such.tar"), 3, "/no/such.tar")


class SavingAndLoading(Files):
    def test_a_round_trip_to_a_host_without_any_network(self):
        self.bpfman("image", "build", "-t", "trip:dev", self.host.pass1, check=True)
        archive = self.path("images.tar")
        self.bpfman("image", "save", "trip:dev", "-o", archive, check=True)
        other = self.second_host()
        loaded = other.json("image", "load", "-i", archive)["images"]
        self.assertEqual([image["reference"] for image in loaded], ["docker.io/library/trip:dev"])
        self.assertEqual(loaded[0]["bytecode"], self.digest(self.host.pass1))
        reply = other.json("load", "image", "trip:dev", "--pull-policy", "Never", "xdp", "--iface", self.pair.interface)
        self.assertTrue(reply["from_database"])
        self.assertEqual(self.pair.xdp(), reply["programs"][0]["program_id"])
        other("unload", "--all", check=True)
        again = self.path("again.tar")
        other("image", "save", "trip:dev", "-o", again, check=True)
        self.assertEqual(self.digest(again), self.digest(archive))

    def test_what_docker_and_podman_saved_is_loaded_under_its_names(self):
        self.docker_image("names:1")
        self.host.docker.command("save", "-o", self.path("docker.tar"), "names:1")
        self.bpfman("image", "load", "-i", self.path("docker.tar"), check=True)
        self.podman_image("names:2")
        self.host.overlay.command("save", "--format", "oci-archive", "-o", self.path("podman.tar"), "names:2")
        self.bpfman("image", "load", "--input", self.path("podman.tar"), check=True)
        names = [image["reference"] for image in self.bpfman.json("image", "list")["images"]]
        self.assertEqual(names, ["docker.io/library/names:1", "localhost/names:2"])

    def test_a_dry_run_changes_nothing(self):
        self.bpfman("image", "build", "-t", "dry:dev", "--output", "oci-archive:" + self.path("x.tar"),
                    self.host.pass1, check=True)
        done = self.bpfman("image", "load", "-i", self.path("x.tar"), "--dry-run", check=True)
        self.assertIn("record image docker.io/library/dry:dev", done.stdout)
        self.assertEqual(self.bpfman.json("image", "list")["images"], [])


class Building(Files):
    def setUp(self):
        super().setUp()
        self.archive = self.path("image.tar")

    def build(self, *words):
        return self.bpfman("image", "build", *words, check=True)

    def test_what_was_built_loads_and_counts(self):
        self.build("-t", "built:dev", self.host.pass1)
        self.bpfman("load", "image", "built:dev", "xdp", "--iface", self.pair.interface, check=True)
        self.assertPings()
        self.bpfman("unload", "--all", check=True)
        self.assertNothingLeft()

    def test_the_same_object_makes_the_same_file(self):
        self.build("-t", "same:dev", "--output", "oci-archive:" + self.archive, self.host.pass1)
        first = self.digest(self.archive)
        self.build("-t", "same:dev", "--output", "oci-archive:" + self.archive, self.host.pass1)
        self.assertEqual(self.digest(self.archive), first)

    def test_docker_loads_it(self):
        self.build("-t", "for-docker:dev", "--output", "oci-archive:" + self.archive, self.host.pass1)
        self.host.docker.command("load", "-i", self.archive)
        labels = json.loads(
            self.host.docker.command("image", "inspect", "-f", "{{json .Config.Labels}}", "for-docker:dev").stdout)
        self.assertEqual(json.loads(labels["io.ebpf.programs"]), {"pass": "xdp"})
        self.assertEqual(json.loads(labels["io.ebpf.maps"]), {"seen": "array"})

    def test_it_goes_straight_into_docker(self):
        self.bpfman.arguments = self.look_in("docker")
        done = self.build("-t", "straight:dev", "--output", "docker", self.host.pass1)
        self.assertIn(self.host.docker.socket, done.stdout)
        self.assertTrue(self.host.docker.image_id("straight:dev").startswith("sha256:"))
        reply = self.bpfman.json("load", "image", "straight:dev")
        self.assertEqual(reply["bytecode"], self.digest(self.host.pass1))
        self.assertEqual(reply["provenance"]["source"], "docker")

    def test_podman_loads_it_and_it_goes_straight_into_podman(self):
        self.build("-t", "for-podman:dev", "--output", "oci-archive:" + self.archive, self.host.pass1)
        self.host.overlay.command("load", "-i", self.archive)
        self.host.overlay.command("image", "exists", "docker.io/library/for-podman:dev")
        conf = self.path("storage.conf")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(f'[storage]\ndriver = "overlay"\ngraphroot = "{self.host.overlay.root}"\n'
                      f'runroot = "{self.host.overlay.runroot}"\n')
        done = self.bpfman("image", "build", "-t", "straight:dev", "--output", "podman", self.host.pass1,
                           env={"CONTAINERS_STORAGE_CONF": conf})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.bpfman.arguments = self.look_in("overlay")
        reply = self.bpfman.json("load", "image", "straight:dev")
        self.assertEqual(reply["bytecode"], self.digest(self.host.pass1))
        self.assertEqual(reply["provenance"]["source"], "podman")

    def test_skopeo_reads_the_layout_and_the_archive(self):
        layout = self.path("layout")
        done = self.build("-t", "quay.io/me/prog:dev", "--output", "oci:" + layout, self.host.pass1)
        digest = next(line.split()[-1] for line in done.stdout.splitlines() if line.startswith("digest"))
        seen = json.loads(self.skopeo("inspect", f"oci:{layout}:quay.io/me/prog:dev").stdout)
        self.assertEqual(seen["Digest"], digest)
        self.assertEqual(json.loads(seen["Labels"]["io.ebpf.programs"]), {"pass": "xdp"})
        self.build("-t", "quay.io/me/prog:dev", "--output", "oci-archive:" + self.archive, self.host.pass1)
        for transport in ("oci-archive", "docker-archive"):
            self.skopeo("inspect", f"{transport}:{self.archive}:quay.io/me/prog:dev")
        self.skopeo("copy", "--dest-tls-verify=false", f"oci:{layout}:quay.io/me/prog:dev",
                    f"docker://{self.host.registry.name}/prog:dev")
        reply = self.bpfman.json("load", "image", f"{self.host.registry.name}/prog:dev")
        self.assertEqual(reply["bytecode"], self.digest(self.host.pass1))

    def test_a_bpf2go_project_becomes_an_index(self):
        project = self.path("project")
        os.makedirs(project)
        big = self.host.programs.compile("big", PASS, "-DSTEP=1", target="bpfeb")
        shutil.copy(self.host.pass1, os.path.join(project, "bpf_x86_bpfel.o"))
        shutil.copy(self.host.pass1, os.path.join(project, "bpf_arm64_bpfel.o"))
        shutil.copy(big, os.path.join(project, "bpf_s390_bpfeb.o"))
        layout = self.path("layout")
        self.build("-t", "multi:dev", "--output", "oci:" + layout, project)
        raw = json.loads(self.skopeo("inspect", "--raw", f"oci:{layout}:docker.io/library/multi:dev").stdout)
        self.assertEqual([entry["platform"]["architecture"] for entry in raw["manifests"]],
                         ["amd64", "arm64", "s390x"])
        for architecture in ("arm64", "s390x"):
            self.skopeo("--override-arch", architecture, "inspect", f"oci:{layout}:docker.io/library/multi:dev")
        reply = self.bpfman.json("load", "image", "oci:" + layout)
        self.assertEqual(reply["bytecode"], self.digest(self.host.pass1))
        lines = self.bpfman("image", "generate-build-args", "-c", project, check=True).stdout.splitlines()
        self.assertEqual(lines, [f"BC_AMD64_EL={project}/bpf_x86_bpfel.o", f"BC_ARM64_EL={project}/bpf_arm64_bpfel.o",
                                 f"BC_S390X_EB={project}/bpf_s390_bpfeb.o", 'PROGRAMS={"pass":"xdp"}',
                                 'MAPS={"seen":"array"}'])

    def test_build_arguments_make_upstreams_image(self):
        lines = self.bpfman("image", "generate-build-args", "-b", self.host.pass1, check=True).stdout.splitlines()
        self.assertEqual(lines, [f"BYTECODE_FILE={self.host.pass1}", 'PROGRAMS={"pass":"xdp"}', 'MAPS={"seen":"array"}'])
        context = self.path("context")
        os.makedirs(context)
        shutil.copy(self.host.pass1, context)
        with open(os.path.join(context, "Dockerfile"), "w", encoding="utf-8") as out:
            out.write("FROM scratch\nARG BYTECODE_FILE\nARG PROGRAMS\nARG MAPS\nCOPY --chmod=0644 $BYTECODE_FILE /\n"
                      'LABEL "io.ebpf.programs"=$PROGRAMS\nLABEL "io.ebpf.maps"=$MAPS\n'.replace("--chmod=0644 ", ""))
        arguments = []
        for line in lines[1:] + ["BYTECODE_FILE=" + os.path.basename(self.host.pass1)]:
            arguments += ["--build-arg", line]
        self.host.docker.command("build", "-q", "-t", "arguments:dev", *arguments, ".", cwd=context)
        self.bpfman.arguments = self.look_in("docker")
        self.assertEqual(self.bpfman.json("load", "image", "arguments:dev")["bytecode"], self.digest(self.host.pass1))

    def test_what_cannot_be_built(self):
        text = self.path("text.o")
        with open(text, "w", encoding="utf-8") as out:
            out.write("no object")
        self.assertFails(self.bpfman("image", "build", text), 2, text, "no eBPF object")
        self.assertFails(self.bpfman("image", "build", self.path("absent.o")), 3, "absent.o")

    def test_the_archive_is_a_plain_tar(self):
        self.build("--output", "oci-archive:" + self.archive, self.host.pass1)
        with tarfile.open(self.archive) as tar:
            for member in tar.getmembers():
                self.assertEqual((member.mtime, member.uid, member.mode), (0, 0, 0o644))


class Tidying(Files):
    def setUp(self):
        super().setUp()
        self.bpfman("image", "build", "-t", "x:dev", self.host.pass1, check=True)

    def test_remove_leaves_what_a_program_needs(self):
        self.bpfman("load", "image", "x:dev", check=True)
        done = self.bpfman("image", "rm", "x:dev", check=True)
        self.assertIn("removed docker.io/library/x:dev", done.stdout)
        self.assertIn("x/pass still uses it", done.stderr)
        self.assertEqual(len(self.bpfman.blobs()), 1)
        self.bpfman("unload", "--all", check=True)
        self.assertEqual(self.bpfman.blobs(), [])

    def test_prune(self):
        self.bpfman("image", "prune", check=True)
        self.assertEqual(len(self.bpfman.blobs()), 1)
        done = self.bpfman("image", "prune", "--all", "--dry-run", check=True)
        self.assertIn("forget image docker.io/library/x:dev", done.stdout)
        self.assertEqual(len(self.bpfman.blobs()), 1)
        reply = self.bpfman.json("image", "prune", "--all")
        self.assertEqual(reply["freed_bytes"], os.path.getsize(self.host.pass1))
        self.assertEqual(self.bpfman.blobs(), [])

    def test_prune_to_a_size_spares_what_was_used_last(self):
        other = self.host.programs.compile("step11", PASS, "-DSTEP=11")
        self.bpfman("image", "build", "-t", "y:dev", other, check=True)
        database = os.path.join(self.root, "var/lib/bpfman/bpfman.db")
        run("python3", "-c", "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]);"
            "d.execute(\"UPDATE images SET last_used = 5 WHERE reference LIKE '%/y:dev'\"); d.commit()", database)
        self.bpfman("image", "pull", "x:dev", check=True)
        size = os.path.getsize(self.host.pass1)
        reply = self.bpfman.json("image", "prune", "--max-size", str(size + 10))
        self.assertEqual(reply["references"], ["docker.io/library/y:dev"])

    def test_verify_and_history(self):
        self.bpfman("image", "verify", check=True)
        other = self.host.programs.compile("step12", PASS, "-DSTEP=12")
        self.bpfman("image", "build", "-t", "x:dev", other, check=True)
        history = self.bpfman.json("image", "history", "x:dev")["history"]
        self.assertEqual([entry["bytecode"] for entry in history], [self.digest(self.host.pass1), self.digest(other)])
        blob = os.path.join(self.root, "var/lib/bpfman/blobs/sha256", self.digest(other)[7:])
        with open(blob, "r+b") as file:
            file.write(b"damage")
        done = self.bpfman("image", "verify", "x:dev")
        self.assertEqual(done.returncode, 11)
        self.assertIn("damaged", done.stdout)
        self.assertIn("docker.io/library/x:dev", done.stderr)
        os.remove(blob)
        done = self.bpfman("image", "verify")
        self.assertEqual(done.returncode, 11)
        self.assertIn("missing", done.stdout)
