"""The page as people use it: with a mouse, a keyboard, a screen reader and a printer, in Chromium."""

import time

import pytest

from tests.stir_workflow.report.made_up import made_up
from tests.stir_workflow.report.test_page import HOSTILE, hostile

STIR = "#panels figure:nth-child(1) "
CELL = STIR + "tbody tr:nth-child({row}) td:nth-child({column})"


def cell(row: int, column: int) -> str:
    """Return the selector of a cell of the first matrix; both count from 1."""
    return CELL.format(row=row, column=column + 1)


def inspected(page) -> str:
    return page.inner_text("#inspector")


def wait_until(page, condition: str) -> None:
    """Wait for a condition; Playwright's own waiting evaluates text within the page, which the page's policy forbids."""
    end = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"{condition} did not come true in 30 s"
        page.wait_for_timeout(20)


def scroll_through(page) -> None:
    """Look at all of the page, so that everything that waits to be seen is drawn."""
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wait_until(page, "[...document.querySelectorAll('.chart .inner')].every((chart) => chart.querySelector('svg'))")


@pytest.mark.parametrize("n_models", [2, 24, 100])
def test_a_page_opens_with_every_pair(n_models, pages, opened):
    """How long that takes is measured by ``make bench-report``."""
    with opened(pages(n_models)) as page:
        assert page.locator(STIR + "tbody td").count() == n_models**2


def test_hover_and_focus_show_the_details_of_a_cell(pages, opened):
    with opened(pages(24)) as page:
        page.hover(cell(1, 2))
        assert "resnet8-vanilla-1 given resnet8-vanilla-0" in inspected(page)
        for name in ("95% interval", "ceiling", "noise", "seed images", "null, 95th percentile", "inversion error", "images"):
            assert name in inspected(page)
        page.mouse.move(0, 0)
        page.focus(STIR + "td[tabindex='0']")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert "resnet8-at-0 given resnet8-vanilla-1" in inspected(page)
        assert page.locator(STIR + "td[tabindex='0']").count() == 1
        assert page.locator("td.looked").count() == 3
        page.keyboard.press("Control+End")
        page.keyboard.press("ArrowDown")
        assert "resnet18-at-1 given resnet18-at-1" in inspected(page)


def test_enter_and_click_open_the_pair_and_the_way_back_leads_to_the_cell(pages, opened):
    with opened(pages(24)) as page:
        page.click(cell(3, 1))
        assert page.inner_text("#pair-title") == "Pair: resnet8-vanilla-0 given resnet8-at-0"
        assert page.evaluate("document.activeElement.id") == "pair-title"
        page.wait_for_selector("#pair-body .chart-bullets svg")
        assert page.locator("#pair-body").inner_text().count("given resnet8-at-0") > 1
        for part in ("Layer by layer", "All measures", "Agree most", "Agree least", "predicted class"):
            assert part in page.inner_text("#pair-body")
        page.click("#back")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.inner_text("#pair-title") == "Pair: resnet8-vanilla-1 given resnet8-at-0"
        page.click("#swap")
        assert page.inner_text("#pair-title") == "Pair: resnet8-at-0 given resnet8-vanilla-1"
        page.select_option("#pair-tools select[name=target]", label="resnet8-at-1")
        assert page.inner_text("#pair-title") == "Pair: resnet8-at-1 given resnet8-vanilla-1"


def test_layer_measure_order_and_filters_choose_what_is_shown(pages, opened):
    with opened(pages(24)) as page:
        scroll_through(page)
        before = page.get_attribute(cell(1, 2), "aria-label")
        page.select_option("#tools select[name=layer]", "stage3")
        wait_until(page, f"document.querySelector({cell(1, 2)!r}).getAttribute('aria-label') !== {before!r}")
        assert "layer stage3, linear_cka" in page.inner_text("#scores-title")
        assert "layer stage3" in page.inner_text("#pair-body")
        page.select_option("#tools select[name=measure]", "rsa_spearman")
        wait_until(page, "document.querySelector('#scores-title').innerText.includes('rsa_spearman')")
        page.select_option("#tools select[name=order]", "clustered")
        wait_until(page, "document.querySelector('#panels tbody th').innerText !== 'resnet8-vanilla-0'")
        page.fill("#tools input[name=find]", "RESNET8-at")
        wait_until(page, "document.querySelectorAll('#panels figure:first-child tbody tr').length === 2")
        assert page.inner_text("#count") == "Shown: 2 of 24 references, 2 of 24 targets."
        assert page.locator("#models tbody tr:visible").count() == 2
        scroll_through(page)
        assert page.locator(".gallery tbody tr").count() == 2 + 2  # reference and seed images, and two models
        page.fill("#tools input[name=find]", "no such model")
        page.wait_for_selector("#panels:empty", state="attached")
        assert page.inner_text("#count") == "No model fits the filters."
        page.fill("#tools input[name=find]", "")
        page.select_option("#tools select[name=order]", "given")
        page.select_option("#tools select[name=kind]", "groups")
        wait_until(page, "document.querySelectorAll('#panels figure:first-child tbody tr').length === 12")
        page.click(cell(1, 2))
        assert page.inner_text("#pair-title") == "Pair: resnet8-at-0 given resnet8-vanilla-0"


