"""A drill: the recall breaks out now, and the plan is carried out to the debrief. The approvals come by themselves.

What is measured is real: the DAG `triage` notices the surge, the owner gets a mail by SMTP, the statement waits in
Airflow for its approval, two hundred people who sent the same letter are answered one by one, and the process that
answers them is killed in the middle.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

from demo import show, story
from demo.act import Director
from demo.common.serving import call_control
from demo.letters import LETTERS, SUBJECT, letters
from demo.scene import Scene
from triage.store import db

TOPIC = "product_defect"
PACE = 90.0
"""The three hours of the story's recall pass in two minutes."""

PATIENCE = timedelta(minutes=20)


class DrillFailed(RuntimeError):
    """A step did not come in time."""


@dataclass
class Drill:
    """Plays the crisis and the people in it; `minutes` has what was reached, in order, counted from the onset."""

    scene: Scene
    director: Director
    onset: datetime = field(default_factory=lambda: datetime.now(UTC))
    minutes: dict[str, float] = field(default_factory=dict)

    def run(self) -> bool:
        """From the first messages to the debrief; whether nobody was missed and nobody got two."""
        self.break_out()
        incident = int(self._until("alarm", "SELECT id FROM triage.incident WHERE topic = %s", TOPIC)["id"])
        self._await("owner mailed", lambda: self._mailed("crisis@"))
        self._await("waits for approval", lambda: bool(self._pending()))
        self._approve()
        self._reached("approved")
        self._await("statement on X", lambda: self._published(incident))
        fanout = self._answer_many(incident)
        self._until(
            "cluster answered", "SELECT id FROM triage.fanout WHERE id = %s AND state = 'done'", fanout
        )
        self._await("hub updated", lambda: self._on_hub(incident))
        self._triage("incident", "close", str(incident), "the drill is over", "--as", "drill")
        self._reached("closed")
        self._triage("debrief", str(incident), "--to", str(self.scene.state / "debrief"))
        self._reached("debrief")
        self._await("replies collected", self.director.settled)
        return self._told(incident, fanout)

    def break_out(self) -> None:
        """The story's recall at its own pace, and two hundred letters that say the same."""
        self.onset = datetime.now(UTC) - timedelta(hours=3) / PACE
        recall = [
            s for s in story.steps(story.files(encore=False), self.onset, pace=PACE) if s.at >= self.onset
        ]
        now = datetime.now(UTC)
        self.director.deliver([*(s for s in recall if s.at <= now), *letters(now)])

    def _approve(self) -> None:
        """Say yes in Airflow to all that waits, as the approver would by a button."""
        for task in self._pending():
            where = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
            self._airflow(
                f"{where}/{task['map_index']}/hitlDetails",
                {"chosen_options": ["Approve"], "params_input": {}},
            )

    def _published(self, incident: int) -> bool:
        """Whether X has the statement; one surge may open several incidents, and each asks when it comes to it."""
        self._approve()
        return bool(self._rows(_PUBLISHED, incident, "volmera_x"))

    def _pending(self) -> list[dict[str, Any]]:
        found = self._airflow("dags/~/dagRuns/~/hitlDetails?response_received=false")
        return [detail["task_instance"] for detail in found["hitl_details"]]

    def _answer_many(self, incident: int) -> int:
        """Draft, approve, and kill the sender while it hands over the thirtieth letter."""
        self._until("letters in one cluster", _CLUSTERED, LETTERS)
        cluster = self._row(_CLUSTERED, LETTERS)["cluster"]
        self._triage(
            "fanout", "draft", "--incident", str(incident), "--cluster", str(cluster), "--as", "drill"
        )
        fanout = int(self._row("SELECT max(id) AS id FROM triage.fanout")["id"])
        self._triage("fanout", "approve", str(fanout), "--as", "drill")
        self._await("thirty answered", lambda: self._sent(fanout) >= 30)
        call_control(self.scene.gmail, "faults", {"kind": "hang", "seconds": 120, "method": "messages.send"})
        self._await("one is under way", lambda: call_control(self.scene.gmail, "faults")["holding"] >= 1)
        for victim in self._tasks():
            victim.send_signal(signal.SIGKILL)
        call_control(self.scene.gmail, "faults", verb="DELETE")
        self._reached("killed in the middle")
        return fanout

    def _tasks(self) -> list[psutil.Process]:
        """Tasks that talk to the mailbox just now: they run below the scheduler."""
        port = int(self.scene.gmail.rsplit(":", 1)[1])
        scheduler = psutil.Process(self.scene.airflow.running["scheduler"].pid)
        return [p for p in scheduler.children(recursive=True) if port in _asked(p)]

    def _sent(self, fanout: int) -> int:
        return int(self._row(_SENT, fanout)["sent"])

    def _told(self, incident: int, fanout: int) -> bool:
        """The table, and whether each of the two hundred has exactly one answer in the mailbox."""
        box = call_control(self.scene.gmail, f"mailboxes/{self.director.mailbox}/snapshot")["messages"]
        letters = {row["native_id"] for row in self._rows(_LETTERS, SUBJECT)}
        mine = {m["thread"] for m in box if m["id"] in letters}
        answers = Counter(m["thread"] for m in box if "SENT" in m["labels"] and m["thread"] in mine)
        doubles = sum(1 for n in answers.values() if n > 1)
        missed = len(mine) - len(answers)
        print("\nThe drill, in minutes from the first message:\n")
        for name, minutes in self.minutes.items():
            print(f"  {minutes:6.1f}  {name}")
        print(
            f"\n  {len(mine)} letters, {sum(answers.values())} answers, {doubles} doubled, {missed} missed",
            flush=True,
        )
        print(f"  debrief: {self.scene.state / 'debrief'}\n", flush=True)
        return doubles == 0 and missed == 0 and len(mine) == LETTERS

    def _on_hub(self, incident: int) -> bool:
        published = self._row(
            "SELECT min(published_at) AS at FROM triage.statements WHERE incident_id = %s", incident
        )
        return published["at"] is not None and any((self.scene.airflow.home / "hub").glob("*/en.html"))

    def _mailed(self, to: str) -> bool:
        return any(
            to in path.read_text(errors="replace") for path in (self.scene.state / "mail").glob("*.eml")
        )

    def _until(self, name: str, sql: str, *parameters: Any) -> dict[str, Any]:
        self._await(name, lambda: bool(self._rows(sql, *parameters)))
        return self._row(sql, *parameters)

    def _await(self, name: str, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE.total_seconds()
        while not condition():
            if self.director.stop.is_set() or time.monotonic() > end:
                raise DrillFailed(f"the drill stopped before: {name}")
            time.sleep(0.5)
        self._reached(name)

    def _reached(self, name: str) -> None:
        self.minutes[name] = (datetime.now(UTC) - self.onset) / timedelta(minutes=1)
        show.say(self.director.began, f"drill: {name}")

    def _rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        with db.connect(self.scene.dsn, name="drill") as connection:
            return db.rows(connection, sql, parameters or None)

    def _row(self, sql: str, *parameters: Any) -> dict[str, Any]:
        return self._rows(sql, *parameters)[0]

    def _triage(self, *arguments: str) -> None:
        env = {
            **self.scene.airflow.env,
            "TRIAGE_DSN": self.scene.dsn,
            "TRIAGE_CONFIG": str(self.scene.config),
        }
        done = subprocess.run(
            [sys.executable, "-m", "triage.cli", *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DrillFailed(done.stderr.strip())

    def _airflow(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.scene.airflow.url}/api/v2/{path}", method="PATCH" if body else "GET",
            data=json.dumps(body).encode() if body else None, headers={"Content-Type": "application/json"},
        )  # fmt: skip
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            return json.load(response)


_PUBLISHED = (
    "SELECT id FROM triage.statements WHERE incident_id = %s AND channel = %s AND state = 'published'"
)
_CLUSTERED = """SELECT cluster FROM triage.unanswered_queue WHERE cluster IS NOT NULL
                GROUP BY cluster HAVING count(*) >= %s"""
_LETTERS = "SELECT native_id FROM triage.message WHERE direction = 'inbound' AND subject = %s"
_SENT = """SELECT count(*) AS sent FROM triage.fanout_recipient r JOIN triage.reply p ON p.id = r.reply_id
           WHERE r.fanout_id = %s AND p.state = 'sent'"""


def _asked(process: psutil.Process) -> set[int]:
    """Ports that a process holds connections to."""
    try:
        found = process.net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {c.raddr.port for c in found if c.raddr and c.status == psutil.CONN_ESTABLISHED}
