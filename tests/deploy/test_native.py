"""Services of docker-compose.yml started without containers: what tests/deploy/test_topology.py does to all of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.compose import SERVICES
from tests.deploy.native import Cluster, ClusterError
from triage.store import db


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The databases and a stand-in, with the secrets that the service `keys` makes for them."""
    base = Path(tempfile.mkdtemp(prefix="triage-native-"))
    base.chmod(0o755)
    made = Cluster(base=base, connections={"gmail_care": {"conn_type": "gmail"}})
    try:
        for name in ("postgres", "redis", "gmail"):
            made.start(name)
            made.wait_healthy(name)
        yield made
    finally:
        made.down()
        shutil.rmtree(base, ignore_errors=True)


def test_what_a_service_depends_on_is_started_before(cluster: Cluster) -> None:
    assert list(cluster.processes) == ["keys", "postgres", "redis", "gmail"]
    assert cluster.processes["keys"].poll() == 0


def test_the_command_of_the_file_is_what_runs(cluster: Cluster) -> None:
    with db.connect(cluster.dsn) as connection:
        (row,) = db.rows(
            connection, "SELECT current_setting('max_connections') AS most, current_user::text AS us"
        )
    assert f"max_connections={row['most']}" in SERVICES["postgres"]["command"]
    assert row["us"] == "triage"


def test_redis_answers_nobody_without_the_password(cluster: Cluster) -> None:
    port = cluster.url("redis").rpartition(":")[2]
    done = subprocess.run(["redis-cli", "-p", port, "ping"], capture_output=True, text=True, check=False)
    assert "NOAUTH" in done.stdout + done.stderr


def test_connections_that_are_given_stand_beside_our_database(cluster: Cluster) -> None:
    held = json.loads((cluster.base / "volumes" / "keys_airflow" / "connections.json").read_text())
    assert set(held) == {"triage_db", "triage_metrics", "gmail_care"}


def test_a_service_that_is_killed_is_not_well_until_it_is_restarted(cluster: Cluster) -> None:
    cluster.kill("gmail")
    assert not cluster.healthy("gmail")
    cluster.restart("gmail")
    cluster.wait_healthy("gmail")


def test_nothing_is_written_outside_of_volumes_and_tmpfs(cluster: Cluster) -> None:
    assert [(label, stray) for label in cluster.processes for stray in cluster.places.strays(label)] == []
    stray = cluster.base / "containers" / "gmail" / "opt" / "triage" / "stray"
    stray.write_text("where a read-only container could not write")
    assert cluster.places.strays("gmail") == [Path("opt/triage/stray")]
    stray.unlink()


def test_a_service_that_ends_by_itself_is_named_with_what_it_said(cluster: Cluster) -> None:
    (cluster.base / "volumes" / "stage" / "x.sqlite").mkdir()
    cluster.start("x")
    with pytest.raises(ClusterError, match=r"x did not get well \(2\):\nThe state file .* cannot be used"):
        cluster.wait_healthy("x")
