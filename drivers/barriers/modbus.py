"""Modbus questions and replies, and their two framings: RTU on a serial line, MBAP on TCP.

PDUs and CRC are pymodbus's. Its framers are not used for reading: they drop whatever came together
with a damaged frame, and take replies to no question of ours (docs/decisions.md).
"""

from dataclasses import dataclass
from typing import Final, Protocol

from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    ReadDiscreteInputsResponse,
    WriteSingleCoilRequest,
)

LONGEST: Final = 260  # bytes of the longest frame (MODBUS over serial line 1.02, over TCP 1.0b)
EXCEPTION: Final = 0x80  # set in the function code of a refusal
PROTOCOL: Final = b"\x00\x00"  # MBAP: this is Modbus


@dataclass(frozen=True)
class ModbusRequest:
    """A request's PDU and the form of its reply: an echo, or counted bytes."""

    pdu: bytes
    reply_size: int  # bytes of the reply's PDU
    echoed: bool

    @property
    def function(self) -> int:
        """The function code, the PDU's first byte."""
        return self.pdu[0]

    def fits(self, reply: bytes) -> bool:
        """Whether these bytes can be its reply."""
        if self.echoed:
            return reply == self.pdu
        counted = bytes([self.function, self.reply_size - 2])
        return len(reply) == self.reply_size and reply.startswith(counted)

    def refused(self, reply: bytes) -> bool:
        """Whether `reply` (a PDU) is an exception to this function: its code with the top bit, and
        one byte that says why."""
        return len(reply) == 2 and reply[0] == self.function | EXCEPTION


def write_coil(address: int, on: bool) -> ModbusRequest:
    """Function 05; the reply echoes (Modbus application protocol 1.1b3, 6.5)."""
    return _echoed(WriteSingleCoilRequest.function_code, _coil(address, on))


def write_timed_coil(address: int, tenths: int) -> ModbusRequest:
    """Function 05 as some boards extend it: on for `tenths` × 100 ms, then off by the board itself
    (Waveshare "flash on": relay n is address 0x0200 + n, the value is the time)."""
    body = (0x0200 + address).to_bytes(2, "big") + tenths.to_bytes(2, "big")
    return _echoed(WriteSingleCoilRequest.function_code, body)


def read_inputs(count: int) -> ModbusRequest:
    """Function 02: the first `count` discrete inputs (6.2)."""
    request = ReadDiscreteInputsRequest(address=0, count=count)
    return _counted(request.function_code, request.encode(), count)


def read_coils(count: int) -> ModbusRequest:
    """Function 01: the first `count` coils (6.1)."""
    request = ReadCoilsRequest(address=0, count=count)
    return _counted(request.function_code, request.encode(), count)


def bits_of(reply: bytes, count: int) -> tuple[bool, ...]:
    """What a reply to `read_inputs` or `read_coils` says."""
    response = ReadDiscreteInputsResponse()
    response.decode(reply[1:])
    return tuple(response.bits[:count])


def _coil(address: int, on: bool) -> bytes:
    return WriteSingleCoilRequest(address=address, bits=[on]).encode()


def _echoed(function: int, body: bytes) -> ModbusRequest:
    return ModbusRequest(bytes([function]) + body, 1 + len(body), echoed=True)


def _counted(function: int, body: bytes, count: int) -> ModbusRequest:
    return ModbusRequest(bytes([function]) + body, 2 + (count + 7) // 8, echoed=False)


class Framing(Protocol):
    """How PDUs travel."""

    def wrap(self, unit: int, pdu: bytes) -> bytes:
        """The frame to send: `unit` (the board's address, 1 byte) and `pdu` with what this way
        adds."""
        ...

    def find(self, heard: bytes, unit: int, question: ModbusRequest) -> bytes:
        """The PDU of the reply to the question wrapped last, or of a refusal; empty when there is
        none in these bytes, whatever else is."""
        ...


class Rtu:
    """Unit, PDU, CRC (MODBUS over serial line 1.02, 2.5)."""

    def wrap(self, unit: int, pdu: bytes) -> bytes:
        frame = bytes([unit]) + pdu
        return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")

    def find(self, heard: bytes, unit: int, question: ModbusRequest) -> bytes:
        for at in range(len(heard)):
            if heard[at] == unit:
                for size in (question.reply_size, 2):
                    pdu, crc = heard[at + 1 : at + 1 + size], heard[at + 1 + size : at + 3 + size]
                    if (question.fits(pdu) or question.refused(pdu)) and _crc_holds(unit, pdu, crc):
                        return pdu
        return b""


class Mbap:
    """Transaction, protocol, length, unit, PDU (Modbus messaging on TCP/IP 1.0b, 3.1)."""

    def __init__(self) -> None:
        self.transaction = 0  # of the last question; never 0, which some servers ignore

    def wrap(self, unit: int, pdu: bytes) -> bytes:
        self.transaction = self.transaction % 0xFFFF + 1
        return self._header(unit, len(pdu)) + pdu

    def find(self, heard: bytes, unit: int, question: ModbusRequest) -> bytes:
        for size in (question.reply_size, 2):
            header = self._header(unit, size)
            at = heard.find(header)
            pdu = heard[at + len(header) : at + len(header) + size] if at >= 0 else b""
            if question.fits(pdu) or question.refused(pdu):
                return pdu
        return b""

    def _header(self, unit: int, size: int) -> bytes:
        length = (size + 1).to_bytes(2, "big")
        return self.transaction.to_bytes(2, "big") + PROTOCOL + length + bytes([unit])


def _crc_holds(unit: int, pdu: bytes, crc: bytes) -> bool:
    return Rtu().wrap(unit, pdu)[-2:] == crc
