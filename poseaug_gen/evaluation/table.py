"""What an evaluation found, as tables: for a terminal, and in Markdown for everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poseaug_gen.evaluation.scores import ACTION, AUC, ELEVATION, JOINT, MPJPE, OVERALL, PA_MPJPE, PCK, Scores

if TYPE_CHECKING:
    import rich.table

TITLES = {MPJPE: "MPJPE, mm", PA_MPJPE: "PA-MPJPE, mm", PCK: "PCK@150, %", AUC: "AUC, %"}
BREAKDOWNS = {ELEVATION: "camera elevation, degrees", JOINT: "joint", ACTION: "action"}

Summary = Mapping[str, Mapping[str, Scores]]  # arm -> target or group of targets -> scores over the seeds


@dataclass(frozen=True)
class Table:
    """Texts in rows and columns.

    Attributes:
        names: how many columns, from the left, hold names and not figures.
        sections: the numbers of the rows that a line goes before.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1
    sections: frozenset[int] = frozenset()

    def markdown(self) -> str:
        """As a Markdown table; the title is left out."""
        rules = ("---",) * self.names + ("---:",) * (len(self.header) - self.names)
        lines = [self.header, rules, *self.rows]
        return "\n".join(f"| {' | '.join(text.replace('|', chr(92) + '|') for text in line)} |" for line in lines)

    def rich(self) -> rich.table.Table:
        """As a rich table; what files are called is text, never markup."""
        from rich.markup import escape
        from rich.table import Table as RichTable

        table = RichTable(title=escape(self.title), title_justify="left")
        for number, text in enumerate(self.header):
            table.add_column(escape(text), justify="left" if number < self.names else "right")
        for number, row in enumerate(self.rows):
            if number in self.sections:
                table.add_section()
            table.add_row(*map(escape, row))
        return table


def overview(summary: Summary, reference: str) -> Table:
    """A row a target and arm: every metric, and how the MPJPE compares with the reference arm's (where it is there)."""
    rows: list[tuple[str, ...]] = []
    sections = set()
    for target in targets_of(summary):
        sections.add(len(rows))
        for number, arm in enumerate(summary):
            figures = [said(summary[arm][target][OVERALL][metric]) for metric in TITLES]
            last = [compared(summary, arm, reference, target, MPJPE)] if reference in summary else []
            rows.append(("" if number else target, arm, *figures, *last))
    last = [f"MPJPE against {reference}"] if reference in summary else []
    header = ("target", "training data", *TITLES.values(), *last)
    return Table("Lifters on targets", header, tuple(rows), names=2, sections=frozenset(sections))


def breakdown(summary: Summary, target: str, group: str) -> Table | None:
    """A row for each of a target's actions, joints or elevations, a column an arm: MPJPE; None of a single row."""
    parts = [part(scores, target, group) for scores in summary.values()]
    if len(parts[0]) < 2:
        return None
    rows = [(name, *(said(each[name][MPJPE]) for each in parts)) for name in parts[0]]
    return Table(f"MPJPE in mm by {BREAKDOWNS[group]} ({target})", (BREAKDOWNS[group], *summary), tuple(rows))


def part(scores: Mapping[str, Scores], target: str, group: str) -> Scores:
    """The scores by joint, action or elevation; the first joint, the root, by which all are measured, is left out."""
    entries = list(scores[target][group].items())
    return dict(entries[1:] if group == JOINT else entries)


def by_arm(summary: Summary, targets: Sequence[str], references: Sequence[str]) -> Table:
    """A row an arm, a column a target: MPJPE / PA-MPJPE, and the MPJPE against each reference arm's, per cent.

    A reference itself is held against those before it.
    """
    references = [name for name in references if name in summary]
    rows = []
    for arm in summary:
        others = references[: references.index(arm)] if arm in references else references
        cells = []
        for target in targets:
            overall = summary[arm][target][OVERALL]
            against = [compared(summary, arm, other, target, MPJPE) for other in others]
            cells.append(f"{said(overall[MPJPE])} / {said(overall[PA_MPJPE])}{_bracketed(against)}")
        rows.append((arm, *cells))
    title = f"MPJPE / PA-MPJPE, mm{_bracketed([f'MPJPE against {name}' for name in references])}"
    return Table(title, ("training data", *targets), tuple(rows))


def _bracketed(texts: Sequence[str]) -> str:
    return f" ({', '.join(texts)})" if texts else ""


def said(figure: Mapping[str, Any]) -> str:
    """``88.9 ± 0.4``, or ``88.9`` of a single seed."""
    spread = "" if figure["spread"] is None else f" ± {figure['spread']:.1f}"
    return f"{figure['mean']:.1f}{spread}"


def compared(summary: Summary, arm: str, reference: str, target: str, metric: str) -> str:
    """``-12.3 %`` of an arm against another; empty against itself."""
    if arm == reference:
        return ""
    return f"{against(summary, arm, reference, target, metric):+.1f} %"


def against(summary: Summary, arm: str, reference: str, target: str, metric: str) -> float:
    """How much more an arm has of a metric than another on a target, per cent; of an error, less is better."""
    mine, theirs = (summary[name][target][OVERALL][metric]["mean"] for name in (arm, reference))
    return 100 * (mine / theirs - 1) if theirs else float("nan")


def targets_of(summary: Summary) -> list[str]:
    """The targets, and groups of them, that every arm has scores on."""
    return list(next(iter(summary.values())))
