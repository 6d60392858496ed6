"""The responders' page in headless Chromium on a live Airflow: by mouse, by keyboard, by two at once, by nobody."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import decision, message
from tests.e2e.browser import Site, done, first_of, opened, rows
from tests.e2e.live import eventually
from tests.plugins.page_kit import PAYLOADS, store
from triage.store import db

pytestmark = pytest.mark.timeout(600)
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
SMALL = {"width": 1000, "height": 620}
CLAIMED = "SELECT FROM triage.audit WHERE conversation_id = %s AND verb = 'claim'"
HOLD_THE_FIRST_NUMBERS = """
const ask = window.fetch
window.fetch = (url, options) => {
  if (window.letGo || url !== "numbers") return ask(url, options)
  return new Promise((answer) => { window.letGo = () => answer(ask(url, options)) })
}
"""
"""In the browser, not as a route of Playwright's: its handler runs in this process and may outlive the page."""
ACTIONS = [
    ("claim", "c", "", "Claim"),
    ("reply", "w", "We are sorry.", "Send"),
    ("answer", "a", "by phone", "Answered elsewhere"),
    ("dismiss", "d", "spam", "Dismiss"),
    ("relabel", "t", "billing", "Change topic"),
    ("snooze", "s", "4", "Snooze"),
    ("note", "n", "will call at five", "Note"),
]


def test_nobody_sees_it_without_logging_in(live: Site) -> None:
    for path in ("", "rows", "numbers", "c/1", "static/queue.js", "static/queue.css"):
        assert live.status(f"/triage/{path}") == 401, path


def test_the_navigation_of_airflow_leads_to_it(live: Site, browser: Browser, ids: list[int]) -> None:
    context = live.context(browser, "ana")
    page = context.new_page()
    page.goto(live.url)
    page.get_by_text("Browse", exact=True).click()
    with context.expect_page() as shown:
        page.get_by_role("menuitem", name="Queue").click()
    expect(shown.value.locator("h1")).to_have_text("Queue")
    assert shown.value.url == live.page
    context.close()


@pytest.mark.parametrize(("verb", "key", "word", "name"), ACTIONS)
def test_by_keyboard(live: Site, ana: Page, verb: str, key: str, word: str, name: str) -> None:
    first = first_of(ana)
    ana.keyboard.press("j")
    ana.keyboard.press(key)
    if verb == "reply":
        expect(ana.locator("#reply-text")).to_be_focused()
        ana.keyboard.type(word)
        ana.keyboard.press("Control+Enter")
    elif word:
        field = ana.locator(f"#word-{verb}")
        expect(field).to_be_focused()
        if verb in ("relabel", "snooze"):
            field.select_option(word)
        else:
            ana.keyboard.type(word)
        if verb == "note":
            ana.keyboard.press("Tab")
            ana.keyboard.press("Tab")
        ana.keyboard.press("Enter")
    done(live, first, verb)
    told = "waits to be sent" if verb == "reply" else "1 done"
    expect(ana.locator("#said")).to_contain_text(told)


@pytest.mark.parametrize(("verb", "key", "word", "name"), ACTIONS)
def test_by_mouse(live: Site, ana: Page, verb: str, key: str, word: str, name: str) -> None:
    first = first_of(ana)
    ana.locator(".row > a").first.click()
    ana.locator(f"#acts button[data-verb={verb}]").click()
    dialog = ana.locator("#reply" if verb == "reply" else f"#ask-{verb}")
    if word in ("by phone", "spam"):
        dialog.get_by_role("button", name=word).click()
    elif verb in ("relabel", "snooze"):
        dialog.locator("select").select_option(word)
    elif word:
        dialog.locator("textarea").fill(word)
    if word:
        dialog.get_by_role("button", name=name, exact=True).click()
    done(live, first, verb)


def test_prolonging_and_releasing_by_keyboard_and_by_mouse(live: Site, ana: Page) -> None:
    first = first_of(ana)
    ana.keyboard.press("j")
    ana.keyboard.press("c")
    expect(ana.locator(".row .held.me")).to_have_count(1)
    ana.keyboard.press("p")
    done(live, first, "renew")
    ana.locator("#acts button[data-verb=renew]").click()
    twice = "SELECT FROM triage.audit WHERE verb = 'renew'"
    eventually(lambda: len(rows(live, twice)) == 2, "renewed twice", 15)
    for release in (lambda: ana.keyboard.press("r"), ana.locator("#acts button[data-verb=release]").click):
        ana.keyboard.press("c")
        expect(ana.locator(".row .held.me")).to_have_count(1)
        release()
        expect(ana.locator(".row .held.me")).to_have_count(0)
        done(live, first, "release")


