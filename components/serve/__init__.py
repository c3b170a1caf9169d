"""The inference server: a version of a registry, or the model of a run, over KServe's protocols."""
