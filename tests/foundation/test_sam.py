"""SAM-HQ's prompts and automatic masks against the package's own predictor and generator."""

import numpy as np
import pytest
import torch

from csad.config.settings import FoundationSettings
from csad.foundation.grounding import Detection
from csad.foundation.sam import SamHq
from csad.proposals.automatic_masks import crops_of, propose_objects
from csad.proposals.component_finder import masks_in_boxes
from csad.proposals.part_selection import background_of
from tests.foundation.tiny_models import SKIP, tiny_sam

package = pytest.importorskip("segment_anything_hq", reason=SKIP)

EVERYTHING = FoundationSettings(
    points_per_side=4, predicted_iou=0.05, stability=0.1, mask_overlap=0.9, crop_layers=1, minimum_region=20
)


@pytest.fixture(scope="module")
def model():
    return tiny_sam(seed=1)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(5).integers(0, 256, (90, 150, 3), dtype=np.uint8)


def boxes_as_detections(boxes):
    return [Detection(tuple(box), "screw", 0.5) for box in boxes]


def test_a_box_gives_the_mask_of_the_package(model, image):
    boxes = [[10.0, 20.0, 80.0, 70.0], [0.0, 0.0, 150.0, 90.0], [140.0, 80.0, 149.0, 89.0]]
    predictor = package.SamPredictor(model)
    predictor.set_image(image)
    sam = SamHq(model, prompts_per_batch=2)

    regions = masks_in_boxes(sam, sam.encode(image), boxes_as_detections(boxes))

    assert len(regions) == 3
    for box, region in zip(boxes, regions, strict=True):
        expected, _, _ = predictor.predict(box=np.array(box), multimask_output=False)
        assert expected[0].any()
        assert np.array_equal(region.mask((90, 150)), expected[0])
        assert region.box == tuple(box)
    assert sam.encodings == 1


def test_points_give_the_masks_of_the_package(model, image):
    points = np.array([[[5.0, 6.0], [140.0, 80.0]], [[75.0, 45.0], [20.0, 60.0]]])
    predictor = package.SamPredictor(model)
    predictor.set_image(image)
    sam = SamHq(model)
    encoded = sam.encode(image)

    for ambiguous in (False, True):
        predictions = next(sam.prompt_points(encoded, points, ambiguous))
        for index, pair in enumerate(points):
            logits, scores, _ = predictor.predict(pair, np.ones(2), multimask_output=ambiguous, return_logits=True)
            drawn = next(sam.draw(encoded, predictions.logits[index : index + 1]))
            assert drawn[0].numpy() == pytest.approx(logits[0], abs=1e-4)
            assert predictions.scores[index].item() == pytest.approx(scores[0], abs=1e-5)


@pytest.mark.parametrize("minimum_region", [0, 20])
def test_automatic_masks_are_those_of_the_package(minimum_region):
    model = tiny_sam(seed=0)
    model.mask_threshold = 50.0  # random logits exceed it in small blobs only, as objects do
    image = np.random.default_rng(5).integers(0, 256, (180, 300, 3), dtype=np.uint8)
    settings = EVERYTHING.model_copy(update={"minimum_region": minimum_region})
    generator = package.SamAutomaticMaskGenerator(
        model,
        points_per_side=4,
        points_per_batch=5,
        pred_iou_thresh=0.05,
        stability_score_thresh=0.1,
        box_nms_thresh=0.9,
        crop_nms_thresh=0.9,
        crop_n_layers=1,
        min_mask_region_area=minimum_region,
    )
    expected = generator.generate(image)
    sam = SamHq(model, prompts_per_batch=5)

    found = propose_objects(sam, image, sam.encode(image), settings)

    assert len(found) == len(expected) > 6
    for region, other in zip(found, expected, strict=True):
        assert np.array_equal(region.mask((180, 300)), other["segmentation"])
        assert region.point == pytest.approx(tuple(other["point_coords"][0]))
        assert region.score == pytest.approx(other["predicted_iou"], abs=1e-5)
        assert region.stability == pytest.approx(other["stability_score"], abs=1e-4)


def test_an_image_is_encoded_once_and_each_crop_once(model, image):
    sam = SamHq(model)
    encoded = sam.encode(image)

    propose_objects(sam, image, encoded, EVERYTHING)
    background_of(sam, encoded)
    masks_in_boxes(sam, encoded, boxes_as_detections([[10.0, 10.0, 60.0, 60.0]] * 3))

    assert len(crops_of((90, 150), 1)) == 4
    assert sam.encodings == 1 + 4
    assert sam.prompts == 5 * 16 + 1 + 3


def test_two_hundred_boxes_share_one_encoding_in_batches(model, image):
    generator = np.random.default_rng(0)
    corners = np.sort(generator.uniform(0, 90, (200, 2, 2)), axis=1).reshape(200, 4) + np.array([0, 0, 2, 2])
    sam = SamHq(model)

    regions = masks_in_boxes(sam, sam.encode(image), boxes_as_detections(corners))

    assert (sam.encodings, sam.prompts) == (1, 200)
    assert 150 < len(regions) <= 200


def test_little_memory_for_masks_changes_nothing(model, image):
    generous, meagre = SamHq(model), SamHq(model, mask_memory=1)
    first = propose_objects(generous, image, generous.encode(image), EVERYTHING)
    second = propose_objects(meagre, image, meagre.encode(image), EVERYTHING)
    assert [region.runs for region in first] == [region.runs for region in second]


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_draws_almost_the_same_masks(model, image, precision):
    boxes = boxes_as_detections([[10.0, 20.0, 80.0, 70.0], [60.0, 5.0, 140.0, 85.0]])
    single, half = SamHq(model), SamHq(model, precision=precision)
    exact, rounded = single.encode(image), half.encode(image)
    assert not torch.equal(exact.features, rounded.features)
    pairs = zip(masks_in_boxes(single, exact, boxes), masks_in_boxes(half, rounded, boxes), strict=True)
    for expected, found in pairs:
        assert np.mean(expected.mask((90, 150)) == found.mask((90, 150))) > 0.95


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 2), (37, 41)])
def test_images_of_any_shape_are_proposed_for(model, size):
    grey = np.full((*size, 3), 90, dtype=np.uint8)
    sam = SamHq(model)
    encoded = sam.encode(grey)
    found = propose_objects(sam, grey, encoded, EVERYTHING)
    assert all(region.mask(size).any() for region in found)
    assert background_of(sam, encoded).shape == size


def test_an_image_of_five_thousand_pixels_is_drawn_one_mask_at_a_time(model):
    large = np.zeros((3000, 5000, 3), dtype=np.uint8)
    large[500:1500, 1000:3000] = 255
    sam = SamHq(model, mask_memory=2**26)
    encoded = sam.encode(large)
    predictions = next(sam.prompt_boxes(encoded, np.array([[1000.0, 500.0, 3000.0, 1500.0]] * 2)))
    drawn = [logits.shape for logits in sam.draw(encoded, predictions.logits)]
    assert drawn == [(1, 3000, 5000), (1, 3000, 5000)]
