"""Records a run in MLflow, for teams that look at their runs there."""
