# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot variables of a fast board's firmware, as its kernel shows them."""

VARS = "/sys/firmware/efi/efivars"
DUMP = (f"cd {VARS} && for v in Boot*; do "
        """echo "$v $(hexdump -v -e '1/1 "%02x"' "$v")"; done""")


class BootVariables:
    """A mixin: a trial leaves neither entries nor BootNext behind, and BootOrder alone."""

    def variables(self):
        """By name without vendor: their bytes, attributes first."""
        lines = self.on_board("sh", "-c", DUMP).out.splitlines()
        pairs = (line.split(" ") for line in lines)
        return {name.split("-")[0]: bytes.fromhex(value) for name, value in pairs}

    def entries(self, variables):
        """Descriptions of the boot entries by number."""
        found = {}
        for name, value in variables.items():
            if len(name) == 8 and name != "BootNext":
                try:
                    number = int(name[4:], 16)
                except ValueError:
                    continue
                text = value[10:].decode("utf-16-le", errors="replace")
                found[number] = text.split("\0")[0]
        return found

    def order(self, variables):
        value = variables["BootOrder"][4:]
        return [value[i] | value[i + 1] << 8 for i in range(0, len(value), 2)]

    def ours(self, variables):
        return [n for n, text in self.entries(variables).items() if text.startswith("kferry ")]

    def setUp(self):
        self.before = self.variables()

    def tearDown(self):
        now = self.variables()
        self.assertEqual(self.entries(now), self.entries(self.before))
        self.assertEqual(self.ours(now), [])
        self.assertEqual(self.order(now), self.order(self.before))
        self.assertNotIn("BootNext", now)

    def current(self, variables):
        value = variables["BootCurrent"]
        return value[4] | value[5] << 8

    def look_at_trial(self):
        """It is confirmed by now, and its entry gone."""
        now = self.variables()
        self.assertNotIn(self.current(now), self.entries(self.before))
        self.assertEqual(self.entries(now), self.entries(self.before))
        self.assertEqual(self.order(now), self.order(self.before))
        self.assertNotIn("BootNext", now)

    def look_at_default(self):
        now = self.variables()
        self.assertEqual(self.ours(now), [self.current(now)])
        self.assertEqual(self.order(now), [self.current(now), *self.order(self.before)])
