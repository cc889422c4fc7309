import keras
import numpy as np
import pytest
from scipy.ndimage import zoom

from cifake_core import artifacts
from cifake_core.explain import BY_TENSORFLOW, SLOW, Explainer, Heatmap, Method, from_cam
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


def two_by_two():
    """Two maps of 2x2, each a plain colour channel, and a logit that weights them place by place.

    logit = sum over places of red * R + green * G, so the gradients are R and G themselves.
    """
    image = keras.Input((4, 4, 3), dtype="uint8")
    x = keras.layers.Rescaling(1.0, dtype="float32")(image)
    x = keras.layers.AveragePooling2D(2)(x)
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")(x)
    model = keras.Model(image, keras.layers.Dense(1, name="logit")(keras.layers.Flatten()(x)))
    kernel = np.array([[1, 0], [0, 1], [0, 0]], np.float32)[None, None]
    red, green = np.array([[4.0, -1], [2, -1]]), np.array([[-3.0, 1], [0, 0]])
    model.get_layer("maps").set_weights([kernel])
    weights = np.stack([red, green], axis=-1).reshape(8, 1)
    model.get_layer("logit").set_weights([weights, np.array([5.0])])
    return model, red, green


MAPS = np.array([[[1.0, 2], [3, 4]], [[5, 6], [0, 8]]])  # red, green


def two_by_two_image() -> np.ndarray:
    channels = [np.kron(m, np.ones((2, 2))) for m in (*MAPS, np.zeros((2, 2)))]
    return np.stack(channels, axis=-1).astype(np.uint8)


def test_grad_cam_of_two_maps_in_the_head():
    """Mean gradients: red (4-1+2-1)/4 = 1, green (-3+1)/4 = -1/2."""
    model, _, _ = two_by_two()
    explainer = Explainer(model, "maps", warm_up=False)
    real = explainer.heatmap(two_by_two_image(), Method.GRADCAM, REAL).values
    np.testing.assert_allclose(real, [[0, 0], [3, 0]], atol=1e-5)  # 1-5/2, 2-6/2, 3-0, 4-8/2
    fake = explainer.heatmap(two_by_two_image(), Method.GRADCAM, FAKE).values
    np.testing.assert_allclose(fake, [[1.5, 1], [0, 0]], atol=1e-5)


@pytest.mark.parametrize("target", [FAKE, REAL])
def test_layer_cam_weights_each_place_by_its_own_positive_gradient(target):
    model, red, green = two_by_two()
    sign = 1 if target == REAL else -1
    expected = MAPS[0] * np.maximum(sign * red, 0) + MAPS[1] * np.maximum(sign * green, 0)
    got = Explainer(model, "maps", warm_up=False).heatmap(
        two_by_two_image(), Method.LAYERCAM, target
    )
    np.testing.assert_allclose(got.values, expected, rtol=1e-5)
    assert expected.any()


@pytest.mark.parametrize("target", [FAKE, REAL])
def test_score_cam_weights_maps_by_how_much_they_raise_the_logit(target):
    """The softmax of tf-keras-vis over one logit would weight all maps alike."""
    model = tiny_classifier()
    sign, logit = (1 if target == REAL else -1), model.get_layer("logit")
    logit.set_weights([sign * logit.get_weights()[0], np.array([sign * 2.0])])
    image = images(16)[1]
    maps = np.asarray(keras.Model(model.input, model.get_layer("maps").output)(image[None]))[0]
    seen = np.zeros((8, 8))
    classifier = Explainer(model, "maps", warm_up=False).classifier
    nothing = float(np.asarray(classifier(np.zeros((1, 16, 16, 3))))[0, 0])
    weights = []
    for k in range(maps.shape[-1]):
        large = zoom(maps[..., k], 2, order=1, mode="nearest")
        mask = (large - large.min()) / (np.ptp(large) + 1e-7)
        logit = float(np.asarray(classifier((image * mask[..., None])[None]))[0, 0])
        weights.append(max(sign * (logit - nothing), 0))
        seen += weights[-1] * maps[..., k]
    assert np.ptp(weights) > 0
    got = Explainer(model, "maps", warm_up=False).heatmap(image, Method.SCORECAM, target)
    np.testing.assert_allclose(got.values, seen, rtol=1e-3, atol=1e-4)


