"""Tables in the formats that engineers have: what real files of each hold is read, or refused in one line with the remedy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import throughtime as tt
from throughtime.io import blanks, excel, matlab
from throughtime.io.series import Series
from throughtime.io.tables import Table

h5py = pytest.importorskip("h5py")
openpyxl = pytest.importorskip("openpyxl")
scipy_io = pytest.importorskip("scipy.io")


def saved(path: Path, **variables: Any) -> Path:
    scipy_io.savemat(path / "a.mat", variables)
    return path / "a.mat"


def values(table: Table, name: str) -> list[float]:
    return [float(value) for value in table.numbers([name], gaps=True)[:, 0]]


def cells(*arrays: Any) -> Any:
    made = np.empty((1, len(arrays)), object)
    for k, array in enumerate(arrays):
        made[0, k] = array
    return made


class TestMatlab:
    def test_vectors_and_columns_of_matrices_are_columns_whichever_way_they_lie(self, tmp_path: Path) -> None:
        y = np.arange(10.0).reshape(5, 2)
        for given in (y, y.T):
            table = matlab.read(saved(tmp_path, u=np.arange(5.0), y=given, name="tank"))
            assert table.columns == ["u", "y1", "y2"]
            assert values(table, "y2") == [1, 3, 5, 7, 9]

    def test_whole_numbers_that_are_stored_as_bytes_are_numbers(self, tmp_path: Path) -> None:
        table = matlab.read(saved(tmp_path, u=np.arange(250, 256, dtype=np.uint8), on=np.array([True, False] * 3)))
        assert values(table, "u")[-1] + 1 == 256
        assert table.numbers(["u"]).dtype == np.float64
        assert values(table, "on") == [1, 0] * 3

    def test_other_lengths_are_left_out_and_told(self, tmp_path: Path) -> None:
        table = matlab.read(saved(tmp_path, u=np.arange(5.0), y=np.arange(5.0), v=np.arange(7.0), fs=100.0))
        assert table.columns == ["u", "y"]
        assert table.notes == [f"note: {tmp_path / 'a.mat'}: left out, of other lengths: v; no column: fs = 100"]

    @pytest.mark.parametrize("alone", [True, False])
    def test_fields_of_structs_are_columns(self, tmp_path: Path, alone: bool) -> None:
        more = {} if alone else {"v": np.arange(5.0)}
        table = matlab.read(saved(tmp_path, s={"u": np.arange(5.0), "in": {"y": np.ones(5)}}, **more))
        assert table.columns == (["u", "in.y"] if alone else ["s.u", "s.in.y", "v"])

    def test_cells_and_struct_arrays_are_records(self, tmp_path: Path) -> None:
        u, y = [np.arange(4.0 + k)[:, None] for k in range(3)], [np.ones((2, 4 + k)) * k for k in range(3)]
        of_cells = matlab.read(saved(tmp_path, u=cells(*u), y=cells(*y), v=np.ones(3)))
        assert of_cells.columns == ["record", "u", "y1", "y2"]
        assert values(of_cells, "record") == [1] * 4 + [2] * 5 + [3] * 6
        assert values(of_cells, "y2") == [0] * 4 + [1] * 5 + [2] * 6
        assert "3 records" in of_cells.notes[0]
        structs = matlab.read(saved(tmp_path, d=[{"u": one, "y": one + 1} for one in u]))
        assert structs.columns == ["record", "u", "y"]
        assert values(structs, "u") == values(of_cells, "u")

    def test_version_4_and_files_of_version_7_3(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mat"
        scipy_io.savemat(path, {"u": np.arange(9.0)}, format="4")
        assert values(matlab.read(path), "u") == list(range(9))
        path = tmp_path / "b.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            u = np.arange(12.0).reshape(6, 2)
            file.create_dataset("u", data=u.T).attrs["MATLAB_class"] = np.bytes_("double")
            file.create_dataset("why", data=np.array([[116], [97]], np.uint16)).attrs["MATLAB_class"] = np.bytes_(
                "char"
            )
            group = file.create_group("s")
            group.attrs["MATLAB_class"] = np.bytes_("struct")
            group.create_dataset("y", data=np.arange(6, dtype=np.uint8)[None]).attrs["MATLAB_class"] = np.bytes_(
                "uint8"
            )
            refs = file.create_dataset("c", (2, 1), dtype=h5py.ref_dtype)
            for k in range(2):
                refs[k, 0] = file.create_dataset(f"#refs#/{k}", data=np.ones((1, 3 + k))).ref
        with pytest.raises(ValueError, match=r"b.mat: there is no column 'y'; the columns are record, c"):
            matlab.read(path).require(["y"])
        with h5py.File(path, "r+") as file:
            del file["c"]
        table = matlab.read(path)
        assert table.columns == ["s.y", "u1", "u2"]
        assert values(table, "u2") == u[:, 1].tolist()

    def test_what_holds_no_numbers_is_told_with_what_it_holds(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"a.mat holds no columns of numbers, but name \(text\)"):
            matlab.read(saved(tmp_path, name="tank"))
        (tmp_path / "o.mat").write_text("# Created by Octave 7.3.0\n# name: u\n# type: matrix\n")
        with pytest.raises(
            ValueError,
            match=r"o.mat cannot be read as a MATLAB file: it begins as none does; save it in MATLAB or Octave with",
        ):
            matlab.read(tmp_path / "o.mat")


class TestExcel:
    def book(self, path: Path, **sheets: list[list[Any]]) -> Path:
        made = openpyxl.Workbook()
        made.remove(made.active)
        for name, rows in sheets.items():
            sheet = made.create_sheet(name)
            for row in rows:
                sheet.append(row)
        made.save(path / "a.xlsx")
        return path / "a.xlsx"

    def test_the_sheet_that_has_cells(self, tmp_path: Path) -> None:
        rows = [[None, None, None], ["u", None, "y"], [1, None, 0.5], [2, None, None], [None] * 3, [3, None, "wet"]]
        table = excel.read(self.book(tmp_path, Notes=[], Data=rows))
        assert table.columns == ["u", "y"]
        assert values(table, "u") == [1, 2, 3]
        with pytest.raises(ValueError, match=r"a.xlsx: column 'y', row 3 \(line 6\): 'wet' is not a number"):
            values(table, "y")

    def test_of_several_sheets_one_is_named(self, tmp_path: Path) -> None:
        path = self.book(tmp_path, a=[["u"], [1]], b=[["v"], [2]])
        with pytest.raises(ValueError, match=r"a.xlsx has 2 sheets with cells: 'a', 'b'; save the one you mean"):
            excel.read(path)
        assert excel.read(path, "b").columns == ["v"]
        with pytest.raises(ValueError, match="there is no sheet 'c'; the sheets are 'a', 'b'"):
            excel.read(path, "c")

    def test_what_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "a.xlsx").write_bytes(b"u,y\n1,2\n")
        with pytest.raises(
            ValueError, match=r"a.xlsx is no Excel workbook \(.xlsx\); open it in Excel and save it again"
        ):
            excel.read(tmp_path / "a.xlsx")


class TestBlanks:
    @pytest.mark.parametrize(
        ("text", "columns", "last"),
        [
            ("  1.0000000e+000  2.5\n  2.0000000e+000\t3.5 \n", ["c1", "c2"], [2.5, 3.5]),
            ("% a dryer\nu y\n1 2.5\n\n2 3.5\n", ["u", "y"], [2.5, 3.5]),
            ("1;2,5\n2;3,5\n", ["c1", "c2"], [2.5, 3.5]),
            ("1, 2.5,\n2, 3.5,\n", ["c1", "c2"], [2.5, 3.5]),
            ("1.0,2.5\n2.0,3.5\n", ["c1", "c2"], [2.5, 3.5]),
            ("1 2,5\n2 3,5\n", ["c1", "c2"], [2.5, 3.5]),
            ("1 2.5\n2 NaN\n", ["c1", "c2"], [2.5, np.nan]),
        ],
    )
    def test_what_stands_between_columns(
        self, tmp_path: Path, text: str, columns: list[str], last: list[float]
    ) -> None:
        (tmp_path / "a.dat").write_text(text)
        table = blanks.read(tmp_path / "a.dat")
        assert table.columns == columns
        np.testing.assert_array_equal(values(table, columns[-1]), last)
        assert ("called c1 to c2" in "".join(table.notes)) == (columns[0] == "c1")

    def test_a_row_that_is_short_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.dat").write_text("# x\n1 2\n3\n")
        with pytest.raises(ValueError, match=r"a.dat: line 3 has 1 cells, where the first has 2; mend the line"):
            blanks.read(tmp_path / "a.dat")


class TestArchive:
    def made(self, path: Path, text: str) -> Series:
        (path / "a.ts").write_bytes(text.encode())
        found: Series = tt.read(path / "a.ts")
        return found

    def test_keys_in_any_case_comments_and_lengths_of_every_kind(self, tmp_path: Path) -> None:
        text = (
            "# a comment, ö\r\n@problemName x\r\n@CLASSLABEL\ttrue sit  stand up\r\n@equalLength false\r\n"
            "@seriesLength 3\r\n\r\n@Data\r\n1, 2 ,?:4,,NaN: stand up\r\n% within\r\n7:8:sit\r\n"
        )
        series = self.made(tmp_path, text)
        assert series.labels == ["stand up", "sit"]
        np.testing.assert_array_equal(series.cases[0], [[1, 4], [2, np.nan], [np.nan, np.nan]])
        np.testing.assert_array_equal(series.cases[1], [[7, 8]])

    def test_time_stamps_hold_colons(self, tmp_path: Path) -> None:
        text = "@timestamps true\n@targetlabel true\n@data\n(2026-01-01 10:00:00,1.5),(2026-01-01 10:00:01,?):(0,3),(1,4):-2.5\n"
        series = self.made(tmp_path, text)
        np.testing.assert_array_equal(series.cases[0], [[1.5, 3], [np.nan, 4]])
        np.testing.assert_array_equal(series.labels, [-2.5])
        assert series.found == ["the times of steps are left out"]

    def test_without_classes(self, tmp_path: Path) -> None:
        assert self.made(tmp_path, "@classLabel false\n@data\n1,2\n3\n").labels is None

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("@classLabel true a\n@data\n1:2:a\n1:a\n", "line 4 has 1 dimensions, where the first has 2"),
            ("@classLabel true a\n@data\n1:2:b\n", "line 3 is of class 'b', which @classLabel does not name"),
            ("@seriesLength 3\n@data\n1,2\n", "line 3 has 2 steps, where @seriesLength says 3"),
            ("@data\n1,2:3\n", "line 2 has dimensions of 1 and 2 steps"),
            ("@data\n1,x\n", "line 2: 'x' is no number"),
            ("1,2\n", "line 1 stands above @data and is no @key"),
            ("@data\n", "a.ts has no cases below @data"),
            ("@targetLabel true\n@data\n1:a\n", "has targets that are no numbers; say @classLabel"),
        ],
    )
    def test_what_is_refused(self, tmp_path: Path, text: str, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            self.made(tmp_path, text)


def test_a_file_is_read_by_its_ending(tmp_path: Path) -> None:
    assert tt.read(saved(tmp_path, u=np.arange(3.0))).columns == ["u"]
    (tmp_path / "a.json").write_text("[[[0, 0], [1, 5]]]")
    assert tt.read(str(tmp_path / "a.json")).points.shape == (2, 3)
    (tmp_path / "a.doc").write_text("u\n1\n")
    with pytest.raises(ValueError, match=r"a.doc: no format is known by this ending; known are .csv, .txt, .*\.mat"):
        tt.read(tmp_path / "a.doc")
    with pytest.raises(FileNotFoundError, match=r"b.csv: no such file"):
        tt.read(tmp_path / "b.csv")
