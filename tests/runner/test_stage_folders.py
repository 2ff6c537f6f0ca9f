from csad.runner.stage_folders import NAMES, folder_name, is_ours
from csad.stages import clustering, evaluation, ingest, lgst, masks, segnet, statistics, tagging

MODULES = (ingest, tagging, masks, clustering, segnet, lgst, statistics, evaluation)


def test_every_stage_is_known_by_its_name():
    assert {module.STAGE.name for module in MODULES} == set(NAMES)


def test_what_csad_names_it_knows_again():
    names = [folder_name(name, "0123456789abcdef" * 4) for name in (*NAMES, "data")]
    assert names[0] == "ingest-0123456789ab"
    assert all(is_ours(name) and is_ours(f"{name}.partial") for name in names)
