"""Dead letters: what failed for good and somebody can do something about is kept, listed, and sent anew."""

from __future__ import annotations

from tests.acceptance.box import Box


def test_a_failed_step_is_listed(box: Box) -> None:
    """The carrier refuses all mornings, as wrongly set up: the operator finds the step with what was last said."""
    failed = box.send("mornings", at="09:00")
    (letter,) = box.dead_letters()

    assert (letter.message_id, letter.step, letter.channel) == (failed.id, 1, "sms")
    assert (letter.provider, letter.outcome) == ("sms-closed-mornings", "CONFIG")
    assert box.days.text(letter.since.ToMilliseconds()) == "09:00"
    assert box.redrive() == (1, 0)


def test_redriven_it_goes(box: Box) -> None:
    """After the carrier was mended: decided again, and sent; it is no dead letter any more."""
    failed = box.send("mornings", at="09:00")
    box.advance("10:30")
    assert box.redrive((failed.id, 1)) == (1, 0)

    assert box.life(failed.id).story == [
        "09:00 DECIDED SEND sms",
        "09:00 1 ATTEMPTED sms-closed-mornings",
        "09:00 1 ANSWERED sms-closed-mornings CONFIG",
        "09:00 1 ENDED FAILED",
        "10:30 1 REDRIVEN",
        "10:30 DECIDED SEND sms",
        "10:30 1 ATTEMPTED sms-closed-mornings",
        "10:30 1 ANSWERED sms-closed-mornings OK",
        "10:30 1 RECEIPT DELIVERED",
        "10:30 1 ENDED DELIVERED",
    ]
    assert box.dead_letters() == []


def test_redriven_too_early_it_is_a_dead_letter_again(box: Box) -> None:
    """The same failure, and the same message in the list."""
    failed = box.send("mornings", at="09:00")
    box.redrive((failed.id, 1))

    assert box.life(failed.id).state == "FAILED"
    assert [letter.message_id for letter in box.dead_letters()] == [failed.id]
    box.advance("10:30")
    assert box.redrive() == (1, 0)
    assert box.life(failed.id).state == "DELIVERED"


def test_it_is_decided_again_first(box: Box) -> None:
    """Whoever has declined meanwhile gets nothing, though an operator sent it anew."""
    failed = box.send("mornings", at="09:00")
    box.opt_out("sms", "TRANSACTION")
    box.advance("10:30")
    box.redrive((failed.id, 1))

    assert (box.life(failed.id).state, box.carried(failed.id)) == ("DROPPED", [])
    assert box.dead_letters() == []


def test_all_are_redriven(box: Box) -> None:
    """Page by page they are listed, and all of them go at once."""
    failed = box.send_batch([box.message("mornings", user=f"{box.user}-{n}") for n in range(25)], "09:00")
    listed = box.dead_letters(page_size=10)
    box.advance("10:30")

    assert sorted(letter.message_id for letter in listed) == sorted(one.id for one in failed)
    assert box.redrive() == (25, 0)
    assert {box.life(one.id).state for one in failed} == {"DELIVERED"}


def test_what_is_none_is_too_late(box: Box) -> None:
    """A delivered message, a step that there is not, one whose life is over."""
    sent = box.send()
    over = box.send("mornings", at="09:00", expire_at="10:00")
    box.advance("10:30")

    assert box.redrive((sent.id, 1), (sent.id, 2), (over.id, 1)) == (0, 3)
    assert box.life(over.id).state == "FAILED"


def test_what_must_never_go_again_is_no_dead_letter(box: Box) -> None:
    """Refused content stays refused, whoever presses a button."""
    sent = box.send("refused-or-sms")

    assert box.life(sent.id).state == "FAILED"
    assert sent.id not in {letter.message_id for letter in box.dead_letters()}


def test_redriving_counts_and_pays_once(box: Box) -> None:
    """The money was given back with the failure and is taken again; the touch is the same."""
    line = f"line-{box.user}"
    box.grant(f"{line}/sms/cash", 50_000)
    failed = box.send("paid-mornings", line=line, at="09:00")
    assert box.account(f"{line}/sms/cash") == (50_000, 0, 0)
    box.advance("10:30")
    box.redrive((failed.id, 1))

    assert box.life(failed.id).state == "DELIVERED"
    assert box.account(f"{line}/sms/cash") == (0, 0, 50_000)


def test_one_step_of_several_is_redriven(box: Box) -> None:
    """The push has arrived, the SMS has not: only the SMS goes anew."""
    sent = box.send("mornings-and-push", at="09:00")
    assert box.life(sent.id).steps == {"sms": "FAILED", "push": "DELIVERED"}
    box.advance("10:30")
    assert box.redrive((sent.id, 1)) == (1, 0)

    assert box.life(sent.id).steps == {"sms": "DELIVERED", "push": "DELIVERED"}
    assert sorted(box.carried(sent.id)) == [("push", f"{box.user}-push"), ("sms-closed-mornings", f"{box.user}-sms")]


def test_a_supplement_waits_for_no_operator(box: Box) -> None:
    """Its first step is a dead letter; the second has gone all the same, at once."""
    sent = box.send("mornings-then-push", at="09:00")

    assert box.life(sent.id).steps == {"sms": "FAILED", "push": "DELIVERED"}
    assert box.carried(sent.id) == [("push", f"{box.user}-push")]


def test_a_redriven_step_can_be_taken_back(box: Box) -> None:
    """Its channel is paused, so there is time to think again."""
    sent = box.send("mornings", at="09:00")
    box.advance("10:30")
    box.pause(channel="sms")
    box.redrive((sent.id, 1))
    assert box.life(sent.id).state == "QUEUED"

    assert box.cancel(message_id=sent.id) == (1, 0)
    box.resume(channel="sms")
    assert (box.life(sent.id).state, box.carried(sent.id)) == ("CANCELLED", [])


def test_they_are_let_go_in_the_end(box: Box) -> None:
    """A day later nobody can send it anew any more: it leaves the list, and what is told of it stays."""
    failed = box.send("mornings", at="09:00", expire_at="11:00")
    box.advance("+1 08:59:59")
    assert [letter.message_id for letter in box.dead_letters()] == [failed.id]
    box.advance("+1 09:00")

    assert box.dead_letters() == []
    assert box.life(failed.id).state == "FAILED"
    assert box.life(failed.id).story[-1] == "09:00 1 ENDED FAILED"
