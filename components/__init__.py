"""The steps, what they share, and the experiment."""

from components.core import keras_settings

keras_settings.prepare()
