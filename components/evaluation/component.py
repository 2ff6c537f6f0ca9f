"""Component `evaluation`."""

from kfp import dsl

from components.images import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, packages_to_install=[], install_kfp_package=False)
def evaluation(
    line_yaml: str,
    seed: int,
    images: str,
    pseudo_labels: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    classification: dsl.Output[dsl.ClassificationMetrics],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Measure the scorer on the test images.

    Args:
        line_yaml: The product line, reduced to what this stage reads.
        seed: Seed of the run.
        images: Address of all images, as `ingest` gave it.
        pseudo_labels: Output of `clustering`.
        model: Output of `statistics`.

    Returns:
        evaluation: evaluation.json and its table as text.
        report: Scores, curves, worst mistakes and settings on one page.
        classification: ROC curve and confusion matrix at the model's threshold, of the test images.
        metrics: AUROC per kind of anomaly, false-reject rate, threshold.
    """
    from csad.evaluation.classification import Classification
    from csad.runner.task import run_task
    from csad.stages import evaluation as stage

    inputs = {"images": images, "pseudo_labels": pseudo_labels.path, "model": model.path}
    done = run_task(stage.STAGE, line_yaml, seed, evaluation.path, **inputs)
    evaluation.path = done.folder
    done.publish("report.html", report.path)
    Classification.read(done.path_of(stage.FIGURES)).log_to(classification)
    done.record(metrics, evaluation, report, classification)
