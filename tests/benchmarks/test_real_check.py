"""The quick check takes some of the images and knows what is too little."""

from types import SimpleNamespace

from benchmarks import real_check
from csad.evaluation.figures import AurocByKind


def evaluation(**logical: float) -> SimpleNamespace:
    return SimpleNamespace(branches={name: AurocByKind(logical=value) for name, value in logical.items()})


def test_enough_is_enough():
    assert real_check.shortfalls(evaluation(full=95.0, lgst=95.0, words=40.0)) == []


def test_each_weak_or_absent_branch_is_named():
    assert real_check.shortfalls(evaluation(full=91.9)) == [
        "logical AUROC of full is 91.9, expected at least 92.0",
        "logical AUROC of lgst is absent, expected at least 92.0",
    ]


def test_the_images_taken_are_evenly_spaced(tmp_path, monkeypatch):
    monkeypatch.setattr(real_check, "TAKEN", {"train/good": 3, "test/good": 9})
    for name, count in {"train/good": 9, "test/good": 2}.items():
        (tmp_path / "source" / name).mkdir(parents=True)
        for index in range(count):
            (tmp_path / "source" / name / f"{index}.png").write_bytes(b"")
    real_check.link_some(tmp_path / "source", tmp_path / "target")
    assert sorted(path.name for path in (tmp_path / "target/train/good").iterdir()) == ["0.png", "3.png", "6.png"]
    assert len(list((tmp_path / "target/test/good").iterdir())) == 2


def test_the_quick_line_is_valid():
    line = real_check.QUICK.line("juice_bottle")
    assert (line.segmentation.steps, line.images.area, line.pseudo_labels.rotations) == (100, 65_536, 4)
