"""What a step says while it works. The local run puts a live display in place of the plain lines."""

import sys


class PlainLines:
    """Writes one line an event to standard output, without control characters: for logs."""

    def note(self, text):
        print(text, flush=True)

    def step_started(self, name):
        self.note(f"{name}: started")

    def step_finished(self, name, seconds):
        self.note(f"{name}: finished in {seconds:.1f} s")

    def search_started(self, finished, max_trials):
        """Hear that a search begins, or goes on after the `finished` trials of an earlier one."""
        if finished:
            self.note(f"continuing the search after {len(finished)} of {max_trials} trials")

    def trial_finished(self, trial, best, max_trials):
        self.note(trial_line(trial, best, max_trials))

    def epoch_finished(self, epoch, epochs):
        self.note(epoch_line(epoch, epochs))

    def refit_epoch_finished(self, epoch, epochs):
        self.note(
            f"refit epoch {epoch.number}/{epochs}: loss {epoch.loss:.4f} accuracy {epoch.accuracy:.4f} "
            f"({epoch.seconds:.1f} s)"
        )

    def downloaded(self, received, total, name):
        """Hear that `received` of a file's `total` bytes have come; the total is None where it is not known."""
        if total and received >= total:
            self.note(f"downloaded {name}, {total:,} bytes")

    def close(self):
        """End the display."""


class Forwarding(PlainLines):
    """Hands notes to `send` instead of writing them."""

    def __init__(self, send):
        self._send = send

    def note(self, text):
        self._send(text)


listener = PlainLines()
"""Hears every event of this process; `components.core.events.listener = …` replaces it."""


def note(text):
    listener.note(text)


def warn(text):
    print(f"warning: {text}", file=sys.stderr, flush=True)


def trial_line(trial, best, max_trials):
    """Return one line on a finished trial and the best so far."""
    values = " ".join(f"{name}={short(value)}" for name, value in trial.hyperparameters.items())
    result = trial.status if trial.validation_accuracy is None else f"{trial.validation_accuracy:.4f}"
    ending = {"completed": "", "stopped": f" stopped after epoch {trial.epochs}", "failed": f" {trial.reason}"}[
        trial.status
    ]
    best_so_far = f" best {best.validation_accuracy:.4f}" if best else ""
    return f"trial {trial.number + 1}/{max_trials}: {result}{ending}{best_so_far} ({trial.seconds:.1f} s) {values}"


def epoch_line(epoch, epochs):
    """Return one line on a finished epoch of the final training."""
    return (
        f"epoch {epoch.number}/{epochs}: loss {epoch.loss:.4f} accuracy {epoch.accuracy:.4f} "
        f"validation loss {epoch.validation_loss:.4f} accuracy {epoch.validation_accuracy:.4f} ({epoch.seconds:.1f} s)"
    )


def short(value):
    """Return a hyperparameter's value in a few characters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
