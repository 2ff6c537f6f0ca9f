from PIL import Image

from csad.config.line import ProductLine
from csad.stages import lgst


def names(text):
    return [file.name for file in lgst.weights(ProductLine.from_yaml(f"name: kit\n{text}"))]


def test_penalty_images_of_a_folder_are_part_of_what_the_stage_depends_on(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    assert names(f"lgst: {{local_student: pdn, penalty: {tmp_path}}}") == ["a.png"]


def test_without_the_network_that_they_teach_they_are_not(tmp_path):
    assert names(f"lgst: {{local_student: memory_bank, penalty: {tmp_path}}}") == []


def test_the_lines_own_images_are_no_further_file():
    assert names("lgst: {local_student: pdn}") == []
