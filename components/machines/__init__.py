"""Several machines for one search: what `components.workers` is for the processes of one."""
