from benchmarks.store_speed import early_and_late, measure


def test_the_measurement_measures(tmp_path):
    found = measure(tmp_path, images=30, size=5000)
    assert found.moved == 0
    assert min(found.plain, found.portions, found.push, found.second, found.pull, found.verify) > 0
    assert 0 < found.early <= 4e9
    assert found.ratio > 0


def test_peaks_are_taken_of_the_first_fifth_and_of_the_rest():
    assert early_and_late([3, 1, 2, 5, 4, 1, 1, 1, 1, 1]) == (3, 5)
    assert early_and_late([3]) == (3, 3)
