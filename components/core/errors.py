"""The project's own errors, and what each means for the process that ends with it."""


class PipelineError(Exception):
    """Something went wrong that the user can understand; its message is shown as it is, in one line.

    Attributes:
        exit_status: what the command line ends with.
    """

    exit_status = 1


class InvalidInput(PipelineError, ValueError):
    """A value, file or artifact from outside that can't be used."""

    exit_status = 2
