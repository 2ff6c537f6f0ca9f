from csad.cli.table import table


def test_columns_are_as_wide_as_their_longest_cell():
    assert table(("file", "n"), [("a.png", "1"), ("größe.png", "20")]) == ("file       n\na.png      1\ngröße.png  20")


def test_a_table_without_rows_is_its_head():
    assert table(("a", "b"), []) == "a  b"
