"""Things that are dear to make: made on demand, a few kept, the longest unused dropped.

What costs more to make may lie unused for longer (GreedyDual: Young, "The k-server dual and loose
competitiveness for paging", Algorithmica 11, 1994): asking for all in turn, which would turn out
everything just before it is needed, then makes only the cheap ones anew.

One that was dropped while somebody still uses it goes on to live until he lets go of it; asked for
again before that, it is put back instead of being made twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Shelf(Generic[T]):
    """All methods may be called from many threads.

    Args:
        room: things kept at most; one more is there for the moment in which it is made.
        cost: of making a thing anew, in any unit; with equal costs the least recently used goes.
    """

    def __init__(self, room: int, cost: Callable[[T], float] = lambda _: 1.0) -> None:
        self._room, self._cost = room, cost
        self._worth: dict[Hashable, float] = {}  # of what is kept, when it was last used
        self._clock = 0.0  # the worth of what was dropped last
        self._kept: OrderedDict[Hashable, T] = OrderedDict()  # the last used at its end
        self._alive: WeakValueDictionary[Hashable, T] = WeakValueDictionary()
        self._lock = threading.Lock()  # never held while something is made
        self._making = threading.Lock()  # one at a time, so that memory stays bounded

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The thing of that key; ``make`` is called if there is none, and may raise."""
        found = self._find(key)
        if found is None:
            with self._making:
                found = self._find(key)  # another thread may have made it meanwhile
                if found is None:
                    found = make()
                    self._keep(key, found)
        return found

    def keys(self) -> list[Hashable]:
        """What is kept, the least recently used first."""
        with self._lock:
            return list(self._kept)

    def _find(self, key: Hashable) -> T | None:
        found = self._alive.get(key)
        if found is not None:
            self._keep(key, found)
        return found

    def _keep(self, key: Hashable, thing: T) -> None:
        dropped = []  # what it held is freed after the lock is
        cost = self._cost(thing)  # may raise: before anything is changed
        with self._lock:
            self._alive[key] = self._kept[key] = thing
            self._kept.move_to_end(key)
            while len(self._kept) > self._room:
                others = [other for other in self._kept if other != key]
                last = min(others, key=self._worth.__getitem__)
                self._clock = self._worth.pop(last)
                dropped.append(self._kept.pop(last))
            self._worth[key] = self._clock + cost
