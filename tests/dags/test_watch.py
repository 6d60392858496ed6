"""The task care.watch: each finding is an alarm of its own, and Airflow's metrics carry the same figures as ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.builders import ROOT
from tests.dags import sandbox
from tests.dags.test_tell import OPS, Office, office  # noqa: F401
from tests.ops.figures import SETTINGS, fill
from triage.ops import metrics
from triage.store import db


def test_each_finding_is_an_alarm_with_its_mend_and_told_once(
    office: Office,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    office.notify(ops=OPS)
    with db.connect(office.dsn) as connection:
        fill(connection)
        with db.transaction(connection):
            db.execute(connection, "UPDATE triage.detector SET closed_to = now() - interval '3 hours'")
    for _ in range(2):
        assert office.run("care")["watch"] == "failed"
    assert "watch: bad: detector: no minute was judged for 3:0" in capfd.readouterr().out
    about = [said["text"] for _, said in office.wire.posted if "stall" not in said["text"]]
    assert sorted(text.splitlines()[0] for text in about) == [
        "*Alarm: care detector*",
        "*Alarm: care.money failed*",
    ]
    (about,) = [text for text in about if "detector" in text]
    assert "look at the task `detect` of the DAG triage" in about
    with db.connect(office.dsn) as connection, db.transaction(connection):
        db.execute(
            connection, "UPDATE triage.unanswered_queue SET claimed_by = 'bot', lease_until = now() + '1 h'"
        )
        db.execute(connection, "INSERT INTO triage.detector_bin SELECT 'topic:' || t, now() - d * interval '1 day', "
                               "CASE WHEN d = 0 AND t = 'unsure' THEN 900 ELSE 200 END, 0, 0 "
                               "FROM generate_series(0, 8) d, unnest(ARRAY['delivery', 'unsure']) t")  # fmt: skip
    assert office.run("care")["watch"] == "failed"
    more = [said["text"].splitlines()[0] for _, said in office.wire.posted][len(office.wire.posted) - 1 :]
    assert more == ["*Alarm: care drift*"], "a new finding is told though the old one goes on"


@contextmanager
def collector() -> Iterator[tuple[int, list[bytes]]]:
    """An OpenTelemetry collector's end of the wire: its port, and what was posted to /v1/metrics."""
    posted: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/metrics":
                posted.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, posted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


EMIT = """
import sys
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)  # as Airflow's task runner does
from triage.config import load
from triage.ops import metrics
from triage.store import db
from triage_airflow.tasks_care import emit
with db.connect(sys.argv[1]) as connection:
    emit(metrics.measure(connection, load()))
"""


def test_airflows_own_metrics_carry_the_same_figures(dsn: str) -> None:
    """By OpenTelemetry, set as docs/ops.md says: every figure with its labels, equal but for what the clock moves."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    with db.connect(dsn) as connection:
        fill(connection)
        ours = {(f.name, frozenset(f.labels.items())): f.value for f in metrics.measure(connection, SETTINGS)}
    with collector() as (port, posted):
        endpoint = f"http://127.0.0.1:{port}"
        settings = {"AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "TRIAGE_CONFIG": str(ROOT / "config")}  # fmt: skip
        done = sandbox.python(EMIT, dsn, **settings)
    assert done.returncode == 0, done.stderr
    theirs = {}
    for body in posted:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for metric in (m for scope in resource.scope_metrics for m in scope.metrics):
                for point in metric.gauge.data_points:
                    labels = frozenset((a.key, a.value.string_value) for a in point.attributes)
                    theirs[metric.name.removeprefix("airflow.triage."), labels] = (
                        point.as_double or point.as_int
                    )
    assert theirs.keys() == ours.keys()
    moved = {name for (name, labels), value in ours.items() if theirs[name, labels] != value}
    assert moved <= {"counted_timestamp_seconds", "database_bytes"}
    assert json.dumps(sorted(name for name, _ in theirs)).count("queue_waiting") > 10
