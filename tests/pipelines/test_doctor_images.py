"""Images: on nodes, in a registry, or nowhere."""

import pytest

from pipelines.doctor_images import check_images, has_registry, split_reference
from pipelines.doctor_nodes import images_on_nodes
from tests.pipelines.test_doctor import node

PINNED = f"registry.example.com/csad/csad-train@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        (PINNED, ("registry.example.com", "csad/csad-train", f"sha256:{'0' * 64}")),
        ("localhost:5000/csad-train:1", ("localhost:5000", "csad-train", "1")),
        ("registry.example.com/csad-train", ("registry.example.com", "csad-train", "latest")),
    ],
)
def test_a_reference_is_taken_apart(reference, parts):
    assert has_registry(reference)
    assert split_reference(reference) == parts


@pytest.mark.parametrize("reference", ["csad-train:0.1.0", "csad/csad-train:0.1.0"])
def test_a_reference_without_a_server_names_no_registry(reference):
    assert not has_registry(reference)


@pytest.mark.parametrize(("answer", "status"), [(True, "ok"), (False, "missing"), (None, "unknown")])
def test_a_registry_is_asked_for_what_nodes_do_not_have(answer, status):
    asked = []
    (finding,) = check_images({PINNED: False}, lambda reference: asked.append(reference) or answer)
    assert (finding.status, asked) == (status, [PINNED])


def test_what_every_node_has_needs_no_registry():
    (finding,) = check_images({PINNED: True}, lambda reference: pytest.fail("asked"))
    assert finding.status == "ok"


def test_one_node_without_it_is_enough_and_a_long_list_of_images_proves_nothing():
    having, lacking = node("a", images=["x:1"]), node("b", images=["y:1"])
    assert images_on_nodes(["x:1"], [having]) == {"x:1": True}
    assert images_on_nodes(["x:1"], [having, lacking]) == {"x:1": False}
    full = node("c", images=[f"other:{number}" for number in range(50)])
    assert images_on_nodes(["x:1"], [having, full]) == {"x:1": None}
