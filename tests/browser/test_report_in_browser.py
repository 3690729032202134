"""The pages in a real browser: nothing runs, nothing is fetched, nothing overflows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from report_samples import HOSTILE, analysis, results

from pxeconform.report.html import analysis_html, results_html
from tests.browser.chromium import ARGUMENTS, chromium

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def hostile_analysis() -> str:
    document = analysis()
    for boot in document["boots"]:
        boot["boot_file"] = HOSTILE["script"]
    for transfer in document["transfers"]:
        transfer["file"] = HOSTILE["script"]
        transfer["error_message"] = HOSTILE["long"]
    return analysis_html(document)


def hostile_results() -> str:
    document = results()
    for verdict in document["verdicts"]:
        verdict["observed"] = HOSTILE["script"]
        verdict["reason"] = HOSTILE["long"]
    return results_html(document)


PAGES = pytest.mark.parametrize("html", [hostile_analysis(), hostile_results()], ids=["analysis", "run"])


def opened(browser: Browser, html: str, folder: Path, width: int) -> tuple[Page, list[str]]:
    """The page, and all that went wrong or out while it loaded."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900})
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("request", lambda request: trouble.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(path.as_uri())
    return page, trouble


@PAGES
def test_nothing_hostile_runs(browser: Browser, html: str, tmp_path: Path) -> None:
    page, trouble = opened(browser, html, tmp_path, 1200)
    assert page.evaluate("window.broken") is None
    assert page.locator("img").count() == 0
    assert trouble == []
    page.close()


@PAGES
def test_headings_tell_the_page(browser: Browser, html: str, tmp_path: Path) -> None:
    page, _ = opened(browser, html, tmp_path, 1200)
    assert page.locator("h1").count() == 1
    assert page.locator("h2").count() >= 1
    assert page.locator("table th").count() == page.locator("table th[scope]").count()
    page.close()


@PAGES
def test_a_phone_shows_all_of_it(browser: Browser, html: str, tmp_path: Path) -> None:
    page, _ = opened(browser, html, tmp_path, 400)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400
    page.close()
