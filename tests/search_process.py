"""A search in a process of its own: `python -m tests.search_process TRAINING_DATA STATE_DIR SETTINGS`."""

import json
import sys

from components.core import termination
from components.experiment import EXPERIMENT
from components.tune.search import SearchSettings, search


def main(training_data, state_dir, settings):
    termination.exit_on_sigterm("search")
    found = search(EXPERIMENT, training_data, SearchSettings(**json.loads(settings)), state_dir)
    print(f"best: {found.best.number}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
