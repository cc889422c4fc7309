"""The architectures are what their docstrings say."""

from __future__ import annotations

import numpy as np
import pytest

from cifake_core.models import BUILDERS, PENALISED, build, target_layer

PARAMETERS = {
    "lens": 473_569,
    "lens_large": 7_055_745,
    # 3*3*3*32+32 and 3*3*32*32+32, 2048*64+64, 64+1
    "paper_cnn": 896 + 9_248 + 131_136 + 65,
    # 64, 32, 16 filters; 256 -> 512 -> 256 -> 128 -> 1
    "aireal_cnn": 1_792 + 18_464 + 4_624 + 131_584 + 131_328 + 32_896 + 129,
    # the published backbone without its top, then 1280 -> 128 -> 1
    "mobilenet_v2": 2_257_984 + 1280 * 128 + 128 + 129,
    # the same, then 2048 -> 256 with batch norm -> 128 -> 1
    "resnet50": 23_587_712 + 2048 * 256 + 256 + 4 * 256 + 256 * 128 + 128 + 129,
}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (3, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def models() -> dict:
    return {name: build(name) for name in BUILDERS}


def logits(model, images) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.mark.parametrize("name", BUILDERS)
def test_shapes_parameters_and_a_raw_logit(name, models, images):
    import keras

    model = models[name]
    assert model.count_params() == PARAMETERS[name]
    assert model.input_shape == (None, 32, 32, 3)
    assert model.input.dtype == "uint8"
    assert logits(model, images).shape == (3, 1)
    last = model.layers[-1]
    assert (last.name, last.units) == ("logit", 1)
    assert last.activation is keras.activations.linear


@pytest.mark.parametrize("name", BUILDERS)
def test_target_layer_has_positions_enough_for_a_heatmap(name, models):
    _, height, width, _ = models[name].get_layer(target_layer(name)).output.shape
    assert min(height, width) >= 8


def test_models_with_a_penalty_in_their_loss_are_known(models):
    assert [name for name, model in models.items() if model.losses] == list(PENALISED)


def layers_of(model, kind: str) -> list:
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def test_aireal_cnn_is_its_authors_recipe(models):
    model = models["aireal_cnn"]
    convolutions, dense = layers_of(model, "Conv2D"), layers_of(model, "Dense")
    assert [layer.filters for layer in convolutions] == [64, 32, 16]
    assert [layer.kernel_size for layer in convolutions] == [(3, 3)] * 3
    assert [layer.units for layer in dense] == [512, 256, 128, 1]
    assert [layer.rate for layer in layers_of(model, "Dropout")] == [0.3] * 3 + [0.4] * 3
    for layer in convolutions + dense:
        assert float(layer.kernel_regularizer.l2) == pytest.approx(0.001)


def test_paper_cnn_has_two_pooled_convolutions_and_one_dense_layer(models):
    model = models["paper_cnn"]
    assert [layer.filters for layer in layers_of(model, "Conv2D")] == [32, 32]
    assert [layer.pool_size for layer in layers_of(model, "MaxPooling2D")] == [(2, 2)] * 2
    assert [layer.units for layer in layers_of(model, "Dense")] == [64, 1]


def test_mobilenet_sees_160_pixels_and_trains_its_last_30_layers(models):
    model = models["mobilenet_v2"]
    assert model.get_layer("enlarge").output.shape[1:] == (160, 160, 3)
    body = model.layers[model.layers.index(model.get_layer("Conv1")) :]
    head = ["pool", "dense", "dropout", "logit"]
    trained = [layer.name for layer in body if layer.trainable]
    assert trained[-4:] == head
    assert len(trained) == 30 + 4
    assert trained[29] == "out_relu"


def test_resnet50_feeds_the_colours_its_weights_were_made_for():
    from cifake_core.models.resnet50 import CaffeColours

    pixel = np.array([[[[10, 20, 30]]]], np.uint8)
    given = np.asarray(CaffeColours()(pixel)).ravel()
    # ImageNet's mean in BGR, by Caffe
    np.testing.assert_allclose(given, [30 - 103.939, 20 - 116.779, 10 - 123.68], rtol=1e-5)


@pytest.mark.parametrize("name", ["lens", "lens_large"])
def test_mirror_is_the_mean_over_both_images_with_no_more_weights(name, images):
    small = {"widths": (4, 6, 8), "blocks": (1, 2)}
    plain, both = build(name, **small), build(name, mirror=True, **small)
    assert [w.path for w in both.weights] == [w.path for w in plain.weights]
    both.set_weights(plain.get_weights())
    flipped = images[:, :, ::-1]
    expected = (logits(plain, images) + logits(plain, flipped)) / 2
    assert np.ptp(expected) > 1e-4
    np.testing.assert_allclose(logits(both, images), expected, atol=1e-5)
    np.testing.assert_allclose(logits(both, flipped), expected, atol=1e-5)


@pytest.mark.parametrize("arguments", [{}, {"nets": 2}, {"nets": 3}])
def test_lens_answers_by_the_mean_of_its_map(images, arguments):
    """What makes CAM exact: the dense unit at every position, averaged, plus the bias."""
    import keras

    model = build("lens", widths=(4, 6, 8), mirror=True, **arguments)
    maps = keras.Model(model.input, model.get_layer("features").output)(images)
    kernel, bias = model.get_layer("logit").get_weights()
    by_hand = (np.asarray(maps) @ kernel).mean(axis=(1, 2)) + bias
    np.testing.assert_allclose(logits(model, images), by_hand, atol=1e-5)


def test_high_pass_sees_nothing_in_what_neighbours_foretell():
    from cifake_core.models.lens import SRM

    # Up to the order each filter is made for: a constant, and the straight line of the third.
    assert np.allclose(SRM.sum(axis=(0, 1)), 0, atol=1e-6)
    ramp = np.arange(5.0)[None, :, None]
    assert np.allclose((SRM * ramp).sum(axis=(0, 1)), 0, atol=1e-6)
    model = build("lens", widths=(4, 6, 8), high_pass=True)
    assert model.get_layer("stem1_conv").kernel.shape[2] == 3 + 3 * 3
    assert not model.get_layer("high_pass").trainable_weights
    kernel = np.asarray(model.get_layer("high_pass").get_weights()[0])
    assert all(np.array_equal(kernel[:, :, colour], SRM) for colour in range(3))


def test_high_pass_is_float32_whatever_the_policy():
    """bfloat16 has eight bits: what neighbours differ by would be lost before the filter."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build("lens", widths=(4, 6, 8), high_pass=True)
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.get_layer("high_pass").compute_dtype == "float32"
    assert model.get_layer("stem2_conv").compute_dtype == "bfloat16"


def test_anti_aliasing_keeps_a_constant_and_the_shapes(images):
    import keras

    model = build("lens", widths=(4, 6, 8), anti_alias=True)
    assert model.get_layer("features").output.shape == (None, 8, 8, 8)
    blur = model.get_layer("stage2_blur")
    out = np.asarray(blur(np.ones((1, 32, 32, 4), np.float32)))
    np.testing.assert_allclose(out[:, 1:-1, 1:-1], 1, atol=1e-6)
    assert isinstance(blur, keras.layers.DepthwiseConv2D)
    assert not blur.trainable_weights
    assert np.ptp(logits(model, images)) > 0


def test_squeeze_excite_weighs_whole_channels(images):
    import keras

    model = build("lens", widths=(4, 6, 8), squeeze_excite=True)
    weigh = model.get_layer("stage3_block1_weigh")
    before, factors, after = keras.Model(model.input, [*weigh.input, weigh.output])(images)
    assert tuple(factors.shape) == (len(images), 1, 1, 8)
    np.testing.assert_allclose(np.asarray(before) * np.asarray(factors), np.asarray(after))
