"""The scoring path: branches, their fusion, the anomaly map, the model folder, the scorer."""
