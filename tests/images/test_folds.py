from csad.images.folds import folds_of


def test_images_are_dealt_out_in_turn_and_a_group_stays_together():
    assert folds_of([4, 4, 9, 2, 7, 9, 1, 8]).tolist() == [0, 0, 1, 2, 3, 1, 4, 5]


def test_few_images_are_dealt_out_to_more_folds_than_many():
    # 300 // 40 = 7 folds, 300 // 29 = 10; 200 images keep the usual five.
    assert [int(folds_of(range(count)).max()) + 1 for count in (40, 29, 200)] == [7, 10, 5]
