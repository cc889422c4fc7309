import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from cifake_core.shelf import Shelf

SECONDS = 30  # after which a thread that should have gone on counts as stuck


class Thing:
    def __init__(self, key):
        self.key = key


def test_the_least_recently_used_goes_first():
    shelf, made = Shelf(3), []

    def get(key):
        return shelf.get(key, lambda: made.append(key) or Thing(key))

    for key in "abcab":
        assert get(key).key == key
    assert shelf.keys() == ["c", "a", "b"]
    get("d")
    assert shelf.keys() == ["a", "b", "d"]
    get("c")
    assert made == ["a", "b", "c", "d", "c"]
    assert shelf.keys() == ["b", "d", "c"]


def test_what_costs_more_stays_longer_but_not_for_ever():
    costs = {"dear": 10.0, "a": 1.0, "b": 1.0, "c": 1.0}
    shelf, made = Shelf(2, lambda thing: costs[thing.key]), []

    def get(key):
        shelf.get(key, lambda: made.append(key) or Thing(key))

    for key in ["dear", "a", "b", "c", "dear", "a", "b", "c", "dear"]:
        get(key)
        gc.collect()
    assert made == ["dear", "a", "b", "c", "a", "b", "c"]
    for key in "abc" * 4:
        get(key)
        gc.collect()
    assert sorted(shelf.keys()) == ["b", "c"]


def test_a_new_thing_is_worth_more_than_the_one_it_turned_out():
    costs = {"a": 50, "b": 50, "c": 50, "d": 2, "e": 3}
    shelf = Shelf(3, lambda thing: costs[thing.key])
    for key in "abcde":
        shelf.get(key, lambda key=key: Thing(key))
        gc.collect()
    assert shelf.keys() == ["c", "d", "e"]


def test_a_cost_that_cannot_be_told_changes_nothing():
    shelf = Shelf(1, lambda thing: {"a": 1}[thing.key])
    shelf.get("a", lambda: Thing("a"))
    with pytest.raises(KeyError):
        shelf.get("b", lambda: Thing("b"))
    assert shelf.keys() == ["a"]
    shelf.get("a", lambda: pytest.fail("made twice"))


def test_what_is_dropped_leaves_memory():
    shelf = Shelf(2)
    gone = weakref.ref(shelf.get("a", lambda: Thing("a")))
    shelf.get("b", lambda: Thing("b"))
    assert gone() is not None
    shelf.get("c", lambda: Thing("c"))
    gc.collect()
    assert gone() is None


def test_what_is_in_use_is_put_back_instead_of_made_twice():
    shelf = Shelf(1)
    held = shelf.get("a", lambda: Thing("a"))
    shelf.get("b", lambda: Thing("b"))
    assert shelf.keys() == ["b"]
    assert shelf.get("a", lambda: pytest.fail("made twice")) is held
    assert shelf.keys() == ["a"]


def test_many_threads_that_ask_at_once_get_the_same():
    shelf, made = Shelf(3), []
    start = threading.Barrier(8)

    def ask(_):
        start.wait(SECONDS)
        return shelf.get("a", lambda: made.append(1) or Thing("a"))

    with ThreadPoolExecutor(8) as pool:
        assert len({id(thing) for thing in pool.map(ask, range(8))}) == 1
    assert made == [1]


def test_making_one_does_not_hold_up_the_use_of_another():
    shelf = Shelf(3)
    shelf.get("a", lambda: Thing("a"))
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert go_on.wait(SECONDS)
        return Thing("b")

    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(shelf.get, "b", slow)
        assert begun.wait(SECONDS)
        try:
            other = pool.submit(shelf.get, "a", lambda: pytest.fail("made twice"))
            assert other.result(SECONDS).key == "a"
            assert not made.done()
        finally:
            go_on.set()
        assert made.result(SECONDS).key == "b"


def test_threads_never_meet_more_than_there_is_room_for():
    shelf, alive, most = Shelf(3), weakref.WeakSet(), []

    def ask(i):
        def make():
            thing = Thing(i % 7)
            alive.add(thing)
            return thing

        assert shelf.get(i % 7, make).key == i % 7
        most.append(len(shelf.keys()))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(2000)))
    gc.collect()
    assert max(most) == 3
    assert len(alive) == 3


def test_a_failure_is_not_kept_and_drops_nothing():
    shelf = Shelf(1)
    shelf.get("a", lambda: Thing("a"))

    def fail():
        raise OSError("damaged")

    with pytest.raises(OSError, match="damaged"):
        shelf.get("b", fail)
    assert shelf.keys() == ["a"]
    assert shelf.get("b", lambda: Thing("b")).key == "b"
