"""posagent.strict: all problems at once, each with path, line and the nearest real name."""

from posagent.strict import Table, line_numbers

TEXT = """\
name = "x"
[a]
colour = "red"   # not known
count = "3"
[[b]]
size = 5
[[b]]
size = 50
flag = 1
"""


def test_every_problem_is_told_at_once_with_its_path_and_line() -> None:
    top = Table.parse(TEXT)
    assert top.text("name") == "x"
    a = top.table("a")
    a.text("color", "blue")
    a.integer("count", minimum=1)
    a.finish()
    for table in top.tables("b"):
        table.integer("size", maximum=9)
        table.boolean("flag", default=False)
        table.finish()
    top.text("missing")
    top.finish()
    assert [str(p) for p in top.problems] == [
        "line 4: a.count: must be a whole number of at least 1, not '3'",
        "line 3: a.colour: is not a setting; did you mean 'color'?",
        "line 8: b[2].size: must be a whole number from 0 to 9, not 50",
        "line 9: b[2].flag: must be true or false, not 1",
        "missing: is missing; give a text in quotes",
    ]


def test_a_syntax_error_is_the_only_problem_and_names_its_line() -> None:
    top = Table.parse("a = 1\nb = = 2\n")
    assert len(top.problems) == 1
    assert top.problems[0].line == 2


def test_true_is_not_a_number() -> None:
    top = Table.parse("n = true")
    top.integer("n")
    assert "must be a whole number" in top.problems[0].message


def test_a_wrong_choice_is_answered_with_the_nearest_one() -> None:
    top = Table.parse('round = "flor"')
    assert top.text("round", choices=("floor", "ceil")) == "floor"
    assert "did you mean 'floor'?" in top.problems[0].message


def test_line_numbers_follow_headers_arrays_and_dotted_keys() -> None:
    assert line_numbers("[a.b]\nc.d = 1\n[[e]]\nf = 2\n") == {"a.b": 1, "a.b.c.d": 2, "e[1]": 3, "e[1].f": 4}


def test_a_table_below_a_list_item_has_the_items_number() -> None:
    text = "[[earn]]\nid = 1\n[[earn]]\nid = 2\n[earn.when]\nrank = 3\n[[earn.x]]\ny = 4\n"
    found = line_numbers(text)
    assert (found["earn[2].when"], found["earn[2].when.rank"], found["earn[2].x[1].y"]) == (5, 6, 8)


def test_a_list_of_texts_refuses_other_things() -> None:
    top = Table.parse('k = ["a", 1, "z"]')
    assert top.texts("k", choices=("a", "b")) == ("a",)
    assert len(top.problems) == 2
