"""deploy/helm-values.yaml sets keys that Airflow's chart has, secrets that exist, and what docker-compose.yml sets."""

from __future__ import annotations

import configparser
import importlib.metadata
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import ROOT
from tests.deploy.compose import SERVICES

VALUES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm-values.yaml").read_text(encoding="utf-8"))
CHART = {
    word
    for line in (ROOT / "tests" / "deploy" / "chart_keys.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
}
PAGE = (ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
SECRETS = re.findall(
    r"kubectl create secret generic (\S+)((?: +--from-file=\S+)+)", PAGE.replace("\\\n", " ")
)


def _leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with the dotted path to it; a list is one value."""
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, values


LEAVES = dict(_leaves(VALUES))


@pytest.mark.parametrize("path", LEAVES)
def test_the_chart_has_the_key(path: str) -> None:
    above = [path.rsplit(".", n)[0] + ".*" for n in range(1, path.count(".") + 1)]
    assert path in CHART or f"{path}.*" in CHART or CHART & set(above), f"the chart has no {path}"


def test_it_is_the_cluster_that_was_asked_for() -> None:
    assert VALUES["scheduler"]["replicas"] == 2
    assert VALUES["pgbouncer"]["enabled"] is True
    keda = VALUES["workers"]["celery"]["keda"]
    assert keda["enabled"] is True
    assert 0 < keda["minReplicaCount"] < keda["maxReplicaCount"]
    assert VALUES["executor"] == "CeleryExecutor"
    assert VALUES["securityContexts"]["pod"]["runAsNonRoot"] is True


def test_image_and_airflow_are_of_our_versions() -> None:
    assert str(VALUES["images"]["airflow"]["tag"]) == importlib.metadata.version("inbox-triage")
    assert VALUES["airflowVersion"] == importlib.metadata.version("apache-airflow")


OPTIONS = {
    (section, option): value
    for section, options in VALUES["config"].items()
    for option, value in options.items()
}


@pytest.mark.parametrize(("section", "option"), OPTIONS)
def test_the_option_is_one_of_airflows_and_agrees_with_the_compose_file(section: str, option: str) -> None:
    from airflow.configuration import conf

    assert option in conf.configuration_description[section]["options"]
    there = SERVICES["worker"]["environment"].get(f"AIRFLOW__{section}__{option}".upper())
    if there is not None and "${" not in there:
        assert str(OPTIONS[section, option]) == there


def test_what_the_compose_file_says_of_the_scheduler_is_said_here() -> None:
    named = {key for key in SERVICES["scheduler"]["environment"] if key.startswith("AIRFLOW__SCHEDULER__")}
    own = {key for key in named if "HEALTH_CHECK" in key}  # the chart has checks of its own
    assert {f"AIRFLOW__SCHEDULER__{key}".upper() for key in VALUES["config"]["scheduler"]} == named - own


def test_the_auth_manager_is_in_the_image() -> None:
    from airflow.sdk.module_loading import import_string

    assert import_string(VALUES["config"]["core"]["auth_manager"])


def test_no_secret_stands_in_the_values() -> None:
    for path, value in LEAVES.items():
        assert not re.search(r"://[^/\s]*:[^/\s]*@", str(value)), path
        if re.search("password|fernet|jwt|secretkey", path.rpartition(".")[2], re.IGNORECASE):
            assert path.endswith(("SecretName", "passwords_file")), path


def test_every_secret_that_is_used_is_made_with_the_keys_that_the_chart_reads() -> None:
    made = {name: set(re.findall(r"--from-file=([^=\s]+)", files)) for name, files in SECRETS}
    # The keys that the chart's templates read from a Secret that is named to it.
    read = {
        "data.metadataSecretName": {"connection", "kedaConnection"},
        "data.resultBackendSecretName": {"connection"},
        "data.brokerUrlSecretName": {"connection"},
        "fernetKeySecretName": {"fernet-key"},
        "apiSecretKeySecretName": {"api-secret-key"},
        "jwtSecretName": {"jwt-secret"},
        "redis.passwordSecretName": {"password"},
        "pgbouncer.configSecretName": {"pgbouncer.ini", "users.txt"},
        "pgbouncer.metricsExporterSidecar.statsSecretName": {"connection"},
    }
    assert {path for path in LEAVES if path.endswith("SecretName")} == set(read)
    for path, keys in read.items():
        assert keys <= made[LEAVES[path]], f"{LEAVES[path]} lacks {keys - made[LEAVES[path]]}"
    volumes = [*VALUES["volumes"], *VALUES["migrateDatabaseJob"]["extraVolumes"]]
    assert {volume["secret"]["secretName"] for volume in volumes} <= set(made)


def test_the_secrets_are_made_of_files_that_there_are(tmp_path: Path) -> None:
    (line,) = re.findall(r"^python deploy/keys\.py .*$", PAGE, re.MULTILINE)
    words = shlex.split(line)
    subprocess.run([sys.executable, words[1], str(tmp_path / words[2]), *words[3:]], cwd=ROOT, check=True)
    assert len(SECRETS) >= 9
    for name, files in SECRETS:
        for given in re.findall(r"--from-file=(\S+)", files):
            path = given.rpartition("=")[2]
            folder = tmp_path if path.startswith("keys/") else ROOT
            assert (folder / path).exists(), f"{name} is made of {path}"


def test_pgbouncer_serves_what_airflow_asks_for(tmp_path: Path) -> None:
    addresses = ["--postgres", "db.test:5433", "--pgbouncer", "airflow-pgbouncer:6543"]
    keys = [sys.executable, str(ROOT / "deploy" / "keys.py"), str(tmp_path)]
    subprocess.run([*keys, *addresses], check=True)
    read = configparser.ConfigParser()
    read.read(tmp_path / "pgbouncer" / "pgbouncer.ini")
    assert dict(p.split("=") for p in read["databases"]["airflow"].split())["host"] == "db.test"
    password = (tmp_path / "postgres" / "airflow").read_text()
    assert (tmp_path / "pgbouncer" / "users.txt").read_text() == f'"airflow" "{password}"\n'
    through = f"airflow:{password}@airflow-pgbouncer:{read['pgbouncer']['listen_port']}/airflow"
    assert (tmp_path / "airflow" / "metadata_dsn").read_text() == f"postgresql+psycopg2://{through}"
    direct = f"postgresql://airflow:{password}@db.test:5433/airflow"
    assert (tmp_path / "airflow" / "keda_dsn").read_text() == direct


def test_connections_of_yours_survive_another_run_of_keys(tmp_path: Path) -> None:
    keys = [sys.executable, str(ROOT / "deploy" / "keys.py"), str(tmp_path)]
    subprocess.run(keys, check=True)
    held = tmp_path / "airflow" / "connections.json"
    mine = {
        **json.loads(held.read_text()),
        "gmail_care": {"conn_type": "gmail", "login": "care@volmera.example"},
    }
    held.write_text(json.dumps(mine))
    subprocess.run(keys, check=True)
    assert json.loads(held.read_text()) == mine


def test_the_jobs_commands_are_ours_and_each_mounted_file_is_where_they_look() -> None:
    from airflow.cli import cli_parser

    from triage.cli import parser

    job = VALUES["migrateDatabaseJob"]
    ours, airflows = job["args"][2].split(" && exec ")
    parser().parse_args(shlex.split(ours)[1:])
    cli_parser.get_parser().parse_args(shlex.split(airflows)[1:])
    assert job["extraVolumeMounts"][0]["mountPath"] == "/keys/migrate"
    for mount in VALUES["volumeMounts"]:
        if "subPath" in mount:
            assert (ROOT / "config" / mount["subPath"]).is_file()
    assert "/entrypoint" in (ROOT / "Dockerfile").read_text(encoding="utf-8"), (
        "the chart's health checks call it"
    )
