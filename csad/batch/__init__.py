"""Batch scoring: the images of a folder, a prefix or a list by several tasks into one Parquet file."""
