"""Train one recipe: ``python -m train.train --recipe lens [--data PATH] [--set key=value ...]``.

A run lives in ``runs/<id>/``: ``config.json``, ``metrics.jsonl``, two checkpoint slots and, at the
end, ``model.weights.h5``. Starting the same command again continues where the run stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from cifake_core import dataset, metrics
from cifake_core.errors import CifakeLensError, ConfigError, DatasetError
from cifake_core.labels import FAKE
from cifake_core.progress import progress_bar
from train import checkpoint
from train.batches import Batches
from train.config import Config, load_recipe
from train.runs import MetricLog, StopRequest, open_run


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.train", description=__doc__)
    parser.add_argument("--recipe", required=True, help="a name in train/recipes, or a .toml file")
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    parser.add_argument("--run", type=Path, help="run folder (default: runs/<recipe>-seed<n>)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="sets")
    args = parser.parse_args(argv)
    try:
        config = load_recipe(args.recipe, args.sets)
        folder = args.run or Path("runs") / f"{Path(args.recipe).stem}-seed{config.seed}"
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        return run(config, data, folder, recipe=args.recipe)
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first step or after the last one
        print("\nstopped; the same command continues", file=sys.stderr)
        return 130


def run(config: Config, data: dataset.Dataset, folder: Path, recipe: str = "") -> int:
    """Train until done or interrupted; returns the exit code (0 done, 130 interrupted)."""
    import keras
    from tqdm import tqdm

    held_out = dataset.validation_indices(data.train)
    rows = np.setdiff1d(np.arange(len(data.train)), held_out)
    if config.limit:
        rows = np.random.default_rng(config.seed).permutation(rows)[: config.limit]
    if not len(rows) or not len(held_out):
        raise DatasetError(f"{data.root} has too few images to train on and to validate with.")
    batches = Batches(data.train.images, data.train.labels, rows, config)
    total = batches.steps

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.dtype)
    _distribute(config)
    model = compile_model(config, batches.steps_per_epoch)
    open_run(folder, config, recipe, data.sha256)  # after what may refuse the settings
    start = restore(folder, model)
    log = MetricLog(folder / "metrics.jsonl", start)
    if start:
        print(f"continuing {folder} after step {start} of {total}")

    stop = StopRequest()
    bar = tqdm(
        total=total * config.batch_size,
        initial=start * config.batch_size,
        unit=" images",
        unit_scale=True,
        desc=folder.name,
        disable=None if not os.environ.get("CIFAKE_NO_PROGRESS") else True,
    )
    since, seen, losses = time.monotonic(), 0, []
    with bar, stop:
        for step, (x, y) in batches.stream(start, total):
            loss = float(model.train_on_batch(x, y))
            losses.append(loss)
            done, seen = step + 1, seen + len(x)
            bar.update(len(x))
            if not np.isfinite(loss):
                raise ConfigError(
                    f"The loss became {loss} at step {done}; the last checkpoint is kept in "
                    f"{folder}. A lower learning_rate or dtype=float32 usually helps."
                )
            epoch_ends = done % batches.steps_per_epoch == 0
            if done % config.checkpoint_every == 0 or epoch_ends or done == total or stop.asked:
                rate = seen / (time.monotonic() - since)
                entry = {"step": done, "epoch": done / batches.steps_per_epoch}
                entry |= {"loss": float(np.mean(losses)), "images_per_s": round(rate, 1)}
                if epoch_ends and (done // batches.steps_per_epoch) % config.validate_every == 0:
                    entry |= validate(model, data.train, held_out, averaged=config.ema > 0)
                log.write(entry)
                checkpoint.save(folder, done, state_of(model))
                bar.set_postfix({k: f"{v:.4f}" for k, v in entry.items() if k in SHOWN})
                since, seen, losses = time.monotonic(), 0, []
            if stop.asked and done < total:
                print(f"\nstopped after step {done}; the same command continues", file=sys.stderr)
                return 130
    _finish(model, config, folder, log, data, held_out)
    return 0


SHOWN = ("loss", "validation_accuracy")


def compile_model(config: Config, steps_per_epoch: int):
    """Build and compile the model of a config with AdamW on one-cycle schedules."""
    import keras

    from cifake_core.models import BUILDERS, build
    from train.schedule import OneCycle

    if config.model not in BUILDERS:
        raise ConfigError(f"There is no model {config.model!r}. Models: {', '.join(BUILDERS)}.")
    try:
        model = build(config.model, **config.model_args)
    except TypeError as error:
        raise ConfigError(f"model_args do not fit {config.model}: {error}.") from None
    cycles = [(config.learning_rate, config.epochs * steps_per_epoch)]
    if config.tail_epochs:
        cycles.append((config.tail_learning_rate, config.tail_epochs * steps_per_epoch))
    optimizer = keras.optimizers.AdamW(
        OneCycle(cycles, config.warmup),
        weight_decay=config.weight_decay,
        use_ema=config.ema > 0,
        ema_momentum=config.ema or 0.99,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        ),
        # Keras runs JAX without compilation when told not to jit, which is far slower.
        jit_compile=config.jit or keras.backend.backend() == "jax",
    )
    model.optimizer.build(model.trainable_variables)  # float16 wraps it to scale the loss
    return model


def state_of(model) -> list[np.ndarray]:
    """Everything a step changes: model variables (seeds too), then optimizer variables."""
    import keras

    variables = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(v.value) for v in variables]


def restore(folder: Path, model) -> int:
    """Load the newest checkpoint of a run into ``model``; returns the steps done (0 for none)."""
    found = checkpoint.load(folder)
    if not found:
        return 0
    step, arrays = found
    variables = [*model.variables, *model.optimizer.variables]
    shapes = [tuple(v.shape) for v in variables]
    if shapes != [a.shape for a in arrays]:
        raise ConfigError(f"The checkpoint in {folder} is of another model; choose another --run.")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return step


def validate(model, train: dataset.Split, rows: np.ndarray, averaged: bool) -> dict[str, float]:
    """Accuracy, AUROC and loss on the held-out rows, with the averaged weights where there are."""
    raw = model.get_weights()
    if averaged:
        model.optimizer.finalize_variable_values(model.trainable_variables)
        # On JAX weights and averages are now the same buffers, and predicting uses them up.
        model.set_weights(model.get_weights())
    logits = _predict(model, train.images, rows)
    model.set_weights(raw)
    is_fake = train.labels[rows] == FAKE
    return {
        "validation_accuracy": float(np.mean((logits < 0) == is_fake)),
        "validation_auroc": metrics.auroc(-logits, is_fake),
        "validation_loss": metrics.negative_log_likelihood(logits, ~is_fake),
    }


def _predict(model, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(len(rows),) float64 logits; every batch divides among the devices of the distribution."""
    import keras

    distribution = keras.distribution.distribution()
    devices = distribution.device_mesh.devices.size if distribution else 1
    padded = np.resize(rows, -(-len(rows) // devices) * devices)
    size = max(1, 500 // devices) * devices
    logits = model.predict(images[padded], batch_size=size, verbose=0)
    return logits[: len(rows), 0].astype(np.float64)


def _distribute(config: Config) -> None:
    if config.devices == 1:
        return
    import keras

    if keras.backend.backend() != "jax":
        raise ConfigError("devices > 1 needs the JAX backend: set KERAS_BACKEND=jax.")
    found = keras.distribution.list_devices()
    if len(found) < config.devices or config.batch_size % config.devices:
        raise ConfigError(
            f"devices={config.devices} needs as many devices ({len(found)} found) and a "
            "batch_size that it divides."
        )
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=found[: config.devices])
    )


def _finish(model, config, folder, log, data, held_out) -> None:
    if config.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    final = validate(model, data.train, held_out, averaged=False)
    work = folder / ".model.weights.h5"
    _plain_copy(model, config).save_weights(work)
    work.replace(folder / "model.weights.h5")
    rates = [e["images_per_s"] for e in log.entries]
    final |= {"images_per_s": float(np.median(rates)), "parameters": model.count_params()}
    checkpoint.replace(folder / "result.json", json.dumps(final, indent=1).encode())
    print(f"{folder}: validation accuracy {final['validation_accuracy']:.4f}")


def _plain_copy(model, config: Config):
    """The same weights in a float32 model without an optimizer, which would be saved along."""
    import keras

    from cifake_core.models import build

    keras.config.set_dtype_policy("float32")
    plain = build(config.model, **config.model_args)
    plain.set_weights(model.get_weights())
    return plain


if __name__ == "__main__":
    sys.exit(main())
