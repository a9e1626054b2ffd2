"""Tables of records: what is written is read back, and a table or record that is wrong is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.transit import files
from apdu.transit.files import (
    Field,
    Layout,
    LayoutFault,
    Layouts,
    LayoutUnknown,
    TransitRecordFault,
    national,
    parse,
)

SHIPPED = Layouts.shipped()
TABLES = [
    SHIPPED.find("5199", "rail"),
    SHIPPED.find("5199", "bus"),
    SHIPPED.find("3399", "bus"),
    national().public,
    national().management,
    national().log,
    national().trip,
]
OWN = """
name = "bus-2099"
industry = "bus"
cities = ["2099"]
sfi = 0x1A
number = 2
id = 3
size = 8
fields = [
  { name = "id", offset = 0, length = 1, kind = "const", value = "03" },
  { name = "paid", offset = 2, length = 2, kind = "int" },
]
"""


def values_of(layout: Layout) -> st.SearchStrategy[dict[str, int | str]]:
    def one(field: Field) -> st.SearchStrategy[int | str]:
        if field.kind == "int":
            return st.integers(0, (1 << 8 * field.length) - 1)
        if field.kind == "const":
            return st.just(field.value)
        alphabet = "0123456789" if field.kind == "bcd" else "0123456789ABCDEF"
        return st.text(alphabet, min_size=2 * field.length, max_size=2 * field.length)

    return st.fixed_dictionaries({field.name: one(field) for field in layout.fields})


@pytest.mark.parametrize("layout", TABLES, ids=lambda layout: layout.name)
@given(data=st.data())
def test_what_is_written_is_what_is_read(layout: Layout, data: st.DataObject) -> None:
    values = data.draw(values_of(layout))
    base = data.draw(st.binary(min_size=layout.size, max_size=layout.size))
    record = layout.encode(values, base)
    assert layout.decode(record) == values
    assert layout.encode(layout.decode(record), record) == record


@pytest.mark.parametrize("layout", TABLES, ids=lambda layout: layout.name)
@given(raw=st.binary(max_size=160))
def test_any_bytes_are_decoded_or_named(layout: Layout, raw: bytes) -> None:
    try:
        values = layout.decode(raw)
    except TransitRecordFault:
        return
    assert layout.encode(values, raw) == raw


@pytest.mark.parametrize("time", ["FF" * 7, "2026EE21220000"])
def test_a_field_by_which_nobody_decides_is_told_as_it_stands(time: str) -> None:
    bus = SHIPPED.find("3399", "bus")
    field = next(one for one in bus.fields if one.name == "exit_time")
    raw = bytearray(bus.encode({}))
    raw[field.offset : field.end] = bytes.fromhex(time)
    assert bus.decode(bytes(raw), digits=("line",))["exit_time"] == time
    for digits in (None, ("exit_time",)):
        with pytest.raises(TransitRecordFault):
            bus.decode(bytes(raw), digits)
    with pytest.raises(TransitRecordFault):  # no digits are ever written
        bus.encode({"exit_time": time})


def test_bytes_that_no_field_names_stay() -> None:
    bus = SHIPPED.find("3399", "bus")
    before = bytes.fromhex("0102") + bytes(range(62))
    after = bus.encode({"paid": 200}, before)
    assert after[:19] == before[:19]
    assert after[23:] == before[23:]


@pytest.mark.parametrize(
    "values",
    [
        {"nothing": 1},
        {"state": 256},
        {"state": -1},
        {"state": "01"},
        {"entry_time": 20250102030405},
        {"entry_time": "2025"},
        {"entry_time": "2025010203040A"},
        {"entry_station": "zz" * 8},
    ],
)
def test_a_value_that_does_not_fit_is_named(values: dict[str, int | str]) -> None:
    with pytest.raises(TransitRecordFault):
        SHIPPED.find("5199", "rail").encode(values)


def test_a_base_of_another_length_is_named() -> None:
    with pytest.raises(TransitRecordFault):
        SHIPPED.find("5199", "rail").encode({}, bytes(127))


def test_another_citys_record_is_not_taken_for_ours() -> None:
    theirs = SHIPPED.find("3399", "bus").encode({}).ljust(128, b"\0")
    with pytest.raises(TransitRecordFault):
        SHIPPED.find("5199", "bus").decode(theirs)


def test_a_city_without_a_table_is_named() -> None:
    with pytest.raises(LayoutUnknown) as caught:
        SHIPPED.find("2099", "bus")
    assert caught.value.facts == {"city": "2099", "industry": "bus"}


def test_rail_is_the_same_where_a_city_has_no_table_of_its_own() -> None:
    assert SHIPPED.find("2099", "rail") is SHIPPED.find("5199", "rail")


def test_a_new_city_is_a_data_file() -> None:
    layouts = Layouts.shipped({"bus-2099.toml": OWN})
    assert layouts.find("2099", "bus").decode(bytes.fromhex("0300012C00000000"))["paid"] == 300


@pytest.mark.parametrize(
    ("was", "instead"),
    [
        ('name = "bus-2099"', "name = "),
        ("size = 8", "size = 3"),
        ("size = 8", "size = 0"),
        ("offset = 2", "offset = 0"),
        ("offset = 2", "offset = -1"),
        ('"paid"', '"id"'),
        ('"03" }', '"0303" }'),
        ('"03" }', '"xy" }'),
        ('"int"', '"float"'),
        ('cities = ["2099"]', "cities = []"),
        ('cities = ["2099"]', 'cities = ["anywhere"]'),
        ('industry = "bus"', 'industry = "boat"'),
        ("number = 2", "colour = 2"),
    ],
)
def test_a_wrong_table_is_named(was: str, instead: str) -> None:
    assert was in OWN
    with pytest.raises(LayoutFault):
        parse("bus-2099.toml", OWN.replace(was, instead))


def test_two_tables_for_one_city_are_a_mistake() -> None:
    with pytest.raises(LayoutFault):
        Layouts.of({"a.toml": OWN, "b.toml": OWN})


def test_the_shipped_tables_are_found_by_their_files() -> None:
    folder = Path(files.__file__).parent / "layouts"
    assert {path.stem for path in folder.glob("*.toml")} == {
        "national", "rail", "bus-5199", "bus-3399",
    }  # fmt: skip
