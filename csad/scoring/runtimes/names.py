"""Names of the runtimes, and which one a user asks for; small, because processes that never score read it, too."""

from __future__ import annotations

import os

from csad.common.errors import RuntimeRefused

TORCH = "torch"
"""The reference: what it computes is right."""

ONNXRUNTIME, OPENVINO = "onnxruntime", "openvino"
GRAPH_RUNTIMES = (ONNXRUNTIME, OPENVINO)
"""What computes the exported graph, in the order in which they are tried: the names of their packages."""

RUNTIMES = (*GRAPH_RUNTIMES, TORCH)
VARIABLE = "CSAD_RUNTIME"


def wanted_runtime(name: str | None = None) -> str | None:
    """The runtime that is asked for by name or else by CSAD_RUNTIME; None leaves the choice to csad.

    Raises:
        RuntimeRefused: There is no such runtime.
    """
    wanted = name or os.environ.get(VARIABLE) or None
    if wanted is not None and wanted not in RUNTIMES:
        source = "" if name else f" ({VARIABLE} asks for it)"
        raise RuntimeRefused(f"there is no runtime {wanted!r}{source}; expected one of: {', '.join(RUNTIMES)}")
    return wanted