def test_an_answer_that_comes_late_is_not_painted_over_a_newer_one(live: Site, ana: Page) -> None:
    first = first_of(ana)
    ana.add_init_script(HOLD_THE_FIRST_NUMBERS)
    ana.reload()
    ana.wait_for_function("() => window.letGo")
    ana.locator(f'.row[data-id="{first}"] > a').first.focus()
    ana.keyboard.press("c")
    eventually(lambda: ana.wait_for_timeout(100) or rows(live, CLAIMED, first), "claimed", 15)
    ana.wait_for_timeout(500)
    with ana.expect_response("**/triage/numbers"):
        ana.evaluate("() => window.letGo()")
    ana.wait_for_timeout(1500)
    assert ana.locator(".row .held.me").count() == 1


def test_reading_walking_and_help_by_keyboard(ana: Page, ids: list[int]) -> None:
    ana.keyboard.press("j")
    ana.keyboard.press("j")
    ana.keyboard.press("Enter")
    expect(ana.locator("#title")).to_be_focused()
    expect(ana.locator(".messages mark").first).to_be_visible()
    second = ana.locator("article").get_attribute("data-id")
    ana.keyboard.press("k")
    expect(ana.locator(f'article:not([data-id="{second}"])')).to_be_visible()
    assert f"c={first_of(ana)}" in ana.url or f"c={second}" in ana.url
    ana.keyboard.press("?")
    expect(ana.locator("#keys")).to_be_visible()
    ana.keyboard.press("Escape")
    expect(ana.locator("#keys")).to_be_hidden()
    ana.keyboard.press("/")
    expect(ana.locator("#q")).to_be_focused()
    ana.keyboard.type("Brandt")
    expect(ana.locator(".row")).to_have_count(1)


@pytest.mark.parametrize("how", ["keyboard", "mouse"])
def test_many_at_once(live: Site, ana: Page, how: str) -> None:
    chosen = [
        int(row.get_attribute("data-id") or 0) for row in ana.locator(".row:not(:has(.held))").all()[:3]
    ]
    for one_id in chosen:
        if how == "mouse":
            ana.locator(f'.row[data-id="{one_id}"] input').check()
        else:
            ana.locator(f'.row[data-id="{one_id}"] > a').first.focus()
            ana.keyboard.press("x")
    expect(ana.locator("#target")).to_have_text("3 selected")
    ana.keyboard.press("d")
    ana.keyboard.type("spam")
    ana.keyboard.press("Enter")
    expect(ana.locator("#said")).to_contain_text("3 done")
    for one_id in chosen:
        done(live, one_id, "dismiss")
        expect(ana.locator(f'.row[data-id="{one_id}"]')).to_have_count(0)


def test_the_next_ten(live: Site, ana: Page) -> None:
    ana.locator("#next").click()
    expect(ana.locator(".row .held.me")).to_have_count(7)
    expect(ana.locator("#said")).to_contain_text("7 done")


def test_two_browsers_race_for_one(live: Site, browser: Browser, ana: Page, ids: list[int]) -> None:
    bobs = opened(live, browser, "bob")
    bob = next(bobs)
    for page in (ana, bob):
        page.goto(f"{live.page}?c={ids[4]}")
        expect(page.locator("#acts")).to_be_visible()
    for page in (ana, bob):
        page.evaluate("setTimeout(() => document.querySelector('[data-verb=claim]').click(), 300)")
    eventually(lambda: all(page.locator("#said p").count() for page in (ana, bob)), "both are told", 15)
    told = sorted(page.locator("#said p").first.inner_text() for page in (ana, bob))
    assert told == ["Claim: 1 done.", "Claim: 1 refused."]
    claims = "SELECT by FROM triage.audit WHERE conversation_id = %s AND verb = 'claim'"
    assert len(rows(live, claims, ids[4])) == 1
    bobs.close()


def test_it_stays_fresh_without_losing_its_place(live: Site, ana: Page, ids: list[int]) -> None:
    ana.set_viewport_size({"width": 1280, "height": 560})
    row = ana.locator(f'.row[data-id="{ids[5]}"]')
    row.locator("input").check()
    row.locator("a").first.focus()
    row.scroll_into_view_if_needed()
    before = row.bounding_box()
    with db.connect(live.dsn) as connection:
        new = message("new", "new", author_name="Newly Arrived", subject="first of all")
        store(connection, new, decided=decision("safety_injury"))
    expect(ana.locator(".row").first).to_contain_text("Newly Arrived")
    after = row.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 3
    assert row.locator("input").is_checked()
    assert row.locator("a").first.evaluate("a => a === document.activeElement")


