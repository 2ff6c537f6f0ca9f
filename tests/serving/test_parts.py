"""The parts of the service that need no server."""

import asyncio
import io
import os
import threading

import pytest
from PIL import Image

from csad.common.errors import ServingError
from csad.compute.cpu import usable_cpus
from csad.serving.decoding import Decoder, PixelBudget
from csad.serving.model import read_metrics
from csad.serving.problems import Problem
from csad.serving.settings import ServingSettings
from csad.serving.uploads import Upload

ALLOWED = len(os.sched_getaffinity(0))


def png(width, height):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(stream, format="PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("150000 100000", min(2, ALLOWED)),
        ("max 100000", ALLOWED),
        ("?", ALLOWED),
    ],
)
def test_processors_are_those_of_the_quota(tmp_path, quota, expected):
    (tmp_path / "cpu.max").write_text(quota + "\n")

    assert usable_cpus(tmp_path) == expected


def test_a_quota_of_the_older_control_groups_counts_too(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")

    assert usable_cpus(tmp_path) == 1
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert usable_cpus(tmp_path) == ALLOWED


def test_settings_come_from_the_environment_and_hide_the_token(monkeypatch):
    told = {"CSAD_MODEL_FOLDER": "/models/a", "CSAD_TOKEN": " sesame ", "CSAD_MAX_FILES": "3", "CSAD_TIMEOUT": "1.5"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    settings = ServingSettings.from_environment()

    assert str(settings.model_folder) == "/models/a"
    assert settings.token == "sesame"
    assert (settings.max_files, settings.timeout) == (3, 1.5)
    assert "sesame" not in repr(settings)


def test_without_an_environment_or_with_an_empty_one_the_model_is_the_bentos(monkeypatch):
    monkeypatch.delenv("CSAD_MODEL_FOLDER", raising=False)
    monkeypatch.setenv("CSAD_MAX_FILES", "")

    settings = ServingSettings.from_environment()

    assert (str(settings.model_folder), settings.max_files) == ("model", 64)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CSAD_MAX_FILES", "many", "CSAD_MAX_FILES is 'many': input should be a valid integer"),
        ("CSAD_MAX_FILES", "0", "CSAD_MAX_FILES is '0': input should be greater than 0; expected one such as 64"),
        ("CSAD_TIMEOUT", "inf", "CSAD_TIMEOUT is 'inf': input should be a finite number; expected one such as 30.0"),
        ("CSAD_TOKEN", "open sesame", "CSAD_TOKEN holds a space"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(monkeypatch, name, value, told):
    monkeypatch.setenv(name, value)

    with pytest.raises(ServingError) as caught:
        ServingSettings.from_environment()
    assert told in str(caught.value)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("content", ["no json", "[1]", '{"a": "b"}'])
def test_figures_that_cannot_be_read_are_left_out(tmp_path, content):
    (tmp_path / "metrics.json").write_text(content)

    assert read_metrics(tmp_path / "metrics.json") == {}


def test_a_budget_makes_the_next_one_wait_until_there_is_room():
    budget = PixelBudget(10)
    assert budget.take(8, timeout=0)
    assert not budget.take(3, timeout=0.05)
    threading.Timer(0.1, budget.give_back, [8]).start()
    assert budget.take(3, timeout=5)


def test_decoded_pixels_are_given_back_after_use_after_errors_and_after_giving_up():
    async def scenario():
        decoder = Decoder(threads=1, max_pixels=100, timeout=0.2)  # room for 200 pixels
        async with decoder.decoded(Upload("a", png(10, 10))) as one:
            assert one.shape == (10, 10, 3)
            async with decoder.decoded(Upload("b", png(10, 10))):
                with pytest.raises(Problem, match="no memory for 100 pixels") as full:
                    async with decoder.decoded(Upload("c", png(10, 10))):
                        pytest.fail("there was no room")
        for _ in range(3):
            with pytest.raises(Problem, match="corrupt"):
                async with decoder.decoded(Upload("broken", png(10, 10)[:-30])):
                    pytest.fail("it is broken")
            giving_up = asyncio.create_task(hold(decoder))
            await asyncio.sleep(0)
            giving_up.cancel()
            await asyncio.gather(giving_up, return_exceptions=True)
        async with decoder.decoded(Upload("a", png(10, 10))), decoder.decoded(Upload("b", png(10, 10))):
            pass
        return full.value.status

    async def hold(decoder):
        async with decoder.decoded(Upload("late", png(10, 10))):
            pass

    assert asyncio.run(scenario()) == 429


def test_whoever_holds_the_pixels_can_draw_while_others_wait_for_them():
    async def scenario():
        decoder = Decoder(threads=1, max_pixels=100, timeout=20)  # room for 200 pixels
        async with decoder.decoded(Upload("a", png(10, 10))), decoder.decoded(Upload("b", png(10, 10))):
            waiting = asyncio.create_task(hold(decoder))
            await asyncio.sleep(0.1)
            drawn = await asyncio.wait_for(decoder.in_thread(lambda: "drawn"), 5)
        await waiting
        return drawn

    async def hold(decoder):
        async with decoder.decoded(Upload("c", png(10, 10))) as image:
            return image.shape

    assert asyncio.run(scenario()) == "drawn"


def test_an_image_is_refused_by_its_header():
    async def scenario():
        async with Decoder(threads=1, max_pixels=99, timeout=1).decoded(Upload("a", png(10, 10))):
            pytest.fail("it is too large")

    with pytest.raises(Problem) as refused:
        asyncio.run(scenario())
    assert refused.value.status == 413
