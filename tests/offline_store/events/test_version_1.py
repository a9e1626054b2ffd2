"""Rows that earlier software has written: read as today's events, and never written anew."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from agent.cli import journal as listing
from offline_store import chain
from offline_store.clock import ClockReading
from offline_store.columns import MARKS, NAMES, columns, row_id
from offline_store.events.about import Alarm, GiveBack, LostRows, Passage, Recovery
from offline_store.events.happened import Authentication, Check, ListUsed
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Purchase, Ride, Trip
from offline_store.events.row import Event, Record, Row, read
from offline_store.events.seen import (
    CardTold,
    CardTrip,
    CodeSeen,
    LastRide,
    Price,
    RidesBefore,
    Seen,
    TripPoint,
)
from offline_store.events.tap import StageTimes, Tap
from offline_store.events.terminal import (
    Checkpoint,
    Disclosure,
    Shift,
    ShiftTotals,
    SignIn,
    Takings,
)
from offline_store.files import journal_file
from offline_store.journal import ChainHead, Journal
from offline_store.reading import ReadOnlyJournal
from sync.contract import messages
from sync.contract.topics import Place
from sync.platform.examine import RejectedRow, ValidRow, examine
from tests.offline_store.support import (
    ANNA,
    TERMINAL,
    Receipt,
    Site,
    draft,
    every_record,
    payment_end,
    recovery,
    tap,
)

EPOCH, BEFORE = "1e" * 16, "0e" * 16
CARD, CODE = "ca" * 32, "c0" * 32
WHEN = ClockReading(1_790_000_000_000, "synchronised", "boot-1", 81_000)
NEVER_SET = ClockReading(60_000, "unset", "boot-1")

# How every text of version 1 begins behind its kind, and ends.
TIME = '"time_ms":1790000000000,"clock":"synchronised","boot":"boot-1","up_ms":81000'
UNSET = '"time_ms":60000,"clock":"unset","boot":"boot-1"'
END = f'"v":1,"terminal":"gate-7","epoch":"{EPOCH}","seq":12,"prev":"{"ab" * 32}"}}'
SOMEBODY = f'"card":"{CARD}","person":"{ANNA}"'

PURCHASE = (
    '"evidence":{"card_number":"03104985100000000019","issuer":"0131049851000000",'
    '"terminal":"519900000001","psam_serial":"33333333333333333333","psam_seq":"0000002a"'
)
PURCHASE_SAID = (
    '"type":9,"moment":"20260921221320","card_seq":7,"key_version":1,"key_index":2,"algorithm":4,'
    '"province":"5100","city":"5199","card_type":1'
)
BOUGHT = Purchase(
    amount=180,
    balance_before=1000,
    overdraft=50,
    card_number="03104985100000000019",
    issuer="0131049851000000",
    terminal="519900000001",
    psam_serial="33" * 10,
    psam_seq="0000002a",
    type=9,
    moment="20260921221320",
    card_seq=7,
    key_version=1,
    key_index=2,
    algorithm=4,
    province="5100",
    city="5199",
    card_type=1,
)

TEXTS: dict[str, tuple[str, Event]] = {
    "a card at a gate": (
        f'{{"kind":"tap",{TIME},"lane":"entry","scene":"library-gate",'
        f'"credential":"card-contactless",{SOMEBODY},"verdict":"accepted","reason":"accepted",'
        '"authentication":{"mode":"psam","result":"passed","generation":"3.0","algorithm":"SM4",'
        '"key":"0a","terminal_number":"519900000001"},'
        '"checks":[{"subject":"card","status":"unknown","source":"platform"},'
        '{"subject":"holder","status":"normal","source":"cached:platform","age_s":30}],'
        '"application":"9901","lists":{"blacklist":7},'
        '"state":{"card_issued":20200101,"card_expires":20300101,"last_entry_ms":1789999999000,'
        '"offline_today":2,"foreign_offline_today":3},'
        '"stages_us":{"detect":1,"open":2,"select":3,"authenticate":4,"read":5,"check":6,'
        '"decide":7},'
        '"detail":{"status_fault":"request.timeout","offline":"own","doubts":"odd-name,odd-sex",'
        f'"card_kind":"old"}},{END}',
        Tap(
            clock=WHEN,
            lane="entry",
            scene="library-gate",
            credential="card-contactless",
            card=CARD,
            person=ANNA,
            verdict="accepted",
            reason="accepted",
            authentication=Authentication(
                mode="psam",
                result="passed",
                generation="3.0",
                algorithm="SM4",
                key="0a",
                terminal_number="519900000001",
            ),
            checks=(
                Check(subject="card", status="unknown", source="platform"),
                Check(subject="holder", status="normal", source="cached:platform", age_s=30),
            ),
            application="9901",
            lists=(ListUsed("blacklist", 7),),
            seen=Seen(
                card_issued=20200101,
                card_expires=20300101,
                last_entry_ms=1789999999000,
                offline_today=2,
                foreign_offline_today=3,
            ),
            stages_us=StageTimes(
                detect=1, open=2, select=3, authenticate=4, read=5, check=6, decide=7
            ),
            status_fault="request.timeout",
            offline="own",
            doubts=("odd-name", "odd-sex"),
            card_kind="old",
        ),
    ),
    "a reader that is held": (
        f'{{"kind":"tap",{UNSET},"verdict":"refused","reason":"reader-busy",'
        f'"detail":{{"fault":"device.busy","holder":"editor (7)","unstored_before":3}},{END}',
        Tap(
            clock=NEVER_SET,
            verdict="refused",
            reason="reader-busy",
            fault="device.busy",
            held_by="editor (7)",
            unstored_before=3,
        ),
    ),
    "somebody leaves": (
        f'{{"kind":"tap",{TIME},"verdict":"accepted","reason":"accepted-exit",'
        f'"detail":{{"opened_first":1}},{END}',
        Tap(clock=WHEN, verdict="accepted", reason="accepted-exit", opened_first=True),
    ),
    "a code in a bus": (
        f'{{"kind":"tap",{TIME},"scene":"bus","credential":"code:transit",{SOMEBODY},'
        f'"code":"{CODE}","verdict":"accepted","reason":"accepted",'
        '"amounts":{"fare":0,"full":200},"evidence":{"code":"0203"},"lists":{"lines":3},'
        '"state":{"code_uses":1,"last_code_ms":5,"last_account_ms":6,"code_good_for":4,'
        '"paid_today":200,"rides_today":1,"conceded_today":1,"last_line":"9","last_ms":8,'
        '"last_paid":180,"last_transfers":2,"price":0,"price_full":200,"passes":"ride-again"},'
        '"detail":{"steps":"base=200; transfer by=0","concession":"student","vehicle":"BUS-1",'
        '"line":"9","direction":"up","station":"S2","line_code":9,"station_code":2,'
        f'"driver":"{CARD}","shift":"00112233445566aa","again_epoch":"{BEFORE}","again_seq":4,'
        f'"again_of":"20260921220000"}},{END}',
        Tap(
            clock=WHEN,
            scene="bus",
            credential="code:transit",
            card=CARD,
            person=ANNA,
            code=CODE,
            code_content="0203",
            verdict="accepted",
            reason="accepted",
            lists=(ListUsed("lines", 3),),
            ride=Ride(
                line="9",
                direction="up",
                vehicle="BUS-1",
                driver=CARD,
                shift="00112233445566aa",
                station="S2",
                line_code=9,
                station_code=2,
                fare=0,
                full=200,
                steps="base=200; transfer by=0",
                concession="student",
                again=Reference(BEFORE, 4),
                again_of="20260921220000",
            ),
            seen=Seen(
                code=CodeSeen(uses=1, last_ms=5, last_account_ms=6, good_for=4),
                price=Price(amount=0, full=200, passes="ride-again"),
                rides=RidesBefore(200, 1, 1, LastRide("9", 8, 180, 2)),
            ),
        ),
    ),
    "a code that pays no price": (
        f'{{"kind":"tap",{TIME},"scene":"bus","verdict":"refused","reason":"no-fare",'
        f'"state":{{"unpriced":"no-fare"}},{END}',
        Tap(
            clock=WHEN,
            scene="bus",
            verdict="refused",
            reason="no-fare",
            seen=Seen(price=Price(refused="no-fare")),
        ),
    ),
    "a driver signs on": (
        f'{{"kind":"tap",{TIME},"scene":"bus","verdict":"accepted","reason":"driver",'
        f'"state":{{"driver":1}},{END}',
        Tap(
            clock=WHEN,
            scene="bus",
            verdict="accepted",
            reason="driver",
            seen=Seen(price=Price(driver=True)),
        ),
    ),
    "a payment begins": (
        f'{{"kind":"intent",{TIME},"lane":"in","scene":"metro-gate",'
        f'"credential":"card-contactless",{SOMEBODY},"reason":"payment-begun",'
        '"checks":[{"subject":"card","status":"normal","source":"list:transit@4"}],'
        '"amounts":{"amount":180,"full":200,"balance_before":1000,"overdraft":50},'
        f'{PURCHASE}}},"lists":{{"transit":4}},'
        '"state":{"card_line":9,"card_ms":1,"card_day_ms":2,"card_paid_today":3,'
        '"card_conceded_today":4,"card_transfers":5,"trip_state":1,"trip_entry_city":"5199",'
        '"trip_entry_station":"01","trip_entry_terminal":"02","trip_entry_time":"20260921220000",'
        '"trip_exit_city":"","trip_exit_station":"","trip_exit_terminal":"","trip_exit_time":""},'
        f'"detail":{{{PURCHASE_SAID},"steps":"base=180","trip":"exit","trip_type":12,'
        '"entry_station":"S1","entry_moment":"20260921220000","missing":10,"overstay":20,'
        f'"line":"M1","card_told":1,"doubts":"odd-name"}},{END}',
        Intent(
            clock=WHEN,
            lane="in",
            scene="metro-gate",
            credential="card-contactless",
            card=CARD,
            person=ANNA,
            reason="payment-begun",
            checks=(Check(subject="card", status="normal", source="list:transit@4"),),
            lists=(ListUsed("transit", 4),),
            purchase=BOUGHT,
            ride=Ride(
                line="M1",
                full=200,
                steps="base=180",
                card_told=True,
                trip=Trip(
                    end="exit",
                    type=12,
                    entry_station="S1",
                    entry_moment="20260921220000",
                    missing=10,
                    overstay=20,
                ),
            ),
            seen=Seen(
                card=CardTold(
                    line=9,
                    time_ms=1,
                    day_ms=2,
                    paid_today=3,
                    conceded_today=4,
                    transfers=5,
                ),
                trip=CardTrip(1, TripPoint("5199", "01", "02", "20260921220000")),
            ),
            doubts=("odd-name",),
        ),
    ),
    "a payment was made": (
        f'{{"kind":"payment-end",{TIME},{SOMEBODY},"verdict":"accepted","reason":"paid",'
        '"amounts":{"amount":180,"full":200,"balance_before":1000,"overdraft":50,"confirmed":180,'
        f'"balance_after":820}},{PURCHASE},"tac":"aabbccdd","proved_by":"0000002b"}},'
        f'"refers":11,"detail":{{{PURCHASE_SAID},"line":"M1","doubts":"odd-name",'
        f'"mac2":"proved"}},{END}',
        PaymentEnd(
            clock=WHEN,
            card=CARD,
            person=ANNA,
            verdict="accepted",
            reason="paid",
            intent=Reference(EPOCH, 11),
            outcome="confirmed",
            purchase=BOUGHT,
            ride=Ride(line="M1", full=200),
            mac2="proved",
            tac="aabbccdd",
            balance_after=820,
            proved_by="0000002b",
            doubts=("odd-name",),
        ),
    ),
    "nobody knows whether it was, an epoch later": (
        f'{{"kind":"payment-end",{TIME},{SOMEBODY},"verdict":"unknown","reason":"card-gone",'
        '"amounts":{"amount":180,"full":200,"balance_before":1000,"overdraft":50,"grey":180},'
        f'{PURCHASE}}},"detail":{{{PURCHASE_SAID},"mac2":"unverified",'
        f'"intent_epoch":"{BEFORE}","intent_seq":3}},{END}',
        PaymentEnd(
            clock=WHEN,
            card=CARD,
            person=ANNA,
            verdict="unknown",
            reason="card-gone",
            intent=Reference(BEFORE, 3),
            outcome="grey",
            purchase=BOUGHT,
            ride=Ride(full=200),
            mac2="unverified",
        ),
    ),
    "a proof was not made": (
        f'{{"kind":"payment-end",{TIME},{SOMEBODY},"reason":"card-gone",'
        '"amounts":{"amount":180,"balance_before":1000,"overdraft":50},'
        f'{PURCHASE}}},"refers":11,"detail":{{{PURCHASE_SAID},"proof":1,"mac2":"none"}},{END}',
        PaymentEnd(
            clock=WHEN,
            card=CARD,
            person=ANNA,
            reason="card-gone",
            intent=Reference(EPOCH, 11),
            outcome="not-made",
            purchase=msgspec.structs.replace(BOUGHT, proof=True),
        ),
    ),
    "somebody passed": (
        f'{{"kind":"passage",{TIME},"lane":"entry","scene":"library-gate","reason":"passed",'
        f'"refers":11,"detail":{{"direction":"entry"}},{END}',
        Passage(
            clock=WHEN,
            lane="entry",
            scene="library-gate",
            reason="passed",
            about=Reference(EPOCH, 11),
            direction="entry",
        ),
    ),
    "nobody passed, an epoch later": (
        f'{{"kind":"passage",{TIME},"reason":"timed-out",'
        f'"detail":{{"epoch":"{BEFORE}","seq":4}},{END}',
        Passage(clock=WHEN, reason="timed-out", about=Reference(BEFORE, 4)),
    ),
    "an opening of nobody's": (
        f'{{"kind":"passage",{TIME},"reason":"timed-out",{END}',
        Passage(clock=WHEN, reason="timed-out"),
    ),
    "what did not take place": (
        f'{{"kind":"recovery",{TIME},"reason":"not-executed","refers":11,{END}',
        Recovery(clock=WHEN, reason="not-executed", about=Reference(EPOCH, 11)),
    ),
    "what did not take place, an epoch later": (
        f'{{"kind":"recovery",{TIME},"reason":"not-executed",'
        f'"detail":{{"epoch":"{BEFORE}","seq":4}},{END}',
        Recovery(clock=WHEN, reason="not-executed", about=Reference(BEFORE, 4)),
    ),
    "what did not take place, entered again": (
        f'{{"kind":"recovery",{TIME},"reason":"not-executed",'
        f'"detail":{{"was_epoch":"{BEFORE}","was_seq":5,"was_refers":4}},{END}',
        Recovery(clock=WHEN, reason="not-executed", about=Reference(BEFORE, 4)),
    ),
    "a visit is given back": (
        f'{{"kind":"give-back",{TIME},"lane":"entry","scene":"library-gate",{SOMEBODY},'
        f'"code":"{CODE}","reason":"timed-out","state":{{"given_back_today":2}},"refers":11,'
        f'"detail":{{"returns":"visit"}},{END}',
        GiveBack(
            clock=WHEN,
            lane="entry",
            scene="library-gate",
            card=CARD,
            person=ANNA,
            code=CODE,
            reason="timed-out",
            about=Reference(EPOCH, 11),
            returns="visit",
            given_back_today=2,
        ),
    ),
    "a ride is given back": (
        f'{{"kind":"give-back",{TIME},{SOMEBODY},"reason":"stuck","amounts":{{"amount":180}},'
        f'"refers":11,"detail":{{"returns":"ride","again_of":"20260921220000"}},{END}',
        GiveBack(
            clock=WHEN,
            card=CARD,
            person=ANNA,
            reason="stuck",
            about=Reference(EPOCH, 11),
            returns="ride",
            amount=180,
            again_of="20260921220000",
        ),
    ),
    "a card that stays": (
        f'{{"kind":"alarm",{TIME},"lane":"entry","reason":"take-card-away",'
        f'"detail":{{"reader":"door"}},{END}',
        Alarm(clock=WHEN, lane="entry", reason="take-card-away", reader="door"),
    ),
    "somebody passed who may not": (
        f'{{"kind":"alarm",{TIME},"reason":"intruded","refers":11,'
        f'"detail":{{"direction":"exit"}},{END}',
        Alarm(clock=WHEN, reason="intruded", about=Reference(EPOCH, 11), direction="exit"),
    ),
    "rows that are lost": (
        f'{{"kind":"alarm",{TIME},"reason":"journal-unreadable",'
        f'"detail":{{"epoch":"{BEFORE}","first":3,"last":4,"file":"journal-0001.db"}},{END}',
        Alarm(
            clock=WHEN,
            reason="journal-unreadable",
            file="journal-0001.db",
            lost=LostRows(epoch=BEFORE, first=3, last=4),
        ),
    ),
    "a platform that has other rows": (
        f'{{"kind":"alarm",{TIME},"reason":"platform-ahead",'
        f'"detail":{{"epoch":"{BEFORE}","seq":900,"receipted":6}},{END}',
        Alarm(clock=WHEN, reason="platform-ahead", about=Reference(BEFORE, 900), receipted=6),
    ),
    "an epoch begins": (
        f'{{"kind":"checkpoint",{TIME},"reason":"epoch-begun",'
        f'"detail":{{"cause":"platform-conflict","step":2,"head":"{CARD}",'
        f'"contested":"{BEFORE}","before":"{BEFORE}"}},{END}',
        Checkpoint(
            clock=WHEN,
            reason="epoch-begun",
            cause="platform-conflict",
            step=2,
            head=CARD,
            before=BEFORE,
            contested=BEFORE,
        ),
    ),
    "the first epoch after damage": (
        f'{{"kind":"checkpoint",{TIME},"reason":"epoch-begun",'
        f'"detail":{{"cause":"damaged","step":0,"head":"","file":"journal-0001.db"}},{END}',
        Checkpoint(clock=WHEN, reason="epoch-begun", cause="damaged", file="journal-0001.db"),
    ),
    "an identity is handed out": (
        f'{{"kind":"disclosure",{TIME},"lane":"window","credential":"card-contact",{SOMEBODY},'
        '"reason":"disclosed","detail":{"client":"clinic","caller":"uid:7","purpose":"made up",'
        '"function":"iReadCardBas","fields":"name,region","act":"card-inserted","beyond_gbk":1,'
        f'"doubts":"odd-name"}},{END}',
        Disclosure(
            clock=WHEN,
            lane="window",
            credential="card-contact",
            card=CARD,
            person=ANNA,
            reason="disclosed",
            client="clinic",
            caller="uid:7",
            purpose="made up",
            function="iReadCardBas",
            act="card-inserted",
            fields="name,region",
            beyond_gbk=1,
            doubts=("odd-name",),
        ),
    ),
    "an identity is withheld": (
        f'{{"kind":"disclosure",{TIME},"verdict":"refused","reason":"card-lost",'
        '"detail":{"client":"clinic","caller":"uid:7","purpose":"made up",'
        f'"function":"iReadCardBas","withheld":"name","act":"card-inserted"}},{END}',
        Disclosure(
            clock=WHEN,
            verdict="refused",
            reason="card-lost",
            client="clinic",
            caller="uid:7",
            purpose="made up",
            function="iReadCardBas",
            act="card-inserted",
            withheld="name",
        ),
    ),
    "staff signs in": (
        f'{{"kind":"tap",{TIME},"scene":"staff-sign-in","credential":"sign-in",{SOMEBODY},'
        '"verdict":"accepted","reason":"staff-signed-in",'
        '"checks":[{"subject":"holder","status":"normal","source":"list:blacklist@7"}],'
        f'"lists":{{"blacklist":7}},"detail":{{"lasting_s":28800}},{END}',
        SignIn(
            clock=WHEN,
            scene="staff-sign-in",
            credential="sign-in",
            card=CARD,
            person=ANNA,
            verdict="accepted",
            reason="staff-signed-in",
            checks=(Check(subject="holder", status="normal", source="list:blacklist@7"),),
            lists=(ListUsed("blacklist", 7),),
            lasting_s=28_800,
        ),
    ),
    "staff signs out": (
        f'{{"kind":"tap",{TIME},"scene":"staff-sign-in","person":"{ANNA}","verdict":"accepted",'
        f'"reason":"staff-signed-out","detail":{{"epoch":"{BEFORE}","seq":4}},{END}',
        SignIn(
            clock=WHEN,
            scene="staff-sign-in",
            person=ANNA,
            verdict="accepted",
            reason="staff-signed-out",
            session=Reference(BEFORE, 4),
        ),
    ),
    "the first shift begins": (
        f'{{"kind":"tap",{TIME},"scene":"driver-shift","credential":"card-contactless",'
        f'"person":"{ANNA}","verdict":"accepted","reason":"shift-opened",'
        '"detail":{"vehicle":"BUS-1","line":"9","direction":"up","shift":"00112233445566aa",'
        f'"after_epoch":"","after_seq":0}},{END}',
        Shift(
            clock=WHEN,
            scene="driver-shift",
            credential="card-contactless",
            person=ANNA,
            reason="shift-opened",
            shift="00112233445566aa",
            vehicle="BUS-1",
            line="9",
            direction="up",
        ),
    ),
    "a shift ends": (
        f'{{"kind":"tap",{TIME},"scene":"driver-shift","person":"{ANNA}","verdict":"accepted",'
        '"reason":"shift-closed",'
        '"amounts":{"normal card-contactless":400,"old man code:transit":0},'
        '"state":{"normal card-contactless":2,"old man code:transit":1,"refused":3,"unknown":4},'
        '"detail":{"vehicle":"BUS-1","line":"9","direction":"up","shift":"00112233445566aa",'
        f'"rides":3,"amount":400,"opened_ms":5,"until_epoch":"{EPOCH}","until_seq":11}},{END}',
        Shift(
            clock=WHEN,
            scene="driver-shift",
            person=ANNA,
            reason="shift-closed",
            shift="00112233445566aa",
            vehicle="BUS-1",
            line="9",
            direction="up",
            after=Reference(EPOCH, 11),
            opened_ms=5,
            totals=ShiftTotals(
                rides=3,
                amount=400,
                refused=3,
                unknown=4,
                takings=(
                    Takings(group="normal", credential="card-contactless", rides=2, amount=400),
                    Takings(group="old man", credential="code:transit", rides=1),
                ),
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_row_of_version_1_is_todays_event(name: str) -> None:
    text, event = TEXTS[name]
    row = read(text)
    assert row.event == event
    assert (row.terminal, row.epoch, row.seq, row.prev) == ("gate-7", EPOCH, 12, "ab" * 32)
    assert row.sealed == ""


def test_every_kind_is_among_them() -> None:
    assert {msgspec.json.decode(text)["kind"] for text, _ in TEXTS.values()} == {
        "tap", "intent", "payment-end", "passage", "recovery", "give-back", "checkpoint", "alarm",
        "disclosure",
    }  # fmt: skip
    assert {type(event) for _, event in TEXTS.values()} == set(_members(Event))


def _members(union: Any) -> tuple[type, ...]:
    members: tuple[type, ...] = union.__args__
    return members


def test_of_what_was_entered_again_it_names_where_it_stood() -> None:
    text, event = TEXTS["somebody leaves"]
    again = text.replace('{"opened_first":1}', f'{{"opened_first":1,{WAS}}}')
    assert (read(again).event, read(again).was) == (event, Reference(BEFORE, 5))
    assert read(text).was is None


WAS = f'"was_epoch":"{BEFORE}","was_seq":5'


def test_a_sealed_identity_is_named() -> None:
    text, _ = TEXTS["somebody leaves"]
    assert (
        read(text.replace(f'"prev":"{"ab" * 32}"', f'"prev":"","sealed":"{CODE}"')).sealed == CODE
    )


@pytest.mark.parametrize(
    ("name", "part", "becomes"),
    [
        ("a card at a gate", '"verdict":"accepted",', ""),
        ("a card at a gate", '"offline":"own"', '"offline":"theirs"'),
        ("a card at a gate", '"kind":"tap"', '"kind":"tape"'),
        ("a card at a gate", '"card_issued":20200101', '"card_issued":"early"'),
        ("a code in a bus", '"rides_today":1,', ""),
        ("a code in a bus", '"last_ms":8,', ""),
        ("a code in a bus", f'"again_epoch":"{BEFORE}",', ""),
        ("a payment begins", '"amount":180,', ""),
        ("a payment begins", '"balance_before":1000,', ""),
        ("a payment begins", '"card_number":"03104985100000000019",', ""),
        ("a payment begins", '"type":9,', ""),
        ("a payment begins", '"moment":"20260921221320",', ""),
        ("a payment begins", '"card_seq":7,', ""),
        ("a payment begins", '"trip":"exit"', '"trip":"half"'),
        ("a payment was made", ',"mac2":"proved"', ""),
        ("a payment was made", '"mac2":"proved"', '"mac2":"believed"'),
        ("a payment was made", '"refers":11,', ""),
        ("a payment was made", '"amount":180,', ""),
        ("nobody knows whether it was, an epoch later", f'"intent_epoch":"{BEFORE}",', ""),
        ("what did not take place", '"refers":11,', ""),
        ("what did not take place, entered again", f'"was_epoch":"{BEFORE}",', ""),
        ("what did not take place, entered again", '"was_seq":5', '"was_seq":"five"'),
        ("what did not take place, an epoch later", f'"epoch":"{BEFORE}",', ""),
        ("nobody passed, an epoch later", f'"epoch":"{BEFORE}",', ""),
        ("somebody leaves", '"opened_first":1', '"was_seq":5'),
        ("a visit is given back", '"returns":"visit"', ""),
        ("a visit is given back", '"returns":"visit"', '"returns":"all"'),
        ("a visit is given back", '"refers":11,', ""),
        ("rows that are lost", ',"last":4', ""),
        ("an epoch begins", '"cause":"platform-conflict",', ""),
        ("an epoch begins", '"cause":"platform-conflict"', '"cause":"boredom"'),
        ("staff signs in", '"verdict":"accepted",', ""),
        ("a shift ends", '"amount":400,"opened_ms"', '"opened_ms"'),
        ("a shift ends", '"opened_ms":5,', ""),
        ("a shift ends", '{"normal card-contactless":2,', "{"),
        ("a card at a gate", '"v":1,', ""),
        ("a card at a gate", '"v":1,', '"v":3,'),
        ("a card at a gate", '"seq":12,', ""),
    ],
)
def test_a_row_of_version_1_in_which_something_is_missing_or_odd_is_no_event(
    name: str, part: str, becomes: str
) -> None:
    text, _ = TEXTS[name]
    assert part in text
    wrong = text.replace(part, becomes)
    with pytest.raises(msgspec.MsgspecError):
        read(wrong)
    (row,) = examined([wrong])
    assert isinstance(row, RejectedRow)
    assert row.reason == "event"


def test_the_platform_takes_rows_of_version_1() -> None:
    texts = [text for text, _ in TEXTS.values()]
    for text, row in zip(texts, examined(texts), strict=True):
        assert isinstance(row, ValidRow)
        assert (row.item.body, row.row) == (text, read(text))


def examined(texts: list[str]) -> list[ValidRow | RejectedRow]:
    """What the platform makes of each, sent as the row that it says it is."""
    found: list[ValidRow | RejectedRow] = []
    for text in texts:
        record = Record(epoch=EPOCH, seq=12, body=text, hash=chain.body_hash(text), mac="0" * 64)
        packed = messages.pack([record]).payload
        found += examine(Place("onecard/v1", "990100", "gate-7"), packed).rows
    return found


# A journal of before


@contextmanager
def earlier_software(texts: list[str]) -> Iterator[None]:
    """Whatever it is asked to store, it stores these texts, one after the other, each in its own
    place of the chain."""
    waiting = iter(texts)

    def insert(
        self: Journal, tip: ChainHead, event: Event, sealed: object = None, **other: object
    ) -> tuple[Record, ChainHead]:
        body = in_place(next(waiting), tip)
        digest = chain.body_hash(body)
        row, mac = read(body), chain.mac(tip.key, digest)
        place = row_id(tip.number, row.seq)
        self.db.execute(
            f"INSERT INTO events ({NAMES}) VALUES ({MARKS})",
            (place, body, digest, mac, None, *columns(row, self._number_of(tip))),
        )
        self._note_payment(row.event, place, tip)
        record = Record(epoch=tip.epoch, seq=row.seq, body=body, hash=digest, mac=mac)
        return record, replace(tip, seq=row.seq, hash=digest, key=chain.next_key(tip.key))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "insert", insert)
        yield
    assert next(waiting, None) is None


def in_place(text: str, tip: ChainHead) -> str:
    """The text as the row behind `tip`. What refers to row 11 refers to the row before."""
    place = f'"epoch":"{tip.epoch}","seq":{tip.seq + 1},"prev":"{tip.hash}"}}'
    begun = text.removesuffix(f'"epoch":"{EPOCH}","seq":12,"prev":"{"ab" * 32}"}}')
    return begun.replace('"refers":11', f'"refers":{tip.seq}') + place


BEGUN = (
    f'{{"kind":"checkpoint",{TIME},"reason":"epoch-begun",'
    f'"detail":{{"cause":"enrolment","step":0,"head":""}},{END}'
)
HISTORY = (
    "a card at a gate",
    "what did not take place",
    "a code in a bus",
    "somebody passed",
    "a payment begins",
    "a payment was made",
    "a payment begins",
)


def of_before(site: Site) -> list[Record]:
    """A closed journal that earlier software has written."""
    texts = [BEGUN, *(TEXTS[name][0] for name in HISTORY)]
    with earlier_software(texts), site.open() as store:
        for _ in HISTORY:
            store.turn(tap())
        return every_record(store)


def test_a_journal_of_both_versions_is_whole_and_every_text_stays_as_it_is(site: Site) -> None:
    before = of_before(site)
    assert {msgspec.json.decode(record.body)["v"] for record in before} == {1}
    with site.open() as store:
        for _ in range(3):
            store.turn(tap())
        records = every_record(store)
        assert records[: len(before)] == before
        assert [msgspec.json.decode(record.body)["v"] for record in records[-3:]] == [2, 2, 2]
        assert store.verify().whole
        assert store.unreceipted(100) == records
        sent = messages.decode_batch(messages.pack(store.unreceipted(100)).payload)
        assert [item.body for item in sent.items] == [record.body for record in records]
    reader = ReadOnlyJournal(site.world, site.folder)
    assert reader.verify()["whole"]
    assert reader.records(None, 0, 100) == records


def test_what_is_exported_has_the_exact_text_of_each(site: Site) -> None:
    of_before(site)
    with site.open() as store:
        store.turn(tap())
    reader = listing.FileSource(site.world, site.folder)
    whole, table = io.BytesIO(), io.BytesIO()
    records = reader.records(None, 0, 100)
    assert listing._export(reader, whole, as_csv=False) == len(records)
    for record, line in zip(records, whole.getvalue().splitlines(), strict=True):
        told = {"hash": record.hash, "mac": record.mac}
        assert msgspec.json.decode(line) == {**msgspec.json.decode(record.body), **told}
        assert line.startswith(record.body.removesuffix("}").encode())
    assert listing._export(reader, table, as_csv=True) == len(records)
    assert len(table.getvalue().splitlines()) == 1 + len(records)


def test_turns_go_by_rows_of_both_versions(site: Site) -> None:
    before = of_before(site)
    with site.open() as store:
        assert [row.at for row in store.open_intents()] == [before[-1].reference]
        assert store.look(lambda turn: turn.code_uses(CODE).count) == 1
        done = store.look(lambda turn: [*turn.accepted(ANNA, scene="bus")])
        assert [one.stored.at for one in done] == [before[3].reference]
        assert store.look(lambda turn: [*turn.accepted(ANNA, scene="library-gate")]) == []
        store.turn(recovery(before[3].reference))
        store.turn(payment_end(before[-1].reference))
        assert store.open_intents() == []
        assert store.look(lambda turn: turn.code_uses(CODE).count) == 0


def test_what_is_entered_again_is_of_today_and_names_its_row_of_before(site: Site) -> None:
    before = of_before(site)
    with site.open() as store:
        store.receipt(Receipt(before[0].epoch, 900))
        while store._writer._more:
            store.status()
        again = every_record(store)[len(before) + 2 :]
    assert [record.row().was for record in again] == [record.reference for record in before]
    assert [record.event() for record in again] == [record.event() for record in before]
    assert {msgspec.json.decode(record.body)["v"] for record in again} == {2}


def test_rows_of_before_are_taken_over_from_a_damaged_file(site: Site) -> None:
    before = of_before(site)
    path = journal_file(site.folder, 1)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"ride-again", b"ride-agane"))
    with site.open() as store:
        assert [e.reason for r in every_record(store)[-2:] for e in [r.event()]] == [
            "epoch-begun",
            "journal-unreadable",
        ]
        kept = [record for record in every_record(store) if record.epoch == before[0].epoch]
        assert kept == [record for record in before if "ride-again" not in record.body]
        assert len(kept) == len(before) - 1
        assert [row.at for row in store.open_intents()] == [before[-1].reference]


# Rows of today


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Anything that is of that type."""
    match kind:
        case inspect.IntType():
            return st.integers(-(2**63), 2**63 - 1)
        case inspect.StrType():
            return st.text(max_size=8)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType(values=known):
            return st.sampled_from(known)
        case inspect.UnionType(types=types):
            return st.one_of([values(each) for each in types])
        case inspect.VarTupleType(item_type=item):
            return st.lists(values(item), max_size=2).map(tuple)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values(key), values(value), max_size=2)
        case inspect.StructType(cls=cls, fields=fields):
            parts = {field.name: values(field.type) for field in fields if field.required}
            more = {field.name: values(field.type) for field in fields if not field.required}
            named = st.fixed_dictionaries(parts, optional=more)
            return named.map(lambda given: cls(**given))
    raise AssertionError(kind)


ROWS: st.SearchStrategy[Row] = values(inspect.type_info(Row))


@given(row=ROWS)
def test_the_text_of_any_row_is_that_row_and_no_other_text(row: Row) -> None:
    text = msgspec.json.encode(row)
    found = read(text)
    assert found == row
    assert msgspec.json.encode(found) == text


def test_a_row_of_today_has_the_text_that_platforms_know() -> None:
    clock = ClockReading(1_790_000_000_000, "synchronised", "boot-1", 81_000)
    event = draft(clock=clock, lane="入口")
    row = Row(v=2, terminal=TERMINAL, epoch=EPOCH, seq=12, prev="ab" * 32, event=event)
    assert msgspec.json.encode(row).decode() == (
        f'{{"v":2,"terminal":"gate-7","epoch":"{EPOCH}","seq":12,"prev":"{"ab" * 32}",'
        '"event":{"kind":"tap","clock":{"time_ms":1790000000000,"quality":"synchronised",'
        '"boot":"boot-1","up_ms":81000},"reason":"accepted","lane":"入口","scene":"library-gate",'
        f'"person":"{ANNA}","verdict":"accepted"}}}}'
    )
