"""The page that compares models, on figures made by arithmetic and on what ships."""

import json
from pathlib import Path

import made_up
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cifake_core import artifacts
from pages.parts.model_trials import stress_path

ROOT = Path(__file__).resolve().parents[2]
VIEWS = ("Curves", "Threshold", "Confidence", "Promise", "Stress", "Classes", "Cost", "Training")
THREE = {"lens": 4.0, "paper_cnn": 2.5, "resnet50": 3.0}
COMMAND = "python -m train.evaluate --model"


@pytest.fixture
def start(monkeypatch):
    """Function (models, evidence) -> the page on these folders, None for those that ship."""
    monkeypatch.chdir(ROOT)

    def started(models: Path | None = None, evidence: Path | None = None) -> AppTest:
        for key, folder in (("CIFAKE_MODELS", models), ("CIFAKE_EVIDENCE", evidence)):
            if folder:
                monkeypatch.setenv(key, str(folder))
        app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
        return app.switch_page("study/models.py").run()

    return started


@pytest.fixture
def three(tmp_path) -> tuple[Path, Path]:
    return made_up.several(tmp_path, THREE, count=400)


def look(app: AppTest, view: str) -> AppTest:
    app.segmented_control(key="view").set_value(view).run()
    assert not app.exception, view
    return app


def words(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return " ".join(element.value for kind in kinds for element in app.get(kind))


def charts(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def results(app: AppTest, number: int = 0) -> dict[str, dict[str, str]]:
    """The first table, or that with more figures: model -> figure -> cell."""
    table = app.table[number].value
    return {
        n: dict(zip(table["Figure"], table[n], strict=True)) for n in table.columns if n != "Figure"
    }


def change(folder: Path, name: str, edit) -> None:
    path = folder / f"{name}.json"
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found))


def test_every_view_of_what_ships(start):
    app = start()
    for view in VIEWS:
        look(app, view)
        assert app.title[0].value == "The models"
        assert "lens" in results(app)
        assert not app.error


def test_fewer_models_can_be_compared(start):
    app = start()
    everybody = list(results(app))
    assert len(everybody) == len(artifacts.available("cifake"))
    (compare,) = app.pills
    colours = {trace["name"]: trace["line"]["color"] for trace in charts(app)[0]["data"][-5:]}
    compare.set_value(["lens", "resnet50"]).run()
    assert list(results(app)) == ["lens", "resnet50"]
    now = {t["name"]: t["line"]["color"] for t in charts(app)[0]["data"] if t.get("name")}
    assert now == {name: colours[name] for name in ("lens", "resnet50")}
    for view in VIEWS:
        look(app, view)
        assert not app.error
    app.pills[0].set_value([]).run()
    assert list(results(app)) == everybody


def test_what_is_promised_stands_beside_what_was_measured(start, three):
    """On 400 images made by arithmetic; the last row is worked out from their logits."""
    models, folder = three

    def edit(found):
        found["test"]["official"]["real_called_fake"] = {
            "share": 0.0123,
            "interval_95": [0.01, 0.02],
        }

    change(folder, "lens", edit)
    table = look(start(models, folder), "Promise").table[-1].value.set_index("Figure")
    assert table["lens"]["Measured: photographs called AI-generated"] == "1.23% (1.00% to 2.00%)"
    assert table["paper_cnn"]["Measured: photographs called AI-generated"] == "–"
    assert table["lens"]["Promised: mistaken, of each class"] == "0.50%"
    share = table["lens"]["Not answered if 99.5% are to be right"]
    assert share == "–" or 0 <= float(share.rstrip("%")) < 100


def test_limits_of_what_ships_and_of_models_never_measured(start, three):
    shipped = look(start(), "Limits")
    text = words(shipped)
    assert "0.5 is a coin flip" in text
    reduced, recognised, changed = (t.value for t in shipped.table[-3:])
    assert set(reduced["Model"]) == set(artifacts.available())
    assert "pictures, as they are" in recognised["Image"].tolist()
    assert recognised.columns.tolist() == ["Image", "recognised (95% interval)", "of"]
    assert changed["Change"].tolist()[:2] == ["unchanged", "JPEG 90"]
    outside = json.loads((artifacts.ASSETS / "evidence" / "outside.json").read_text())["models"]
    for name in ("lens", "paper_cnn"):
        shipped.selectbox(key="limits-model").set_value(name).run()
        away = shipped.table[-1].value["turned away"].tolist()
        assert away == [f"{r['turned_away']:.1%}" for r in outside[name]["changed"]]
    other = look(start(*three), "Limits")
    assert "Not measured yet" in words(other)


@pytest.mark.parametrize("view", [v for v in VIEWS if v != "Promise"])
def test_every_view_of_three_models(start, three, view):
    app = look(start(*three), view)
    assert not app.info
    drawn = charts(app)
    assert drawn
    if view in {"Curves", "Stress", "Cost", "Training"}:
        for chart in drawn:
            assert {trace["name"] for trace in chart["data"]} == set(THREE)
    lines = [t for c in drawn for t in c["data"] if t.get("name") in THREE and "line" in t]
    styles = {t["name"]: (t["line"]["color"], t["line"]["dash"]) for t in lines}
    assert (
        len({s[0] for s in styles.values()}) == len({s[1] for s in styles.values()}) == len(styles)
    )
    # Curves over 20,000 images would be heavy; Plotly packs 8 bytes a number in base64.
    assert max(len(json.dumps(t)) for c in drawn for t in c["data"]) < 2 * 300 * 8 * 4 / 3 + 500


