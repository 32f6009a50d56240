"""A visitor with a stopwatch: what a page costs: requests, bytes, and how long its only thread was busy."""

from dataclasses import dataclass, field

from playwright.sync_api import Page

WATCH_LONG_TASKS = """
  window.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask", buffered: true });
"""

EVERY_FRAME = """async ([selector, frames, step_px]) => {
  // What an eye sees while a hand scrolls: after each frame the rows that exist, and whether they stand in order.
  const box = document.querySelector(selector);
  let rows_max = 0;
  let in_order = true;
  for (let frame = 0; frame < frames; frame++) {
    box.scrollTop += step_px;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const rows = [...box.querySelectorAll("[aria-posinset]")];
    const places = rows.map((row) => Number(row.getAttribute("aria-posinset")));
    rows_max = Math.max(rows_max, rows.length);
    in_order &&= places.every((place, nth) => nth === 0 || place === places[nth - 1] + 1);
  }
  return { rows_max, in_order };
}"""


@dataclass
class Load:
    """What one visit took from the network."""

    requests: int = 0
    wire_bytes: int = 0
    """Heads and bodies, as they came: packed."""
    from_cache: int = 0
    urls: list[str] = field(default_factory=list)


class Visitor:
    """One page whose costs are written down."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.load = Load()
        page.add_init_script(WATCH_LONG_TASKS)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", lambda event: self._asked(event["request"]["url"]))
        session.on("Network.requestServedFromCache", lambda _: self._kept())
        session.on("Network.responseReceived", lambda event: self._came(event["response"]))
        session.on("Network.loadingFinished", lambda event: self._took(int(event["encodedDataLength"])))

    def _asked(self, url: str) -> None:
        self.load.requests += 1
        self.load.urls.append(url)

    def _kept(self) -> None:
        self.load.from_cache += 1

    def _came(self, response: dict[str, object]) -> None:
        self.load.from_cache += bool(response.get("fromDiskCache"))

    def _took(self, size: int) -> None:
        self.load.wire_bytes += size

    def begin(self) -> None:
        """Count from here."""
        self.load = Load()

    @property
    def asked_over_the_wire(self) -> int:
        """Requests that the browser's cache did not answer."""
        return self.load.requests - self.load.from_cache

    def longest_task_ms(self) -> float:
        """The longest time for which the page could not have answered a hand; 0 where it was never above 50 ms."""
        return float(self.page.evaluate("Math.max(0, ...longTasks)"))

    def scroll(self, selector: str, *, frames: int, step_px: int) -> tuple[int, bool]:
        """Scroll a list for some frames: the most rows there were at once, and whether each frame had them in order."""
        seen = self.page.evaluate(EVERY_FRAME, [selector, frames, step_px])
        return int(seen["rows_max"]), bool(seen["in_order"])