def test_a_viewer_reads_and_cannot_act(live: Site, browser: Browser, ids: list[int]) -> None:
    pages = opened(live, browser, "vic")
    vic = next(pages)
    expect(vic.locator(".row")).to_have_count(8)
    assert vic.locator("#acts, #next, .pick").count() == 0
    vic.keyboard.press("j")
    vic.keyboard.press("c")
    vic.keyboard.press("d")
    assert vic.locator("dialog[open]").count() == 0
    send = """body => fetch('act', {method: 'POST', body: new URLSearchParams(body)}).then(a => a.status)"""
    assert vic.evaluate(send, {"verb": "dismiss", "id": str(ids[0]), "word": "spam"}) == 403
    others = "SELECT verb, by FROM triage.audit WHERE conversation_id = ANY (%s) AND by <> 'bob'"
    assert rows(live, others, ids) == []
    pages.close()


def test_fifty_scripts_run_nowhere_and_break_nothing(live: Site, browser: Browser, ids: list[int]) -> None:
    with db.connect(live.dsn) as connection:
        made = store(
            connection,
            *(
                message(f"p{n}", f"p{n}", subject=text, author=text, author_name=text, text=text, url=text)
                for n, text in enumerate(PAYLOADS)
            ),
        )
    context = live.context(browser, "ana")
    page = context.new_page()
    asked: list[str] = []
    trouble: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    page.goto(f"{live.page}?n=100")
    expect(page.locator(".row")).to_have_count(len(ids) + len(PAYLOADS))
    for number, text in zip(made, PAYLOADS, strict=True):
        page.goto(f"{live.page}?c={number}")
        expect(page.locator("#title")).to_be_visible()
        shown = page.locator(".messages .text").evaluate("node => node.textContent")
        assert shown == text.replace("\r", "")
        assert page.evaluate("typeof window.hit") == "undefined", text
        assert page.locator("script").count() == 1
    assert [url for url in asked if not url.startswith(live.url)] == []
    assert trouble == []
    context.close()


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 640, 360])
def test_everybody_can_read_it(
    live: Site, browser: Browser, ids: list[int], scheme: str, width: int, axe_context: dict[str, Any]
) -> None:
    """axe-core on list, conversation and dialogs; 640 is 1280 at 200 %; nothing is wider than the window."""
    size = {"width": width, "height": 800}
    pages = opened(live, browser, "ana", viewport=size, color_scheme=scheme, **axe_context)
    page = next(pages)
    wide = "document.documentElement.scrollWidth"
    assert violations(page) == []
    assert page.evaluate(wide) <= width
    page.locator(f'.row[data-id="{ids[0]}"] > a').first.click()
    expect(page.locator("#title")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate(wide) <= width
    page.locator("#acts button[data-verb=dismiss]").click()
    assert violations(page) == []
    pages.close()


@pytest.fixture
def axe_context() -> dict[str, Any]:
    """axe is put into the page by the test; the page's own policy would not let it run."""
    return {"bypass_csp": True}


@pytest.mark.parametrize(
    ("name", "options", "reading"),
    [
        ("queue-list", {"viewport": SMALL}, False),
        ("queue-conversation", {"viewport": SMALL}, True),
        ("queue-phone", {"viewport": {"width": 360, "height": 740}}, False),
        ("queue-dark", {"viewport": SMALL, "color_scheme": "dark", "locale": "fr-FR"}, True),
    ],
)
def test_pictures(
    live: Site,
    browser: Browser,
    ids: list[int],
    tmp_path: Path,
    name: str,
    options: dict[str, Any],
    reading: bool,
) -> None:
    """The pictures of docs/responders.md; PICTURES=docs/img keeps them."""
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    pages = opened(live, browser, "ana", **options)
    page = next(pages)
    if reading:
        page.locator(f'.row[data-id="{ids[0]}"] > a').first.click()
        expect(page.locator(".messages mark").first).to_be_visible()
        page.evaluate("document.activeElement.blur()")
    taken = page.screenshot(path=folder / f"{name}.png")
    assert 10_000 < len(taken) < 150_000
    pages.close()
