"""The page on whether heatmaps can be believed."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cifake_core import artifacts, pipeline
from cifake_core.samples import samples

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start(monkeypatch):
    monkeypatch.chdir(ROOT)

    def started(evidence: Path | None = None) -> AppTest:
        if evidence:
            monkeypatch.setenv("CIFAKE_EVIDENCE", str(evidence))
        app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
        app.switch_page("explain/trust.py").run()
        assert not app.exception
        return app

    return started


def words(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return " ".join(element.value for kind in kinds for element in app.get(kind))


def made_up(**changes) -> dict:
    """Two methods of lens: one that is right, and one that is an edge detector in disguise."""

    def planted(method: str, share: float) -> dict:
        hits = {"hit_share": share, "hit_interval_95": [share - 0.1, share + 0.1]}
        by_patch = {"FAKE": {"n": 30} | hits, "REAL": {"n": 10, "hit_share": share / 3}}
        more = {"near_share": share, "mass_share": share / 2, "by_patch": by_patch}
        sure = share - 0.05
        one_way = {"hit_share": sure, "hit_interval_95": [sure - 0.15, sure + 0.15]} | {
            "by_patch": {"FAKE": {"n": 20, "hit_share": sure}, "REAL": {"n": 0, "hit_share": None}}
        }
        both = {"changed": {"n": 40} | hits | more, "reversed": {"n": 20} | one_way}
        return {"method": method, "n": 100} | both

    def curves(method: str, both: float | None = None) -> dict:
        row = {
            "method": method,
            "n": 100,
            "deletion": [0.9, 0.5, 0.3],
            "insertion": [0.3, 0.6, 0.9],
            "deletion_area": 0.55,
            "insertion_area": 0.6,
        }
        if both is not None:
            gap = {"n": 100, "mean": both, "interval_95": [both - 0.01, both + 0.01]}
            less = gap | {"mean": both - 0.02}
            row |= {"over_random": {"both": gap}, "over_edges": {"both": less}}
        return row

    def randomised(method: str, last: float) -> dict:
        figures = [0.8, last]
        named = {"spearman": [-f for f in figures], "spearman_absolute": figures, "ssim": figures}
        return {"method": method, "n": 32, "passes": last < 0.5} | named

    model = {
        "name": "lens",
        **artifacts.read_card("lens").identity,
        "planted": {
            "n": 100,
            "chance": {"changed": {"n": 40, "hit": 0.16, "near": 0.21}},
            "rows": [
                planted("gradcam", 0.75),
                planted("smoothgrad", 0.25),
                planted("centre", 0.45),
                planted("edges", 0.3),
            ],
        },
        "curves": {
            "rows": [
                curves("random"),
                curves("edges"),
                curves("centre", 0.02),
                curves("smooth", 0.01),
                curves("gradcam", 0.05),
                curves("smoothgrad", -0.05),
            ]
        },
        "randomised": {
            "depths": [1, 9],
            "layers": [f"layer{i}" for i in range(9)],
            "rows": [randomised("gradcam", 0.05), randomised("smoothgrad", 0.95)],
        },
    }
    return {"changes_below": 0.5, "models": [model | changes]}


def planted_row(found: dict, method: str) -> dict:
    return next(r for r in found["models"][0]["planted"]["rows"] if r["method"] == method)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "explanations.json").write_text(json.dumps(made_up()))
    return tmp_path


def test_a_row_and_a_sentence_for_each_method(start, folder):
    app = start(folder)
    table = app.table[0].value
    assert table.iloc[0].tolist() == ["Grad-CAM", "passes", "75%", "70%", "+5.0"]
    assert table.iloc[1].tolist() == ["SmoothGrad", "fails", "25%", "20%", "-5.0"]
    assert table.iloc[2].tolist() == ["Always the middle", "–", "45%", "40%", "+2.0"]
    whole = app.table[1].value
    assert whole.iloc[0].tolist() == [
        "Grad-CAM",
        "75% (65% to 85%) of 40 images (30 AI-generated patches, 10 photographed)",
        "70% (55% to 85%) of 20 images (all AI-generated patches)",
        "38%",
        "+5.0 points (+4.0 to +6.0), n=100",
        "+3.0 points (+4.0 to +6.0), n=100",
        "0.05, passes, n=32",
    ]
    assert whole.iloc[1, 6] == "0.95, fails, n=32"
    said = words(app)
    assert (
        "**Grad-CAM.** Where the patch turned the likelier side, it points into the patch in 75%. "
        "That is clearly more than by pointing at the middle always (45%). Where the patch "
        "reversed the verdict, it does in 70%. That is not clearly more than by pointing at the "
        "middle always (40%). It orders pixels better than chance, clearly better than from the "
        "middle outwards (+2.0 points). It changes when the model "
        "forgets, as it should." in said
    )
    assert "it points into the patch in 25%. That is no more than" in said
    assert (
        "middle outwards (+2.0 points). Its maps still resemble the first ones when the model has"
        in said
    )
    assert "has forgotten everything (0.95, limit 0.5), so part of what it shows is not" in said
    assert "a point at random would hit 16% of the patches" in said
    assert "has 16% of its brightness there" in said
    assert (
        "Into the patch or one pixel beside it the best method, Grad-CAM, points in 75%; pointing "
        "at the middle always does in 45%, a point at random in 21%." in said
    )
    assert "hits 75% of the 30 AI-generated patches in photographs and 25% of the 10" in said
    assert "**The strongest edge** sees the image and knows no model." in said
    assert [e.label for e in app.expander][-1] == "How to read this"


def test_no_sentence_is_long(start):
    """Of what ships; one of some fifty words had two shares and the baseline of one."""
    app = start()
    for name in artifacts.available("cifake"):
        app.selectbox(key="model").set_value(name).run()
        for line in (m.value for m in app.markdown if m.value.startswith("- **")):
            for sentence in line.replace(".**", ":").split(". "):
                assert len(sentence.split()) <= 32, sentence


def test_each_share_has_its_own_baseline(start, tmp_path):
    found = made_up()
    edges = planted_row(found, "edges")["reversed"]
    edges |= {"hit_share": 0.66, "hit_interval_95": [0.5, 0.8]}
    (tmp_path / "explanations.json").write_text(json.dumps(found))
    said = words(start(tmp_path))
    assert "more than by pointing at the middle always (45%). Where the patch reversed" in said
    assert "in 70%. That is not clearly more than by pointing at the strongest edge (66%)" in said


def test_other_images_and_a_lower_share_are_called_so(start, tmp_path):
    found = made_up()
    planted_row(found, "smoothgrad")["changed"] |= {
        "n": 39,
        "hit_share": 0.44,
        "hit_interval_95": [0.3, 0.6],
    }
    (tmp_path / "explanations.json").write_text(json.dumps(found))
    said = words(start(tmp_path))
    assert "the patch in 44% of 39 images (" in said
    assert "photographed). That is no more than by pointing at the middle always (45%)." in said


def test_what_likelier_side_means_and_which_patches_there_were(start, folder):
    said = words(start(folder))
    assert said.count("The **likelier side** is the one the model leans to") == 1
    assert "turned it in 40 images (30 AI-generated patches, 10 photographed)." in said
    assert "in 20 images (all AI-generated patches)." in said
    assert "How often a heatmap finds a photographed patch in an AI-generated image is not" in said


def test_enough_patches_of_both_kinds_need_no_warning(start, tmp_path):
    found = made_up()
    for row in found["models"][0]["planted"]["rows"]:
        row["changed"]["by_patch"]["REAL"]["n"] = 30
    (tmp_path / "explanations.json").write_text(json.dumps(found))
    assert "How often a heatmap finds" not in words(start(tmp_path))


def test_a_model_of_which_hits_prove_nothing(start, folder):
    found = made_up()
    best, edges, middle = (
        planted_row(found, name)["reversed"] for name in ("gradcam", "edges", "centre")
    )
    best["hit_interval_95"] = [0.56, 0.85]
    (folder / "explanations.json").write_text(json.dumps(found))
    assert not start(folder).warning
    best["hit_interval_95"] = [*middle["hit_interval_95"][1:], 0.85]
    (folder / "explanations.json").write_text(json.dumps(found))
    (said,) = [w.value for w in start(folder).warning]
    assert "pointing at the middle always, without knowing any model, hits it in 40% of" in said
    assert "The best method, Grad-CAM, does in 70%, not clearly more. So for this model" in said
    edges |= {"hit_share": 0.89, "hit_interval_95": [0.74, 0.96]}
    best["hit_share"] = 0.78
    (folder / "explanations.json").write_text(json.dumps(found))
    (said,) = [w.value for w in start(folder).warning]
    assert said == (
        "Where the patch reversed the verdict, pointing at the strongest edge, without knowing any "
        "model, hits it in 89% of 20 images (all AI-generated patches). The best method, Grad-CAM, "
        "does in 78%. So for this model these hits do not show that a heatmap points at what the "
        "model saw."
    )


def test_the_plots_show_a_method_between_those_that_know_no_model(start, folder):
    app = start(folder)
    app.selectbox(key="trust-curve").set_value("smoothgrad").run()
    deletion = json.loads(app.get("plotly_chart")[0].proto.spec)
    names = [trace["name"] for trace in deletion["data"]]
    assert names == ["SmoothGrad", "random order", "edge detector"]
    said = next(c.value for c in app.caption if c.value.startswith("Deletion:"))
    assert "A random order that is smooth, as heatmaps are, has an area of 0.550" in said
    assert "differs from the other random order by +1.0 points (+0.0 to +2.0)" in said
    app.segmented_control(key="trust-view").set_value("Forgetting").run()
    depths = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert [trace["name"] for trace in depths["data"]] == ["Grad-CAM", "SmoothGrad"]
    # Without their signs: those of either sign would cancel out.
    assert "Grad-CAM 0.05, SmoothGrad 0.95" in app.get("plotly_chart")[0].proto.alt
    app.segmented_control(key="trust-view").set_value("Cross-check").run()
    assert not app.exception
    assert "requirements-quantus.txt" in words(app)


@pytest.mark.parametrize("what", ["missing", "other weights", "half of it"])
def test_what_was_not_measured_is_a_sentence(start, tmp_path, what):
    content = made_up(
        **{"other weights": {"weights_sha256": "0"}, "half of it": {"curves": None}}.get(what, {})
    )
    if what != "missing":
        (tmp_path / "explanations.json").write_text(json.dumps(content))
    app = start(tmp_path)
    if what == "half of it":
        assert app.table[0].value.iloc[0, 4] == "–"
        assert app.table[1].value.iloc[0, 4] == "–"
        assert "Deletion and insertion were not measured" in words(app)
    else:
        assert "`python -m train.explanations --model lens`" in app.info[0].value
        assert not app.table


def test_maps_that_were_all_empty_are_nothing_to_compare(start, tmp_path):
    content = made_up()
    for row in content["models"][0]["randomised"]["rows"]:
        row["passes"], row["rest"] = None, {"n": 0, "mean": None, "interval_95": None}
        row["spearman"] = row["spearman_absolute"] = row["ssim"] = [0.8, None]
    (tmp_path / "explanations.json").write_text(json.dumps(content))
    app = start(tmp_path)
    assert app.table[1].value.iloc[0, 6] == "nothing to compare, undecided, n=0 of 32"
    assert "is not clear from so few images (nothing to compare, limit 0.5)" in words(app)
    app.segmented_control(key="trust-view").set_value("Forgetting").run()
    assert not app.exception


def test_what_ships_is_shown_for_every_model(start):
    app = start()
    for name in artifacts.available("cifake"):
        app.selectbox(key="model").set_value(name).run()
        assert not app.exception
        assert not app.error
        if not app.table:  # a large model takes long, and may not be measured yet
            assert f"`python -m train.explanations --model {name}`" in app.info[0].value
            assert name != "lens"
            continue
        assert len(app.table[0].value) >= 3
        for view in ("Forgetting", "Cross-check", "Deletion and insertion"):
            app.segmented_control(key="trust-view").set_value(view).run()
            assert not app.exception


def test_a_class_makes_the_model_forget(start, tmp_path):
    app = start(tmp_path)
    pipeline.load("lens").load_explainer().result()
    (clouds,) = [i for i, s in enumerate(samples()) if s.name == "Clouds"]
    app.button(f"sample{clouds}").click().run()

    def correlation() -> float:
        assert not app.exception
        return float({m.label: m.value for m in app.metric}["Rank correlation"])

    app.slider(key="trust-depth-9").set_value(0).run()
    assert correlation() == 1
    assert "Nothing is forgotten yet" in words(app)
    app.slider(key="trust-depth-9").set_value(9).run()
    forgotten = correlation()
    assert forgotten < 0.7
    assert "Forgotten: the last layer, which gives the answer, and the 8 layers" in words(app)
    app.segmented_control(key="trust-draw").set_value(2).run()
    assert correlation() != forgotten
    app.pills(key="trust-method").set_value("occlusion").run()
    assert correlation() < 1


def test_the_middle_is_compared_image_by_image_where_that_was_measured(start, tmp_path):
    content = made_up()
    row = next(r for r in content["models"][0]["curves"]["rows"] if r["method"] == "gradcam")
    for low, high, word in ((-1, 2, "not clearly better"), (1, 2, "clearly better"),
                            (-2, -1, "clearly worse")):  # fmt: skip
        row["over_centre"] = {"both": {"mean": 0.0, "interval_95": [low / 100, high / 100]}}
        (tmp_path / "explanations.json").write_text(json.dumps(content))
        assert f"than chance, {word} than from the middle" in words(start(tmp_path))
