"""Dropout by a counter-based hash, which XLA compiles to a few integer operations an element.

XLA's own random generator costs ten times the network on a CPU. A mask needs no such quality: it needs to be
independent between layers, steps, positions and seeds, which a good integer hash of those four gives.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (counters in place of state); the mixing
constants are Wellons' `lowbias32`, whose bias is among the lowest known for two multiplications.
"""

import keras
import tensorflow as tf

_GOLDEN = 0x9E3779B9


class Clock:
    """The number of the current training step, and the seed: what the random masks of a step depend on."""

    def __init__(self, seed):
        self._seed = tf.constant(seed, tf.uint32)
        self._step = tf.zeros((), tf.uint32)

    def set(self, step):
        self._step = step

    def key(self, stream, purpose):
        """Return a uint32 that differs between seeds, streams (a layer, say), steps and purposes."""
        key = _mix(self._seed + _u32(purpose * _GOLDEN))
        key = _mix(tf.bitwise.bitwise_xor(key, _u32(stream * _GOLDEN)))
        return _mix(tf.bitwise.bitwise_xor(key, self._step))


def hashes(clock, stream, count):
    """Return `count` uint32 hashes of their positions, uniform and independent between steps and streams.

    The second key goes in between the two multiplications: with one key alone, two steps would see the same sequence
    from different starting points.
    """
    position = tf.cast(tf.range(count), tf.uint32) * _u32(_GOLDEN)
    mixed = position + clock.key(stream, 1)
    mixed = _xor_shift(mixed, 16) * _u32(0x7FEB352D)
    mixed = tf.bitwise.bitwise_xor(mixed, clock.key(stream, 2))
    mixed = _xor_shift(mixed, 15) * _u32(0x846CA68B)
    return _xor_shift(mixed, 16)


class FastDropout(keras.layers.Layer):
    """Drops each input with probability `rate` while training and scales the others by 1 / (1 - rate).

    Source: Srivastava et al. 2014, "Dropout", in its inverted form, as in `keras.layers.Dropout`.
    """

    def __init__(self, rate, clock, stream, **kwargs):
        super().__init__(**kwargs)
        self._rate = rate
        self._clock = clock
        self._stream = stream

    def call(self, inputs, training=False):
        if not training or self._rate == 0:
            return inputs
        keep = hashes(self._clock, self._stream, tf.size(inputs)) >= _u32(self._rate * 2**32)
        return tf.where(tf.reshape(keep, tf.shape(inputs)), inputs / (1 - self._rate), tf.zeros_like(inputs))


def _mix(value):
    value = _xor_shift(value, 16) * _u32(0x7FEB352D)
    value = _xor_shift(value, 15) * _u32(0x846CA68B)
    return _xor_shift(value, 16)


def _xor_shift(value, bits):
    return tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, _u32(bits)))


def _u32(value):
    return tf.constant(int(value) % 2**32, tf.uint32)
