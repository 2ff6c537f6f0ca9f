"""What runs a stage, knows it again and keeps it: keys, records, locks, shards."""
