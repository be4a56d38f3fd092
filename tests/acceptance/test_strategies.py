"""Concurrent (并发) and distribution (分发), providers that fail over, and what becomes of ambiguous attempts."""

from __future__ import annotations

from tests.acceptance.box import Box

# ---- concurrent ----


def test_concurrent_goes_everywhere_at_once(box: Box) -> None:
    """All channels, and the message is delivered as soon as one of them is."""
    sent = box.send("everywhere")

    assert (str(sent), sent.strategy) == ("SEND push+wechat+sms", "CONCURRENT")
    assert sorted(box.carried(sent.id)) == [
        ("push", f"{box.user}-push"),
        ("sms", f"{box.user}-sms"),
        ("wechat", f"{box.user}-wechat"),
    ]
    assert box.life(sent.id).steps == {"push": "DELIVERED", "wechat": "DELIVERED", "sms": "DELIVERED"}


def test_concurrent_keeps_what_remains(box: Box) -> None:
    """One channel is declined and one has no address: the third goes, and the others are named with their reasons."""
    box.opt_out("wechat", "TRANSACTION")
    sent = box.send("everywhere", addresses={"wechat": "1", "sms": "2"})

    assert (str(sent), sent.refusals) == ("SEND sms", {"push": "NO_ADDRESS", "wechat": "OPTED_OUT"})
    assert box.carried(sent.id) == [("sms", "2")]


def test_one_step_stops_no_other(box: Box) -> None:
    """One is refused, one arrives, of one nothing is heard: each ends for itself."""
    sent = box.send("everywhere-mixed", at="12:00")

    assert box.life(sent.id).state == "DELIVERED"
    assert box.life(sent.id).steps == {"push": "FAILED", "wechat": "DELIVERED", "sms": "SENT"}
    box.advance("13:00")
    assert box.life(sent.id).steps == {"push": "FAILED", "wechat": "DELIVERED", "sms": "UNCONFIRMED"}


def test_a_held_channel_counts_as_refused_while_another_passes(box: Box) -> None:
    """SMS only from ten: the push goes now, and nobody waits for the SMS."""
    sent = box.send("sms-at-ten", at="09:00")

    assert (str(sent), sent.refusals) == ("SEND push", {"sms": "QUIET_HOURS"})
    box.advance("11:00")
    assert box.carried(sent.id) == [("push", f"{box.user}-push")]


def test_all_held_waits_for_the_earliest(box: Box) -> None:
    """Push from half past nine, SMS from ten: held until half past nine, by that one's reason."""
    held = box.send("all-at-ten", at="09:00")

    assert str(held) == "HOLD COMPLIANCE 09:30"
    assert held.decided_by == "push-at-half-past-nine"


# ---- distribution ----


def test_distribution_takes_exactly_one(box: Box) -> None:
    """One channel, though the other could be used too."""
    sent = box.send()

    assert (str(sent), sent.strategy) == ("SEND push", "DISTRIBUTION")
    assert box.carried(sent.id) == [("push", f"{box.user}-push")]


def test_otherwise_answers_a_refusal(box: Box) -> None:
    """No address for the first choice: the second is taken, at the decision."""
    sent = box.send("refused-or-sms", addresses={"sms": "1"})

    assert (str(sent), sent.refusals) == ("SEND sms", {"push": "NO_ADDRESS"})


def test_otherwise_never_answers_a_failed_attempt(box: Box) -> None:
    """The first choice was taken and then failed: that is the end of it, whatever else there would be."""
    sent = box.send("refused-or-sms")

    assert str(sent) == "SEND push"
    box.advance("20:00")
    assert (box.life(sent.id).state, box.carried(sent.id)) == ("FAILED", [])


def test_nobody_can_be_reached(box: Box) -> None:
    """No address anywhere: dropped, for the first choice's reason."""
    dropped = box.send(addresses={})

    assert (str(dropped), dropped.decided_by) == ("DROP NO_ADDRESS", "default")


def test_wishes_only_restrict(box: Box) -> None:
    """A caller may leave channels out, and can add none."""
    assert str(box.send(wishes={"channels": ["sms"]})) == "SEND sms"
    assert str(box.send(wishes={"channels": ["wechat"]})) == "DROP NOT_WISHED"


def test_an_adapter_without_receipts_is_done_with_its_ok(box: Box) -> None:
    """Mail tells nothing back: the step ends unconfirmed at once, and waits for nobody."""
    sent = box.send("by-mail", at="12:00")

    assert box.life(sent.id).story[-1] == "12:00 1 ENDED UNCONFIRMED"


# ---- providers ----


