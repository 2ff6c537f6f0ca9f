"""Compile a pipeline to the YAML that Kubeflow takes."""

import ast
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kfp import compiler, dsl

from csad.common import atomic

DEFAULT = re.compile(r"^(#.*\[Default: )([\[{].*[\]}])\]$", re.MULTILINE)


def compile_pipeline(
    pipeline: dsl.base_component.BaseComponent, output: Path, defaults: Mapping[str, object] | None = None
) -> None:
    """Write a pipeline as YAML, whole or not at all; the same pipeline always gives the same bytes.

    Args:
        pipeline: One of `pipelines.training` or `pipelines.promotion`.
        output: The file; its folder is created.
        defaults: Values of parameters in runs that give none.

    Raises:
        OSError: The file cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(draft), pipeline_parameters=dict(defaults or {}))
        atomic.write_text(output, DEFAULT.sub(_in_order, draft.read_text(encoding="utf-8")))


def _in_order(match: re.Match[str]) -> str:
    """The compiler's head comment lists the keys of a default in an order that differs from run to run."""
    return f"{match[1]}{json.dumps(ast.literal_eval(match[2]), sort_keys=True)}]"
