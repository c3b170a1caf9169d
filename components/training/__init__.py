"""How a network is trained."""

from components.core import keras_settings

keras_settings.apply()
