import pytest

from csad.stages import clustering, ingest, masks, segnet, tagging


@pytest.fixture(scope="session")
def images(tiny_line, tiny_line_data, tmp_path_factory):
    """Output of `ingest`."""
    folder = tmp_path_factory.mktemp("images")
    ingest.run(tiny_line, tiny_line_data, folder)
    return folder


@pytest.fixture(scope="session")
def tags(tiny_line, images, tmp_path_factory):
    """Output of `tagging`."""
    folder = tmp_path_factory.mktemp("tags")
    tagging.run(tiny_line, images, folder)
    return folder


@pytest.fixture(scope="session")
def proposed(tiny_line, images, tags, tmp_path_factory):
    """Output of `masks`."""
    folder = tmp_path_factory.mktemp("masks")
    masks.run(tiny_line, images, tags, folder)
    return folder


@pytest.fixture(scope="session")
def labels(tiny_line, images, proposed, tmp_path_factory):
    """Output of `clustering`."""
    folder = tmp_path_factory.mktemp("pseudo_labels")
    clustering.run(tiny_line, images, proposed, folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def network(tiny_line, images, labels, tmp_path_factory):
    """Output of `segnet`."""
    folder = tmp_path_factory.mktemp("segnet")
    segnet.run(tiny_line, images, labels, folder, seed=0)
    return folder
