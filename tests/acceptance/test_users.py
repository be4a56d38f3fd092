"""Users: where a channel reaches them, what they do not want, and what sending finds out about both."""

from __future__ import annotations

from tests.acceptance.box import TENANT, Box

# ---- addresses ----


def test_the_newest_valid_binding_is_used(box: Box) -> None:
    """A message without addresses goes to where the user was last."""
    box.bind("push", "phone", bound_at=box.days.stamp("07:00"))
    box.bind("push", "tablet", bound_at=box.days.stamp("07:30"))
    box.bind("push", "older", bound_at=box.days.stamp("06:00"))

    assert box.carried(box.send(addresses={}).id) == [("push", "tablet")]


def test_the_messages_own_address_goes_before(box: Box) -> None:
    """The caller knows better this once."""
    box.bind("push", "phone")

    assert box.carried(box.send(addresses={"push": "borrowed"}).id) == [("push", "borrowed")]


def test_an_address_may_have_many_users_and_a_user_many_addresses(box: Box) -> None:
    """A family tablet: found from both sides, and each of its users is reached by it."""
    one, other = f"{box.user}-one", f"{box.user}-other"
    tablet = f"tablet-{box.user}"
    box.bind("push", tablet, user=one, bound_at=box.days.stamp("07:00"))
    box.bind("push", tablet, user=other, bound_at=box.days.stamp("07:10"))
    box.bind("push", "phone", user=other, bound_at=box.days.stamp("07:20"))

    assert box.holders("push", tablet) == [other, one]
    assert box.bindings("push", other) == [("phone", True), (tablet, True)]
    assert box.carried(box.send(user=one, addresses={}).id) == [("push", tablet)]
    assert box.carried(box.send(user=other, addresses={}).id) == [("push", "phone")]


def test_all_addresses_are_one_touch(box: Box) -> None:
    """`address: all`: one attempt to every valid binding, the newest first, confirmed when one is."""
    box.bind("push", "phone", bound_at=box.days.stamp("07:00"))
    box.bind("push", "tablet", bound_at=box.days.stamp("07:30"))
    sent = box.send("all-addresses", addresses={})

    assert sent.wire.plan.steps[0].all_addresses
    assert box.carried(sent.id) == [("push", "tablet", "phone")]
    assert len(box.life(sent.id).told("ATTEMPTED")) == 1
    assert box.life(sent.id).state == "DELIVERED"


def test_a_binding_taken_away_is_not_used(box: Box) -> None:
    """Unbound between the decision and the attempt: there is nowhere to send to."""
    box.bind("push", "phone")
    box.pause(channel="push")
    sent = box.send(addresses={})
    box.unbind("push", "phone")
    box.resume(channel="push")

    assert (str(sent), box.carried(sent.id)) == ("SEND push", [])
    assert box.life(sent.id).state == "FAILED"
    assert box.life(sent.id).story[-1].endswith("ENDED FAILED NO_ADDRESS")


def test_a_binding_made_in_between_is_used(box: Box) -> None:
    """The attempt goes to where the user is then."""
    box.bind("push", "old", bound_at=box.days.stamp("07:00"))
    box.pause(channel="push")
    sent = box.send(addresses={})
    box.bind("push", "new", bound_at=box.days.stamp("07:30"))
    box.resume(channel="push")

    assert box.carried(sent.id) == [("push", "new")]


# ---- dead addresses ----


def test_a_dead_address_is_not_used_again(box: Box) -> None:
    """The carrier says that nobody has it: the step fails, the binding is marked, the next message knows."""
    box.bind("wechat", "gone")
    sent = box.send("dead", addresses={})

    assert box.life(sent.id).state == "FAILED"
    assert box.life(sent.id).told("ANSWERED")[0].endswith("wechat-dead DEAD")
    assert box.bindings("wechat") == [("gone", False)]
    assert str(box.send("dead", addresses={})) == "DROP NO_ADDRESS"


def test_another_binding_of_the_user_stays(box: Box) -> None:
    """Only the one that was tried is dead; the next message goes to the other."""
    box.bind("wechat", "older", bound_at=box.days.stamp("06:00"))
    box.bind("wechat", "gone", bound_at=box.days.stamp("07:00"))
    box.send("dead", addresses={})

    assert box.bindings("wechat") == [("older", True), ("gone", False)]
    assert box.carried(box.send("only-wechat", addresses={}).id) == [("wechat", "older")]


def test_a_dead_address_bound_again_is_alive(box: Box) -> None:
    """Whoever binds it anew knows better."""
    box.bind("wechat", "gone")
    box.send("dead", addresses={})
    box.advance("09:00")
    box.bind("wechat", "gone")

    assert box.bindings("wechat") == [("gone", True)]


