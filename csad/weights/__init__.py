"""Published weights of the models: which there are, where they come from, and that they stay what they were."""
