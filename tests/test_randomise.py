"""A model that forgets from the answer down."""

import numpy as np
import pytest

from cifake_core.models import build
from cifake_core.randomise import learned, randomised


@pytest.fixture(scope="module")
def model():
    """lens with both branches and weights that no initialiser gives."""
    made = build("lens", widths=(4, 6, 8), mirror=True)
    rng = np.random.default_rng(0)
    made.set_weights([rng.uniform(0.1, 0.5, w.shape) for w in made.get_weights()])
    return made


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), np.uint8)


def changed(model, copy) -> set[str]:
    return {
        layer.name
        for layer in model.layers
        if any(
            not np.array_equal(a, b)
            for a, b in zip(
                layer.get_weights(), copy.get_layer(layer.name).get_weights(), strict=True
            )
        )
    }


def test_layers_from_the_logit_down_each_once(model):
    groups = learned(model)
    assert groups[0] == ["logit"]
    assert groups[1] == ["stage3_block1_b_conv", "stage3_block1_b_bn"]
    assert groups[-1] == ["stem1_conv", "stem1_bn"]
    names = [name for group in groups for name in group]
    assert sorted(names) == sorted(layer.name for layer in model.layers if layer.weights)


def test_joined_nets_forget_layer_by_layer_together():
    groups = learned(build("lens", widths=(4, 6, 8), nets=2, mirror=True))
    assert groups[0] == ["logit"]
    top = ["stage3_block1_b_conv", "stage3_block1_b_bn"]
    assert groups[1] == top + [f"net2_{name}" for name in top]
    assert len(groups) == len(learned(build("lens", widths=(4, 6, 8))))


def test_filters_that_were_never_learned_are_not_forgotten(images):
    ideas = {"high_pass": True, "anti_alias": True, "squeeze_excite": True}
    model = build("lens", widths=(4, 6, 8), **ideas)
    rng = np.random.default_rng(2)
    model.set_weights([rng.uniform(0.1, 0.5, w.shape) for w in model.get_weights()])
    copy = randomised(model, len(learned(model)), seed=1)
    fixed = {layer.name for layer in model.layers if layer.weights} - changed(model, copy)
    assert fixed == {"high_pass", "stage2_blur", "stage3_blur"}
    assert not np.allclose(model(images), copy(images))


def test_where_paths_part_each_normalisation_goes_with_its_own_convolution():
    groups = learned(build("resnet50"))
    convolutions = [group for group in groups if group[0].endswith("_conv")]
    assert len(convolutions) == 53
    for group in convolutions:
        assert group[1:] == [group[0].removesuffix("conv") + "bn"]


def test_depth_nought_answers_as_the_model(model, images):
    assert np.array_equal(randomised(model, 0)(images), model(images))


def test_each_depth_adds_one_group_and_the_model_stays(model, images):
    before, answer = model.get_weights(), np.asarray(model(images))
    groups = learned(model)
    for depth in (1, 3, len(groups)):
        copy = randomised(model, depth, seed=1)
        assert changed(model, copy) == {name for group in groups[:depth] for name in group}
        assert not np.allclose(copy(images), answer)
    assert all(not np.array_equal(a, b) for a, b in zip(copy.get_weights(), before, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    # Batch normalisation starts anew, running statistics included.
    scale, shift, mean, variance = copy.get_layer("stem1_bn").get_weights()
    assert (scale == 1).all()
    assert (shift == 0).all()
    assert (mean == 0).all()
    assert (variance == 1).all()


def test_a_seed_gives_the_same_weights_at_every_depth(model):
    shallow, deep, other = (randomised(model, d, s) for d, s in ((2, 1), (5, 1), (5, 2)))

    def kernel(copy, name):
        return copy.get_layer(name).get_weights()[0]

    for name in ("logit", "stage3_block1_b_conv"):
        assert np.array_equal(kernel(shallow, name), kernel(deep, name))
        assert not np.array_equal(kernel(deep, name), kernel(other, name))
    kernels = kernel(deep, "stage3_block1_a_conv"), kernel(deep, "stage3_block1_b_conv")
    assert not np.array_equal(*kernels)  # alike in shape, drawn apart


def test_depthwise_convolutions_forget_too(images):
    import keras

    entry = keras.Input((8, 8, 3))
    x = keras.layers.DepthwiseConv2D(3, name="deep")(entry)
    x = keras.layers.GlobalAveragePooling2D()(x)
    small = keras.Model(entry, keras.layers.Dense(1, name="logit")(x))
    assert learned(small) == [["logit"], ["deep"]]
    copy = randomised(small, 2, seed=3)
    assert not np.array_equal(copy.get_weights()[0], small.get_weights()[0])


@pytest.mark.parametrize("depth", [-1, 10])
def test_more_layers_than_there_are(model, depth):
    with pytest.raises(ValueError, match="there are 9"):
        randomised(model, depth)
