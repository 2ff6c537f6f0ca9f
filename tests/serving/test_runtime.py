"""What a fault inside the service costs, without a server around it."""

import asyncio
import io

import pytest
from PIL import Image

from csad.serving.model import ServedModel
from csad.serving.runtime import Runtime
from csad.serving.settings import ServingSettings
from csad.serving.uploads import Upload

UNLUCKY = (10, 20, 3)


@pytest.fixture
def runtime(tiny_model, monkeypatch):
    """A service whose scorer fails at images of one size."""
    score_images = ServedModel.score_images

    def failing(self, images, busy):
        if any(image.shape == UNLUCKY for image in images):
            raise RuntimeError("a fault of ours in /secret/place")
        return score_images(self, images, busy)

    monkeypatch.setattr(ServedModel, "score_images", failing)
    return Runtime(ServingSettings(model_folder=tiny_model))


def test_a_fault_of_the_service_at_one_image_of_a_batch_costs_its_neighbours_nothing(runtime, good, caplog):
    unlucky = io.BytesIO()
    Image.new("RGB", (20, 10)).save(unlucky, format="PNG")
    uploads = [Upload("a", good.read_bytes()), Upload("unlucky", unlucky.getvalue()), Upload("c", good.read_bytes())]

    async def scenario():
        try:
            return await runtime.score_each(uploads)
        finally:
            await runtime.close()

    items = asyncio.run(scenario())

    assert [item.name for item in items] == ["a", "unlucky", "c"]
    assert [item.result is None for item in items] == [False, True, False]
    assert items[1].error.error == "internal_error"
    assert "secret" not in items[1].error.message
    assert "a fault of ours" in caplog.text
    assert b'csad_problems_total{error="internal_error"} 1.0' in runtime.measurements.render()