def test_results_come_from_the_evidence_best_model_first(start, three):
    change(three[1], "resnet50", lambda e: e["test"]["official"].update(accuracy=0.87654))
    change(three[1], "paper_cnn", lambda e: e["test"]["leak_free"].pop("accuracy"))
    app = start(*three)
    found = results(app)
    assert next(iter(found)) == "lens"
    assert found["resnet50"]["Accuracy, all 400 test images"] == "87.65%"
    assert found["paper_cnn"]["Accuracy, the 392 that do not leak"] == "–"
    assert found["lens"]["Time for one image"] == "2.00 ms"
    # As `python -m cifake_core models` has it.
    files = json.loads((three[0] / "lens" / "card.json").read_text())["files"].values()
    assert (
        found["lens"]["Size of all its files"] == f"{sum(f['bytes'] for f in files) / 1e6:.1f} MB"
    )
    assert "paper_cnn: a title**. How it was trained: Stopped early." in words(app)


def test_threshold_moves_the_numbers(start, tmp_path):
    # p_fake is 1 / (1 + e^logit): 0.95, 0.88, 0.73, 0.27 of fakes; 0.05, 0.12, 0.27, 0.82 of real.
    logits = np.array([-3, -2, -1, 1, 3, 2, 1, -1.5])
    is_fake, leaked = np.arange(8) < 4, np.arange(8) == 0
    made = made_up.card(tmp_path / "models", "lens", temperature=1.0, bias=0.0)
    made_up.write(tmp_path, "lens", made_up.evidence(made, logits, is_fake, leaked))
    app = look(start(tmp_path / "models", tmp_path), "Threshold")

    def shown() -> list[str]:
        assert not app.exception
        return [metric.value for metric in app.metric]

    assert [m.label for m in app.metric] == ["Accuracy", "Precision", "Recall", "F1"]
    assert shown() == ["75.00%", "75.00%", "75.00%", "75.00%"]
    app.slider(key="threshold").set_value(0.85).run()
    assert shown() == ["75.00%", "100.00%", "50.00%", "66.67%"]
    cells = charts(app)[0]["data"][0]["text"]
    assert cells == [["4<br>100.00%", "0<br>0.00%"], ["2<br>50.00%", "2<br>50.00%"]]
    app.slider(key="threshold").set_value(0.25).run()
    assert shown() == ["75.00%", "66.67%", "100.00%", "80.00%"]
    app.slider(key="threshold").set_value(0.5).run()
    app.toggle(key="leak-free").set_value(True).run()
    assert shown() == ["71.43%", "66.67%", "66.67%", "66.67%"]
    assert "7 test images" in words(app)


def test_model_of_the_threshold_can_be_picked(start, three):
    app = look(start(*three), "Threshold")
    before = [metric.value for metric in app.metric]
    app.selectbox(key="threshold-model").set_value("paper_cnn").run()
    assert not app.exception
    assert [metric.value for metric in app.metric] != before
    assert app.metric[0].value == results(app)["paper_cnn"]["Accuracy, all 400 test images"]


@pytest.mark.parametrize("damage", ["missing", "broken", "no object", "other weights"])
def test_without_evidence_a_sentence_names_the_command(start, three, damage):
    path = three[1] / "lens.json"
    if damage == "missing":
        path.unlink()
    elif damage == "other weights":
        change(three[1], "lens", lambda e: e.update(weights_sha256="0" * 64))
    else:
        path.write_text({"broken": '{"test": ', "no object": "[]"}[damage])
    app = start(*three)
    assert results(app)["lens"]["AUROC"] == "–"
    assert results(app)["resnet50"]["AUROC"] != "–"
    for view in VIEWS:
        assert f"`{COMMAND} lens`" in words(look(app, view)), view


@pytest.mark.parametrize(
    ("view", "path"),
    [
        ("Curves", ("is_fake",)),
        ("Threshold", ("leaked",)),
        ("Confidence", ("abstention",)),
        ("Stress", ("stress",)),
        ("Classes", ("test", "accuracy_by_class")),
        ("Cost", ("cost",)),
    ],
)
@pytest.mark.parametrize("models", [1, 3])
def test_without_a_key_a_sentence_names_the_command(start, tmp_path, view, path, models):
    names = dict(list(THREE.items())[:models])
    folders = made_up.several(tmp_path, names, count=400)

    def spoil(found: dict) -> None:
        for key in path[:-1]:
            found = found[key]
        found[path[-1]] = [{"transform": 5}]

    change(folders[1], "lens", spoil)
    app = look(start(*folders), view)
    (info,) = app.info
    assert "not measured yet for lens. " in info.value
    assert f"`{COMMAND} lens`" in info.value
    # What is left of it is drawn, of the other models all.
    assert bool(charts(app)) == (models == 3 or view == "Confidence")


