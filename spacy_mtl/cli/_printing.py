"""What several commands print."""

from __future__ import annotations

from collections.abc import Sequence

from wasabi import Printer

from ..corpora.findings import Finding


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], n_text_columns: int = 1
) -> None:
    """Print a table whose first columns are text, and all others numbers."""
    aligns = ["l"] * n_text_columns + ["r"] * (len(header) - n_text_columns)
    Printer().table(rows, header=header, divider=True, aligns=aligns, max_col=80)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print a warning for each, or that there is none."""
    printer = Printer()
    printer.divider("Warnings")
    for finding in findings:
        printer.warn(finding.message)
    if not findings:
        printer.good("Nothing found that would hurt.")
