"""The commands behind ``python -m cifake_core``, one module each."""
