"""What Keras computes on, in the words of its backend."""

from __future__ import annotations


def device() -> str:
    """The kind of the first device that Keras computes on: "cpu", or what a GPU calls itself."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.devices()[0].device_kind
    if backend == "torch":
        import torch

        chosen = keras.ops.convert_to_tensor(0).device  # Keras also takes Apple's and Intel's
        return torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else chosen.type
    from tensorflow import config

    found = config.list_physical_devices("GPU")
    details = config.experimental.get_device_details(found[0]) if found else {}
    return details.get("device_name", "gpu" if found else "cpu")