def test_an_address_of_the_message_alone_says_nothing_of_the_user(box: Box) -> None:
    """It is in no directory, so nothing is marked; the same address in the directory is."""
    box.bind("wechat", "known")
    box.send("dead", addresses={"wechat": "unknown"})
    assert box.bindings("wechat") == [("known", True)]
    box.send("dead", addresses={"wechat": "known"})
    assert box.bindings("wechat") == [("known", False)]


def test_all_addresses_dead_leaves_none(box: Box) -> None:
    """A dead address fails only the message to this user; whoever else has it has it still."""
    tablet = f"tablet-{box.user}"
    box.bind("wechat", tablet)
    box.bind("wechat", tablet, user=f"{box.user}-other")
    box.send("dead", addresses={})

    assert box.bindings("wechat") == [(tablet, False)]
    assert box.bindings("wechat", f"{box.user}-other") == [(tablet, True)]


# ---- opting out ----


def test_an_opt_out_refuses_what_it_names(box: Box) -> None:
    """Of SMS marketing: neither other categories nor other channels are meant."""
    box.opt_out("sms")

    assert str(box.send("only-sms", category="MARKETING", at="12:00")) == "DROP OPTED_OUT"
    assert str(box.send("only-sms")) == "SEND sms"
    assert str(box.send("everywhere", category="MARKETING")) == "SEND push+wechat"


def test_an_opt_out_of_all_channels(box: Box) -> None:
    """Unsubscribed from marketing, wherever it comes."""
    box.opt_out()

    assert str(box.send("everywhere", category="MARKETING", at="12:00")) == "DROP OPTED_OUT"


def test_an_opt_out_between_decision_and_dequeue_counts(box: Box) -> None:
    """Decided, queued, declined, and only then taken out of its lane: decided again, and not sent."""
    box.pause(channel="push")
    sent = [box.send(at="12:00", text="one")]
    box.advance("12:00:10")
    sent.append(box.send(text="two"))  # declined in the same instant in which it is decided
    box.opt_out("push", "TRANSACTION")
    box.resume(channel="push")

    for one in sent:
        assert box.carried(one.id) == []
        assert box.life(one.id).state == "DROPPED"
        assert box.life(one.id).told("DECIDED")[1:] == ["12:00:10 DECIDED DROP OPTED_OUT"]


def test_opting_in_again_counts_too(box: Box) -> None:
    """Taken back: marketing goes again."""
    box.opt_out("push")
    box.opt_in("push")

    assert str(box.send(category="MARKETING", at="12:00")) == "SEND push"


def test_a_carrier_that_knows_of_an_opt_out_tells_us(box: Box) -> None:
    """The attempt fails, the address stays valid, and the next message of the category is not tried."""
    box.bind("sms", "13800000000")
    sent = box.send("unsubscribed", category="MARKETING", at="12:00", addresses={})

    assert box.life(sent.id).state == "FAILED"
    assert box.bindings("sms") == [("13800000000", True)]
    assert str(box.send("unsubscribed", category="MARKETING", addresses={})) == "DROP OPTED_OUT"
    assert str(box.send("only-sms", addresses={})) == "SEND sms"


def test_an_opt_out_by_receipt(box: Box) -> None:
    """Somebody answers STOP to a message: the receipt opts them out of its category on its channel."""
    sent = box.send("only-sms", category="MARKETING", at="12:00")

    assert box.receipt(sent.id, "OPTED_OUT") == "NOTED"
    assert box.life(sent.id).state == "DELIVERED"
    assert str(box.send("only-sms", category="MARKETING")) == "DROP OPTED_OUT"
    assert str(box.send("only-sms")) == "SEND sms"


def test_an_opt_out_by_a_late_receipt(box: Box) -> None:
    """Long after the message is final and its body has gone."""
    sent = box.send("only-sms", category="MARKETING", at="12:00")
    box.advance("18:00")

    assert box.receipt(sent.id, "OPTED_OUT") == "NOTED"
    assert str(box.send("only-sms", category="MARKETING")) == "DROP OPTED_OUT"


def test_an_opt_out_stops_the_rest_of_a_campaign(box: Box) -> None:
    """Two of one evening are held for the morning; after STOP to an earlier one neither goes."""
    first = box.send("only-sms", category="MARKETING", at="12:00")
    held = [box.send("only-sms", category="MARKETING", at="22:00", text=text).id for text in "ab"]
    box.receipt(first.id, "OPTED_OUT")
    box.advance("+1 09:00")

    assert [box.life(one).state for one in held] == ["DROPPED", "DROPPED"]


def test_a_user_is_one_tenants(box: Box) -> None:
    """The same name at another tenant is somebody else."""
    box.opt_out("push", "TRANSACTION")

    assert str(box.send(tenant="other-bank")) == "SEND push"
    assert TENANT != "other-bank"
