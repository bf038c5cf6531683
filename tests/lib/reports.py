# SPDX-License-Identifier: GPL-2.0-or-later
"""What reports must be like: JUnit by tests/lib/junit.xsd, result.json by its schema, KCIDB
v5.3 by what its schema asks of the fields that kferry writes."""

import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

# Debian's packages, also when another Python comes first.
sys.path.append("/usr/lib/python3/dist-packages")
import jsonschema  # noqa: E402

TREE = pathlib.Path(__file__).resolve().parents[2]
STATUSES = ["FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP"]


def _object(required, **properties):
    return {"type": "object", "required": required, "properties": properties,
            "additionalProperties": False}


def _list(item):
    return {"type": "array", "items": item}


_ID = {"type": "string", "pattern": "^[a-z0-9_]+:.*$"}
_TEXT = {"type": "string", "pattern": "^[^\0]*$"}
_TIME = {"type": "string",
         "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
_OWN = {"id": _ID, "origin": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "comment": _TEXT, "misc": {"type": "object"}}
_RAN = {"start_time": _TIME, "duration": {"type": "number"}, "status": {"enum": STATUSES},
        "log_excerpt": {"type": "string", "maxLength": 16384, "pattern": "^[^\0]*$"}}
KCIDB = _object(
    ["version"],
    version=_object(["major", "minor"], major={"const": 5}, minor={"const": 3}),
    checkouts=_list(_object(
        ["id", "origin"], **_OWN, valid={"type": "boolean"}, git_repository_branch=_TEXT,
        git_commit_hash={"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"},
        patchset_hash={"type": "string", "pattern": "^$|^[0-9a-f]{64}$"})),
    builds=_list(_object(
        ["checkout_id", "id", "origin"], **_OWN, **_RAN, checkout_id=_ID,
        architecture={"type": "string", "pattern": "^[a-z0-9_]*$"})),
    tests=_list(_object(
        ["build_id", "id", "origin"], **_OWN, **_RAN, build_id=_ID,
        path={"type": "string", "pattern": "^[.a-zA-Z0-9_-]*$"},
        environment=_object([], comment=_TEXT, misc={"type": "object"}))))


def check_junit(path):
    """The suites of a valid file: {name: {test: what}}, what being ok or an element's name."""
    done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema",
                           TREE / "tests/lib/junit.xsd", path],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    suites = {}
    for suite in xml.etree.ElementTree.parse(path).getroot():
        cases = suite.findall("testcase")
        kinds = [next((e.tag for e in case if e.tag != "system-out"), "ok") for case in cases]
        assert int(suite.get("tests")) == len(cases)
        for attribute, kind in (("failures", "failure"), ("errors", "error"),
                                ("skipped", "skipped")):
            assert int(suite.get(attribute)) == kinds.count(kind), suite.get("name")
        suites[suite.get("name")] = {case.get("name"): kind
                                     for case, kind in zip(cases, kinds)}
    return suites


def check_result(path):
    result = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    schema = json.loads((TREE / "docs/kferry-result.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(result, schema, cls=jsonschema.Draft7Validator)
    for artifact in result.get("artifacts", []):
        file = pathlib.Path(path).parent / artifact["name"]
        assert file.stat().st_size == artifact["bytes"], artifact
    return result


def check_kcidb(path):
    data = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    jsonschema.validate(data, KCIDB, cls=jsonschema.Draft7Validator)
    for name in ("checkouts", "builds", "tests"):
        ids = [o["id"] for o in data[name]]
        assert len(ids) == len(set(ids)), f"an id of {name} is there twice"
        assert all(o["id"].startswith(o["origin"] + ":") for o in data[name])
    checkouts = {o["id"] for o in data["checkouts"]}
    builds = {o["id"] for o in data["builds"]}
    assert all(b["checkout_id"] in checkouts for b in data["builds"])
    assert all(t["build_id"] in builds for t in data["tests"])
    return data


def check_annotations(text):
    """Lines that GitHub reads as commands; each must be whole."""
    found = [line for line in text.splitlines() if line.startswith("::")]
    for line in found:
        assert re.fullmatch(r"::(error|warning|notice) [^\0\r\n]*?::[^\0\r\n]*", line), line
    return found
