"""What every package may use: errors, whole files or none, digests, text, progress."""