def test_smooth_grad_of_a_linear_model_is_its_largest_weight():
    image = keras.Input((4, 4, 3), dtype="uint8")
    x = keras.layers.Activation("linear", name="maps")(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(x)))
    weights = np.random.default_rng(2).normal(size=(48, 1)).astype(np.float32)
    model.layers[-1].set_weights([weights, np.zeros(1)])
    explainer = Explainer(model, "maps", warm_up=False)
    for target in (FAKE, REAL):
        got = explainer.heatmap(images(4)[5], Method.SMOOTHGRAD, target)
        expected = np.abs(weights).reshape(4, 4, 3).max(axis=-1) / 255
        np.testing.assert_allclose(got.values, expected, rtol=1e-4)


def test_smooth_grad_adds_noise_of_a_tenth_of_the_images_range():
    """The gradient of x³ / 3 is x²: where x is 0, the mean over noisy copies is sigma²."""
    image = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Rescaling(1.0, dtype="float32", name="maps")(image)
    x = keras.layers.Flatten()(keras.layers.Multiply()([x, x, x]))
    model = keras.Model(image, keras.layers.Dense(1)(x))
    red = np.tile([1 / 3, 0, 0], 256)[:, None]  # one channel, as the largest of three would lean
    model.layers[-1].set_weights([red, np.zeros(1)])
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, 8:] = 200
    found = Explainer(model, "maps", warm_up=False).heatmap(pixels, Method.SMOOTHGRAD, REAL)
    sigma = np.sqrt(found.values[:, :8].mean())
    assert sigma / 200 == pytest.approx(0.1, rel=0.05)  # 128 pixels, 32 copies: known to 1%


@pytest.mark.parametrize("method", sorted(BY_TENSORFLOW))
def test_a_batch_gives_what_each_image_gives(method):
    explainer = Explainer(tiny_classifier(), "maps", warm_up=False)
    batch, targets = images(16)[:5], np.array([FAKE, REAL, FAKE, REAL, REAL])
    told = []
    maps = explainer.heatmaps(batch, method, targets, lambda *n: told.append(n))
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    assert maps.max() > 0
    for one, image, target in zip(maps, batch, targets, strict=True):
        single = explainer.heatmap(image, method, int(target)).values
        np.testing.assert_allclose(one, single, rtol=1e-4, atol=1e-6 * maps.max())
    assert bool(told) == (method in SLOW)
    assert not told or told[-1][0] == told[-1][1]


def test_other_weights_give_other_maps():
    """What randomising weights live rests on: parts and classifier share them."""
    explainer = Explainer(tiny_classifier(), "maps", warm_up=False)
    image = images(16)[1]
    before = {m: explainer.heatmap(image, m, REAL).values for m in BY_TENSORFLOW}
    rng = np.random.default_rng(9)
    weights = [rng.normal(size=w.shape) for w in explainer.classifier.get_weights()]
    explainer.classifier.set_weights(weights)
    for method, values in before.items():
        assert not np.allclose(values, explainer.heatmap(image, method, REAL).values), method


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


@pytest.mark.parametrize("target", [FAKE, REAL])
def test_score_cam_draws_no_rounding_errors(target):
    """Of a black image every masked copy is the same image, so no map does anything."""
    card = artifacts.read_card("paper_cnn")
    explainer = Explainer(artifacts.load_keras(card), card.target_layer, warm_up=False)
    black = np.zeros((32, 32, 3), np.uint8)
    assert explainer.heatmap(black, Method.SCORECAM, target).empty
    assert not explainer.heatmap(images(32)[0], Method.SCORECAM, target).empty


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


def test_feature_maps_and_weights_are_those_of_the_cam():
    model = tiny_classifier()
    explainer = Explainer(model, "maps", warm_up=False)
    weights, bias = explainer.answer_weights()
    for image in images(16):
        maps = explainer.feature_maps(image)
        assert maps.shape == (5, 8, 8)
        np.testing.assert_allclose(
            np.tensordot(weights, maps, 1), cam_by_hand(model, image), atol=1e-4
        )
        logit = weights @ maps.mean(axis=(1, 2)) + bias
        assert logit == pytest.approx(float(np.asarray(model(image[None]))[0, 0]), abs=1e-4)
