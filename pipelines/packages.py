"""Compiled pipelines on disk: what `make compile` writes, and those of lines that are submitted or scheduled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from csad.config.line import ProductLine
from kfp_client.gpu_nodes import gpu_parameters, has_gpus, require_gpus
from kfp_client.parameters import compiled_defaults, serving_parameters
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
        gpu_nodes: Keys of the section `schedule` that say which accelerators and nodes, instead of the lines.
        namespace: Where models are served unless a run says it; None for csad.
        weights_claim: PersistentVolumeClaim that keeps the weights that tasks fetch; "" for none.
    """

    gpu: bool = True
    small: bool = False
    deploy: bool = True
    gpu_nodes: Mapping[str, object] = field(default_factory=dict)
    namespace: str | None = None
    weights_claim: str = ""

    def line(self, line: ProductLine) -> ProductLine:
        """The line as it runs on this cluster."""
        update = {"deploy": self.deploy and line.schedule.deploy, **self.gpu_nodes}
        schedule = line.schedule.model_copy(update=update)
        return line.model_copy(update={"schedule": schedule})

    def shape(self, line: ProductLine) -> Shape:
        """The form of the line's pipeline."""
        return Shape.of(line, self.small, self.deploy)


def compile_for(line: ProductLine, target: Target, folder: Path) -> tuple[Path, Path]:
    """Write the pipelines whose runs without parameters train a line.

    Returns:
        The training and the promotion pipeline.

    Raises:
        LineError: The line names accelerators and the target has none.
        OSError: A file cannot be written.
    """
    training_file, promotion_file = folder / TRAINING_FILE, folder / PROMOTION_FILE
    defaults = compiled_defaults(target.line(line), target.namespace)
    pipeline = training(target.shape(line), target.gpu, target.weights_claim)
    require_gpus(target.line(line), target.gpu, TRAINING_FILE)
    compile_pipeline(pipeline, training_file, defaults)
    compile_pipeline(promotion, promotion_file, serving_parameters(target.namespace))
    return training_file, promotion_file


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
            LineError: The line names accelerators and its pipeline is compiled without GPUs.
            OSError: It cannot be written.
        """
        package = self._given or self._compiled_for(self.target.shape(line))
        line = self.target.line(line)
        if gpu_parameters(line):
            require_gpus(line, has_gpus(package), package.name)
        return package

    def _compiled_for(self, shape: Shape) -> Path:
        if shape not in self._compiled:
            file = self._folder / f"training-{len(self._compiled)}.yaml"
            compile_pipeline(training(shape, self.target.gpu, self.target.weights_claim), file)
            self._compiled[shape] = file
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
