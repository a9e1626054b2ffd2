"""What every receipt printer must do. A driver's tests inherit `PrinterContract`."""

from typing import Protocol

import pytest

from contracts.drivers.reader import until
from drivers.contract import DeviceFault, DeviceState, Line, Printer, Receipt

PATIENCE = 60.0  # seconds
RECEIPT = Receipt(
    "社保卡业务凭条",
    [Line("姓名", "张*"), Line("办理时间", "2026-11-22 09:30"), Line("密码已修改", emphasis=True)],
    code="https://city.example/r/7",
)


class PrinterBench(Protocol):
    """A printer named `slips`, in order, with its paper in the test's hands."""

    @property
    def printer(self) -> Printer: ...

    def paper(self) -> list[str]:
        """The text of each receipt that was cut off, after all that was sent has been printed."""
        ...

    def codes(self) -> list[str]:
        """The QR codes on the last receipt."""
        ...

    def take_paper_out(self) -> None: ...

    def let_paper_end(self, lines: int) -> None:
        """After so many lines more. A printer that can tell so by itself does."""
        ...

    def put_paper_in(self) -> None: ...

    def unplug(self) -> None: ...

    def plug(self) -> None: ...


class PrinterContract:
    """Inherit, and give a fixture `bench`."""

    def test_ready_under_its_own_name(self, bench: PrinterBench) -> None:
        assert bench.printer.name == bench.printer.status().name == "slips"
        assert bench.printer.status().state is DeviceState.READY

    def test_prints_words_values_and_code_and_cuts(self, bench: PrinterBench) -> None:
        bench.printer.print(RECEIPT)
        (text,) = bench.paper()
        for words in ("社保卡业务凭条", "姓名", "张*", "2026-11-22 09:30", "密码已修改"):
            assert words in text
        assert bench.codes() == ["https://city.example/r/7"]

    def test_each_receipt_is_a_piece_of_paper(self, bench: PrinterBench) -> None:
        for at in range(3):
            bench.printer.print(Receipt("", [Line(f"number {at}")]))
        assert ["number" in text for text in bench.paper()] == [True] * 3

    def test_what_was_not_printed_is_said(self, bench: PrinterBench) -> None:
        bench.take_paper_out()
        with pytest.raises(DeviceFault):
            bench.printer.print(RECEIPT)
        assert bench.paper() == []

    def test_paper_that_ends_in_the_middle_is_never_printed(self, bench: PrinterBench) -> None:
        """Whatever the printer says by itself meanwhile is no answer to what it was asked."""
        for lines in (1, 3):
            bench.let_paper_end(lines)
            with pytest.raises(DeviceFault):
                bench.printer.print(RECEIPT)
            bench.put_paper_in()
        bench.printer.print(Receipt("", [Line("last")]))
        assert "last" in bench.paper()[-1]

    def test_with_paper_again_it_prints(self, bench: PrinterBench) -> None:
        bench.take_paper_out()
        with pytest.raises(DeviceFault):
            bench.printer.print(RECEIPT)
        bench.put_paper_in()
        bench.printer.print(RECEIPT)
        assert len(bench.paper()) == 1

    def test_unplugged_it_is_a_fault_and_plugged_again_it_prints(self, bench: PrinterBench) -> None:
        bench.unplug()
        with pytest.raises(DeviceFault):
            bench.printer.print(RECEIPT)
        bench.plug()
        bench.printer.look()
        until(lambda: bench.printer.status().state is DeviceState.READY, PATIENCE)
        bench.printer.print(RECEIPT)
        assert len(bench.paper()) == 1
