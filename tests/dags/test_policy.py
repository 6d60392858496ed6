"""What every DAG of ours must be, whoever writes the next one."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.dags import sandbox
from triage.config import Account, load

CONFIG = sandbox.ROOT / "config"
ACCOUNTS = load(CONFIG).triage.accounts
COLLECT = [f"collect_{account.name}" for account in ACCOUNTS]
REPLY = [f"reply_{account.name}" for account in ACCOUNTS]
DAG_IDS = [*COLLECT, *REPLY, "triage", "respond", "care", "learn", "replay", "tell"]

WAITING = {"respond": ("approve",)}
"""Tasks that wait for a person, in no process: the next crisis must not wait for the answer to this one."""


def test_every_file_imports_without_error(bag: Any) -> None:
    assert bag.import_errors == {}


def test_there_are_exactly_the_dags_we_know_and_one_collect_per_account(bag: Any) -> None:
    assert sorted(bag.dags) == sorted(DAG_IDS)
    assert len(set(COLLECT)) == len(ACCOUNTS)


@pytest.mark.parametrize("dag_id", DAG_IDS)
class TestEveryDag:
    def test_says_whose_it_is_and_is_found_by_tag(self, bag: Any, dag_id: str) -> None:
        dag = bag.dags[dag_id]
        assert "inbox-triage" in dag.tags
        assert {task.owner for task in dag.tasks} == {"inbox-triage"}
        assert dag.description

    def test_says_what_to_do_when_it_is_red(self, bag: Any, dag_id: str) -> None:
        dag = bag.dags[dag_id]
        advice = dag.doc_md.partition("**When it is red:**")[2]
        assert len(advice.split()) >= 10, "the advice is missing or says nothing"
        if len(dag.tasks) > 1:
            unnamed = [task.task_id for task in dag.tasks if f"`{task.task_id}`" not in advice]
            assert unnamed == [], "the advice names each task that can be red"

    def test_runs_never_overlap_or_pile_up(self, bag: Any, dag_id: str) -> None:
        dag = bag.dags[dag_id]
        alone = dag.max_active_runs == 1 or all(task.max_active_tis_per_dag == 1 for task in dag.tasks)
        assert alone or dag_id in WAITING
        assert dag.max_active_runs <= (8 if dag_id in WAITING else 2)
        assert dag.catchup is False

    def test_every_task_is_bounded_and_decides_about_retries(self, bag: Any, dag_id: str) -> None:
        dag = bag.dags[dag_id]
        assert dag.tasks
        for task in dag.tasks:
            waits = task.task_id in WAITING.get(dag_id, ())
            assert waits or task.execution_timeout is not None, f"{task.task_id} may hang for ever"
            assert "retries" in dag.default_args
            assert task.retries == 0 or task.retry_delay.total_seconds() <= 60
            assert task.is_mapped or task.doc_md, f"{task.task_id} has no sentence about what it does"

    def test_a_task_that_fails_raises_the_alarm(self, bag: Any, dag_id: str) -> None:
        from triage_airflow.notices import alarm

        for task in bag.dags[dag_id].tasks:
            called = (
                task.partial_kwargs["on_failure_callback"] if task.is_mapped else task.on_failure_callback
            )
            assert called in (alarm, [alarm]), task.task_id


def _schedule(dag: Any) -> tuple[str, list[str]]:
    """The cron line (empty: by hand) and the names of the assets that start the DAG."""
    timetable = dag.timetable
    inner = getattr(timetable, "timetable", timetable)
    condition = getattr(timetable, "asset_condition", None)
    assets = [asset.name for asset in condition.objects] if condition is not None else []
    return getattr(inner, "expression", ""), assets


@pytest.mark.parametrize(
    ("dag_id", "cron", "assets"),
    [
        *((f"collect_{a.name}", a.schedule, [f"triage/arrivals/{a.name}"]) for a in ACCOUNTS),
        *((f"reply_{a.name}", "*/30 * * * *", [f"triage/outbox/{a.name}"]) for a in ACCOUNTS),
        ("triage", "*/5 * * * *", ["triage/messages"]),
        ("respond", "", ["triage/incident"]),
        ("care", "*/10 * * * *", []),
        ("learn", "15 3 * * *", []),
        ("replay", "", []),
        ("tell", "", []),  # nobody is named under `notify` as it ships: see test_tell.py
    ],
)
def test_schedules_hold_no_surprise(bag: Any, dag_id: str, cron: str, assets: list[str]) -> None:
    assert _schedule(bag.dags[dag_id]) == (cron, assets)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
def test_an_account_has_one_event_trigger_and_the_timetable_beside_it(bag: Any, account: Account) -> None:
    """As the scheduler reads them back, in every process the same: a trigger that differs is another trigger."""
    from airflow.serialization.serialized_objects import DagSerialization

    written = DagSerialization.to_dict(bag.dags[f"collect_{account.name}"])
    timetable = DagSerialization.from_dict(json.loads(json.dumps(written))).timetable
    assert timetable.timetable.serialize()["expression"] == account.schedule
    (asset,) = timetable.asset_condition.objects
    (watcher,) = asset.watchers
    assert account.poll is not None
    assert watcher.trigger["classpath"] == "triage_airflow.triggers.ArrivalTrigger"
    assert watcher.trigger["kwargs"]["account"] == account.name
    assert watcher.trigger["kwargs"]["poll"] == account.poll.total_seconds()
    told = {"AIRFLOW_HOME": str(sandbox.home()), "PYTHONHASHSEED": "1"}
    other = sandbox.python(DIGESTS.format(account=account.name), **told)
    assert other.stdout.splitlines()[-1:] == [watcher.trigger["kwargs"]["settings"]], other.stderr


DIGESTS = """
from triage.config import Account, load
from triage_airflow.triggers import arrivals
settings = load()
print(arrivals(settings.triage.account("{account}"), settings).watchers[0].trigger.settings)
"""


def test_without_poll_there_is_the_timetable_alone(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    text = (CONFIG / "triage.yaml").read_text(encoding="utf-8")
    assert "    poll: 5s\n" in text
    (tmp_path / "triage.yaml").write_text(
        text.replace("    poll: 5s\n", "    poll: null\n"), encoding="utf-8"
    )
    (tmp_path / "topics.yaml").symlink_to(CONFIG / "topics.yaml")
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    bag = DagBag(sandbox.DAGS / "collect.py")
    assert bag.import_errors == {}
    assert _schedule(bag.dags["collect_care"]) == ("* * * * *", [])


@pytest.mark.parametrize("dag_id", [*COLLECT, "replay"])
def test_what_gives_triage_work_announces_it_through_one_alias(bag: Any, dag_id: str) -> None:
    from airflow.sdk import AssetAlias

    (task,) = bag.dags[dag_id].tasks
    assert (type(task.outlets[0]), task.outlets[0].name) == (AssetAlias, "triage-collected")


def test_labels_are_sent_per_mailbox_after_the_decision(bag: Any) -> None:
    dag = bag.dags["triage"]
    assert dag.task_dict["classify"].downstream_task_ids == {"label", "detect"}
    accounts = dag.task_dict["label"].op_kwargs_expand_input.value["account"]
    assert accounts == [account.name for account in ACCOUNTS if account.source == "gmail"]


def test_incidents_are_announced_through_one_alias(bag: Any) -> None:
    """By whoever judges: reading, which waits for no deciding, and the task that is red when judging fails."""
    judges = [
        *(bag.dags[dag_id].task_dict["pull"] for dag_id in COLLECT),
        bag.dags["triage"].task_dict["detect"],
    ]
    assert {task.outlets[-1].name for task in judges} == {"triage-noticed"}


def test_care_and_triage_do_not_wait_for_one_another(bag: Any) -> None:
    for task in bag.dags["care"].tasks:
        assert not task.upstream_task_ids


def test_replay_refuses_what_it_does_not_know(bag: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="decide"):
        bag.dags["replay"].params["what"] = "everything"


EVERY_MINUTE = 'schedule: "* * * * *"'
BROKEN = {
    "unknown setting": ("triage.yaml", EVERY_MINUTE, "topic: defect", "no such setting; remove it"),
    "two accounts of one name": ("triage.yaml", "volmera_x", "care", "two accounts are named 'care'; rename"),
    "no connection": (
        "triage.yaml",
        "    connection: x_volmera\n",
        "",
        "connection: this setting is missing",
    ),
    "unknown source": ("triage.yaml", "source: x\n", "source: pigeon\n", "Input should be 'gmail', 'x'"),
    "schedule": (
        "triage.yaml",
        EVERY_MINUTE,
        "schedule: often",
        "'often' is not a schedule; write five cron",
    ),
    "interval": ("triage.yaml", EVERY_MINUTE, "schedule: 10x", "'10x' is not a schedule; write five cron"),
    "pattern": (
        "topics.yaml",
        "target: 15m",
        "target: 15m\n    patterns: ['(burn']",
        "'(burn' does not compile",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_wrong_configuration_is_refused_with_file_line_and_mend(
    fault: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    name, old, new, mend = BROKEN[fault]
    for source in ("triage.yaml", "topics.yaml"):
        text = (CONFIG / source).read_text(encoding="utf-8")
        changed = text.replace(old, new, 1) if source == name else text
        assert (changed != text) is (source == name)
        (tmp_path / source).write_text(changed, encoding="utf-8")
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    bag = DagBag(sandbox.DAGS)
    assert not any(dag_id.startswith(("collect_", "reply_")) or dag_id == "triage" for dag_id in bag.dags)
    error = next(text for path, text in bag.import_errors.items() if path.endswith("collect.py"))
    assert re.search(rf"{name}:\d+: .*{re.escape(mend)}", error), error


def test_the_line_that_is_named_is_the_faulty_one(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    lines = (
        (CONFIG / "triage.yaml")
        .read_text(encoding="utf-8")
        .replace("name: volmera_x", "name: care")
        .splitlines()
    )
    (tmp_path / "triage.yaml").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "topics.yaml").write_text(
        (CONFIG / "topics.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    monkeypatch.setenv("TRIAGE_CONFIG", str(tmp_path))
    second = [number for number, line in enumerate(lines, 1) if "name: care" in line][1]
    (error,) = DagBag(sandbox.DAGS / "collect.py").import_errors.values()
    assert f"triage.yaml:{second}:" in error
