"""The page in a real browser, Debian's Chromium, with real keys and pointers; skipped where there is none."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="needs the package selenium")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.actions.action_builder import ActionBuilder  # noqa: E402
from selenium.webdriver.common.actions.interaction import POINTER_TOUCH  # noqa: E402
from selenium.webdriver.common.actions.pointer_input import PointerInput  # noqa: E402
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,900"),
)
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser for all tests here: to start one takes seconds."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(DRIVER, env={**os.environ, "SE_OFFLINE": "true"})
    browser = webdriver.Chrome(options=options, service=service)
    yield browser
    browser.quit()


@pytest.fixture
def opened(driver: Any, tmp_path: Path, full_page: str) -> Iterator[Open]:
    """``opened(page=full_page, width=1280, height=900, dark=False, script=True)``: the browser with the page open."""

    def open_page(
        page: str = full_page, width: int = 1280, height: int = 900, dark: bool = False, script: bool = True
    ) -> Any:
        path = tmp_path / "page.html"
        path.write_text(page, encoding="utf-8")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        for log in ("browser", "performance"):
            driver.get_log(log)
        driver.get(path.as_uri())
        return driver

    yield open_page
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    said = [entry for entry in driver.get_log("browser") if entry["level"] != "INFO"]
    assert not said, "nothing is said on the console, whatever was done with the page"


def by_id(driver: Any, name: str) -> Any:
    return driver.find_element(By.ID, name)


def picture(driver: Any, name: str = "solid") -> bytes:
    """What a canvas shows, pixel for pixel."""
    return base64.b64decode(driver.execute_script("return arguments[0].toDataURL()", by_id(driver, name)).split(",")[1])


def row_facts(driver: Any) -> dict[str, str]:
    facts = by_id(driver, "row-facts")
    names, values = ([e.text for e in facts.find_elements(By.TAG_NAME, tag)] for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def shown(driver: Any) -> int:
    """How many rows the filters leave."""
    match = re.search(r"of (\d+)", by_id(driver, "count").text)
    assert match
    return int(match[1])


def background(driver: Any) -> str:
    return driver.execute_script("return getComputedStyle(document.body).backgroundColor")


def drag(driver: Any, right: int, down: int) -> None:
    ActionChains(driver).click_and_hold(by_id(driver, "solid")).move_by_offset(right, down).release().perform()


def keys(driver: Any, *pressed: str) -> None:
    ActionChains(driver).send_keys(*pressed).perform()


# --- what it asks for, and runs ---------------------------------------------------------------------------------


def test_a_page_asks_the_network_for_nothing(opened: Open) -> None:
    driver = opened()
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert driver.current_url in asked
    assert all(url == driver.current_url or url.startswith("data:") for url in asked), asked


def test_words_of_files_run_nothing(opened: Open, hostile_page: str) -> None:
    driver = opened(hostile_page)
    driver.switch_to.active_element.send_keys(Keys.TAB)  # raises where an alert is open
    assert not driver.find_elements(By.CSS_SELECTOR, "img, bdi > *, body > script ~ *")
    assert "<script>alert(1)</script>" in row_facts(driver)["Subject"]


def test_no_script_but_the_pages_own_may_run(opened: Open, full_page: str) -> None:
    injected = full_page.replace("<main", "<script>document.title = 'taken'</script><main", 1)
    driver = opened(injected)
    assert driver.title == "full.h5: report"
    refused = driver.get_log("browser")
    assert len(refused) == 1
    assert "Content Security Policy" in refused[0]["message"]


def test_without_scripts_all_but_the_browser_is_there(opened: Open) -> None:
    driver = opened(script=False)
    assert not by_id(driver, "browser").is_displayed()
    assert not by_id(driver, "theme").is_displayed()
    assert driver.find_element(By.CSS_SELECTOR, "noscript p").is_displayed()
    assert len(driver.find_elements(By.CSS_SELECTOR, ".chart svg")) > 30


# --- the browser of pairs ----------------------------------------------------------------------------------------


def test_a_drag_turns_the_body_and_reset_turns_it_back(opened: Open) -> None:
    driver = opened()
    before, flat = picture(driver), picture(driver, "flat")
    drag(driver, 90, 0)
    turned = picture(driver)
    drag(driver, 0, -60)
    assert len({before, turned, picture(driver)}) == 3
    assert picture(driver, "flat") == flat
    by_id(driver, "reset").click()
    assert picture(driver) == before


def test_arrows_and_buttons_step_through_the_rows(opened: Open) -> None:
    driver = opened()
    by_id(driver, "solid").click()
    first, before = row_facts(driver), picture(driver)
    keys(driver, Keys.ARROW_RIGHT)
    second = row_facts(driver)
    assert second["Row"] != first["Row"]
    assert picture(driver) != before
    assert by_id(driver, "solid").get_attribute("aria-label") == f"Row {second['Row'].replace(',', '')} in 3D"
    by_id(driver, "previous").click()
    assert (row_facts(driver), picture(driver)) == (first, before)
    keys(driver, Keys.ARROW_LEFT)  # round to the last
    assert by_id(driver, "count").text.startswith(f"{shown(driver)} of")
    by_id(driver, "next").click()
    assert row_facts(driver) == first


def test_keys_turn_zoom_and_look_through_the_camera(opened: Open) -> None:
    driver = opened()
    by_id(driver, "solid").click()
    seen = [picture(driver)]
    for arrow in (Keys.ARROW_LEFT, Keys.ARROW_UP):
        ActionChains(driver).key_down(Keys.SHIFT).send_keys(arrow).key_up(Keys.SHIFT).perform()
        seen.append(picture(driver))
    for pressed in ("+", "-", "c", "s"):
        keys(driver, pressed)
        seen.append(picture(driver))
    assert seen[4] == seen[2], "nearer, and back"
    assert len(set(seen)) == len(seen) - 1, "each does something"
    flat = picture(driver, "flat")
    keys(driver, "d")
    assert (picture(driver), picture(driver, "flat") != flat) == (seen[-1], True)
    for name in ("with-source", "with-detected"):
        assert by_id(driver, name).get_attribute("aria-pressed") == "true"
    keys(driver, "s", "d", "r")
    assert picture(driver) == seen[0]


def test_filters_leave_the_rows_that_were_asked_for(opened: Open) -> None:
    driver = opened()
    every = shown(driver)
    slider = by_id(driver, "difficulty-from")
    slider.send_keys(*[Keys.ARROW_RIGHT] * 12)
    least = float(slider.get_attribute("value"))
    harder = shown(driver)
    assert 0 < harder < every
    for _ in range(5):
        assert float(row_facts(driver)["Difficulty"].split()[0]) >= least - 0.006
        by_id(driver, "next").click()
    Select(by_id(driver, "kind")).select_by_visible_text("learned")
    assert 0 < shown(driver) < harder
    assert row_facts(driver)["Kind"].startswith("learned")
    by_id(driver, "score_3d-from").send_keys(Keys.END)
    assert shown(driver) == 0
    assert row_facts(driver) == {}
    by_id(driver, "score_3d-from").send_keys(Keys.HOME)
    slider.send_keys(Keys.HOME)
    Select(by_id(driver, "kind")).select_by_visible_text("all")
    assert shown(driver) == every


def test_an_order_begins_with_its_first(opened: Open, full_page: str) -> None:
    rows = json.loads(re.search(r'id="rows">(.*?)</script>', full_page)[1])  # type: ignore[index]
    driver = opened()
    for order, end in (("hardest first", max(rows["difficulty"])), ("easiest first", min(rows["difficulty"]))):
        Select(by_id(driver, "order")).select_by_visible_text(order)
        assert row_facts(driver)["Difficulty"] == f"{end:.2f} ×"


def test_a_wheel_zooms_the_view_that_was_chosen_and_else_scrolls_the_page(opened: Open) -> None:
    driver = opened()
    solid = by_id(driver, "solid")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", solid)
    origin = ScrollOrigin.from_element(solid)
    before, at = picture(driver), driver.execute_script("return scrollY")
    ActionChains(driver).scroll_from_origin(origin, 0, 60).pause(0.2).perform()
    assert picture(driver) == before
    assert driver.execute_script("return scrollY") > at
    solid.click()
    at = driver.execute_script("return scrollY")
    ActionChains(driver).scroll_from_origin(ScrollOrigin.from_element(solid), 0, -60).pause(0.2).perform()
    assert picture(driver) != before
    assert driver.execute_script("return scrollY") == at


def test_two_fingers_zoom_and_one_turns_on_a_phone(opened: Open) -> None:
    driver = opened(width=390, height=844)
    solid = by_id(driver, "solid")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", solid)
    place = driver.execute_script(
        "const b = arguments[0].getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]", solid
    )
    x, y = map(int, place)
    before = picture(driver)
    one, other = (PointerInput(POINTER_TOUCH, name) for name in ("one", "other"))
    hand = ActionBuilder(driver, mouse=one)
    hand.pointer_action.move_to_location(x, y).pointer_down().move_to_location(x + 60, y).pointer_up()
    hand.perform()
    turned = picture(driver)
    assert turned != before
    hand = ActionBuilder(driver, mouse=one)
    second = hand.add_pointer_input(POINTER_TOUCH, "other")
    assert other.name == second.name
    hand.pointer_action.move_to_location(x - 20, y).pointer_down().move_to_location(x - 90, y).pointer_up()
    second.create_pointer_move(x=x + 20, y=y)
    second.create_pointer_down(button=0)
    second.create_pointer_move(x=x + 90, y=y)
    second.create_pointer_up(button=0)
    hand.perform()
    assert picture(driver) != turned


# --- for everybody, everywhere -----------------------------------------------------------------------------------


def test_all_that_can_be_worked_is_reached_with_the_tab_key_and_shows_it(opened: Open) -> None:
    driver = opened()
    reached, rings = [], set()
    for _ in range(90):
        keys(driver, Keys.TAB)
        focused = driver.switch_to.active_element
        if focused.tag_name == "body":
            break
        reached.append(focused.get_attribute("id") or focused.get_attribute("href") or focused.tag_name)
        rings.add(focused.value_of_css_property("outline-style"))
    assert reached[0].endswith("#main"), "a link past the contents comes first"
    sliders = {f"{column}-{end}" for column in ("score_3d", "difficulty") for end in ("from", "to")}
    buttons = {"theme", "previous", "next", "turn-left", "nearer", "camera", "reset", "with-source"}
    assert set(reached) >= {"order", "kind", "solid", *sliders, *buttons}
    assert rings <= {"solid", "auto"}
    assert "summary" in reached


def test_dark_is_dark_in_the_charts_too_and_may_be_chosen(opened: Open) -> None:
    chart = "return getComputedStyle(document.querySelector('.chart svg text')).fill"
    light = opened()
    pale, line, body = background(light), light.execute_script(chart), picture(light)
    dark = opened(dark=True)
    deep = background(dark)
    assert deep != pale == "rgb(255, 255, 255)"
    assert dark.execute_script(chart) != line
    assert picture(dark) != body
    theme = by_id(dark, "theme")
    assert theme.get_attribute("aria-pressed") == "true"
    theme.click()
    assert (background(dark), picture(dark)) == (pale, body)
    theme.send_keys(Keys.SPACE)
    assert background(dark) == deep


@pytest.mark.parametrize("width", [320, 360, 768])
def test_nothing_is_wider_than_a_phone(opened: Open, run_page: str, hostile_page: str, width: int) -> None:
    for page in (None, run_page, hostile_page):
        driver = opened(**({} if page is None else {"page": page}), width=width, height=640)
        driver.execute_script("for (const details of document.querySelectorAll('details')) details.open = true")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width


def test_what_is_printed_is_white_and_whole(opened: Open) -> None:
    driver = opened(dark=True)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert driver.execute_script("return getComputedStyle(document.body).color") == "rgb(26, 31, 36)"
    for hidden in ("browse", "theme"):
        assert not by_id(driver, hidden).is_displayed()
    driver.execute_script(
        "addEventListener('beforeprint', () => setTimeout(() => 0)); window.opened = [];"
        "addEventListener('beforeprint', () => opened.push(document.querySelectorAll('details:not([open])').length))"
    )
    shut = len(driver.find_elements(By.CSS_SELECTOR, "details:not([open])"))
    printed = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 5
    assert driver.execute_script("return opened") == [0], "all details are printed"
    assert len(driver.find_elements(By.CSS_SELECTOR, "details:not([open])")) == shut > 5


def test_a_page_on_a_run_or_on_rows_without_scores_steps_too(
    opened: Open, run_page: str, page_on: Callable[..., str], told_run: Any
) -> None:
    for page in (run_page, page_on(told_run, named=False, n=60)):
        driver = opened(page)
        assert not driver.find_elements(By.CSS_SELECTOR, "#ranges input")
        assert not by_id(driver, "with-source").is_displayed()
        before = picture(driver)
        by_id(driver, "next").click()
        assert picture(driver) != before