def test_a_provider_that_does_not_take_it_is_followed_by_the_next(box: Box) -> None:
    """Three tries with growing pauses at the first, then the second provider; it is one step and one touch."""
    sent = box.send("fail-over", at="12:00")
    box.advance("12:30")
    life = box.life(sent.id)

    assert box.carried(sent.id) == [("sms", f"{box.user}-sms")]
    assert [line.split()[-1] for line in life.told("ATTEMPTED")] == ["sms-busy"] * 3 + ["sms"]
    assert (life.state, life.wire.record.steps[0].attempts) == ("DELIVERED", 4)
    assert len(life.told("DECIDED")) == 1


def test_a_provider_that_is_overrun_is_given_time(box: Box) -> None:
    """It takes one a second: of five at one moment all arrive, within seconds, and each is one message."""
    sent = [box.send("throttled", at="12:00", user=f"{box.user}-{n}").id for n in range(5)]
    assert sorted(box.life(one).state for one in sent) == ["DELIVERED"] + ["QUEUED"] * 4
    box.advance("12:05")

    assert [box.life(one).state for one in sent] == ["DELIVERED"] * 5
    assert [len(box.carried(one)) for one in sent] == [1] * 5


def test_a_step_that_waits_for_its_retry_is_queued(box: Box) -> None:
    """Between two tries nothing is under way."""
    sent = box.send("flaky", at="09:59")

    assert box.life(sent.id).state == "QUEUED"
    assert box.life(sent.id).told("RETRY")
    box.advance("11:00")
    assert box.life(sent.id).state == "DELIVERED"


# ---- what is handed over ----


def test_each_channel_is_told_in_its_own_words(box: Box) -> None:
    """Where the content has words for a channel they are used, part by part; the others get the common ones."""
    message = box.message("everywhere", text="Dear customer, your card was used abroad.")
    message.content.title = "Your card"
    message.content.channels["sms"].text = "Card used abroad"
    sent = box.send_message(message)

    told = {
        line["channel"]: (line["title"], line["text"]) for line in box.all_carried() if line["message_id"] == sent.id
    }
    assert told == {
        "push": ("Your card", "Dear customer, your card was used abroad."),
        "wechat": ("Your card", "Dear customer, your card was used abroad."),
        "sms": ("Your card", "Card used abroad"),
    }


def test_a_template_goes_with_its_params(box: Box) -> None:
    """The wording is the provider's; it is handed the name and the values."""
    sent = box.send(template={"id": "card-used"}, params={"amount": 5.0, "where": "Paris"})

    (line,) = [line for line in box.all_carried("push") if line["message_id"] == sent.id]
    assert (line["template"], line["params"]) == ("card-used", {"amount": 5.0, "where": "Paris"})
    assert box.life(sent.id).wire.message.template.id == "card-used"


# ---- nobody knows ----


def test_ambiguous_is_settled_by_asking(box: Box) -> None:
    """A provider that can be asked is asked: it had taken the message, so nothing is ambiguous any more."""
    sent = box.send("unanswered-asked", at="12:00")

    assert box.life(sent.id).state == "DELIVERED"
    assert box.life(sent.id).told("ANSWERED") == ["12:00 1 ANSWERED push-unanswered-asked OK"]
    assert len(box.carried(sent.id)) == 1


def test_ambiguous_is_settled_by_a_receipt(box: Box) -> None:
    """The answer was lost, the message was not: its receipt tells, and nothing goes twice."""
    sent = box.send("unanswered", at="12:00", category="SERVICE")
    assert box.life(sent.id).state == "SENDING"
    box.advance("12:00:05")

    assert box.life(sent.id).story == [
        "12:00 DECIDED SEND push",
        "12:00 1 ATTEMPTED push-unanswered",
        "12:00 1 ANSWERED push-unanswered AMBIGUOUS",
        "12:00:05 1 RECEIPT DELIVERED",
        "12:00:05 1 ENDED DELIVERED",
    ]
    assert box.carried(sent.id) == [("push-unanswered", f"{box.user}-push")]


def test_a_one_time_password_goes_again_rather_than_not_at_all(box: Box) -> None:
    """Somebody is waiting for it; the trace says that it may come twice."""
    sent = box.send("unanswered", at="12:00", category="ONE_TIME_PASSWORD")
    box.advance("12:04")
    life = box.life(sent.id)

    assert len(box.carried(sent.id)) >= 1
    assert life.told("ATTEMPTED")[0].endswith("push-unanswered")
    assert all(line.endswith("may_be_duplicated") for line in life.told("ATTEMPTED")[1:])
    assert life.state == "DELIVERED"


def test_marketing_never_goes_twice(box: Box) -> None:
    """Nobody knows whether it went out, no receipt says: it is UNKNOWN, and not sent again."""
    sent = box.send("unanswered-silent", at="12:00", category="MARKETING")
    box.advance("12:09:59")
    assert box.life(sent.id).state == "SENDING"
    box.advance("12:10")

    assert box.life(sent.id).state == "UNKNOWN"
    assert len(box.life(sent.id).told("ATTEMPTED")) == 1
