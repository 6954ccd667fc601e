"""Every page of result-node as a person meets it: by sight, by keyboard, on a phone, in the dark,
scriptless.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness.browser import DESKTOP, PHONE, OpenTab, Scheme
from harness.result_pages import ResultPages
from harness.stored_rows import NewRow, position_id
from playwright.sync_api import expect

PLACES = {
    "live": "/",
    "search": "/results",
    "search-found": "/results?expression=3&match=prefix",
    "search-none": "/results?worker=nobody",
    "statistics": "/statistics",
    "statistics-15m": "/statistics?window=15m",
    "api": "/api",
}
REFUSED = {"failure": "/nowhere", "search-wrong": "/results?from=yesterday&id=77"}


def _result_places(result_pages: ResultPages) -> dict[str, str]:
    return {
        "result": f"/results/{result_pages.fraction.id}",
        "result-long": f"/results/{result_pages.factorial.id}",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [*PLACES, *REFUSED, "result", "result-long"])
def test_a_page_is_accessible_and_asks_nobody_else(
    result_pages: ResultPages, open_tab: OpenTab, name: str, scheme: Scheme
) -> None:
    tab = open_tab(result_pages.url, scheme=scheme)
    if name in REFUSED:
        tab.expect_complaints("status of 4")
    tab.visit({**PLACES, **REFUSED, **_result_places(result_pages)}[name])
    expect(tab.page.locator("h1")).to_have_count(1)
    picture: Path = tab.screenshot(f"{name}-{scheme}")
    assert picture.stat().st_size > 5000
    assert tab.inaccessible() == []


@pytest.mark.parametrize("name", [*PLACES, *REFUSED, "result", "result-long"])
def test_a_page_fits_a_phone(result_pages: ResultPages, open_tab: OpenTab, name: str) -> None:
    tab = open_tab(result_pages.url, size=PHONE)
    if name in REFUSED:
        tab.expect_complaints("status of 4")
    tab.visit({**PLACES, **REFUSED, **_result_places(result_pages)}[name])
    tab.screenshot(f"{name}-phone")
    assert tab.overflow_px() == 0
    assert tab.inaccessible() == []


@pytest.mark.parametrize("name", [*PLACES, "result"])
def test_a_page_is_whole_without_scripts(result_pages: ResultPages, open_tab: OpenTab, name: str) -> None:
    tab = open_tab(result_pages.url, javascript=False)
    tab.visit({**PLACES, **_result_places(result_pages)}[name])
    tab.screenshot(f"{name}-without-scripts")
    expect(tab.page.locator("main")).to_contain_text(re.compile(r"\w{3}"))
    for control in tab.page.locator("main button:visible").all():
        assert control.get_attribute("type") != "button", "a button that only a script could answer is shown"


def test_new_answers_appear_without_moving_the_page(result_pages: ResultPages, open_tab: OpenTab) -> None:
    tab = open_tab(result_pages.url)
    tab.visit("/")
    expect(tab.page.locator("[data-state]")).to_have_attribute("data-state", "live")
    table = tab.page.locator("table[data-live]")
    before = table.bounding_box()
    result_pages.store(NewRow(id=position_id(2_000_000), expression="1234*5678", result="7006652"))
    expect(table.locator("tbody tr").first).to_contain_text("7006652")
    expect(tab.page.locator("[data-passed]")).to_contain_text("1 answers since")
    assert table.bounding_box() == before
    expect(table.locator("tbody tr")).to_have_count(20)


def test_the_live_table_holds_still_while_one_looks_at_it(
    result_pages: ResultPages, open_tab: OpenTab
) -> None:
    tab = open_tab(result_pages.url)
    tab.visit("/")
    expect(tab.page.locator("[data-state]")).to_have_attribute("data-state", "live")
    first = tab.page.locator("table[data-live] tbody tr").first
    first.hover()
    result_pages.store(NewRow(id=position_id(2_000_001), expression="held + 1", result="7"))
    expect(tab.page.locator("[data-passed]")).to_contain_text("1 to show")
    expect(first).not_to_contain_text("held + 1")
    tab.page.mouse.move(5, 5)
    expect(first).to_contain_text("held + 1")


def test_pausing_by_keyboard_and_going_on(result_pages: ResultPages, open_tab: OpenTab) -> None:
    tab = open_tab(result_pages.url)
    tab.visit("/")
    expect(tab.page.locator("[data-state]")).to_have_attribute("data-state", "live")
    tab.page.keyboard.press("p")
    expect(tab.page.locator("[data-state-text]")).to_have_text("Paused")
    result_pages.store(NewRow(id=position_id(2_000_002), expression="paused + 1", result="8"))
    expect(tab.page.locator("[data-passed]")).to_contain_text("to show")
    tab.page.keyboard.press("p")
    expect(tab.page.locator("table[data-live] tbody tr").first).to_contain_text("paused + 1")


def test_keys_go_everywhere(result_pages: ResultPages, open_tab: OpenTab) -> None:
    tab = open_tab(result_pages.url)
    tab.visit("/")
    tab.page.keyboard.press("g")
    tab.page.keyboard.press("t")
    expect(tab.page).to_have_url(f"{result_pages.url}/statistics")
    tab.page.wait_for_load_state()  # the keys are the new page's script's
    tab.page.keyboard.press("/")
    expect(tab.page.locator("#f-expression")).to_be_focused()
    tab.page.keyboard.type("22/7 + 1")
    tab.page.keyboard.press("Enter")
    expect(tab.page).to_have_url(re.compile(r"/results\?expression=22%2F7\+%2B\+1$"))
    tab.page.wait_for_load_state()
    tab.page.keyboard.press("j")
    expect(tab.page.locator("td.expression a").first).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#answer")).to_have_text("29/7")
    tab.page.wait_for_load_state()
    tab.page.keyboard.press("?")
    expect(tab.page.locator("dialog")).to_be_visible()


def test_the_skip_link_is_the_first_stop(result_pages: ResultPages, open_tab: OpenTab) -> None:
    tab = open_tab(result_pages.url)
    tab.visit("/results")
    tab.page.keyboard.press("Tab")
    expect(tab.page.locator(".skip")).to_be_focused()
    expect(tab.page.locator(".skip")).to_be_in_viewport()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("main")).to_be_focused()


def test_colours_are_changed_at_once_and_kept(result_pages: ResultPages, open_tab: OpenTab) -> None:
    tab = open_tab(result_pages.url)
    tab.visit("/statistics")
    button = tab.page.locator(".theme button")
    button.click()
    button.click()
    expect(tab.page.locator("html")).to_have_attribute("data-theme", "dark")
    tab.visit("/")
    expect(tab.page.locator("html")).to_have_attribute("data-theme", "dark")
    background = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(17, 20, 15)"


def test_colours_are_changed_without_scripts(result_pages: ResultPages, open_tab: OpenTab) -> None:
    tab = open_tab(result_pages.url, javascript=False)
    tab.visit("/statistics?window=6h")
    tab.page.locator(".theme button").click()
    expect(tab.page).to_have_url(f"{result_pages.url}/statistics?window=6h")
    expect(tab.page.locator("html")).to_have_attribute("data-theme", "light")


def test_searching_paging_and_back(result_pages: ResultPages, open_tab: OpenTab) -> None:
    tab = open_tab(result_pages.url, size=DESKTOP)
    tab.visit("/results")
    tab.page.locator("#f-status").select_option("ok")
    tab.page.locator("#f-version").fill("v0.5")
    tab.page.get_by_role("button", name="Search").click()
    rows = tab.page.locator("table.results tbody tr")
    expect(rows).to_have_count(50)
    seen = set(tab.page.locator("td.expression a").evaluate_all("links => links.map(link => link.href)"))
    tab.page.get_by_role("link", name="Next page").click()
    expect(tab.page.get_by_role("link", name="First page")).to_be_visible()
    after = set(tab.page.locator("td.expression a").evaluate_all("links => links.map(link => link.href)"))
    assert len(after) == 50
    assert not seen & after
    expect(tab.page.locator("#f-version")).to_have_value("v0.5")


def test_a_chart_is_read_under_the_pointer(result_pages: ResultPages, open_tab: OpenTab) -> None:
    tab = open_tab(result_pages.url)
    tab.visit("/statistics")
    plot = tab.page.locator("svg.plot.rate")
    plot.hover(position={"x": 300, "y": 60})
    expect(tab.page.locator(".tip")).to_contain_text("a second")
    tab.screenshot("statistics-tip")


def test_text_that_looks_like_markup_is_shown_as_text(result_pages: ResultPages, open_tab: OpenTab) -> None:
    evil = NewRow(id=position_id(3_000_000), expression="<script>alert(1)</script>", worker="<b>w</b>")
    result_pages.store(evil)
    tab = open_tab(result_pages.url)
    for path in ("/results?worker=%3Cb%3Ew%3C/b%3E", f"/results/{evil.id}", "/statistics", "/"):
        tab.visit(path)
        assert tab.page.locator("main b").count() == 0
    tab.visit(f"/results/{evil.id}")
    expect(tab.page.locator("#expression")).to_have_text("<script>alert(1)</script>")