def test_missing_training_curve_is_a_sentence(start, three):
    (three[1] / "resnet50_training.json").unlink()
    app = look(start(*three), "Training")
    assert "training curve of resnet50" in app.info[0].value
    assert {t["name"] for t in charts(app)[0]["data"]} == {"lens", "paper_cnn"}
    assert "A remark on the training." in words(app)
    assert "- paper_cnn: Stopped early." in words(app)
    assert "lens: Stopped early." not in words(app)


@pytest.mark.parametrize(("other", "shown"), [("0" * 64, False), (5, False), ("", True)])
def test_a_training_curve_of_other_weights_is_not_shown(start, three, other, shown):
    own = json.loads((three[0] / "lens" / "card.json").read_text())["files"]["model.weights.h5"]
    change(three[1], "lens_training", lambda t: t.update(weights_sha256=other or own["sha256"]))
    change(three[1], "lens_training", lambda t: t.update(remark="Only of lens."))
    app = look(start(*three), "Training")
    said = "The training curve of lens is of other weights than those here, so it is not shown."
    assert (said in words(app)) is ("Only of lens." not in words(app)) is not shown
    drawn = {trace["name"] for chart in charts(app) for trace in chart["data"]}
    assert drawn == set(THREE) - (set() if shown else {"lens"})


def test_what_the_losses_and_the_epochs_of_models_are_of(start, three):
    text = words(look(start(), "Training"))
    assert "that of aireal_cnn holds a penalty on large weights, too." in text
    assert "that of lens is of images of which many were damaged" in text
    axis = "epochs (times the training images{} were seen)"
    assert {axis_of(chart) for chart in charts(look(start(*three), "Training"))} == {
        axis.format("")
    }
    path = three[0] / "lens" / "card.json"
    card = json.loads(path.read_text())
    card["training"]["parts"][0]["config"]["then"][0]["crop"] = 16
    path.write_text(json.dumps(card))
    cut = axis.format(", or squares cut from them,")
    assert {axis_of(chart) for chart in charts(look(start(*three), "Training"))} == {cut}


def axis_of(chart: dict) -> str:
    return chart["layout"]["xaxis"]["title"]["text"]


def test_ablations_are_shown_where_they_were_measured(start, three):
    assert len(look(start(*three), "Training").table) == 2
    row = {
        "what": "no blur",
        "command": "python -m train.train --recipe lens --set blur=0.0",
        "seeds": [1, 2],
        "validation_accuracy": 0.9512,
        "stress_accuracy": {"JPEG 40": 0.9},
    }
    newer = row | {"what": "newer", "n": 400}
    made_up.write(three[1], "ablations", {"n": 10_000, "rows": [row, newer]})
    app = look(start(*three), "Training")
    shown = app.table[2].value.iloc[0].to_dict()
    assert shown == {
        "what": "no blur",
        "accuracy": "95.12%",
        "JPEG 40": "90.00%",
        "runs": "2 (seeds 1, 2)",
    }
    assert "on 400 or 10,000 validation images" in words(app)
    assert "Crops are squares of so many pixels" in words(app)
    assert app.code[0].value.splitlines()[0] == row["command"]


def test_more_figures_are_one_click_away(start, three):
    more = results(start(*three), 1)["lens"]
    evidence = json.loads((three[1] / "lens.json").read_text())
    official = evidence["test"]["official"]
    assert more["Recall, AI-generated"] == f"{official['fake']['recall']:.4f}"
    assert more["Precision, real"] == f"{official['real']['precision']:.4f}"
    assert more["Brier score"] == f"{official['brier']:.4f}"
    assert (more["NLL"], more["NLL before calibration"]) == ("0.1000", "0.9000")
    assert more["Accuracy before calibration"] == "50.00%"
    assert more["Answers turned round by a tiny change"] == "5.00% of 18"


def test_no_model_and_a_damaged_card(start, three, tmp_path):
    (three[0] / "resnet50" / "card.json").write_text("{")
    app = start(*three)
    assert "card.json of resnet50 is damaged" in app.warning[0].value
    assert set(results(app)) == {"lens", "paper_cnn"}
    app = start(tmp_path / "none", three[1])
    assert not app.exception
    assert "python -m train.train" in app.error[0].value


def test_unchanged_images_stand_where_they_belong():
    rows = [
        {"transform": "none", "setting": 0, "label": "unchanged"},
        {"transform": "jpeg", "setting": 90, "label": "JPEG 90"},
        {"transform": "jpeg", "setting": 30, "label": "JPEG 30"},
        {"transform": "contrast", "setting": 0.75, "label": "less"},
        {"transform": "contrast", "setting": 1.25, "label": "more"},
    ]
    assert [r["label"] for r in stress_path(rows, "jpeg")] == ["unchanged", "JPEG 90", "JPEG 30"]
    assert [r["label"] for r in stress_path(rows, "contrast")] == ["less", "unchanged", "more"]
