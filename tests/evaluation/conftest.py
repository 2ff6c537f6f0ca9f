import numpy as np
import pytest

from .fakes import SHAPE, DataSet, picture


def corner(value):
    """A map or mask that is `value` in its upper left 2 x 2 pixels."""
    heat = np.zeros(SHAPE, dtype=np.uint8)
    heat[:2, :2] = value
    return heat


@pytest.fixture
def kit(tmp_path):
    """Two validation images, four good ones, two logical anomalies with masks, one structural without."""
    data = DataSet(tmp_path / "kit")
    data.add("validation", "good", [picture(10), picture(20)])
    data.add("test", "good", [picture(10), picture(20), picture(30), picture(120, other=60)])
    data.add("test", "logical_anomalies", [picture(200, other=60, heat=corner(250)), picture(25, other=70)])
    data.add("test", "structural_anomalies", [picture(150)])
    data.mask("logical_anomalies", "000", "000.png", corner(255))
    data.mask("logical_anomalies", "001", "000.png", corner(255))
    return data
