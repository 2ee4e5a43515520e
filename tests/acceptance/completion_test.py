# SPDX-License-Identifier: Apache-2.0
"""bpfman completion: what bash, zsh and fish make of it."""

import os
import subprocess

from case import Case

BASH = """
source <(bpfman completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
_bpfman
printf '%s\\n' "${COMPREPLY[@]}"
"""

# What zsh shows candidates with is not there outside of its line editor.
ZSH = """
compdef() { [[ $1 == _bpfman && $2 == bpfman ]] }
_files() { print FILES }
_describe() { print -rl -- "${(@P)4}" }
source <(bpfman completion zsh)
words=("${(@s: :)1}")
CURRENT=${#words}
_bpfman
"""

FISH = "bpfman completion fish | source; complete -C $argv[1]"


class Completion(Case):
    def setUp(self):
        super().setUp()
        self.directory = os.path.join(self.root, "bin")
        os.mkdir(self.directory)
        os.symlink(os.path.abspath(os.environ["BPFMAN"]), os.path.join(self.directory, "bpfman"))
        self.bpfman("load", "file", self.host.pass1, "-a", "app", check=True)

    def tearDown(self):
        self.bpfman("unload", "app/pass", check=True)
        super().tearDown()

    def shell(self, *command):
        environment = {**os.environ, "PATH": self.directory + ":" + os.environ["PATH"], "BPFMAN_ROOT_DIR": self.root, "HOME": self.root}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout.splitlines()

    def bash(self, line):
        return self.shell("bash", "--norc", "-c", BASH, "bash", line)

    def zsh(self, line):
        return self.shell("zsh", "-f", "-c", ZSH, "zsh", line)

    def fish(self, line):
        return self.shell("fish", "--no-config", "-c", FISH, line)

    def test_bash(self):
        self.assertEqual(self.bash("bpfman unl"), ["unload"])
        self.assertIn("app/pass", self.bash("bpfman unload "))
        self.assertIn("--priority", self.bash("bpfman attach app/pass xdp --pri"))
        self.assertIn("lo", self.bash("bpfman attach app/pass xdp --iface "))
        # bash has split off what is before ":" and "=".
        self.assertEqual(self.bash("bpfman map dump app/pass:"), ["seen"])
        self.assertEqual(self.bash("bpfman attach app/pass tc --direction=in"), ["ingress"])

    def test_zsh(self):
        self.assertEqual([line.split(":")[0] for line in self.zsh("bpfman unl")], ["unload"])
        self.assertIn("app/pass:xdp", self.zsh("bpfman unload "))
        self.assertIn("app/pass\\:seen:map", self.zsh("bpfman map dump a"))
        self.assertIn("FILES", self.zsh("bpfman load file "))

    def test_fish(self):
        self.assertEqual([line.split("\t")[0] for line in self.fish("bpfman unl")], ["unload"])
        self.assertIn("app/pass\txdp", self.fish("bpfman unload "))
        self.assertIn("app/pass:seen\tmap", self.fish("bpfman map dump a"))

    def test_nothing_is_changed_or_told(self):
        before = self.bpfman("list", "programs", "-o", "json", check=True).stdout
        for line in ("bpfman nosuch ", "bpfman --nosuch ", "bpfman load image --set ", "bpfman get program nosuch "):
            self.bash(line)
        self.assertEqual(self.bpfman("list", "programs", "-o", "json", check=True).stdout, before)
