from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cifake_core import artifacts


@pytest.fixture(scope="module")
def card():
    return artifacts.read_card("lens")


@pytest.fixture(scope="module")
def engine(card):
    return artifacts.load_engine(card)


@pytest.fixture(scope="module")
def keras_model(card):
    return artifacts.load_keras(card)


@pytest.fixture(scope="module")
def thousand():
    """1,000 images: smooth ones, noise, and mixtures of both."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (1000, 4, 4, 3)).repeat(8, 1).repeat(8, 2)
    amount = rng.uniform(0, 60, (1000, 1, 1, 1))
    return np.clip(coarse + amount * rng.normal(size=coarse.shape), 0, 255).astype(np.uint8)


def test_both_engines_agree(engine, keras_model, thousand):
    theirs = keras_model.predict(thousand, batch_size=250, verbose=0)[:, 0]
    assert np.abs(engine.logits(thousand) - theirs).max() <= 1e-3


def test_both_engines_agree_on_real_images(engine, keras_model, real_cifake):
    images = real_cifake.train.images[::100]
    assert len(images) == 1000
    theirs = keras_model.predict(images, batch_size=250, verbose=0)[:, 0]
    assert np.abs(engine.logits(images) - theirs).max() <= 1e-3


def test_logit_does_not_depend_on_the_batch(engine, thousand):
    together = engine.logits(thousand[:64])
    alone = np.concatenate([engine.logits(thousand[i : i + 1]) for i in range(64)])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_many_threads_get_their_own_answers(engine, thousand):
    expected = engine.logits(thousand[:100])
    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(lambda i: engine.logits(thousand[i : i + 1])[0], list(range(100)) * 5))
    np.testing.assert_allclose(got, np.tile(expected, 5), atol=1e-4)


def test_mean_of_cam_and_bias_is_the_logit(engine, keras_model, thousand):
    bias = keras_model.get_layer("logit").get_weights()[1][0]
    cam = engine.cam(thousand[:50])
    assert min(cam.shape[1:]) >= 8
    np.testing.assert_allclose(cam.mean((1, 2)) + bias, engine.logits(thousand[:50]), atol=1e-3)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (np.zeros((1, 32, 32, 3), np.float32), r"not float32 of shape \(1, 32, 32, 3\)"),
        (np.zeros((1, 32, 32, 3), np.int64), "not int64"),
        (np.zeros((1, 64, 64, 3), np.uint8), r"not uint8 of shape \(1, 64, 64, 3\)"),
        (np.zeros((1, 32, 32), np.uint8), r"not uint8 of shape \(1, 32, 32\)"),
        (np.zeros((32, 32, 3), np.uint8), r"not uint8 of shape \(32, 32, 3\)"),
        ((x for x in ()), "not generator"),
        ([[0]], "not list"),
    ],
)
@pytest.mark.parametrize("ask", ["logits", "logits_and_features", "cam"])
def test_what_is_no_batch_is_refused_in_words(engine, batch, said, ask):
    with pytest.raises(ValueError, match=said):
        getattr(engine, ask)(batch)
