"""The list of trials by this project's workers; prints one JSON line.

python -m benchmarks.own_search TRAINING_DATA EPOCHS N_TRIALS N_WORKERS
"""

import json
import sys

from benchmarks.workload import TRIALS, flat_values
from components.core import artifacts
from components.workers.pool import Finished, Pool
from components.workers.stretch import Outcome, Stretch


def main(path: str, epochs: int, n_trials: int, n_workers: int) -> None:
    setup = {"training_data": path, "fingerprint": artifacts.verify(path, "training_data")}
    waiting = list(range(n_trials))
    outcomes: dict[int, Outcome] = {}
    with Pool(n_workers, setup) as pool:
        while len(outcomes) < n_trials:
            for slot in pool.idle[: len(waiting)]:
                number = waiting.pop(0)
                pool.assign(slot, Stretch(number, flat_values(TRIALS[number]), epochs, epochs, seed=1, checkpoint=""))
            outcomes |= {event.number: event.outcome for event in pool.wait() if isinstance(event, Finished)}
        start_up = pool.start_up_seconds
    in_order = [outcomes[number] for number in range(n_trials)]
    accuracies = [outcome.validation_accuracy for outcome in in_order]
    compilation = sum(outcome.compile_seconds for outcome in in_order)
    print(json.dumps({"accuracies": accuracies, "start_up": start_up, "compilation": compilation}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
