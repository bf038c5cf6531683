#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The examples in docs/ci: they parse, and all of their commands, run in a shell as the CI would
in the checkout of a small kernel tree, do what the CI is told they do.
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import reports  # noqa: E402
import tap  # noqa: E402
from bisecttree import BOARD, MAKEFILE, BisectTree  # noqa: E402
from scratch import BUILD, TOP, Board  # noqa: E402

import yaml  # noqa: E402  (from Debian's packages; reports.py says where)

CI = TOP / "docs/ci"

# The kernel's own tests, as far as kferry sees them.
INSTALL = """\
kselftest-install:
\t@mkdir -p $(INSTALL_PATH) && cp -p selftests.sh $(INSTALL_PATH)/run_kselftest.sh
"""
SELFTESTS = "#!/bin/sh\nprintf 'KTAP version 1\\n1..2\\nok 1 timers\\nnot ok 2 known\\n'\n"


class Loader(yaml.SafeLoader):
    """As YAML 1.2: "on" is a word; and a key that is there twice is refused."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key is there twice: {keys}"
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def load(name):
    return yaml.load((CI / name).read_text(), Loader)


class Ci(unittest.TestCase):
    def setUp(self):
        self.board = Board(config=BOARD)
        self.tree = BisectTree(self.board.dir / "linux", ["good"], makefile=MAKEFILE + INSTALL)
        self.work = self.tree.dir

    def tearDown(self):
        self.board.close()

    def shell(self, script, **more):
        env = self.board.environment(
            {"BOARD": self.board.name, "PATH": f"{BUILD}:{os.environ['PATH']}", **more})
        done = subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=self.work, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=240)
        done.text = done.stdout.decode(errors="replace")
        return done

    def check_reports(self, kinds):
        suites = reports.check_junit(self.work / "report/junit.xml")
        self.assertEqual([list(cases.values()) for cases in suites.values()], kinds)
        reports.check_result(self.work / "report/runs" / self.board.name / "result.json")

    def assert_packed(self, files):
        for name in files:
            self.assertEqual((self.work / name).read_bytes()[:4], b"\x28\xb5\x2f\xfd", name)

    def panics(self):
        self.board.on_boot = lambda slot: "panic" if slot else None

    def test_gitlab(self):
        ci = load("gitlab-ci.yml")
        for name, job in ci.items():
            if isinstance(job, dict) and "script" in job:
                self.assertIn(job["stage"], ci["stages"], name)
        package = next(job for job in ci.values() if isinstance(job, dict)
                       and job.get("stage") == "build")
        done = self.shell("\n".join(package["script"]))
        self.assertEqual(done.returncode, 0, done.text)
        self.assert_packed(package["artifacts"]["paths"])
        job = ci["boot"]
        self.assertEqual(job["artifacts"]["when"], "always")
        self.assertEqual(job["allow_failure"]["exit_codes"], [75])
        self.assertEqual(job["retry"]["exit_codes"], [2])
        self.assertEqual(job["artifacts"]["reports"]["junit"], "report/junit.xml")
        script = "\n".join(job["script"])
        done = self.shell(script)
        self.assertEqual(done.returncode, 0, done.text)
        self.check_reports([["ok"], ["ok"]])
        self.panics()
        done = self.shell(script.replace("--once", "--once --force"))
        self.assertEqual(done.returncode, 1, done.text)
        self.check_reports([["failure"], ["skipped"]])

    def test_github(self):
        steps = load("github-actions.yml")["jobs"]["boot"]["steps"]
        before = [s["run"] for s in steps if "run" in s and s.get("name") != "Boot"]
        done = self.shell("\n".join(before))
        self.assertEqual(done.returncode, 0, done.text)
        self.assert_packed(["linux.kferry"])
        boot = next(s["run"] for s in steps if s.get("name") == "Boot")
        keep = next(s for s in steps if "upload-artifact" in s.get("uses", ""))
        self.assertEqual(keep["if"], "always()")
        self.assertEqual(keep["with"]["path"], "report/")
        self.panics()
        summary = self.work / "summary"
        done = self.shell(boot, GITHUB_STEP_SUMMARY=str(summary))
        self.assertEqual(done.returncode, 1, done.text)
        self.check_reports([["failure"], ["skipped"]])
        self.assertIn("| FAIL |", summary.read_text())
        self.assertTrue(reports.check_annotations(done.text))

    def test_github_and_a_board_in_use(self):
        """A kferry that says 75: the step passes, with a warning."""
        steps = load("github-actions.yml")["jobs"]["boot"]["steps"]
        boot = next(s["run"] for s in steps if s.get("name") == "Boot")
        busy = self.work / "bin"
        busy.mkdir()
        (busy / "kferry").write_text("#!/bin/sh\nexit 75\n")
        (busy / "kferry").chmod(0o755)
        done = self.shell(boot, PATH=f"{busy}:{os.environ['PATH']}", GITHUB_STEP_SUMMARY="s")
        self.assertEqual(done.returncode, 0, done.text)
        self.assertTrue(reports.check_annotations(done.text)[0].startswith("::warning "))

    def test_jenkins(self):
        text = (CI / "Jenkinsfile").read_text()
        for opened, closed in ("{}", "()"):
            self.assertEqual(text.count(opened), text.count(closed))
        commands = re.findall(r"sh (?:returnStatus: true, script: )?'([^']*)'", text)
        self.assertEqual(len(commands), text.count("sh '") + text.count("script: '"))
        for command in commands:
            done = self.shell(command)
            self.assertEqual(done.returncode, 0, f"{command}: {done.text}")
        self.assert_packed(["linux.kferry"])
        self.check_reports([["ok"], ["ok"]])
        self.assertIn("junit 'report/junit.xml'", text)

    def test_suites_of_the_readme(self):
        """As they are installed, but for what would touch this machine: where the one goes,
        and where the kernel's results are."""
        text = (CI / "README.md").read_text()
        deploy, = re.findall(r"`(kferry deploy \.\.\. --test [^`]*)`", text)
        test, = re.findall(r"`(kferry test [^`]*)`", text)
        suites = self.board.home / ".config/kferry/suites"
        suites.mkdir()
        (suites / "kselftest.ini").write_text(f"[push]\nto = {self.board.dir}/on/board\n")
        (self.board.dir / "results").write_text("KTAP version 1\n1..1\nok 1 list\n")
        (suites / "kunit.ini").write_text(f"[run]\ncommand = cat {self.board.dir}/results\n"
                                          "[board]\nprograms = cat\n")
        (self.work / "known-failures").write_text("known  of the board\n")
        self.tree.write("selftests.sh", SELFTESTS)
        (self.work / "selftests.sh").chmod(0o755)
        self.board.kferry("build", check=0, cwd=self.work)
        self.board.kferry("pack", "-o", "linux.kferry", check=0, cwd=self.work)
        done = self.shell(deploy.replace("...", '"$BOARD" --from linux.kferry --once '
                                         "--junit report/junit.xml --artifacts report/runs"))
        self.assertEqual(done.returncode, 0, done.text)
        self.check_reports([["ok"], ["ok"], ["ok"], ["ok", "skipped"]])
        done = self.shell(test)
        self.assertEqual(done.returncode, 0, done.text)
        found = reports.check_junit(self.work / "report/tests.xml")
        self.assertIn(["ok"], [list(cases.values()) for name, cases in found.items()
                               if "kunit" in name])

    def test_commands_are_known(self):
        """Each kferry in the examples has options that it takes."""
        for file in CI.iterdir():
            for line in re.sub(r"\\\n\s*", "", file.read_text()).splitlines():
                for name in re.findall(r"kferry (?:-b \S+ )?(build|pack|deploy|bd|results)", line):
                    told = self.board.kferry(name, "--help", check=0).out
                    for option in re.findall(r"(?<!-)--[a-z-]+", line):
                        self.assertIn(option, told, f"{file.name}: {line}")


if __name__ == "__main__":
    tap.main()
