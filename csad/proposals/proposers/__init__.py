"""The mask proposers, one file each, called like its value of `pseudo_labels.proposals`.

A new proposer is one new file in this folder that registers an implementation of `csad.proposals.proposer.Proposer`.
"""

from csad.common.modules import import_modules
from csad.proposals.registry import asks_tagger, outside_files, proposer_of

__all__ = ["asks_tagger", "outside_files", "proposer_of"]

import_modules(__name__)
