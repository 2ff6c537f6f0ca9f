"""Where numbers are computed and kept: devices, checkpoints, arrays on disk."""
