import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from csad.common.errors import StageError
from csad.imaging.masks import ComponentMask, load_masks, save_masks, stack_masks


def two_masks():
    first, second = np.zeros((4, 6), dtype=bool), np.zeros((4, 6), dtype=bool)
    first[1:3, 2:5] = True
    second[3, 0] = True
    return [
        ComponentMask(first, "grounding", 0.75, phrase="metal screw"),
        ComponentMask(second, "automatic", 0.9, point=(0.5, 3.5)),
    ]


def test_masks_come_back_with_their_provenance(tmp_path):
    path = tmp_path / "masks" / "schraube 1 ü.json"
    save_masks(path, two_masks())
    first, second = load_masks(path)
    assert (first.source, first.score, first.phrase, first.point) == ("grounding", 0.75, "metal screw", None)
    assert (second.source, second.score, second.phrase, second.point) == ("automatic", 0.9, None, (0.5, 3.5))
    assert np.argwhere(first.mask).tolist() == [[1, 2], [1, 3], [1, 4], [2, 2], [2, 3], [2, 4]]
    assert np.argwhere(second.mask).tolist() == [[3, 0]]
    assert first.mask.dtype == bool
    assert first.mask.shape == (4, 6)


def test_the_prompting_box_and_the_stability_come_back(tmp_path):
    mask = np.ones((2, 3), dtype=bool)
    boxed = ComponentMask(mask, "grounding", 0.4, phrase="nut", box=(0.25, 0.0, 3.0, 1.5))
    stable = ComponentMask(mask, "automatic", 0.9, point=(1.0, 1.0), stability=0.97)
    save_masks(tmp_path / "a.json", [boxed, stable])
    first, second = load_masks(tmp_path / "a.json")
    assert (first.box, first.stability) == ((0.25, 0.0, 3.0, 1.5), None)
    assert (second.box, second.stability) == (None, 0.97)


def test_masks_without_them_are_written_as_before(tmp_path):
    save_masks(tmp_path / "a.json", [ComponentMask(np.ones((2, 3), dtype=bool), "classical", 1.0)])
    (record,) = json.loads((tmp_path / "a.json").read_text())["masks"]
    assert sorted(record) == ["phrase", "point", "score", "segmentation", "source"]


def test_the_file_holds_coco_run_lengths(tmp_path):
    save_masks(tmp_path / "a.json", two_masks()[1:])
    run_length = json.loads((tmp_path / "a.json").read_text())["masks"][0]["segmentation"]
    # Columns first: 3 background pixels, 1 of the mask, 20 of background; COCO writes each as a character from "0".
    assert run_length["size"] == [4, 6]
    assert run_length["counts"] == "31d0"


def test_an_image_without_masks_is_a_file_without_masks(tmp_path):
    save_masks(tmp_path / "empty.json", [])
    assert load_masks(tmp_path / "empty.json") == []


@pytest.mark.parametrize("filled", [False, True], ids=["empty mask", "mask of the full image"])
def test_extreme_masks_survive(tmp_path, filled):
    save_masks(tmp_path / "a.json", [ComponentMask(np.full((5, 3), filled), "classical", 1.0)])
    assert np.array_equal(load_masks(tmp_path / "a.json")[0].mask, np.full((5, 3), filled))


@settings(max_examples=50, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_any_mask_survives(tmp_path_factory, mask):
    path = tmp_path_factory.getbasetemp() / "any.json"
    save_masks(path, [ComponentMask(mask, "classical", 0.5)])
    assert np.array_equal(load_masks(path)[0].mask, mask)


def test_a_file_that_was_cut_off_is_refused_with_its_name(tmp_path):
    path = tmp_path / "a.json"
    save_masks(path, two_masks())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StageError, match=r"a\.json is damaged .* run the masks stage again"):
        load_masks(path)


def test_a_changed_run_length_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "a.json"
    save_masks(path, two_masks())
    path.write_text(path.read_text().replace("31d0", "3ooo"))
    with pytest.raises(StageError, match="sha256"):
        load_masks(path)


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"version": 1}', "\x00\x01"])
def test_another_json_file_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(StageError, match="damaged"):
        load_masks(tmp_path / "a.json")


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "a.json"
    save_masks(path, two_masks())
    path.write_text(path.read_text().replace('"version": 1', '"version": 7'))
    with pytest.raises(StageError, match="version 7, expected 1"):
        load_masks(path)


def test_a_missing_file_says_which_stage_writes_it(tmp_path):
    with pytest.raises(StageError, match="does not exist; run the masks stage first"):
        load_masks(tmp_path / "none.json")


def test_a_failed_write_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "a.json"
    save_masks(path, two_masks())
    before = path.read_bytes()
    unwritable = ComponentMask(np.ones((2, 2), dtype=bool), "classical", 1.0, phrase=object())
    with pytest.raises(TypeError):
        save_masks(path, [unwritable])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_masks_are_stacked_in_their_order():
    stack = stack_masks(two_masks(), (4, 6))
    assert stack.shape == (2, 4, 6)
    assert stack.sum(axis=(1, 2)).tolist() == [6, 1]
    assert stack_masks([], (4, 6)).shape == (0, 4, 6)
