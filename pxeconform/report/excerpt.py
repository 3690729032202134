"""What a terminal shows of an analysis, picked out while its records pass by on their way to a file.

An analysis of ten thousand boots fills hundreds of megabytes as one dict, and a screen shows a dozen of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Record = dict[str, Any]
Tables = Iterable[tuple[str, Iterable[Record]]]

IN_SUMMARY, IN_FULL = 40, 12
"""Boots that get a line, and boots that are shown in full, those that failed first."""

_UNNAMED = ""
_OF_A_COUNTED_BOOT: Record = {"boot": _UNNAMED}


class Excerpt:
    """Tables of the contract with the records that are shown; of the others what is counted."""

    def __init__(self) -> None:
        self.document: dict[str, list[Record]] = {}
        self._whole: set[str] = set()
        self._failed = 0
        self._counted: dict[str, Record] = {}
        """One record for all boots of an outcome that are only counted."""

    def of(self, tables: Tables) -> Iterator[tuple[str, Iterator[Record]]]:
        """The same tables; each must be consumed before the next one is asked for, as `json_lines` does."""
        for name, records in tables:
            self.document[name] = []
            yield name, self._passing(name, records)

    def _passing(self, name: str, records: Iterable[Record]) -> Iterator[Record]:
        pick = {"boots": self._boot, "transfers": self._transfer, "dhcp": _nothing, "findings": _violation}.get(name)
        kept = self.document[name]
        for record in records:
            shown = record if pick is None else pick(record)
            if shown is not None:
                kept.append(shown)
            yield record

    def _boot(self, boot: Record) -> Record:
        failed = boot["outcome"] == "failed"
        self._failed += failed
        if len(self.document["boots"]) < IN_SUMMARY or (failed and self._failed <= IN_FULL):
            self._whole.add(boot["id"])
            return boot
        return self._counted.setdefault(boot["outcome"], {"id": _UNNAMED, "outcome": boot["outcome"]})

    def _transfer(self, transfer: Record) -> Record:
        # Those of no boot are shown too.
        whole = transfer["boot"] in self._whole or transfer["boot"] is None
        return transfer if whole else _OF_A_COUNTED_BOOT


def _nothing(_: Record) -> None:
    return None


def _violation(finding: Record) -> Record | None:
    return finding if finding["verdict"] == "fail" else None
