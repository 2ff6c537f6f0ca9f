"""The pipeline's stages: plain functions on folders, the same in a cluster, in a local pipeline and in `csad train`."""