def test_a_hundred_models_show_their_digits_when_cells_are_enlarged(pages, opened):
    with opened(pages(100)) as page:
        assert page.inner_text(cell(1, 2)) == ""
        value = page.get_attribute(cell(1, 2), "aria-label")
        page.evaluate("(() => { const cells = document.querySelector('#tools').elements.cell; cells.value = 40; "
                      "cells.dispatchEvent(new Event('input', {bubbles: true})); })()")  # fmt: skip
        wait_until(page, f"document.querySelector({cell(1, 2)!r}).innerText !== ''")
        assert page.inner_text(cell(1, 2)) == value
        assert page.evaluate("document.documentElement.scrollWidth") == 1400


def test_pictures_are_enlarged_and_those_that_failed_are_marked_in_words(pages, opened):
    with opened(pages(2)) as page:
        scroll_through(page)
        row = page.locator("#gallery tbody tr").nth(2)
        assert row.locator("td").nth(3).inner_text().endswith("not converged")
        assert row.locator("td").nth(4).inner_text().endswith("not matched")
        row.locator("button").nth(3).click()
        assert page.inner_text("#enlarged-title") == "Image 3, cat: resnet8-vanilla-0, layer penultimate"
        assert page.locator("#enlarged img").count() == 3
        assert page.evaluate("getComputedStyle(document.querySelector('#enlarged img')).imageRendering") == "pixelated"
        assert "Inversion error 0." in page.inner_text("#enlarged")
        page.wait_for_selector("#enlarged .chart svg")
        page.keyboard.press("Escape")
        assert not page.is_visible("#enlarged")


def test_hostile_texts_are_shown_as_they_are(written, opened):
    with opened(written(hostile(7))) as page:
        scroll_through(page)
        for number in range(1, 4):
            page.click(cell(number, number + 1))
            page.hover(cell(1, number))
        scroll_through(page)
        for node in page.query_selector_all(".chart-bullets svg"):
            node.hover()
        assert page.evaluate("typeof hacked") == "undefined"
        assert page.inner_text("h1") == HOSTILE[1]
        assert f"{HOSTILE[0]} 0" in page.text_content(STIR + "tbody th")
        assert page.locator("img:not([src^='data:image/png;base64,'])").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 1400


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(width, scheme, written, opened, axe):
    with opened(written(made_up(2, n_pictures=2)), width=width, height=844, color_scheme=scheme, bypass_csp=True) as page:
        scroll_through(page)
        page.evaluate(axe)
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        serious = [rule for rule in found if rule["impact"] in {"serious", "critical"}]
        assert [(rule["id"], node["html"]) for rule in serious for node in rule["nodes"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_theme_can_be_switched(pages, opened):
    background = "getComputedStyle(document.body).backgroundColor"
    with opened(pages(2), color_scheme="light") as page:
        assert page.evaluate(background) == "rgb(255, 255, 255)"
        page.select_option("#theme", "dark")
        assert page.evaluate(background) == "rgb(20, 22, 26)"
        page.emulate_media(media="print")
        assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_a_printed_page_has_every_chart_and_no_controls(pages, opened):
    with opened(pages(2)) as page:
        scroll_through(page)
        page.emulate_media(media="print")
        assert page.locator("select:visible, input:visible, #inspector:visible, nav a:visible").count() == 0
        assert page.locator(".chart svg").count() >= 7
        assert page.locator("details.printed:not([open])").count() == 0
        assert len(page.pdf()) > 10_000


def test_every_chart_says_what_it_shows_and_has_a_table(pages, opened):
    with opened(pages(2)) as page:
        scroll_through(page)
        for chart in page.query_selector_all("main .chart"):
            says, table = chart.get_attribute("aria-label") or "", chart.query_selector("xpath=following-sibling::details")
            assert "table" in says.lower() or table
        assert page.locator("h1").count() == 1
        assert page.locator("main section[aria-labelledby]").count() == page.locator("main section").count()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
