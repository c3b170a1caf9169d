"""Puts the version in service behind an address: KServe's InferenceService, or a plain Deployment."""
