"""Model folders as csad wrote them before each branch had a file of its own."""

from csad.scoring.model_folder import read_tensors, write_model
from csad.scoring.named_tensors import flat, part_of


def write_format_1(folder, model, manifest):
    """Write the tensors of a model folder of today into the files of format 1."""
    whole = {name: read_tensors(model, name) for name in ("backbone", "teacher", *manifest.branches)}
    components, words = whole["component_histogram"], whole["visual_word_histogram"]
    files = {
        "backbone": whole["backbone"],
        "segmentation": part_of(components, "network"),
        "components": part_of(components, "histogram"),
        "inventory": part_of(components, "component_statistics"),
        "vocabulary": part_of(words, "codebook"),
        "words": part_of(words, "histogram"),
        "lgst": flat(teacher=whole["teacher"], linear=whole["pca_reconstruction"])
        | {f"memory-{name}": value for name, value in whole["memory_bank"].items()},
    }
    write_model(folder, manifest.model_copy(update={"format": 1, "branches": ()}), files)
