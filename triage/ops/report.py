"""What a run did: the same figures for the log line, the asset event and the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Report:
    """Counts of one run of one verb. `notes` are for people, `units` quota or money by method."""

    verb: str
    account: str = ""
    read: int = 0
    kept: int = 0
    skipped: int = 0
    quarantined: int = 0
    units: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    failed: int = 0
    touched: int = 0

    def spend(self, units: dict[str, int]) -> None:
        """Add what a page or batch cost."""
        for method, count in units.items():
            self.units[method] = self.units.get(method, 0) + count

    def add(self, other: Report) -> None:
        """Count another run in."""
        for name in ("read", "kept", "skipped", "quarantined", "failed", "touched", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.spend(other.units)
        self.notes += other.notes

    @property
    def changed(self) -> bool:
        """Whether the run gave the next step anything to do."""
        return self.kept > 0 or self.touched > 0

    def figures(self) -> dict[str, int | float | str | dict[str, int]]:
        """The figures as JSON, for the asset event."""
        return {
            "account": self.account, "read": self.read, "kept": self.kept, "skipped": self.skipped,
            "quarantined": self.quarantined, "failed": self.failed, "quota": sum(self.units.values()),
            "units": self.units, "seconds": round(self.seconds, 2),
        }  # fmt: skip

    def __str__(self) -> str:
        head = f"{self.verb} {self.account}".strip()
        line = (
            f"{head}: read {self.read}, kept {self.kept}, skipped {self.skipped}, quarantined {self.quarantined}, "
            f"failed {self.failed}, quota {sum(self.units.values())}, {self.seconds:.2f} s"
        )
        return "; ".join([line, *self.notes])
