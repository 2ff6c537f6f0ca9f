import numpy as np

from csad.calibration.calibrate import align


def test_out_of_fold_scores_are_lowered_to_the_median_of_the_validation_images_and_never_raised():
    out_of_fold = {"local@top1%": np.array([2.0, 4.0, 12.0]), "global@max": np.array([1.0, 1.0, 3.0])}
    out_of_fold["words@1"] = out_of_fold["local@top1%"]
    validation = {"local@top1%": np.array([1.0, 2.0, 3.0, 2.0, 2.0]), "global@max": np.full(5, 9.0)}
    validation["words@1"] = validation["local@top1%"]

    aligned = align(out_of_fold, validation, {"local@top1%"})

    assert aligned["local@top1%"].tolist() == [0, 2, 10], "deviations are shifted"
    assert aligned["words@1"].tolist() == [1, 2, 6], "distances are scaled"
    assert aligned["global@max"].tolist() == [1, 1, 3]


def test_a_handful_of_validation_images_moves_nothing():
    assert align({"a@1": np.array([4.0])}, {"a@1": np.array([1.0] * 4)}, ())["a@1"].tolist() == [4]
