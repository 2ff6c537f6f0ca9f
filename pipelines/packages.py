"""Compiled pipelines on disk: what `make compile` writes, and those of lines that are submitted or scheduled."""

from dataclasses import dataclass
from pathlib import Path

from csad.config.line import ProductLine
from kfp_client.parameters import compiled_defaults
from pipelines.batch import BatchShape, batch
from pipelines.compiling import compile_pipeline
from pipelines.promotion import promotion
from pipelines.shape import Shape
from pipelines.training import training

TRAINING_FILE, PROMOTION_FILE, BATCH_FILE = "training.yaml", "promotion.yaml", "batch.yaml"


@dataclass(frozen=True)
class Target:
    """The cluster that pipelines are compiled for.

    Attributes:
        gpu: It has GPU nodes.
        small: It has few cores: tasks reserve as little as they can live with.
        deploy: False leaves deployment to people whatever the lines say.
    """

    gpu: bool = True
    small: bool = False
    deploy: bool = True

    def line(self, line: ProductLine) -> ProductLine:
        """The line as it runs on this cluster."""
        schedule = line.schedule.model_copy(update={"deploy": self.deploy and line.schedule.deploy})
        return line.model_copy(update={"schedule": schedule})

    def shape(self, line: ProductLine) -> Shape:
        """The form of the line's pipeline."""
        return Shape.of(line, self.small, self.deploy)


def compile_for(line: ProductLine, target: Target, folder: Path) -> tuple[Path, Path]:
    """Write the pipelines whose runs without parameters train a line.

    Returns:
        The training and the promotion pipeline.

    Raises:
        OSError: A file cannot be written.
    """
    compiled = _compile(target, target.shape(line), folder / TRAINING_FILE, target.line(line))
    compile_pipeline(promotion, folder / PROMOTION_FILE)
    return compiled, folder / PROMOTION_FILE


def compile_batch(line: ProductLine, shape: BatchShape, folder: Path) -> Path:
    """Write the pipeline that scores images with a line's model; runs that name no line take this one.

    Raises:
        OSError: The file cannot be written.
    """
    compile_pipeline(batch(shape), folder / BATCH_FILE, {"line": line.name})
    return folder / BATCH_FILE


class Packages:
    """Training pipelines by shape, compiled when they are first asked for.

    Args:
        target: The cluster.
        folder: Where they are written.
        given: A compiled pipeline to be used for every line instead.
    """

    def __init__(self, target: Target, folder: Path, given: Path | None = None) -> None:
        self.target = target
        self._folder = folder
        self._given = given
        self._compiled: dict[Shape, Path] = {}

    def of(self, line: ProductLine) -> Path:
        """The training pipeline of a line.

        Raises:
            OSError: It cannot be written.
        """
        if self._given is not None:
            return self._given
        shape = self.target.shape(line)
        if shape not in self._compiled:
            file = self._folder / f"training-{len(self._compiled)}.yaml"
            self._compiled[shape] = _compile(self.target, shape, file, None)
        return self._compiled[shape]

    def promotion(self) -> Path:
        """The promotion pipeline.

        Raises:
            OSError: It cannot be written.
        """
        file = self._folder / PROMOTION_FILE
        if not file.is_file():
            compile_pipeline(promotion, file)
        return file


def _compile(target: Target, shape: Shape, file: Path, line: ProductLine | None) -> Path:
    compile_pipeline(training(shape, target.gpu), file, compiled_defaults(line) if line else None)
    return file
