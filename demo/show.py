"""What the demo prints: progress while it works, and the result at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from demo.common.serving import call_control

if TYPE_CHECKING:
    from demo.act import Director
    from demo.scene import Scene


def say(began: float, text: str) -> None:
    """One line with the time since the start."""
    seconds = int(time.monotonic() - began)
    print(f"{seconds // 60:2d}:{seconds % 60:02d}  {text}", flush=True)


def result(scene: Scene, director: Director, triaged: bool) -> bool:
    """The queue, the ledger, the labels, the quota and the address; whether the promise holds."""
    counts = director.watch.counts()
    print("\nWho is waiting, gravest and longest first:\n", flush=True)
    _triage(scene, "queue", "-n", "10")
    print("\nWhat the team is mailed every morning:\n", flush=True)
    _triage(scene, "digest", "--to", "responders")
    print("\nThe ledger: ", end="", flush=True)
    balanced = _triage(scene, "audit") == 0
    _labels(scene, director)
    _quota(director)
    new = counts.mails + counts.posts - director.before.mails - director.before.posts
    labels = director.watch.label_changes() - director.changes_before
    print(
        f"This run: {new} new messages, {labels} new labels, {counts.queue - director.before.queue:+d} queue rows"
    )
    for line in director.watch.quarantined():
        print(f"In quarantine: {line}")
    if director.play.note:
        print(director.play.note)
    missing = director.missing()
    if missing:
        print(f"{len(missing)} mails or posts are not collected: {', '.join(sorted(missing)[:5])} …")
    if not triaged and not director.stop.is_set():
        print(f"The inbox was not triaged in time; see the logs in {scene.state}")
    print(f"Airflow UI: {scene.airflow.url}")
    print(f"What the team, ops and the crisis owner are mailed: {scene.state / 'mail'}")
    print(
        f'Ask the queue yourself: .venv/bin/triage queue --dsn "$(cat {scene.state / "dsn"})"\n', flush=True
    )
    return balanced and triaged and not missing


def _triage(scene: Scene, *arguments: str) -> int:
    """The command a person would type."""
    env = {**os.environ, "TRIAGE_DSN": scene.dsn, "TRIAGE_CONFIG": str(scene.config)}
    return subprocess.run([sys.executable, "-m", "triage.cli", *arguments], env=env, check=False).returncode


def _labels(scene: Scene, director: Director) -> None:
    box = call_control(scene.gmail, f"mailboxes/{director.mailbox}/snapshot")
    threads: Counter[str] = Counter()
    for label, _ in {(label, m["thread"]) for m in box["messages"] for label in m["labels"] if "/" in label}:
        threads[label] += 1
    print("\nLabels in the mailbox, by threads:")
    for label, count in threads.most_common():
        print(f"  {count:4}  {label}")


def _quota(director: Director) -> None:
    units = director.units()
    read = director.watch.counts().mails - director.before.mails
    per = f", {units / read:.2f} for each of the {read} new messages" if read else ""
    print(f"\nGmail quota, as the stand-in counted: {units:,} units{per}")
    methods = call_control(director.scene.gmail, "stats")["methods"]
    spent = {name.rsplit("users.", 1)[-1]: m["units"] for name, m in methods.items() if m["units"]}
    print("  " + ", ".join(f"{name} {n:,}" for name, n in sorted(spent.items(), key=lambda item: -item[1])))
