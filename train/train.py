"""Train one recipe: ``python -m train.train --recipe lens [--data PATH] [--set key=value ...]``.

``--list`` shows the recipes; ``--smoke`` tries one of them, or all, on 512 images.

A run lives in ``runs/<id>/``: ``config.json``, ``metrics.jsonl``, two checkpoint slots, a ``lock``
(with early stopping ``best/``, with a teacher its answers), at the end ``model.weights.h5``.
Starting the same command again continues where the run stopped, also on another machine that the
folder was copied to.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from cifake_core import dataset, metrics
from cifake_core.calibration import Calibration, fit_platt
from cifake_core.errors import CifakeLensError, ConfigError, DatasetError
from cifake_core.labels import FAKE
from cifake_core.progress import progress_bar
from train import checkpoint, statistics, teacher
from train.batches import Batches, some
from train.compile import compile_model, load_initial_weights
from train.config import RECIPES, Config, load_recipe
from train.events import Events
from train.lock import Lock
from train.patience import enough, is_best, rate_after
from train.runs import MetricLog, StopRequest, open_run
from train.state import finite, restore, restore_best, state_of


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.train", description=__doc__)
    parser.add_argument("--recipe", help="a name in train/recipes, or a .toml file")
    parser.add_argument("--list", action="store_true", help="show the recipes and stop")
    parser.add_argument("--smoke", action="store_true", help="a recipe, or all, on 512 images")
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    parser.add_argument("--run", type=Path, help="run folder (default: runs/<recipe>-seed<n>)")
    parser.add_argument("--weights", help="weights to start from: a file, or imagenet")
    parser.add_argument("--tensorboard", action="store_true", help="events in the run folder, too")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="sets")
    args = parser.parse_args(argv)
    if not (args.recipe or args.list or args.smoke):
        parser.error("name a --recipe; --list shows them")
    sets = args.sets + ([f"initial_weights={json.dumps(args.weights)}"] if args.weights else [])
    try:
        if args.list:
            from train.listing import listing

            print("\n".join(listing()))
            return 0
        names = [args.recipe] if args.recipe else sorted(p.stem for p in RECIPES.glob("*.toml"))
        configs = {name: load_recipe(name, sets) for name in names}
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        if args.smoke:
            from train.smoke import smoke

            return smoke(configs, data)
        ((name, config),) = configs.items()
        folder = args.run or Path("runs") / f"{Path(name).stem}-seed{config.seed}"
        return run(config, data, folder, recipe=name, tensorboard=args.tensorboard)
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first step or after the last one
        print("\nstopped; the same command continues", file=sys.stderr)
        return 130


def run(
    config: Config,
    data: dataset.Dataset,
    folder: Path,
    recipe: str = "",
    tensorboard: bool = False,
    validation_limit: int | None = None,
) -> int:
    """Train until done or interrupted; returns the exit code (0 done, 130 interrupted).

    Raises:
        ConfigError: the settings or the folder cannot be used, or the training diverged.
        DatasetError: too few images.
    """
    import keras

    policy = keras.config.dtype_policy()
    try:
        with Lock(folder) as lock:
            return _run(config, data, folder, lock, recipe, tensorboard, validation_limit)
    finally:
        keras.config.set_dtype_policy(policy)


def _run(
    config: Config,
    data: dataset.Dataset,
    folder: Path,
    lock: Lock,
    recipe: str,
    tensorboard: bool,
    validation_limit: int | None,
) -> int:
    import keras
    from tqdm import tqdm

    held_out = dataset.validation_indices(data.train)
    rows = np.setdiff1d(np.arange(len(data.train)), held_out)
    held_out = np.sort(np.random.default_rng(0).permutation(held_out)[:validation_limit])
    if config.limit:
        rows = some(rows, data.train.labels, config.limit, config.seed)
    if not len(rows) or not len(held_out):
        raise DatasetError(f"{data.root} has too few images to train on and to validate with.")
    batches = Batches(data.train.images, data.train.labels, rows, config)
    total = batches.steps

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.dtype)
    _distribute(config)
    model = compile_model(config, batches.steps_per_epoch)
    start = restore(folder, model)
    if config.initial_weights and not start:
        load_initial_weights(model, config)
    given = teacher.answers(config.teacher, data, folder, _predict) if config.teacher else None
    folder.mkdir(parents=True, exist_ok=True)  # not before what may refuse the settings
    lock.take()
    start = start or restore(folder, model)  # another process may have come and gone since
    open_run(folder, config, recipe, data.sha256, start)
    if (folder / "result.json").is_file():
        print(f"{folder} is finished")
        return 0
    if given is not None:
        teacher.keep(folder, given)
        batches.teach(given)
    log = MetricLog(folder / checkpoint.LOG, start)
    events = Events(folder, log.entries) if tensorboard else None
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
    saving = checkpoint.Saving(folder)
    validated = [e["validation_loss"] for e in log.entries if "validation_loss" in e]
    steps = batches.stream(start, start if enough(validated, config) else total)
    with bar, stop, closing(steps):
        for step, (x, y) in steps:
            loss = float(model.train_on_batch(x, y))
            losses.append(loss)
            done, seen = step + 1, seen + len(x)
            bar.update(len(x))
            if not np.isfinite(loss):
                raise _diverged(f"The loss became {loss}", done, config)
            epoch, inside = divmod(done, batches.steps_per_epoch)
            validates = not inside and epoch % config.validate_every == 0
            last = done == total or stop.asked  # read once: a signal may come at any line
            if done % config.checkpoint_every == 0 or not inside or last:
                rate = seen / (time.monotonic() - since)
                entry = {"step": done, "epoch": done / batches.steps_per_epoch}
                entry |= {"loss": float(np.mean(losses)), "images_per_s": round(rate, 1)}
                saves = validates or last or saving.is_due()
                if saves and not finite(model):  # a finite loss may come before such a step
                    raise _diverged("A weight became infinite or no number", done, config)
                if validates:
                    entry |= validate(model, data.train, held_out, averaged=config.ema > 0)
                    validated.append(entry["validation_loss"])
                    _react(model, config, folder, done, validated)
                # The next rate counts what is written here, but not validation.
                since, seen, losses = time.monotonic(), 0, []
                log.write(entry)
                if events:
                    events.write(entry)
                if saves:
                    saving.save(done, lambda: state_of(model))
                bar.set_postfix({k: f"{v:.4f}" for k, v in entry.items() if k in SHOWN})
            if last and done < total:
                print(f"\nstopped after step {done}; the same command continues", file=sys.stderr)
                return 130
            if not inside and enough(validated, config):
                break
    if events:
        events.close()
    _finish(model, config, folder, log, data, held_out, batches)
    return 0


def _react(model, config: Config, folder: Path, step: int, losses: list[float]) -> None:
    """What an epoch's validation loss leads to: a lower rate, weights to come back to."""
    if config.plateau:
        model.optimizer.learning_rate = rate_after(losses, config)
    if config.early_stopping and is_best(losses):
        best = folder / "best"
        best.mkdir(exist_ok=True)
        checkpoint.save(best, step, state_of(model))


