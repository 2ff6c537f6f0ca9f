"""The five losses of the segmentation network (paper 3.2, Eq. 2 and 3).

Eq. 3 is the weighted sum: L = 0.5 L_CE + 10 L_Dice + 1 L_Focal on labelled images + 10 L_Hist + 1 L_Entropy on
unlabelled ones. Eq. 2 is L_Hist = mean over classes of |Hist(Y) - Hist(P)|: Y a random label map (`class_fractions` is
its histogram), P the prediction (softmax of `logits`). Dice after V-Net (arXiv:1606.04797), focal loss
arXiv:1708.02002.

Those of segmentation-models-pytorch are defined otherwise: its Dice loss counts a class that no image of the batch
shows as a loss of 0 in the mean, its focal loss is one of a sigmoid for each class against the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

FOCAL_GAMMA = 2.0


@dataclass(frozen=True)
class LabelledLosses:
    """Losses of images that have a pseudo-label, each a scalar."""

    cross_entropy: Tensor
    dice: Tensor
    focal: Tensor


@dataclass(frozen=True)
class UnlabelledLosses:
    """Losses of images without a pseudo-label, each a scalar."""

    histogram: Tensor
    entropy: Tensor


def labelled_losses(logits: Tensor, labels: Tensor) -> LabelledLosses:
    """Cross entropy, Dice and focal loss.

    Args:
        logits: (B, K + 1, h, w).
        labels: Class per pixel, int64 (B, h, w), 0 = background.
    """
    log_probabilities = functional.log_softmax(logits, dim=1)
    log_true = log_probabilities.gather(1, labels.unsqueeze(1)).squeeze(1)  # (B, h, w)
    cross_entropy = -log_true.mean()
    focal = -((1 - log_true.exp()) ** FOCAL_GAMMA * log_true).mean()
    return LabelledLosses(cross_entropy, dice_loss(log_probabilities.exp(), labels), focal)


def dice_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """One minus the Dice overlap, averaged over the classes that occur in the batch.

    Args:
        probabilities: (B, K + 1, h, w).
        labels: int64 (B, h, w).
    """
    classes = probabilities.shape[1]
    predicted = probabilities.sum(dim=(0, 2, 3))
    true = torch.bincount(labels.flatten(), minlength=classes).to(probabilities.dtype)
    hit = probabilities.gather(1, labels.unsqueeze(1)).flatten()
    both = torch.zeros_like(predicted).index_add_(0, labels.flatten(), hit)
    present = true > 0
    return (1 - 2 * both[present] / (predicted[present] + true[present])).mean()


def unlabelled_losses(logits: Tensor, class_fractions: Tensor, with_background: bool = True) -> UnlabelledLosses:
    """Histogram matching (Eq. 2) and pixel entropy.

    Args:
        logits: (B, K + 1, h, w).
        class_fractions: Class histogram of a random labelled map of the same product type, background first (B, K + 1).
        with_background: Compare the background's fraction, too; Eq. 2 has the component classes alone.
    """
    log_probabilities = functional.log_softmax(logits, dim=1)
    probabilities = log_probabilities.exp()
    compared = slice(None) if with_background else slice(1, None)
    difference = (probabilities.mean(dim=(2, 3)) - class_fractions)[:, compared]
    histogram = difference.abs().mean()
    entropy = -(probabilities * log_probabilities).sum(dim=1).mean()
    return UnlabelledLosses(histogram, entropy)
