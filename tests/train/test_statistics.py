"""Statistics of batch normalisation, against means computed by hand."""

import numpy as np

from cifake_core.models import build
from train import statistics
from train.batches import Batches
from train.config import Config


def test_moving_statistics_become_means_over_the_last_epochs_batches(data):
    import keras

    keras.utils.set_random_seed(3)
    config = Config("lens", 2, batch_size=32, shift=0, flip=False)
    batches = Batches(data.train.images, data.train.labels, np.arange(len(data.train)), config)
    model = build("lens", widths=(4, 6, 8))
    frozen = model.get_layer("stage3_in_bn")
    frozen.trainable = False
    before = {w.path: np.asarray(w) for w in model.weights}
    assert statistics.estimate(model, batches) == batches.steps_per_epoch

    inside = keras.Model(model.input, model.get_layer("stem1_conv").output)
    epoch = range(batches.steps_per_epoch, 2 * batches.steps_per_epoch)
    maps = [np.asarray(inside(batches.batch(step)[0])) for step in epoch]
    _, _, mean, variance = model.get_layer("stem1_bn").get_weights()
    np.testing.assert_allclose(mean, np.mean([m.mean((0, 1, 2)) for m in maps], 0), atol=1e-5)
    np.testing.assert_allclose(variance, np.mean([m.var((0, 1, 2)) for m in maps], 0), rtol=1e-4)

    for weight in model.weights:
        moved = "moving" in weight.path and "stage3_in_bn" not in weight.path
        assert np.array_equal(before[weight.path], np.asarray(weight)) != moved, weight.path
    assert model.get_layer("stem1_bn").momentum == 0.99


def test_a_net_without_batch_normalisation_is_left_alone(data):
    config = Config("paper_cnn", 1, batch_size=32)
    batches = Batches(data.train.images, data.train.labels, np.arange(64), config)
    model = build("paper_cnn")
    before = model.get_weights()
    assert statistics.estimate(model, batches) == 0
    assert all(map(np.array_equal, before, model.get_weights()))


def test_only_the_last_batches_count_and_of_a_mirrored_net_one_of_both_images(data):
    config = Config("lens", 1, batch_size=32, shift=0, flip=False)
    batches = Batches(data.train.images, data.train.labels, np.arange(len(data.train)), config)
    model = build("lens", widths=(4, 6, 8), mirror=True)
    assert statistics.estimate(model, batches, most=1) == 1
    given = model.get_layer("stem1_bn").get_weights()[2]
    images, found = batches.batch(batches.steps - 1)[0], []
    for side in (images, images[:, :, ::-1]):
        maps = model.get_layer("stem1_conv")(model.get_layer("normalise")(side))
        found.append(np.allclose(np.asarray(maps).mean((0, 1, 2)), given, atol=1e-5))
    assert any(found)
