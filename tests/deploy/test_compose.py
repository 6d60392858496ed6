"""docker-compose.yml, Dockerfile and deploy/ say only what exists: commands, options, files, services."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from demo import scene, story
from tests.builders import ROOT
from tests.deploy.compose import (
    COMPOSE,
    DOCKERFILE,
    SERVICES,
    image_copies,
    image_environment,
    interpolated,
    mounts,
    tmpfs,
)

OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("inbox-triage")}
ONCE = {"keys", "migrate", "demo-connections", "story"}
DEMO = {"gmail", "x", "demo-connections", "story"}


def test_a_deployment_has_every_part_and_the_demo_adds_the_stand_ins() -> None:
    assert set(SERVICES) - DEMO == {
        "keys", "postgres", "redis", "migrate", "api-server", "scheduler", "dag-processor", "triggerer", "worker",
    }  # fmt: skip
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]} == DEMO


@pytest.mark.parametrize("name", SERVICES)
class TestEveryService:
    def test_has_no_rights_it_does_not_need(self, name: str) -> None:
        service = SERVICES[name]
        assert service["user"] in {"airflow", "postgres", "redis"}
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert service["init"] is True

    def test_writes_only_where_the_file_says(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert "/tmp" in tmpfs(service)
        needed = {
            "postgres": {"/var/lib/postgresql", "/var/run/postgresql"},
            "redis": {"/data"},
            **{other: {"/opt/airflow", "/opt/airflow/logs"} for other in SERVICES if _is_airflow(other)},
        }
        written = {*tmpfs(service), *(v.split(":")[1] for v in service.get("volumes", []) if v[-3:] != ":ro")}
        assert needed.get(name, set()) <= written

    def test_is_limited_and_its_logs_are(self, name: str) -> None:
        limits = SERVICES[name]["deploy"]["resources"]["limits"]
        assert float(limits["cpus"]) > 0
        assert re.fullmatch(r"\d+[mg]", limits["memory"])
        assert SERVICES[name]["logging"]["options"]["max-size"]

    def test_a_volume_is_seen_at_one_place_by_all(self, name: str) -> None:
        everywhere = {
            source: target for other in SERVICES.values() for target, source in mounts(other).items()
        }
        assert all(everywhere[source] == target for target, source in mounts(SERVICES[name]).items())

    def test_tells_whether_it_is_well_or_ends(self, name: str) -> None:
        service = SERVICES[name]
        assert ("healthcheck" in service) is (name not in ONCE)
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped")

    def test_publishes_no_port_but_the_ui_on_loopback(self, name: str) -> None:
        ports = SERVICES[name].get("ports", [])
        assert ports == (["127.0.0.1:${TRIAGE_UI_PORT:-8080}:8080"] if name == "api-server" else [])

    def test_waits_for_services_that_exist_and_can_reach_that_state(self, name: str) -> None:
        for other, how in SERVICES[name].get("depends_on", {}).items():
            assert other in SERVICES
            assert (how["condition"] == "service_completed_successfully") is (other in ONCE)
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]

    def test_mounts_what_exists(self, name: str) -> None:
        for volume in SERVICES[name].get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]

    def test_finds_each_secret_it_reads_in_its_own_folder_only(self, name: str, tmp_path: Path) -> None:
        _keys(tmp_path)
        service = SERVICES[name]
        said = json.dumps(
            [service.get("environment", {}), service["command"], service.get("healthcheck", {})]
        )
        mounted = {volume.split(":")[1] for volume in service.get("volumes", [])}
        for path in re.findall(r"/keys/\w+/[\w.]+", said):
            assert str(Path(path).parent) in mounted
            assert (tmp_path / path.removeprefix("/keys/")).is_file(), f"deploy/keys.py makes no {path}"
        if name != "keys":
            assert all(v.endswith(":ro") for v in service.get("volumes", []) if v.startswith("keys_"))


def test_data_is_out_of_reach_from_outside() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_there_are_two_workers_unless_told_otherwise() -> None:
    replicas = SERVICES["worker"]["deploy"]["replicas"]
    assert interpolated(replicas, {}) == "2"
    assert interpolated(replicas, {"TRIAGE_WORKERS": "5"}) == "5"


def test_no_secret_is_written_into_the_file() -> None:
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search(
                "password|secret_key|jwt|fernet|dsn|sql_alchemy|broker|result_backend", key, re.IGNORECASE
            ):
                assert key.endswith(("_CMD", "_FILE")), key
                assert "://" not in value


def _keys(folder: Path) -> None:
    _module(ROOT / "deploy" / "keys.py").main([str(folder)])


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"tested_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


AIRFLOW_OPTIONS = {
    key: value
    for environment in [image_environment(), *(s.get("environment", {}) for s in SERVICES.values())]
    for key, value in environment.items()
    if key.startswith("AIRFLOW__")
}


@pytest.mark.parametrize("name", AIRFLOW_OPTIONS)
def test_the_option_is_one_of_airflows(name: str) -> None:
    from airflow.configuration import conf

    _, section, option = name.lower().split("__")
    plain = option.removesuffix("_cmd")
    described = conf.configuration_description
    assert plain in described[section]["options"], f"Airflow has no [{section}] {plain}"
    if plain != option:
        assert (section, plain) in conf.sensitive_config_values, (
            f"Airflow reads no command for [{section}] {plain}"
        )


def test_the_secrets_backend_exists_and_reads_our_connection(tmp_path: Path) -> None:
    from airflow.sdk.module_loading import import_string

    _keys(tmp_path)
    arguments = json.loads(AIRFLOW_OPTIONS["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    arguments = {k: v.replace("/keys", str(tmp_path)) for k, v in arguments.items()}
    backend = import_string(AIRFLOW_OPTIONS["AIRFLOW__SECRETS__BACKEND"])(**arguments)
    connection = backend.get_connection("triage_db")
    assert (connection.conn_type, connection.login, connection.schema) == ("postgres", "triage", "triage")
    token = (tmp_path / "airflow" / "metrics_token").read_text()
    assert backend.get_connection("triage_metrics").password == token


def _commands(name: str) -> list[list[str]]:
    """The commands of a service, those inside `sh -c` too."""
    words = [word.replace("$$", "$") for word in SERVICES[name]["command"]]
    check = [
        word.replace("$$", "$") for word in SERVICES[name].get("healthcheck", {}).get("test", ["CMD", "true"])
    ]
    shell = words[2] if words[:2] == ["sh", "-ec"] else None
    found = [shlex.split(part) for part in shell.split("&&")] if shell else [words]
    return [*found, check[1:] if check[0] == "CMD" else shlex.split(check[1])]


ALL = [(name, command) for name in OURS for command in _commands(name)]


@pytest.mark.parametrize(("name", "command"), ALL, ids=[f"{n}: {' '.join(c)[:60]}" for n, c in ALL])
def test_the_command_exists_and_takes_these_arguments(name: str, command: list[str]) -> None:
    program, *arguments = command
    if program == "true":
        return
    scripts = {e.name for e in importlib.metadata.entry_points(group="console_scripts")}
    if program == "airflow":
        from airflow.cli import cli_parser

        cli_parser.get_parser().parse_args(arguments)
    elif program == "triage":
        from triage.cli import parser

        parser().parse_args(arguments)
    elif program == "python" and arguments[0] == "-m":
        module = importlib.import_module(
            f"{arguments[1]}.__main__" if _is_package(arguments[1]) else arguments[1]
        )
        with pytest.raises(SystemExit) as ended:
            module.main([*arguments[2:], "--help"])
        assert ended.value.code == 0
    elif program == "python" and arguments[0] == "-c":
        compile(arguments[1], name, "exec")
    elif program == "python":
        assert (ROOT / arguments[0]).is_file()
    else:
        assert program in scripts, f"the image has no command {program}"
        app = arguments[arguments.index("--app") + 1]
        module_name, _, attribute = app.rpartition(".")
        assert hasattr(importlib.import_module(module_name), attribute)


def _is_package(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"there is no module {name}"
    return spec.submodule_search_locations is not None


def test_worker_and_lock_agree_about_celery() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for package in ("apache-airflow-providers-celery", "redis", "asyncpg", "hatchling"):
        assert re.search(rf"^{package}==", lock, re.MULTILINE), f"requirements.lock lacks {package}"


def test_the_image_copies_what_exists_and_the_build_sees_it() -> None:
    seen = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line[:1] == "!"
    }
    copied = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    assert set(image_copies()) < {word for line in copied for word in line.split()}
    for word in [word for line in copied for word in line.split()[:-1]]:
        assert (ROOT / word).exists(), f"Dockerfile copies {word}"
        assert word.split("/")[0] in seen, f".dockerignore hides {word}"
    assert (ROOT / "LICENSE").exists()
    assert all((ROOT / name).exists() for name in seen)
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE) == ["airflow"]


def test_a_volume_of_ours_begins_as_a_folder_that_our_user_owns() -> None:
    owned = re.findall(r"install --directory --owner=airflow ([^&\n]+)&&", DOCKERFILE)[0].split()
    for name in OURS:
        for target, source in mounts(SERVICES[name]).items():
            assert source.startswith("./") or target in owned, f"the image has no {target}"


def test_image_and_package_carry_one_version() -> None:
    assert {s["image"] for s in OURS.values()} == {
        f"inbox-triage:{importlib.metadata.version('inbox-triage')}"
    }


def test_the_demo_connections_are_those_of_make_demo_and_lead_to_the_stand_ins() -> None:
    given = json.loads((ROOT / "deploy" / "demo_connections.json").read_text(encoding="utf-8"))
    settings = yaml.safe_load((ROOT / "config" / "triage.yaml").read_text(encoding="utf-8"))
    assert {a["connection"]: a["source"] for a in settings["accounts"]} == {
        k: v["conn_type"] for k, v in given.items()
    }
    made = scene.connections("postgresql://a:b@c:1/d", "http://gmail:8101", "http://x:8102", story.MAILBOX)
    assert given == {name: made[name] for name in given}
    for conn in given.values():
        at = urlsplit(conn["extra"]["api_endpoint"])
        assert at.hostname == conn["conn_type"], (
            "each stand-in is a service of the name of what it stands for"
        )
        command = SERVICES[at.hostname]["command"]
        assert command[command.index("--port") + 1] == str(at.port)
        assert command[command.index("--host") + 1] == "0.0.0.0", "other containers could not reach it"
        assert conn["extra"]["api_endpoint"] in SERVICES["story"]["command"]


@pytest.mark.parametrize("name", ["worker", "triggerer", "api-server", "story"])
def test_who_asks_the_stand_ins_reaches_them_and_nobody_outside_does(name: str) -> None:
    assert "inside" in SERVICES[name]["networks"]
    for stand_in in ("gmail", "x"):
        assert SERVICES[stand_in]["networks"] == ["inside"]


def _is_airflow(name: str) -> bool:
    return "AIRFLOW__CORE__EXECUTOR" in SERVICES[name].get("environment", {})
