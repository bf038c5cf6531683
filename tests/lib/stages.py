# SPDX-License-Identifier: GPL-2.0-or-later
"""
The life of two slots on a board of any chain, in stages that a test can disturb, and what
must hold after each, however it was disturbed.
"""

import collections

import injector
from chainboard import ChainBoard
from crashfs import Snapshot

TEMPORARY = (".kf-tmp-", ".part")

# What a stage does to a slot, what may boot while it does (the old slot, the new one, or
# the board's own kernel), and what boots when the board is reset before it (0: no reset).
Stage = collections.namedtuple("Stage", "name step slot may_boot reset")
STAGES = (Stage("first-install", "deploy", "old", ("own",), 0),
          Stage("first-arm", "arm", "old", ("own", "old"), 0),
          Stage("first-confirm", "confirm", "old", ("own", "old"), "old"),
          Stage("install", "deploy", "new", ("old",), "old"),
          Stage("arm", "arm", "new", ("old", "new"), 0),
          Stage("confirm", "confirm", "new", ("old", "new"), "new"),
          Stage("remove", "remove", "old", ("new",), 0),
          Stage("rollback", "rollback", None, ("new", "own"), "new"),
          Stage("last", "remove", "new", ("own",), "own"))
# Files that say which kernel boots: these may change, what they say is asked of the model.
POINTERS = ("sys/firmware/efi/efivars/LoaderEntry", "sys/firmware/efi/efivars/Boot",
            "boot/grub/custom.cfg", "boot/grub/kferry/env", "boot/firmware/config.txt",
            "boot/firmware/tryboot.txt", "dev/vcio", "boot/efi/boot.scr",
            "boot/efi/kferry/trial.conf", "boot/efi/kferry/once", "boot/efi/kferry/good.conf")

class StageBoard(ChainBoard):
    """A board, with a copy of it before each stage."""

    def __init__(self, chain):
        super().__init__(chain)
        self.old, self.new = self.package("old"), self.package("new")
        self.who = {"old": self.old.id, "new": self.new.id, "own": None}
        self.counts, self.saved, self.call = {}, {}, None
        self.debris = ("\0",)  # ends of names that may stay behind
        self.log, self.trace, self.before = self.room / "inject.log", {}, {}

    def prepare(self, trace=False):
        """Go through all stages; keep a copy of the board before each, and of how many
        changes it makes; with trace, of what they are."""
        for stage in STAGES:
            if stage.reset:
                assert self.reset() == self.who[stage.reset], f"{self.running} boots"
                self.steps()
            self.saved[stage.name] = self.save(stage.name)
            if trace:
                self.before[stage.name] = Snapshot(self.root)
            self.trace[stage.name] = self.room / f"trace-{stage.name}"
            wrap = injector.argv(self.root, self.log,
                                 trace=self.trace[stage.name] if trace else None)
            self.steps(self.step(stage), wrap=wrap)
            self.counts[stage.name] = injector.count(self.log)
        self.check_pristine()

    def package_of(self, stage):
        return self.old if stage.slot == "old" else self.new

    def step(self, stage):
        if stage.step == "deploy":
            return f"deploy={self.package_of(stage).dir}"
        return f"{stage.step}={self.who[stage.slot] if stage.slot else 'foreign'}"

    # --- what must hold ---------------------------------------------------------------------

    def check_slots(self):
        """What the state lists is complete."""
        state = self.state()
        for slot, how in state["slots"].items():
            where = self.root / "var/lib/kferry/slots" / slot
            if how == "gone":
                continue
            package = self.packages[slot].made
            for name, data in {**package.files, "manifest": package.manifest()}.items():
                assert (where / name).read_bytes() == data, f"{slot}: {name} is wrong"
            assert f"chain {self.chain}\n" in (where / "slot.conf").read_text(), f"{slot}: chain"
        for key in ("known-good", "default"):
            assert state[key] == "foreign" or state[key] in state["slots"], f"{key} {state[key]}"
        return state

    def check_others(self, before, stage):
        """Nothing has changed that is not this slot's, or a pointer."""
        slot = self.who[stage.slot] if stage.slot else "none"
        now = self.files()
        for path in sorted(set(now) | set(before)):
            name = path.rpartition("/")[2]
            if now.get(path) == before.get(path) or slot in path or path.startswith(POINTERS):
                continue
            assert name.startswith(TEMPORARY) and path not in before, f"{path} has changed"

    def check_boots(self, stage):
        boots = self.would_boot()
        allowed = [self.who[w] for w in stage.may_boot]
        assert boots in allowed, f"{boots} boots, allowed are {allowed}"

    def check_clean(self):
        """After a start of the agent nothing is half done."""
        state = self.check_slots()
        listed = set(state["slots"])
        assert "gone" not in state["slots"].values(), "a slot is still being removed"
        found = {p.name for p in (self.root / "var/lib/kferry/slots").iterdir()}
        assert found == listed, f"slots are {found}, listed {listed}"
        for staged in (self.root / "var/lib/kferry/staging").iterdir():
            package = self.packages.get(staged.name)
            assert package and (staged / "manifest").read_bytes() == package.made.manifest(), \
                f"{staged.name} cannot be resumed"
        for path in self.files():
            for slot in set(self.packages) - listed:
                assert slot not in path, f"{path} is of a slot that is not there"
        # What was cut off in the state directory is gone; on a boot file system it goes with
        # the next change there.
        junk = [p for p in (self.root / "var/lib/kferry").rglob(".*")]
        assert not junk, f"left behind: {junk}"

    def check_pristine(self):
        now = self.files()
        # A directory of ours stays with the debris in it, and U-Boot's script with that.
        stuck = {p.rpartition("/")[0] for p in now if p.endswith(self.debris)}
        stay = {"boot/efi/boot.scr"} if "boot/efi/kferry" in stuck else set()
        wrong = sorted(p for p in set(now) | set(self.own) if now.get(p) != self.own.get(p) and
                       not p.endswith(self.debris) and p not in stay)
        assert not wrong, f"not as before kferry: {wrong}"
        dirs = [p for p in self.root.rglob("*") if p.is_dir() and "kferry" in p.name.lower()]
        rest = [p for p in dirs if str(p.relative_to(self.root)) not in (
            "var/lib/kferry", "run/kferry", "etc/kferry", *stuck)]
        assert not rest, f"left behind: {rest}"
        assert not self.state()["slots"]

    # --- on to the end --------------------------------------------------------------------

    def deploy(self, package):
        """Install, arm, boot, confirm: as much of it as is left to do."""
        self.steps(f"deploy={package.dir}")
        if self.state()["default"] != package.id:
            if self.running != package.id:
                self.steps(f"arm={package.id}")
                assert self.reset() == package.id, "the trial did not boot"
            self.steps(f"confirm={package.id}")
        assert self.reset() == package.id, "the new default does not boot"
        self.steps()

    def finish(self, stage):
        """What a user does: the same once more, to the end."""
        self.steps()
        self.check_clean()
        order = [s.name for s in STAGES]
        if order.index(stage.name) <= order.index("confirm"):
            self.deploy(self.package_of(stage))
        if stage.name == "remove" and self.old.id in self.state()["slots"]:
            self.steps(f"remove={self.old.id}")
        if self.state()["default"] != "foreign":
            self.steps("rollback=foreign")
        if self.running:
            assert self.reset() is None, "the board's own kernel does not boot"
        self.steps()
        for slot in sorted(self.state()["slots"]):
            self.steps(f"remove={slot}")
        self.check_pristine()
