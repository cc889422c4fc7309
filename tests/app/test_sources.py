"""Giving an image, another one instead of it, and taking it away."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cifake_core.samples import samples
from pages.parts import engine, sources

ROOT = Path(__file__).resolve().parents[2]
RINGS, CLOUDS = (next(s.png for s in samples() if s.name == n) for n in ("Rings", "Clouds"))


@pytest.fixture
def app(monkeypatch):
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    yield AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    st.cache_data.clear()


def upload(app, data, name="mine.png"):
    return app.file_uploader[0].clear().upload(name, data, "image/png").run()


def source(app):
    if "source" not in app.session_state:
        return None
    return app.session_state["source"]


def removal(app):
    return [button for button in app.button if button.label == "Remove this image"]


def test_an_emptied_box_leaves_the_image_and_its_switches(app):
    """The box is empty for a moment whenever a file is dropped over another."""
    upload(app, CLOUDS)
    app.toggle(key="ask_all").set_value(True).run()
    app.file_uploader[0].clear().run()
    assert not app.exception
    assert "photograph" in app.header[0].value
    assert app.toggle(key="ask_all").value
    assert len(removal(app)) == 1
    upload(app, RINGS)
    assert source(app).data == RINGS
    assert app.toggle(key="ask_all").value


@pytest.mark.parametrize("emptied", [False, True])
def test_a_removed_image_is_gone_from_page_and_memory(app, emptied, monkeypatch):
    gone = []
    monkeypatch.setattr(
        sources.MemoryUploadedFileManager,
        "remove_file",
        lambda _, __, file_id: gone.append(file_id),
    )
    upload(app, CLOUDS)
    number = source(app).file_id
    if emptied:
        app.file_uploader[0].clear().run()
    judged, analyze = [], engine.pipeline.analyze
    monkeypatch.setattr(
        engine.pipeline, "analyze", lambda *a, **k: judged.append(1) or analyze(*a, **k)
    )
    app.run()
    assert not judged, "still in the session"
    removal(app)[0].click().run()
    assert not app.exception
    assert not app.header
    assert source(app) is None
    assert app.file_uploader[0].value is None
    assert gone == [number]
    assert not removal(app)
    upload(app, CLOUDS)
    assert judged, "what was worked out from it had been kept"


def test_a_sample_takes_the_place_of_an_upload_in_the_box_as_well(app):
    upload(app, CLOUDS)
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == "Rings"]
    app.button(f"sample{number}").click().run()
    assert not app.exception
    assert app.file_uploader[0].value is None
    assert source(app).data == RINGS
    assert not removal(app)


def test_an_upload_is_there_on_other_pages_and_can_be_removed_there(app):
    upload(app, CLOUDS)
    app.switch_page("explain/what_if.py").run()
    assert source(app).data == CLOUDS
    removal(app)[0].click().run()
    assert not app.exception
    assert source(app) is None
    assert not app.select_slider


def test_what_the_samples_are_gives_way_to_the_verdict(app, monkeypatch):
    """On a phone the verdict would lie below the screen otherwise."""
    from pages.parts import data_source

    monkeypatch.setattr(data_source, "opened", lambda: None)
    monkeypatch.setattr(data_source, "opening", lambda: False)
    app.run()

    def gallery():
        (caption,) = [c for c in app.caption if c.value == "Or try one of these:"]
        return caption.help

    assert "data fetch" in " ".join(c.value for c in app.caption)
    assert "None is AI-generated" in " ".join(c.value for c in app.caption)
    assert not gallery()
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == "Cat"]
    app.button(f"sample{number}").click().run()
    assert "data fetch" not in " ".join(c.value for c in app.caption)
    assert "None is AI-generated" in gallery()
    assert "data fetch" in gallery()


def test_the_page_says_where_a_camera_works_and_that_one_image_is_taken(app):
    assert "only over https" in " ".join(c.value for c in app.caption)
    assert "one image" in app.file_uploader[0].label


def test_an_image_that_cannot_be_drawn_is_a_short_message(monkeypatch, tiny_cifake):
    from cifake_core import dataset
    from pages.parts import data_source

    data = dataset.load(tiny_cifake)
    monkeypatch.setattr(data_source, "opened", lambda: data)
    monkeypatch.setattr(data_source, "draw", lambda *_: None)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    (button,) = (b for b in app.button if "Random CIFAKE image" in b.label)
    button.click().run()
    assert not app.exception
    assert "No image of the data set" in app.toast[0].value
    assert not app.header


def test_draw_finds_no_image_where_the_files_are_gone(tiny_cifake, tmp_path):
    import shutil

    import numpy as np

    from cifake_core import dataset
    from pages.parts import data_source

    root = shutil.copytree(tiny_cifake, tmp_path / "moved")
    data = dataset.load(root)
    assert data_source.draw(data, np.random.default_rng(0)).label in (0, 1)
    shutil.rmtree(root)
    assert data_source.draw(data, np.random.default_rng(0)) is None


def test_a_data_set_that_was_not_there_is_looked_for_again(monkeypatch):
    import threading
    from concurrent.futures import wait

    from cifake_core import dataset
    from cifake_core.errors import DatasetError
    from pages.parts import data_source

    tries, go = [], threading.Event()

    def load():
        tries.append(len(tries))
        if tries == [0]:
            raise DatasetError("there is none")
        go.wait(30)
        return "data"

    monkeypatch.setattr(dataset, "load", load)
    data_source._try.clear()
    try:
        one = data_source._try()
        wait([one.future], 30)
        assert data_source.opened() is None
        assert one.stands()  # for a minute, and longer if it took long
        assert len(tries) == 1
        one.again = 0
        other = data_source._try()
        assert other is not one
        assert not data_source.opening()  # nobody is told of another try
        go.set()
        wait([other.future], 30)
        assert data_source.opened() == "data"
        assert len(tries) == 2
    finally:
        data_source._try.clear()
        data_source._missed.clear()


def test_of_a_set_with_one_label_left_that_one_is_drawn(tiny_cifake, monkeypatch):
    import numpy as np

    from cifake_core import dataset
    from pages.parts import data_source

    data = dataset.load(tiny_cifake)
    fakes = np.flatnonzero(data.train.labels == 0)
    monkeypatch.setattr(data_source, "_held_out", lambda *_: fakes)
    rng = np.random.default_rng(1)
    assert {data_source.draw(data, rng).label for _ in range(8)} == {0}
    monkeypatch.setattr(data_source, "_held_out", lambda *_: fakes[:0])
    assert data_source.draw(data, rng) is None


@pytest.mark.parametrize("recorded", [True, False])
def test_only_images_held_out_of_the_training_are_drawn(tiny_cifake, monkeypatch, recorded):
    import numpy as np

    from cifake_core import dataset
    from pages.parts import data_source, evidence

    data = dataset.load(tiny_cifake)
    names = data.train.names.tolist()
    held = [names[i] for i in dataset.validation_indices(data.train)]
    said = {"data_sha256": "another set", "files": ["train/REAL/no.jpg"]}
    if recorded:  # what the shipped models were not trained on, in place of what would be cut now
        held = [n for n in names if n not in held and "(3)" in n][::4]
        said = {"data_sha256": data.sha256, "files": held}
    monkeypatch.setattr(evidence, "read", lambda name: {"validation_split": said}[name])
    data_source._held_out.clear()
    try:
        rng = np.random.default_rng(2)
        drawn = [data_source.draw(data, rng) for _ in range(60)]
    finally:
        data_source._held_out.clear()
    files = {(data.root / n).read_bytes(): n for n in (*data.test.names.tolist(), *names)}
    assert {files[d.data] for d in drawn} <= set(held)
    assert {d.label for d in drawn} == {0, 1}
    assert all(files[d.data].split("/")[1] == ("FAKE", "REAL")[d.label] for d in drawn)
