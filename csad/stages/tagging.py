"""Stage `tagging`: the words that open-vocabulary masks look for (paper 3.1)."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from csad import atomic
from csad.errors import StageError
from csad.line import ProductLine
from csad.stages.files import writing
from csad.stages.snapshot import open_snapshot
from csad.stages.stage import Stage
from csad.stages.summary import Summary, plural

FILE = "tags.json"


class DroppedTag(BaseModel):
    """A word that is not looked for, and why."""

    model_config = ConfigDict(frozen=True)

    word: str
    reason: str


class Tags(BaseModel):
    """`tags.json`.

    Attributes:
        proposer: Who named the words: "line" (the product line's own list) or "none".
        words: What open-vocabulary masks look for.
        dropped: What was named and left out.
        note: What this means for the masks.
    """

    model_config = ConfigDict(frozen=True)

    proposer: str
    words: tuple[str, ...]
    dropped: tuple[DroppedTag, ...]
    note: str

    @classmethod
    def read(cls, folder: Path) -> "Tags":
        """Read the tags of a `tagging` output.

        Raises:
            StageError: The file is missing or damaged.
        """
        try:
            return cls.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StageError(
                f"{folder / FILE} cannot be read ({type(error).__name__}); run the tagging stage again"
            ) from error


@dataclass(frozen=True)
class TaggingSummary(Summary):
    """How many words were found and left out."""

    words: int
    dropped: int
    proposer: str

    def headline(self) -> str:
        """One line for people."""
        if self.proposer == "none":
            return "no words needed: the mask proposals use no vocabulary"
        return f"{plural(self.words, 'word')}, {self.dropped} dropped"


def run(line: ProductLine, images: Path, output: Path) -> TaggingSummary:
    """Write the vocabulary of a line.

    The classical proposals ask no tagging model: the vocabulary is the line's own list, or empty.

    Args:
        line: Product line; `line.tags` may name and drop words.
        images: Output of `ingest`.
        output: Folder for tags.json.

    Raises:
        StageError: `images` is not an ingested data set, or the output cannot be written.
    """
    open_snapshot(images)
    tags = _from_line(line)
    with writing(output):
        atomic.write_text(output / FILE, tags.model_dump_json(indent=2) + "\n")
    return TaggingSummary(words=len(tags.words), dropped=len(tags.dropped), proposer=tags.proposer)


def _from_line(line: ProductLine) -> Tags:
    named = line.tags.words or ()
    drop = {_normalised(word) for word in line.tags.drop}
    words: list[str] = []
    dropped: list[DroppedTag] = []
    for word in map(_normalised, named):
        if word in drop:
            dropped.append(DroppedTag(word=word, reason="listed in tags.drop"))
        elif not word or word in words:
            dropped.append(DroppedTag(word=word, reason="repeated" if word else "empty"))
        else:
            words.append(word)
    proposals = line.pseudo_labels.proposals
    note = f"the {proposals} proposals use no vocabulary: no tagging model was asked"
    return Tags(proposer="line" if named else "none", words=tuple(words), dropped=tuple(dropped), note=note)


def _normalised(word: str) -> str:
    return " ".join(word.lower().split())


STAGE = Stage(name="tagging", run=run, summary=TaggingSummary, sections=("tags", "pseudo_labels"))
