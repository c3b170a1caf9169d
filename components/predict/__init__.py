"""Predictions for many inputs at once, row by row into a file."""
