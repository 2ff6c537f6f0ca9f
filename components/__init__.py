"""Pipeline components, one folder each: thin adapters of the stages in `csad.stages`."""
