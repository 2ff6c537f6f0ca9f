"""The field's terms: private words that once stood in code, help and docs do not come back."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".md", ".yaml", ".html", ".toml", ".sh"}
NOT_READ = re.compile(
    r"^(findings/|lines/|examples/|drawn_lines/|pipelines/compiled/|CHANGELOG"
    r"|csad/foundation/(tag_groups|ram_plus/vocabulary)\.yaml"
    r"|csad/config/aliases\.py|tests/config/test_aliases\.py|tests/scoring/test_older_models\.py"
    r"|tests/test_field_terms\.py)"
)
"""Data and what is compiled; the aliases and their tests; this file."""

EVERYWHERE = r""
CODE = r"^(csad|pipelines|components|kfp_client|benchmarks)/"
SCORING = r"^(csad|tests)/(scoring|calibration|reproduction)/"
TEXTS = r"^(csad|pipelines|components|kfp_client|docs)/|^README\.md"
PRODUCT = r"^(csad|docs)/|^README\.md"

TERMS = {
    # (where, pattern): the field's term
    (EVERYWHERE, r"\bPerception\b"): "AnomalyModel",
    (EVERYWHERE, r"\bViews\b"): "ModelOutputs",
    (SCORING, r"\.look\(|def look\("): "forward",
    (EVERYWHERE, r"\bhistogram\.words\b|histogram: \{words"): "codebook_size",
    (EVERYWHERE, r"\btags\.words\b|tags: \{words"): "prompts",
    (r"^csad/(scoring|calibration|features)/", r"(?<!\")\b[Vv]ocabulary\b(?!\")"): "codebook",
    (CODE, r"\b_words\("): "humanize",
    (r"^csad/proposals/", r"\bWords = |\.words\b|\b_words\b"): "bitset; prompts",
    (EVERYWHERE, r"\bPatchMemory\b|\b[Pp]atch memor(?:y|ies)\b"): "memory bank",
    (EVERYWHERE, r"\bmemory_size\b"): "coreset_size",
    (CODE, r"\b_cover\b|\bVIEWS\b|\bPatchView\b"): "coreset; layers",
    (
        EVERYWHERE,
        r"\bLinearStudent\b|\b[Ll]inear (?:global )?student\b|global_student: linear",
    ): "PCA reconstruction error",
    (EVERYWHERE, r"local_student: memory\b(?!_)"): "memory_bank",
    (EVERYWHERE, r"\b[Ee]vidence\b"): "AUROC on synthetic anomalies",
    (EVERYWHERE, r"\bmade_anomalies\b|\b[Ss]elf-made\b|\bmade anomal(?:y|ies)\b|\b[Bb]lemish"): "synthetic anomalies",
    (SCORING, r"\bseparation\b"): "synthetic_auroc",
    (EVERYWHERE, r"(?<![\"`])\b[Ii]nventory(?:Builder)?\b(?![\"`])"): "component statistics",
    (SCORING, r"\bDifference\b"): "Deviation",
    (EVERYWHERE, r"(?<!\")\b_?normal_maps\b(?!\")"): "reference label maps",
    (PRODUCT, r"\b[Ff]indings\b|\bclass Finding\b|\bfirst finding\b"): "explanations; proposal result",
    (CODE, r"\bcanvas\.draw\(|\bundraw\b|\bdraw_labels\b"): "to_input, to_image",
    (
        TEXTS,
        r"\b[Ss]hares? of\b|\bdropped_share\b|\bmask_shares\b|\bBodyShare\b|\bclass Share\b",
    ): "fraction; shard; reservation",
    (EVERYWHERE, r"\btold from good\b"): "detection AUROC",
    (EVERYWHERE, r"\bsurely worse\b|\bsurely more than\b"): "significant regression",
    (EVERYWHERE, r"\bis a guess\b|\bthan a guess\b"): "under-determined",
    (
        EVERYWHERE,
        r"(?m)^\s+\w+: (?:Of|As) (?=\S)|\"\"\"(?:Of|As) [a-z`]|^\| `\w+` \| \w+ \| (?:Of|As) ",
    ): "a noun phrase",
    (CODE, r"(?<!\w)follow\(|\bharden\b|\bcompute_exactly\b|\bGlobalLesson\b|\bkeep_freed_memory\b"): "update_ema, ...",
    (
        TEXTS,
        r"branch %s counts|nothing answers to|\bstarts anew\b|\bgoes on\b",
    ): "fusion weight; no detections; from scratch; resumes",
    (
        CODE,
        r"\bdef (?:here|twin|held|reach|opened|gathered|writing|took)\b|\.(?:twin|took)\(",
    ): "is_present, clone, ...",
}


def read():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in names.split("\0") if name and not NOT_READ.match(name)]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in SUFFIXES and path.is_file() and not path.is_symlink()
    }


OLD_NAMES_OF_ANSWERS = {
    "csad/serving/schemas.py": r"findings: tuple|findings=score",
    "csad/cli/results.py": r"\"findings\"|called the explanations findings",
    "csad/cli/watch.py": r"calls them findings|\"findings\"",
}
"""Where an answer or a file of the release before is still read or given: aliases, as those of the settings."""


@pytest.fixture(scope="module")
def texts():
    found = read()
    for name, alias in OLD_NAMES_OF_ANSWERS.items():
        assert re.search(alias, found[name]), f"{name} holds no alias any more"
        found[name] = re.sub(alias, "", found[name])
    return found


@pytest.mark.parametrize(
    ("where", "pattern"), TERMS, ids=[f"{new}-{index}" for index, new in enumerate(TERMS.values())]
)
def test_a_private_word_does_not_come_back(texts, where, pattern):
    hits = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0].strip()}"
        for name, text in texts.items()
        if re.search(where, name)
        for match in re.finditer(pattern, text)
    ]

    assert hits == [], f"the field says: {TERMS[where, pattern]}"


def test_most_of_the_repository_is_read(texts):
    assert len(texts) > 500
    assert {"README.md", "csad/cli/__init__.py", "csad/scoring/fusion.py", "pipelines/training.py"} <= set(texts)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("csad/scoring/fusion.py", "class Perception:"),
        ("docs/a.md", "Set `histogram.words` above 0."),
        ("csad/lgst/fit.py", "    seed: Of the draw."),
        ("csad/runner/stage.py", '"""Of the run."""'),
        ("csad/cli/train.py", "The same command again goes on after an interruption."),
        ("components/packaging/README.md", "| `seed` | int | Of the run. |"),
        ("csad/gate/checks.py", "surely worse by more than 0.01"),
        ("csad/scoring/scorer.py", "self._inventory = inventory"),
        ("csad/weights/intake.py", "def here(entry, folder):"),
    ],
)
def test_a_private_word_would_be_found(where, text):
    assert any(re.search(place, where) and re.search(pattern, text) for place, pattern in TERMS)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("csad/scoring/scorer.py", 'read_tensors(folder, "inventory")'),
        ("csad/pseudo_labels/mode_preview.py", 'track(files, "Finding components")'),
        ("csad/foundation/ram_plus/vocabulary.py", "class Vocabulary:"),
        ("csad/images/layout.py", "two files share a stem"),
        ("csad/lgst/fit.py", "    seed: Random seed of the run, as `train` draws it."),
    ],
)
def test_an_ordinary_word_is_left_alone(where, text):
    assert not any(re.search(place, where) and re.search(pattern, text) for place, pattern in TERMS)
