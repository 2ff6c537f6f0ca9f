import numpy as np
import pytest

from csad.common.errors import StageError
from csad.config.line import ProductLine
from csad.imaging.masks import ComponentMask, load_masks
from csad.proposals import classical
from csad.runner.snapshot import open_snapshot
from csad.stages import masks


class Quarters:
    """Two quarters of the image, and the half that unites them."""

    name = "quarters"

    def __init__(self):
        self.asked = 0

    def propose(self, image):
        self.asked += 1
        found = np.zeros((3, *image.shape[:2]), dtype=bool)
        found[0, :64, :64] = found[1, :64, 64:] = found[2, :64] = True
        return [ComponentMask(mask, "quarters", 1.0) for mask in found]


@pytest.fixture
def quarters(monkeypatch):
    proposer = Quarters()
    monkeypatch.setattr(classical, "build_classical", lambda sample, canvas, mode: proposer)
    return proposer


def test_the_parts_of_the_product_are_found(tiny_line, images, tags, tmp_path):
    summary = masks.run(tiny_line, images, tags, tmp_path)

    assert (summary.images, summary.kept, summary.images_without_masks) == (10, 30, 0)
    assert sorted(path.stem for path in tmp_path.glob("*.json")) == [f"{index:03d}" for index in range(10)]
    areas = sorted(int(mask.mask.sum()) for mask in load_masks(tmp_path / "000.json"))
    assert areas == pytest.approx([804, 841, 1349], rel=0.1)


def test_the_summary_counts_what_each_rule_touched(tiny_line, images, tags, tmp_path, quarters):
    summary = masks.run(tiny_line, images, tags, tmp_path)

    assert (summary.proposed, summary.combine_dropped, summary.combine_images, summary.kept) == (30, 10, 10, 20)
    assert "filter-by-combine dropped 10 in 10 images" in summary.headline()


def test_a_rule_can_be_switched_off(images, tags, tmp_path, quarters):
    line = ProductLine.from_yaml("name: tiny\npseudo_labels: {filter_by_combine: false}")
    summary = masks.run(line, images, tags, tmp_path)
    assert (summary.combine_dropped, summary.kept) == (0, 30)


def test_images_that_are_done_are_not_asked_again_and_count_the_same(tiny_line, images, tags, tmp_path, quarters):
    first = masks.run(tiny_line, images, tags, tmp_path)
    (tmp_path / "rules/004.json").unlink()
    quarters.asked = 0

    assert masks.run(tiny_line, images, tags, tmp_path) == first
    assert quarters.asked == 1


def test_shares_together_do_every_image_once(tiny_line, images, tags, tmp_path, quarters):
    summaries = [masks.run(tiny_line, images, tags, tmp_path, shard, shards=3) for shard in range(3)]

    assert [summary.images for summary in summaries] == [4, 3, 3]
    assert quarters.asked == 10
    stems = {image.stem for image in open_snapshot(images).train}
    assert {path.stem for path in tmp_path.glob("*.json")} == stems


def test_tags_must_have_been_written(tiny_line, images, tmp_path):
    with pytest.raises(StageError, match="run the tagging stage again"):
        masks.run(tiny_line, images, tmp_path, tmp_path)
