from csad.common.tables import markdown_table, table


def test_columns_are_as_wide_as_their_longest_cell():
    assert table(("file", "n"), [("a.png", "1"), ("größe.png", "20")]) == ("file       n\na.png      1\ngröße.png  20")


def test_a_table_without_rows_is_its_head():
    assert table(("a", "b"), []) == "a  b"


def test_a_table_whose_columns_have_no_heads_is_its_rows():
    assert table(("", ""), [("a", "1"), ("bb", "2")]) == "a   1\nbb  2"


def test_figures_end_below_each_other():
    assert table(("", "AUROC"), [("full", "100.0"), ("words", "7.5")], right_from=1) == (
        "       AUROC\nfull   100.0\nwords    7.5"
    )


def test_markdown_has_a_rule_that_sets_figures_right():
    assert markdown_table(("name", "n"), [("a", "1")]) == "| name | n |\n| --- | ---: |\n| a | 1 |"
