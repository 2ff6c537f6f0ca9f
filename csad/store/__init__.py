"""Data sets, models and the champion of every line in an S3 store (MinIO, SeaweedFS, AWS S3)."""
