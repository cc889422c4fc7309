"""CIFAKE Lens: tell photographs from AI-generated images, say how sure, show why."""

__version__ = "0.1.0"
