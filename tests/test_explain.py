import keras
import numpy as np
import pytest

from cifake_core import artifacts
from cifake_core.explain import Explainer, Heatmap, Method, from_cam
from cifake_core.labels import FAKE, REAL


def images(size: int) -> np.ndarray:
    return np.concatenate(
        [
            artifacts.golden_images(size),
            np.random.default_rng(5).integers(0, 256, (4, size, size, 3)),
        ]
    ).astype(np.uint8)


def tiny_classifier():
    """A functional net of the same kind, small enough to do its CAM by hand."""
    keras.utils.set_random_seed(3)
    image = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255, dtype="float32")(image)
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same", activation="relu", name="maps")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(1, name="logit")(x))


def cam_by_hand(model, image: np.ndarray) -> np.ndarray:
    """(8, 8) sum of the maps, each by its weight in the dense unit: convolution written out."""
    kernel, bias = model.get_layer("maps").get_weights()
    weights = model.get_layer("logit").get_weights()[0][:, 0]
    # "same" padding at stride 2 on an even size pads one pixel at the end only.
    padded = np.pad(image / 255.0, ((0, 1), (0, 1), (0, 0)))
    maps = np.empty((8, 8, 5))
    for y in range(8):
        for x in range(8):
            patch = padded[2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
            maps[y, x] = np.maximum(np.tensordot(patch, kernel, 3) + bias, 0)
    return maps @ weights


@pytest.mark.parametrize("target", [FAKE, REAL])
def test_grad_cam_equals_a_cam_computed_by_hand(target):
    model = tiny_classifier()
    explainer = Explainer(model, "maps")
    for image in images(16):
        signed = cam_by_hand(model, image) * (1 if target == REAL else -1)
        expected = np.maximum(signed, 0) / 64  # the gradient of a mean over 64 positions
        got = explainer.heatmap(image, Method.GRADCAM, target)
        np.testing.assert_allclose(got.values, expected, atol=1e-5)
        assert got.empty == (expected.max() <= 0)


def test_grad_cam_plus_plus_follows_its_paper():
    """Where all gradients of a map are equal, alpha is 1/(2 Z + g sum A) normalised to 1/Z."""
    model = tiny_classifier()
    image = images(16)[1]
    kernel_weights = model.get_layer("logit").get_weights()[0][:, 0]
    maps = keras.Model(model.input, model.get_layer("maps").output)
    activations = np.asarray(maps(image[None]))[0]
    score = float(np.asarray(model(image[None]))[0, 0])
    gradients = kernel_weights / 64
    expected = np.maximum(activations @ (np.exp(score) * np.maximum(gradients, 0)), 0)
    got = Explainer(model, "maps").heatmap(image, Method.GRADCAM_PLUS_PLUS, REAL)
    np.testing.assert_allclose(got.values, expected, rtol=1e-4, atol=1e-7)


def test_shipped_models_grad_cam_is_its_cam():
    card = artifacts.read_card("lens")
    engine = artifacts.load_engine(card)
    explainer = Explainer(artifacts.load_keras(card), card.target_layer)
    for image in images(card.image_size):
        for target in (FAKE, REAL):
            cam = from_cam(engine.cam(image[None])[0], Method.GRADCAM, target)
            grad_cam = explainer.heatmap(image, Method.GRADCAM, target)
            assert cam.empty == grad_cam.empty
            np.testing.assert_allclose(cam.normalised, grad_cam.normalised, atol=2e-3)


def test_targets_are_opposites():
    cam = np.array([[1.0, -2.0], [0.0, 4.0]])
    real = from_cam(cam, Method.CAM, REAL)
    fake = from_cam(cam, Method.CAM, FAKE)
    np.testing.assert_array_equal(real.values - fake.values, cam)
    assert (real.values * fake.values == 0).all()


def test_empty_map_says_so():
    nothing = from_cam(np.full((8, 8), -1.0), Method.CAM, REAL)
    assert nothing.empty
    assert not nothing.normalised.any()
    something = Heatmap(np.eye(8, dtype=np.float32) * 3, Method.CAM, Method.CAM, REAL)
    assert not something.empty
    assert something.normalised.max() == 1
