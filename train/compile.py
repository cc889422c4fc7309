"""From a configuration to a compiled Keras model."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from cifake_core.errors import ConfigError
from cifake_core.models import BUILDERS, build
from train.config import Config


def compile_model(config: Config, steps_per_epoch: int):
    """Build and compile the model of a configuration."""
    import keras

    from train.depthwise import quicken
    from train.schedule import OneCycle

    if config.model not in BUILDERS:
        raise ConfigError(f"There is no model {config.model!r}. Models: {', '.join(BUILDERS)}.")
    # Where a cycle trains on crops, one that takes images of any size; its weights are the same.
    crops = any(phase.crop for phase in config.phases())
    try:
        model = build(config.model, **config.model_args | ({"image_size": None} if crops else {}))
    except (TypeError, ValueError) as error:
        if crops and isinstance(error, TypeError) and "image_size" in str(error):
            raise ConfigError(f"{config.model} wants whole images, so it takes no crop.") from None
        said = str(error).partition("\n")[0].rstrip(". ")  # Keras says more below
        raise ConfigError(f"model_args do not fit {config.model}: {said}.") from None
    quicken(model)
    rate = config.learning_rate
    if config.schedule == "one_cycle":
        cycles = [(p.learning_rate, p.epochs * steps_per_epoch) for p in config.phases()]
        rate = OneCycle(cycles, config.warmup)
    averaging = {"use_ema": config.ema > 0, "ema_momentum": config.ema or 0.99}
    if config.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, **averaging)
    else:
        optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **averaging)
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


def load_initial_weights(model, config: Config) -> None:
    """Put published weights into the layers of the backbone, found by name.

    A model without a backbone takes all of its weights, from a file of a run of the same shape.
    ``imagenet`` is fetched over the network, unless Keras has it from an earlier time.

    Raises:
        ConfigError: the file does not fit the model, there is none, or none could be fetched.
    """
    import keras

    module = import_module(BUILDERS[config.model].split(":")[0])
    backbone = getattr(module, "backbone", None)
    source = config.initial_weights
    if source == "imagenet" and not backbone:
        raise ConfigError(f"{config.model} has no backbone that takes ImageNet's weights.")
    if source != "imagenet" and not Path(source).is_file():
        raise ConfigError(f"There is no weights file {source}.")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        if backbone:
            donor = backbone(weights="imagenet" if source == "imagenet" else None)
        else:
            donor = build(config.model, **config.model_args)
        if source != "imagenet":
            if source.endswith(".weights.h5"):
                _check_count(source, {len(donor.weights), len(model.weights)})
            elif Path(source).suffix not in (".h5", ".hdf5"):  # of which Keras counts the layers
                raise ValueError("the file must be a .weights.h5, .h5 or .hdf5")
            donor.load_weights(source)
    except Exception as error:  # h5py, Keras and the network raise what they like here
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if source == "imagenet":
            raise ConfigError(
                f"ImageNet's weights of {config.model} could not be fetched: {reason}. Without a "
                "network name a file of them, without the top: --weights PATH"
            ) from None
        raise ConfigError(f"The weights {source} do not fit {config.model}: {reason}") from None
    finally:
        keras.config.set_dtype_policy(policy)
    for layer in donor.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def _check_count(source: str, wanted: set[int]) -> None:
    """Keras drops in silence what a file has more, so that weights of a larger net seem to fit.

    Raises:
        ValueError: the file has another number of weights, apart from an optimizer's.
    """
    import h5py

    names: list[str] = []

    def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:
            names.append(name)

    with h5py.File(source) as file:
        file.visititems(keep)
    found = sum(name.startswith("layers/") for name in names)
    if found not in wanted:
        raise ValueError(f"it holds {found} weights instead of {min(wanted)}")
