"""csad beside other methods: every method and runtime in a process of its own, taking turns on the same images."""
