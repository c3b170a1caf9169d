"""What people read of an exception: the cause first, in one line."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.workers import reasons


def raised(function, *arguments):
    """Return the exception of a call that fails."""
    with pytest.raises(Exception) as caught:
        function(*arguments)
    return caught.value


def test_an_exception_is_its_type_and_its_message():
    assert reasons.cause(ValueError("units must be positive")) == "ValueError: units must be positive"


def test_an_exception_without_a_message_is_its_type():
    assert reasons.cause(MemoryError()) == "MemoryError"


def test_the_lines_of_a_message_become_one():
    assert reasons.cause(ValueError("two\n\n  lines\tof it")) == "ValueError: two lines of it"


def test_a_reason_has_at_most_500_characters():
    assert len(reasons.cause(ValueError("x" * 2000))) == 500


def test_colours_are_left_out():
    assert reasons.cause(ValueError("\x1b[1mbold\x1b[0m")) == "ValueError: bold"


def test_a_message_that_is_nothing_but_a_heading_is_kept():
    assert reasons.cause(ValueError("in user code:")) == "ValueError: in user code"


def test_a_stack_in_a_message_is_left_out():
    message = (
        "in user code:\n\n"
        '    File "/app/network.py", line 3, in call  *\n'
        "        return self.dense(images)\n"
        '    File "/lib/keras/layer.py", line 9, in __call__\n'
        "        raise e\n\n"
        "    ValueError: the input has no rank\n"
    )

    assert reasons.cause(ValueError(message)) == "ValueError: ValueError: the input has no rank"


def test_a_layer_that_does_not_fit_says_so_without_where_it_was_called():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])

    reason = reasons.cause(raised(model, np.zeros((1, 5), np.float32)))

    assert reason.startswith("ValueError: Input 0") and "incompatible" in reason
    assert "Arguments received" not in reason and "File" not in reason


def test_a_failure_in_a_graph_begins_with_its_cause():
    @tf.function
    def fails(number):
        with tf.control_dependencies([tf.debugging.assert_less(number, 3, "more than two classes")]):
            return number + 1

    reason = reasons.cause(raised(fails, tf.constant(5)))

    assert reason.startswith("InvalidArgumentError: assertion failed: [more than two classes]")
    assert "node" not in reason and "File" not in reason


def test_what_python_code_in_a_graph_raises_is_in_the_reason():
    def broken(numbers):
        raise KeyError("no such crop")

    @tf.function
    def fails(numbers):
        return tf.numpy_function(broken, [numbers], tf.float32)

    reason = reasons.cause(raised(fails, tf.constant([1.0])))

    assert "no such crop" in reason[:100] and 'File "' not in reason
