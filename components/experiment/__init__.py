"""The experiment: everything that makes it this one, and nothing else. To try something of your own, change this room.

    space.py          the hyperparameters, the range of each, and what is fixed for which data
    network.py        the network that they describe
    recipe.py         batch size, optimizer, learning rate and loss
    augmentation.py   random changes of the training inputs

`EXPERIMENT` puts the parts together; `components.core.experiment.Experiment` says what each part is given and what it
returns. Only the first two are needed: a part that is left out has a plain default (batches of 128, Adam at 0.001,
cross-entropy, inputs as they are, accuracy). What a part reads of the hyperparameters `search_space` must return, and
what `search_space` declares some part must read: anything else is refused by name before the first trial.

All code that decides a training belongs into this folder. A search is bound to it: after a change here (other than of
comments, docstrings and layout) an earlier search can be learned from, but not continued.
"""

from components.core.experiment import ACCURACY, Experiment
from components.experiment.augmentation import augment
from components.experiment.network import create_model
from components.experiment.recipe import batch_size, loss, optimizer
from components.experiment.space import fixed_for, search_space

EXPERIMENT = Experiment(
    search_space=search_space,
    create_model=create_model,
    batch_size=batch_size,
    optimizer=optimizer,
    loss=loss,
    augment=augment,
    fixed_for=fixed_for,
    objective=ACCURACY,  # or BALANCED_ACCURACY, MACRO_F1, or a `Metric` of your own
)