def _diverged(what: str, step: int, config: Config) -> ConfigError:
    """To raise; the folder takes no other settings, so advice on them names another one."""
    wider = "" if config.dtype == "float32" else " or dtype=float32"
    return ConfigError(
        f"{what} at step {step}. Begin anew with another --run and a lower learning_rate{wider}."
    )


SHOWN = ("loss", "validation_accuracy")


def validate(model, train: dataset.Split, rows: np.ndarray, averaged: bool) -> dict[str, float]:
    """Accuracy, AUROC and loss on the held-out rows, with the averaged weights where there are.

    ``validation_calibrated`` is the accuracy after Platt scaling on the same rows, which is how a
    model ships and what its card says; it is left out while the logits do not grow with *real*.
    """
    raw = model.get_weights()
    if averaged:
        model.optimizer.finalize_variable_values(model.trainable_variables)
        # On JAX weights and averages are now the same buffers, and predicting uses them up.
        model.set_weights(model.get_weights())
    logits = _predict(model, train.images, rows)
    model.set_weights(raw)
    is_fake = train.labels[rows] == FAKE
    found = {
        "validation_accuracy": float(np.mean((logits < 0) == is_fake)),
        "validation_auroc": metrics.auroc(-logits, is_fake),
        "validation_loss": metrics.negative_log_likelihood(logits, ~is_fake),
    }
    with suppress(ValueError):
        temperature, bias = fit_platt(logits, ~is_fake)
        right = (Calibration(temperature, bias, 0.5, 0.5).p_fake(logits) >= 0.5) == is_fake
        found["validation_calibrated"] = float(np.mean(right))
    return found


def in_words(result: dict[str, float]) -> str:
    """The accuracies of :func:`validate`."""
    said = f"validation accuracy {result['validation_accuracy']:.4f}"
    if "validation_calibrated" in result:
        said += f", calibrated {result['validation_calibrated']:.4f}"
    return said


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


def _finish(model, config, folder, log, data, held_out, batches) -> None:
    if config.early_stopping:
        restore_best(folder, model, log.entries)
    if config.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    plain, of = _plain_copy(model, config), {}
    if config.ema:
        of["statistics_of_batches"] = statistics.estimate(plain, batches)
    if config.teacher:
        of["teacher_sha256"] = teacher.sha256(folder)
    final = validate(plain, data.train, held_out, averaged=False) | of
    work = folder / ".model.weights.h5"
    plain.save_weights(work)
    work.replace(folder / "model.weights.h5")
    rates = [e["images_per_s"] for e in log.entries]
    final |= {"images_per_s": float(np.median(rates)), "parameters": model.count_params()}
    checkpoint.replace(folder / "result.json", json.dumps(final, indent=1).encode())
    print(f"{folder}: {in_words(final)}")


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
