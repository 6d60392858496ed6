"""The page of incidents in headless Chromium: read by everybody, used by mouse and by keyboard, without any script."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from psycopg2.extensions import connection as Connection

from demo.postgres import free_port
from tests.builders import message, one, table
from tests.e2e.browser import FLAGS, chromium
from tests.plugins.page_kit import PAYLOADS, store
from triage.store import db

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, people: Callable[..., Any], incident: int) -> Iterator[Visit]:
    """`visit(path, **options)`: the page at that path, before a person who may act."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(people("OP", name="ana").app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)

    def go(path: str, **options: Any) -> Page:
        page = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}
        ).new_page()
        page.set_default_timeout(15_000)
        expect.set_options(timeout=30_000)
        page.goto(f"http://127.0.0.1:{port}/incidents/{path}")
        return page

    yield go
    for context in browser.contexts:
        context.close()
    server.should_exit = True
    thread.join(15)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 640, 360])
def test_everybody_can_read_it(visit: Visit, incident: int, width: int, scheme: str) -> None:
    """axe-core on both pages; 640 is 1280 at 200 %; nothing is wider than the window."""
    for path in ("", str(incident)):
        page = visit(path, viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
        page.evaluate(AXE)
        found = page.evaluate("axe.run()")["violations"]
        grave = [v for v in found if v["impact"] in ("serious", "critical")]
        assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in grave] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_person_does_all_of_it_with_the_mouse_and_without_script(
    visit: Visit, connection: Connection
) -> None:
    page = visit("", java_script_enabled=False)
    page.get_by_role("combobox", name="Topic").select_option("data_breach")
    page.get_by_label("Why?").fill("a journalist called")
    page.get_by_role("button", name="Declare").click()
    expect(page.locator("h1")).to_have_text("Data breach, hacking")
    page.get_by_label("Leave a note").fill("counsel is told")
    page.get_by_role("button", name="Note").click()
    expect(page.get_by_text("Note by ana: counsel is told")).to_be_visible()
    page.get_by_label("Why is it over?").fill("it was nothing")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator(".badge.watched")).to_be_visible()
    page.get_by_label("Why does it go on?").fill("it was something")
    page.get_by_role("button", name="Reopen").click()
    expect(page.locator(".badge.open")).to_be_visible()
    verbs = [
        row["verb"]
        for row in table(connection, "SELECT verb FROM triage.incident_log WHERE by = 'ana' ORDER BY id")
    ]
    assert verbs == ["open", "note", "close", "reopen"]


def test_by_keyboard_alone(visit: Visit, connection: Connection) -> None:
    page = visit("")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip")).to_be_focused()
    page.get_by_role("link", name="Defect, recall").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Defect, recall")
    page.get_by_label("Why is it over?").focus()
    page.keyboard.type("everybody is answered")
    page.keyboard.press("Enter")
    expect(page.locator(".badge.watched")).to_be_visible()
    assert one(connection, "SELECT closed_by FROM triage.incident") == "ana"


def test_the_picture_says_in_words_what_it_shows(visit: Visit, incident: int) -> None:
    page = visit(str(incident))
    expect(page.get_by_role("img", name="Defect, recall").first).to_be_visible()
    assert "alarm" in (page.locator("svg desc").first.text_content() or "")


def test_what_people_write_runs_nowhere(visit: Visit, incident: int, connection: Connection) -> None:
    now = one(connection, "SELECT now()")
    store(
        connection,
        *(
            message(f"s{n}", f"s{n}", author=p, author_name=p, subject=p, text=p, sent_at=now)
            for n, p in enumerate(PAYLOADS)
        ),
    )
    with db.transaction(connection):
        for payload in PAYLOADS:
            db.rows(connection, "SELECT triage.note_incident(%s, %s)", (incident, payload))
    for path in ("", str(incident)):
        page = visit(path)
        page.wait_for_timeout(300)
        assert page.evaluate("window.hit") is None
        expect(page.locator("main")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("incident", {"viewport": {"width": 1100, "height": 900}}),
        (
            "incident-phone",
            {"viewport": {"width": 360, "height": 740}, "locale": "fr-FR", "color_scheme": "dark"},
        ),
    ],
)
def test_the_pictures_of_the_docs(
    visit: Visit, incident: int, connection: Connection, name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """The pictures of docs/crisis.md; PICTURES=docs/img keeps them."""
    with db.transaction(connection):
        db.execute(connection, _HOUR)
    taken = visit(str(incident), **options).screenshot(
        path=Path(os.environ.get("PICTURES") or tmp_path) / f"{name}.png"
    )
    assert 10_000 < len(taken) < 200_000


_HOUR = """
WITH counted AS (
    INSERT INTO triage.detector_bin
    SELECT 'topic:product_defect', date_trunc('minute', now()) - make_interval(mins => n),
           (mod(n * 7, 5)) / 3 + CASE WHEN n < 45 THEN (45 - n) / 3 ELSE 0 END, 0.8, 1 FROM generate_series(0, 300) n
    ON CONFLICT (stream, started_at) DO UPDATE SET count = excluded.count
)
UPDATE triage.incident SET onset = now() - interval '45 minutes', alarmed_at = now() - interval '41 minutes',
                           observed = 61, expected = 0.8, peak = 15
"""
