# SPDX-License-Identifier: GPL-2.0-or-later
"""
Figures: what was measured, against what, the ratio, the bar.

Samples of one row are taken in turn (A B A B ...) so that a machine that is slow for a
while is slow for all; of each the median counts.  A line that could not be measured says
why; it is neither reached nor missed.
"""

import statistics


class Samples:
    """Values by name, in the order in which they came."""

    def __init__(self):
        self.values = {}

    def add(self, name, value):
        self.values.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.values[name])

    def has(self, name):
        return bool(self.values.get(name))


def show(value, unit):
    if value is None:
        return "-"
    if unit == "s":
        return f"{value:.2f} s"
    if unit == "B":
        return f"{value / 1e6:.2f} MB" if value >= 1e6 else f"{value / 1e3:.1f} kB"
    if unit == "MiB":
        return f"{value:.1f} MiB"
    return f"{value:.3f} {unit}".strip()


class Line:
    """One line of the table.

    bar: the most that ours/theirs may be; or `limit`: the most that ours may be, in its
    unit, and `words`: what that is made of.
    """

    def __init__(self, row, case, unit, ours, theirs, against, bar, note="", limit=None,
                 words=""):
        self.row, self.case, self.unit = row, case, unit
        self.ours, self.theirs, self.against = ours, theirs, against
        self.bar, self.limit, self.note, self.words = bar, limit, note, words
        self.samples = {}

    @property
    def ratio(self):
        if self.ours is None:
            return None
        if self.limit is not None:
            return self.ours / self.limit
        return self.ours / self.theirs if self.theirs else None

    @property
    def reached(self):
        if self.ratio is None:
            return None
        return self.ratio <= (1.0 if self.limit is not None else self.bar)

    def bar_text(self):
        if self.limit is not None:
            limit = show(self.limit, self.unit)
            return f"<= {self.words} = {limit}" if self.words else f"<= {limit}"
        return f"<= {self.bar:g} x" if self.bar is not None else "-"

    def cells(self):
        theirs = f"{show(self.theirs, self.unit)} ({self.against})" if self.theirs else "-"
        ratio = "-" if self.ratio is None or self.limit is not None else f"{self.ratio:.2f}"
        reached = {True: "yes", False: "NO", None: "not run"}[self.reached]
        return [self.row, self.case, show(self.ours, self.unit), theirs, ratio, self.bar_text(),
                reached]

    def as_json(self):
        return {"row": self.row, "case": self.case, "unit": self.unit, "ours": self.ours,
                "theirs": self.theirs, "against": self.against, "ratio": self.ratio,
                "bar": self.limit if self.limit is not None else self.bar,
                "bar_is": "limit" if self.limit is not None else "ratio",
                "reached": self.reached, "note": self.note, "samples": self.samples}


def not_run(row, why):
    line = Line(row.name, row.case, "", None, None, "", row.bar, limit=row.limit)
    line.note = why
    return line


HEAD = ["row", "case", "kferry", "the other", "ratio", "bar", "reached"]


def table(lines):
    """For a person, and for README: a Markdown table with its columns aligned."""
    rows = [HEAD, *(line.cells() for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]

    def text(cells):
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |"
    out = [text(HEAD), "|" + "|".join("-" * (w + 2) for w in widths) + "|",
           *(text(row) for row in rows[1:])]
    notes = [f"- {line.row}: {line.note}" for line in lines if line.note]
    return "\n".join(out + ([""] + list(dict.fromkeys(notes)) if notes else []))
