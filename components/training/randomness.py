"""Random numbers by a counter-based hash, which XLA compiles to a few integer operations an element.

XLA's own random generator costs ten times the network on a CPU. A mask needs no such quality: it needs to be
independent between streams, steps, positions and seeds, which a good integer hash of those four gives.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (counters in place of state); the mixing
constants are Wellons' `lowbias32`, whose bias is among the lowest known for two multiplications.
"""

import zlib
from typing import Any

import tensorflow as tf

_GOLDEN = 0x9E3779B9


class StepRandom:
    """The random choices of one training step, a function of the seed, the step's number and the stream's name.

    It is what `components.core.experiment.Random` describes.
    """

    def __init__(self, seed: int) -> None:
        self._seed = tf.constant(seed, tf.uint32)
        self._step: Any = tf.zeros((), tf.uint32)

    def set_step(self, step: Any) -> None:
        """Take the choices of another step from now on; `step` is a scalar tensor of integers."""
        self._step = tf.cast(step, tf.uint32)

    def uniform(self, stream: str, n: int) -> Any:
        """Return `n` numbers from 0 to below 1, float32, shape (n,)."""
        return tf.cast(tf.bitwise.right_shift(self.hashes(stream, n), _u32(8)), tf.float32) / 2**24

    def coins(self, stream: str, n: int) -> Any:
        """Return `n` fair coin flips, bool, shape (n,)."""
        return self.hashes(stream, n) >= _u32(2**31)

    def integers(self, stream: str, n: int, low: int, high: int) -> Any:
        """Return `n` integers from `low` to below `high`, int32, shape (n,)."""
        return tf.cast(self.hashes(stream, n) % _u32(high - low), tf.int32) + low

    def seed(self, stream: str) -> Any:
        """Return a seed for TensorFlow's stateless functions, int32, shape (2,)."""
        return tf.bitcast(tf.stack([self._key(stream, 1), self._key(stream, 2)]), tf.int32)

    def hashes(self, stream: str, n: Any) -> Any:
        """Return `n` uint32 hashes of their positions, uniform and independent between steps and streams.

        The second key goes in between the two multiplications: with one key alone, two steps would see the same
        sequence from different starting points.
        """
        position = tf.cast(tf.range(n), tf.uint32) * _u32(_GOLDEN)
        mixed = position + self._key(stream, 1)
        mixed = _xor_shift(mixed, 16) * _u32(0x7FEB352D)
        mixed = tf.bitwise.bitwise_xor(mixed, self._key(stream, 2))
        mixed = _xor_shift(mixed, 15) * _u32(0x846CA68B)
        return _xor_shift(mixed, 16)

    def _key(self, stream: str, purpose: int) -> Any:
        """Return a uint32 that differs between seeds, streams, steps and purposes."""
        key = _mix(self._seed + _u32(purpose * _GOLDEN))
        key = _mix(tf.bitwise.bitwise_xor(key, _u32(zlib.crc32(stream.encode()))))
        return _mix(tf.bitwise.bitwise_xor(key, self._step))


def _mix(value: Any) -> Any:
    value = _xor_shift(value, 16) * _u32(0x7FEB352D)
    value = _xor_shift(value, 15) * _u32(0x846CA68B)
    return _xor_shift(value, 16)


def _xor_shift(value: Any, bits: int) -> Any:
    return tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, _u32(bits)))


def _u32(value: float) -> Any:
    return tf.constant(int(value) % 2**32, tf.uint32)
