"""A class that opens the page at once: a session each on a server that has just started."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.page import served
from benchmarks.timing import report

PUPILS = 30
SAMPLE = "Cat"
SECONDS = 10.0  # a goal; longer, and a class begins to talk
LIMIT = 120.0


def class_begins() -> None:
    """The slowest verdict of the class, and when it has heatmaps, each beside one who is alone."""
    found = []
    for count in (1, PUPILS):
        with served() as address:
            found.append(asyncio.run(_class(address.replace("http", "ws"), count)))
    (_, (alone,)), (verdicts, ready) = found
    slowest = max(verdicts)
    report(
        f"a class of {PUPILS} begins at once: its slowest verdict",
        f"{len(verdicts)} verdicts, {slowest:.1f} s",
        f"{SECONDS:.0f} s",
        len(verdicts) == PUPILS and slowest <= SECONDS,
    )
    report(
        "  all heatmaps can be drawn for all, over one alone",
        f"{len(ready)}: {max(ready):.0f} / {alone:.0f} s = {max(ready) / alone:.1f}",
        "2 at most",
        len(ready) == PUPILS and max(ready) <= 2 * alone,
    )


async def _class(address: str, count: int) -> tuple[list[float], list[float]]:
    """Of each pupil who got that far, the seconds from the click to the verdict, and from the
    start until all heatmaps can be drawn."""
    verdicts, ready = [], []
    pupils = [asyncio.create_task(_pupil(address, verdicts, ready)) for _ in range(count)]
    await asyncio.wait(pupils, timeout=LIMIT)
    for pupil in pupils:
        pupil.cancel()
    return verdicts, ready


async def _pupil(address: str, verdicts: list[float], ready: list[float]) -> None:
    """Opens the page, presses a sample, and stays until all its heatmaps can be drawn."""
    begun = time.perf_counter()
    async with websockets.connect(
        f"{address}/_stcore/stream", subprotocols=["streamlit", "x"], max_size=None, open_timeout=60
    ) as socket:
        session = _Session(socket)
        await session.run()
        await session.until(lambda: SAMPLE in session.buttons)
        clicked = time.perf_counter()
        await session.run(pressed=session.buttons[SAMPLE])
        await session.until(lambda: "Probability of AI-generated" in session.said)
        verdicts.append(time.perf_counter() - clicked)
        await session.until(lambda: "TensorFlow and tf-keras-vis are loaded" in session.said)
        ready.append(time.perf_counter() - begun)
        session.forget_timers()


@dataclass
class _Session:
    """As little of Streamlit's protocol as a browser needs here."""

    socket: websockets.ClientConnection
    buttons: dict[str, str] = field(default_factory=dict)  # label -> id
    said: str = ""
    timers: dict[str, asyncio.Task] = field(default_factory=dict)

    async def run(self, pressed: str = "", fragment: str = "") -> None:
        """Ask for a run of the page or of a fragment, as on a click or when a timer is over."""
        message = BackMsg()
        asked = message.rerun_script
        asked.fragment_id, asked.is_auto_rerun = fragment, bool(fragment)
        if pressed:
            state = asked.widget_states.widgets.add()
            state.id, state.trigger_value = pressed, True
        await self.socket.send(message.SerializeToString())

    async def until(self, wanted) -> None:
        while not wanted():
            message = ForwardMsg.FromString(await self.socket.recv())
            kind = message.WhichOneof("type")
            if kind == "new_session" and not message.metadata.run.fragment_ids:
                self.forget_timers()
            elif kind == "auto_rerun":
                timer = message.auto_rerun
                if timer.fragment_id not in self.timers:
                    self.timers[timer.fragment_id] = asyncio.create_task(self._tick(timer))
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                if element.WhichOneof("type") == "button":
                    self.buttons[element.button.label] = element.button.id
                elif element.WhichOneof("type") == "markdown":
                    self.said += element.markdown.body

    async def _tick(self, timer) -> None:
        while True:
            await asyncio.sleep(timer.interval)
            await self.run(fragment=timer.fragment_id)

    def forget_timers(self) -> None:
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
