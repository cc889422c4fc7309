"""What axe-core finds on each page, and the plots' text, of which it knows nothing."""

import pytest
from axe_playwright_python.sync_playwright import Axe

# Of Streamlit's own frame: markup of its menu, uploader, tooltips and tables.
STREAMLITS = {
    "list",
    "listitem",
    "presentation-role-conflict",
    "region",
    "scrollable-region-focusable",
}
PAGES = (
    "One image",
    "Heatmaps side by side",
    "What if?",
    "Can you believe a heatmap?",
    "The data set",
    "The models",
)
INK = {False: "rgb(20, 24, 31)", True: "rgb(232, 234, 237)"}


def calm(page) -> None:
    """Until the run has ended and nothing loads any more."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    for words in ("is still loading", "which is loading"):
        page.get_by_text(words).first.wait_for(state="hidden", timeout=90_000)
    page.wait_for_timeout(500)


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (390, True)], ids=["light", "dark"])
def test_no_page_keeps_anybody_out(open_page, width, dark):
    page = open_page(width, dark)
    page.get_by_role("button", name="Cat", exact=True).click()
    found = {}
    for path in PAGES:
        if page.get_by_test_id("stExpandSidebarButton").is_visible():
            page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_test_id("stSidebarNavItems").get_by_role("link", name=path).click()
        if width < 500:  # else the menu goes on lying over the page
            page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
        page.mouse.move(width - 5, 5)  # no tooltip lies over anything
        calm(page)
        for rule in Axe().run(page).response["violations"]:
            if rule["id"] not in STREAMLITS:
                found[path, rule["id"]] = [
                    (node["html"][:150], node["failureSummary"]) for node in rule["nodes"]
                ]
        inks = page.eval_on_selector_all(
            ".xtick text, .ytick text, .xtitle, .ytitle",
            "all => [...new Set(all.map(text => getComputedStyle(text).fill))]",
        )
        if inks not in ([], [INK[dark]]):
            found[path, "plots"] = inks
    assert not found
