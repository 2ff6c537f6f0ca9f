from csad.images.folds import FOLDS, folds_of


def test_images_are_dealt_out_in_turn_and_a_group_stays_together():
    assert FOLDS == 5
    assert folds_of([4, 4, 9, 2, 7, 9, 1, 8]).tolist() == [0, 0, 1, 2, 3, 1, 4, 0]
