"""The study of local scores counts what it finds, on distances written by hand."""

import torch

from benchmarks.local_score_study import Found, judge, pooled, table
from csad.lgst.normal_distances import NormalDistances


def distances(*images: float) -> torch.Tensor:
    """A map of 3 x 3 alike cells for each image."""
    return torch.tensor(images).view(-1, 1, 1).repeat(1, 3, 3)


def searched() -> dict[str, torch.Tensor]:
    """Ten good images at 1, twenty at 1 to 1.2; of the test images good ones at 1.0 and 9, defects at 5 and 1.1."""
    known = {
        "train": distances(*[1.0] * 10),
        "validation": distances(*[1 + index / 100 for index in range(1, 21)]),
        "test": distances(1.0, 9.0, 5.0, 1.1),
    }
    found = {f"local.{split}.distances": values for split, values in known.items()}
    found |= {f"local.{split}.nearest": torch.zeros_like(values, dtype=torch.long) for split, values in known.items()}
    return found | {"defect": torch.tensor([False, False, True, True])}


def test_what_lies_above_the_threshold_is_found_or_rejected():
    assert judge(searched(), "local", None) == Found(auroc=50.0, found=1, defects=2, rejected=1, good=2)


def test_a_scale_that_treats_all_alike_changes_no_decision():
    scale = NormalDistances(torch.tensor([1.0]), torch.tensor([0.5]))
    assert judge(searched(), "local", scale) == judge(searched(), "local", None)


def test_sets_are_added_up():
    together = pooled([Found(90.0, 3, 4, 1, 10), Found(100.0, 6, 6, 0, 20)])
    assert together == Found(95.0, 9, 10, 1, 30)
    assert "| all | local | bare | 95.0 | 9 of 10 | 1 of 30 |" in table("all", {"local": {"bare": together}})
