"""A forked experiment for tests: one small layer, and a rate at which every trial fails."""

from dataclasses import dataclass

import keras

from components.core.experiment import Experiment


@dataclass(frozen=True)
class Hyperparameters:
    """The width of the one hidden layer, and how it is trained."""

    units: int
    learning_rate: float
    batch_size: int
    dropout_rate: float = 0.2


def search_space(hp):
    return Hyperparameters(
        units=hp.Int("units", 4, 64, default=8),
        learning_rate=hp.Choice("learning_rate", [1e-3, 3e-3, 1e-2, 3e-2, 1e38], default=1e-2),
        batch_size=hp.Choice("batch_size", [32, 64, 128], default=64),
    )


def create_model(hyperparameters, input_shape, n_classes):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    hidden = keras.layers.Dense(hyperparameters.units, activation="relu")(hidden)
    hidden = keras.layers.Dropout(hyperparameters.dropout_rate)(hidden)
    return keras.Model(inputs, keras.layers.Dense(n_classes)(hidden))


EXPERIMENT = Experiment(
    search_space=search_space,
    create_model=create_model,
    batch_size=lambda hyperparameters: hyperparameters.batch_size,
    optimizer=lambda hyperparameters, n_steps: keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(hyperparameters.learning_rate, n_steps)
    ),
)
