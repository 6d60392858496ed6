"""The hub's pages in headless Chromium: by everybody, on a phone, without scripts, on paper."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.browser import FLAGS, chromium
from tests.hub.site_kit import SITE
from triage import hub

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
PAGES = ["index.html", "product-defect-7/en.html", "product-defect-7/fr.html", "delivery-3/fr.html"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("hub")
    hub.publish(hub.render(SITE), str(made))
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


def opened(browser: Browser, address: str, **options: Any) -> Page:
    """A page in a window of its own, with what it says to the console and asks for."""
    page = browser.new_context(**options).new_page()
    page.said, page.asked = [], []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.said.append(message.text))  # type: ignore[attr-defined]
    page.on("request", lambda request: page.asked.append(request.url))  # type: ignore[attr-defined]
    page.goto(address)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_read_it(browser: Browser, folder: Path, path: str, width: int, scheme: str) -> None:
    """axe-core finds nothing of any weight, and nothing is wider than the window."""
    size = {"width": width, "height": 800}
    page = opened(browser, (folder / path).as_uri(), viewport=size, color_scheme=scheme, bypass_csp=True)
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")["violations"]
    assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("path", PAGES)
def test_it_needs_no_script_and_asks_nobody(browser: Browser, folder: Path, path: str) -> None:
    page = opened(browser, (folder / path).as_uri(), java_script_enabled=False)
    assert page.said == []  # type: ignore[attr-defined]
    assert page.asked == [(folder / path).as_uri()]  # type: ignore[attr-defined]
    assert page.locator("main").inner_text().strip()
    assert page.context.cookies() == []
    box = page.locator("main").bounding_box()
    assert box is not None
    assert box["width"] < 1100, "its own style is in force"
    page.context.close()


def test_from_one_language_to_the_other_and_back_to_all(browser: Browser, folder: Path) -> None:
    page = opened(browser, (folder / "index.html").as_uri(), java_script_enabled=False)
    page.get_by_role("link", name="Duo 7 : la tête du robot peut se détacher", exact=True).click()
    assert page.url.endswith("/product-defect-7/fr.html")
    assert page.locator("html").get_attribute("lang") == "fr"
    page.get_by_role("link", name="English").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Duo 7: the mixer's head can come loose"
    assert page.get_by_role("heading", name="Our latest statement").is_visible()
    page.get_by_role("link", name="Volmera · All matters").click()
    assert page.url.endswith("/index.html")
    page.context.close()


def test_by_keyboard(browser: Browser, folder: Path) -> None:
    page = opened(browser, (folder / "index.html").as_uri())
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.innerText"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached[:3] == ["English", "Français", "Duo 7: the mixer's head can come loose"]
    page.context.close()


def test_on_paper(browser: Browser, folder: Path) -> None:
    page = opened(browser, (folder / "product-defect-7" / "en.html").as_uri(), color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("nav").is_hidden()
    assert (
        page.locator(".paper").inner_text().endswith("https://volmera.example/help/product-defect-7/en.html")
    )
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.help')).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    assert len(page.pdf()) > 5_000
    page.context.close()


@pytest.mark.parametrize(
    ("name", "path", "options"),
    [
        ("hub", "product-defect-7/en.html", {"viewport": {"width": 900, "height": 900}}),
        ("hub-phone", "product-defect-7/fr.html", {"viewport": {"width": 360, "height": 740}}),
        ("hub-index", "index.html", {"viewport": {"width": 1000, "height": 560}, "color_scheme": "dark"}),
    ],
)
def test_pictures(
    browser: Browser, folder: Path, tmp_path: Path, name: str, path: str, options: dict[str, Any]
) -> None:
    """The pictures of docs/plans.md; PICTURES=docs/img keeps them."""
    page = opened(browser, (folder / path).as_uri(), **options)
    taken = page.screenshot(path=Path(os.environ.get("PICTURES") or tmp_path) / f"{name}.png")
    assert 10_000 < len(taken) < 150_000
    page.context.close()
