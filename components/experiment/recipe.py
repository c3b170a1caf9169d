"""How the network is trained: batch size, optimizer with its learning rate, and loss."""

from typing import Any

import keras
import tensorflow as tf

from components.experiment.space import Hyperparameters

NOT_DECAYED = ("bias", "beta", "gamma")


def batch_size(hyperparameters: Hyperparameters) -> int:
    """Return how many examples a step is made on."""
    return hyperparameters.batch_size


def optimizer(hyperparameters: Hyperparameters, n_steps: int) -> keras.optimizers.Optimizer:
    """Return AdamW (Loshchilov and Hutter 2019) whose rate falls to zero along a cosine (2017, equation 5).

    Keras' `Adam` with a decay is AdamW; without one it saves a pass over the weights.

    Args:
        hyperparameters: `learning_rate` and `weight_decay` of them.
        n_steps: steps of the whole training, if nothing ends it early.
    """
    rate = keras.optimizers.schedules.CosineDecay(hyperparameters.learning_rate, n_steps)
    adam = keras.optimizers.Adam(rate, weight_decay=hyperparameters.weight_decay or None)
    adam.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
    return adam


def loss(hyperparameters: Hyperparameters, labels: Any, logits: Any) -> Any:
    """Return each example's cross-entropy with labels smoothed towards the uniform distribution, shape (n,).

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7.

    Args:
        hyperparameters: `label_smoothing` of them.
        labels: int32, shape (n,).
        logits: float32, shape (n, n_classes).
    """
    smoothing = hyperparameters.label_smoothing
    logs = tf.nn.log_softmax(logits)
    of_label = -tf.gather(logs, labels, batch_dims=1)
    return (1 - smoothing) * of_label - smoothing * tf.reduce_mean(logs, axis=-1)
