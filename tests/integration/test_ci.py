#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples in docs/ci: they parse, and their commands do what the CI is told they do."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import reports  # noqa: E402
import tap  # noqa: E402
from scratch import BUILD, TOP, Board, Package  # noqa: E402

import yaml  # noqa: E402  (from Debian's packages; reports.py says where)

CI = TOP / "docs/ci"


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
        self.board = Board()
        self.work = self.board.dir / "work"
        self.work.mkdir()
        Package().write(self.work / "linux.kferry")

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

    def panics(self):
        self.board.on_boot = lambda slot: "panic" if slot else None

    def test_gitlab(self):
        ci = load("gitlab-ci.yml")
        for name, job in ci.items():
            if isinstance(job, dict) and "script" in job:
                self.assertIn(job["stage"], ci["stages"], name)
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
        command = re.search(r"script: '(kferry deploy [^']*)'", text).group(1)
        done = self.shell(command)
        self.assertEqual(done.returncode, 0, done.text)
        self.check_reports([["ok"], ["ok"]])
        self.assertIn("junit 'report/junit.xml'", text)

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
