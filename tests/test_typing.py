"""What users write passes `mypy --strict`: the page of it holds every public name, and `.ci/check` looks at it."""

import ast
import doctest
import tomllib
from pathlib import Path

import throughtime as tt

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "tests" / "typed_user.py"
READ = ast.parse(PAGE.read_text())


def function(name: str) -> ast.FunctionDef:
    return next(node for node in READ.body if isinstance(node, ast.FunctionDef) and node.name == name)


def test_every_public_name_is_on_the_page() -> None:
    used = {
        node.attr
        for part in READ.body
        if part is not function("wrong")
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tt"
    }
    assert used == set(tt.__all__)


def test_mypy_is_told_to_look_at_it() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["strict"]
    assert str(PAGE.relative_to(ROOT)) in settings["files"]


def test_nothing_is_silenced_but_what_is_wrong() -> None:
    """There, mypy tells of an ignore that silences nothing."""
    wrong = function("wrong")
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        assert ("type: ignore" in line) == (wrong.body[1].lineno <= number <= (wrong.end_lineno or 0))
    package = ROOT / "src" / "throughtime"
    files = [package / f"{name}.py" for name in ("layers", "external_memory", "units", "trial")]
    files += [file for room in ("architectures", "network") for file in sorted((package / room).glob("*.py"))]
    assert len(files) > 6
    for file in files:
        assert "type: ignore" not in file.read_text(), file


def test_the_example_of_a_wiring_is_on_the_page() -> None:
    shown = "".join(example.source for example in doctest.DocTestParser().get_examples(tt.Network.__doc__ or ""))
    on_page = "\n".join(ast.unparse(line) for line in function("example").body[1:]).replace("return ", "")
    assert ast.unparse(ast.parse(shown)) == on_page
