"""What users would pick instead of this project, each as it is meant to be used, on the same data and search space.

Each peer is a program that runs in an environment of its own (`environment.py`) and imports nothing of the project but
this folder: `python -m benchmarks.peers.NAME DATA SECONDS SEED OUTPUT`. DATA is a folder with a `training_data`
artifact and the search space, `space.json`. Whenever an epoch's validation accuracy is known, a JSON line is added to
OUTPUT: `seconds` since the program began, start-up included, `trial`, `epoch` (from 1) and `accuracy`. It ends by
itself after SECONDS.
"""
