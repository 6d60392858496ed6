"""Working through the page in headless Chromium: replies, leases, drafts, copies of a text, letters switched off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, done, rows
from triage.ops import queue
from triage.store import db

pytestmark = pytest.mark.timeout(600)


def test_a_lease_lasts_while_its_holder_reads(live: Site, ana: Page, ids: list[int]) -> None:
    with db.connect(live.dsn) as connection:
        queue.take(connection, ids[0], by="ana")
        queue.take(connection, ids[4], by="ana")
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE triage.unanswered_queue SET lease_until = now() + interval '4 minutes' WHERE claimed_by = 'ana'"
            )
    ana.locator(f'.row[data-id="{ids[0]}"] > a').first.click()
    done(live, ids[0], "renew")
    left = """SELECT lease_until > now() + interval '10 minutes' AS long
              FROM triage.unanswered_queue WHERE conversation_id = %s"""
    assert rows(live, left, ids[0]) == [{"long": True}]
    assert rows(live, left, ids[4]) == [{"long": False}]


def test_letters_can_be_switched_off(live: Site, ana: Page) -> None:
    """WCAG 2.1.4: speech input and shaky hands do not act by accident; the choice outlasts the page."""
    ana.locator("#help").click()
    ana.locator("#letters").uncheck()
    ana.keyboard.press("Escape")
    ana.reload()
    expect(ana.locator("#numbers .figures")).to_be_visible()
    ana.locator(".row > a").first.focus()
    for key in ("c", "d", "x", "?", "j"):
        ana.keyboard.press(key)
    assert ana.locator("dialog[open]").count() == 0
    assert ana.locator(".row input:checked").count() == 0
    ana.keyboard.press("Enter")
    expect(ana.locator("#title")).to_be_focused()
    assert rows(live, "SELECT verb FROM triage.audit WHERE by = 'ana'") == []


def test_a_draft_waits_and_its_length_is_told(live: Site, ana: Page, ids: list[int], tmp_path: Path) -> None:
    """The list is read anew meanwhile, and another conversation is looked at: not a letter is lost."""
    ana.set_viewport_size({"width": 1000, "height": 620})
    ana.locator(f'.row[data-id="{ids[6]}"] > a').first.click()
    ana.locator("#reply-text").fill("Voir https://volmera.example/rappel")
    expect(ana.locator("#reply-length")).to_contain_text("28 of 280")
    expect(ana.locator("#reply-length")).to_contain_text("$0.20")
    expect(ana.locator("#numbers")).to_contain_text("8 waiting")
    ana.screenshot(path=Path(os.environ.get("PICTURES") or tmp_path) / "queue-reply.png")
    ana.locator(f'.row[data-id="{ids[4]}"] > a').first.click()
    expect(ana.locator("#reply-text")).to_have_value("")
    with db.connect(live.dsn) as connection:
        queue.note(connection, ids[6], by="bob", text="on it?")
    ana.locator(f'.row[data-id="{ids[6]}"] > a').first.click()
    expect(ana.locator("#reply-text")).to_have_value("Voir https://volmera.example/rappel")
    ana.locator("#reply button").click()
    expect(ana.locator(".reply.wanted")).to_contain_text("waits to be sent")
    expect(ana.locator("#reply")).to_be_hidden()
    with db.connect(live.dsn) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE triage.reply SET state = 'refused', error = 'Only when summoned.'")
    expect(ana.locator(".reply.refused")).to_contain_text("Only when summoned.")
    ana.get_by_role("button", name="Send again").click()
    expect(ana.locator(".reply.wanted")).to_be_visible()
    ana.get_by_role("button", name="Withdraw").click()
    expect(ana.locator(".reply.withdrawn")).to_be_visible()
    expect(ana.locator("#reply")).to_be_visible()


def test_copies_of_a_text_are_taken_together(live: Site, ana: Page, ids: list[int]) -> None:
    with db.connect(live.dsn) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE triage.unanswered_queue SET cluster = 7, follower = conversation_id <> %s "
            "WHERE conversation_id = ANY (%s)",
            (ids[4], ids[4:8]),
        )
    expect(ana.locator(".row")).to_have_count(5)
    ana.get_by_role("link", name="3 more say the same").click()
    expect(ana.locator(".row")).to_have_count(4)
    ana.locator("#all").click()
    expect(ana.locator("#target")).to_have_text("4 selected")
    ana.keyboard.press("c")
    expect(ana.locator("#said")).to_contain_text("4 done")
