"""What `kfp_client.promoting` runs in a second Python: compile the promotion, start its run, wait for its end."""

import json
import logging
import sys
import tempfile
from pathlib import Path

from csad.config.line import ProductLine
from csad.deployment.names import ServingNames
from kfp_client.promoting import Promotion

MINUTES = 90.0
"""A rollout gives up by itself after ten minutes for each of its steps; images may have to be pulled before."""


def promote_and_wait(promotion: Promotion) -> str:
    """Do the work of `promote_from_task`, outside of KFP's executor.

    Raises:
        CsadError: The server refuses, or the run does not succeed.
    """
    from kfp_client.server import Server
    from kfp_client.submission import submit_promotion
    from kfp_client.waiting import wait_for
    from pipelines.compiling import compile_pipeline
    from pipelines.packages import PROMOTION_FILE
    from pipelines.promotion import promotion as pipeline

    line = ProductLine.from_yaml(promotion.line_yaml)
    server = Server.connect(promotion.endpoint)
    with tempfile.TemporaryDirectory(prefix="csad-promotion-") as folder:
        package = Path(folder) / PROMOTION_FILE
        compile_pipeline(pipeline, package)
        started = submit_promotion(
            server,
            line,
            promotion.version,
            package,
            promotion.service_account,
            promotion.store_secret,
            promotion.namespace,
        )
    logging.getLogger(__name__).info("promote: run %s brings %s into service", started.run, promotion.version)
    wait_for(server, started, MINUTES)
    return ServingNames(line.name, promotion.namespace).endpoint


def main(answer: Path) -> int:
    """Read a promotion from standard input; the endpoint, or why there is none, goes into a file."""
    from csad.common.errors import CsadError

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        said, status = promote_and_wait(Promotion(**json.load(sys.stdin))), 0
    except CsadError as error:
        said, status = str(error), 1
    answer.write_text(said, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
