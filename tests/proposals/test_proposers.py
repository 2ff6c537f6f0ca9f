from dataclasses import replace

import numpy as np

from csad.images import read_rgb, scan, training_images
from csad.proposals.proposers import proposer_of


def test_the_tiny_line_shows_its_three_parts(tiny_line, tiny_line_data):
    images = scan(tiny_line_data, tiny_line)

    finder = proposer_of(tiny_line).build(tiny_line, images, ())

    masks = finder.find(read_rgb(images.train[0].path)).masks
    assert len(masks) == 3
    # A disc of 33 px across, a square of 29 x 29, a bar of 71 x 19.
    areas = sorted(int(mask.mask.sum()) for mask in masks)
    assert np.allclose(areas, [29 * 29, np.pi * 16.5**2, 71 * 19], rtol=0.1)


def test_with_the_canvas_of_ingest_the_sample_is_read_once_for_the_way_of_seeing(
    tiny_line, tiny_line_data, monkeypatch
):
    images = scan(tiny_line_data, tiny_line)
    images = replace(
        images,
        canvas=training_images.fit_line_canvas(tiny_line, training_images.sample_images(tiny_line, images.train)),
    )
    read = []
    monkeypatch.setattr(training_images, "read_rgb", lambda path, limit: read.append(path) or read_rgb(path, limit))

    proposer_of(tiny_line).build(tiny_line, images, ())

    assert len(read) == 10
