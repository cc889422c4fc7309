"""The lines between the parts, walked over the imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STEPS = {"images", "preprocess", "predict", "calibration", "explain", "render"}


def imports(path: Path) -> set[str]:
    """Full dotted names of everything a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def touches(names: set[str], package: str) -> bool:
    return any(n == package or n.startswith(f"{package}.") for n in names)


@pytest.mark.parametrize("package", ["streamlit", "train", "pages"])
def test_core_imports_neither_app_nor_lab(package):
    assert [p for p in files("cifake_core") if touches(imports(p), package)] == []


@pytest.mark.parametrize(("folder", "package"), [("pages", "train"), ("train", "streamlit")])
def test_app_and_lab_do_not_meet(folder, package):
    assert [p for p in files(folder) if touches(imports(p), package)] == []


def test_training_uses_no_tensorflow_api():
    assert [p for p in files("train") if touches(imports(p), "tensorflow")] == []


@pytest.mark.parametrize("step", sorted(STEPS))
def test_steps_do_not_import_each_other(step):
    names = imports(ROOT / "cifake_core" / f"{step}.py")
    neighbours = {s for s in STEPS - {step} if touches(names, f"cifake_core.{s}")}
    assert neighbours == set()


def test_no_verdict_hears_of_metadata():
    for step in sorted(STEPS | {"pipeline"}):
        assert "cifake_core.metadata" not in imports(ROOT / "cifake_core" / f"{step}.py"), step


def test_caches_and_session_state_live_in_parts():
    for path in [*files("pages/check"), *files("pages/explain"), *files("pages/study")]:
        text = path.read_text(encoding="utf-8")
        assert "st.cache" not in text, path
        assert "session_state" not in text, path


def test_test_split_is_scored_by_evaluate_alone():
    users = {
        str(p.relative_to(ROOT))
        for folder in ("cifake_core", "pages", "train", "benchmarks")
        for p in files(folder)
        if any(
            isinstance(node, ast.Attribute) and node.attr == "test"
            for node in ast.walk(ast.parse(p.read_text(encoding="utf-8")))
        )
    }
    # The others find its copies in train and describe the data set.
    others = {"cifake_core/dataset.py", "cifake_core/stats.py"}
    assert users == {"train/evaluate.py"} | others


def test_source_files_stay_readable():
    for folder in ("cifake_core", "pages", "train", "benchmarks", "tests"):
        for path in files(folder):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 350, path


def test_core_and_verdict_import_no_tensorflow():
    code = (
        "import sys; from cifake_core import pipeline; from cifake_core.samples import samples;"
        "print(pipeline.analyze(samples()[0].png).verdict);"
        "sys.exit(bool({'tensorflow', 'keras', 'tf_keras_vis'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() in {"real", "fake", "uncertain"}


def test_check_command_imports_no_tensorflow(tmp_path):
    from cifake_core.samples import samples

    (tmp_path / "a.png").write_bytes(samples()[0].png)
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cifake_core", "check", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    loaded = {line.split("|")[-1].strip() for line in result.stderr.splitlines() if "|" in line}
    assert "onnxruntime" in loaded
    assert not {"tensorflow", "keras", "tf_keras_vis", "streamlit"} & loaded
