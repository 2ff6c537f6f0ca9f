from csad.runner.stage_folders import folder_name, is_ours
from csad.runner.stage_order import NAMES


def test_what_csad_names_it_knows_again():
    names = [folder_name(name, "0123456789abcdef" * 4) for name in (*NAMES, "data")]
    assert names[0] == "ingest-0123456789ab"
    assert all(is_ours(name) and is_ours(f"{name}.partial") for name in names)
